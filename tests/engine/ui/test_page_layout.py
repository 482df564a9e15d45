"""Where the parts of a page lie: in the window, beside each other, all of them reachable."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ui.page import Dialog, Page, PageRow, Tile
from engine.ui.page_layout import Box, lay_out

ROWS = (PageRow("Settings", "F10"), PageRow("Another"))
ASK = Dialog("Download?", ("about 54.2 MB", "a licence of many words " * 4), ROWS)
SIZES = st.tuples(st.integers(160, 2000), st.integers(160, 1500))


def page(tiles: int | None, rows: int, dialog: Dialog | None = None, top: int = 0) -> Page:
    grid = None if tiles is None else (Tile("a world"),) * tiles
    return Page("Worlds", grid, (PageRow("row"),) * rows, top=top, dialog=dialog)


def overlap(a: Box, b: Box) -> bool:
    return a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom


@given(SIZES, st.none() | st.integers(0, 60), st.integers(0, 3))
def test_nothing_overlaps_and_nothing_leaves_the_window(
    size: tuple[int, int], tiles: int | None, rows: int
) -> None:
    layout = lay_out(page(tiles, rows), size)
    boxes = [layout.header, layout.footer, *layout.items.values()]
    for box in boxes:
        assert box.width > 0 and box.height > 0
        assert box.left >= 0 and box.top >= 0 and box.right <= size[0] and box.bottom <= size[1]
    assert not any(overlap(a, b) for a, b in combinations(boxes, 2))


@given(SIZES)
def test_the_choices_of_a_question_are_in_its_box(size: tuple[int, int]) -> None:
    layout = lay_out(page(7, 1, ASK), size)
    assert layout.dialog is not None and len(layout.choices) == 2
    for item, box in layout.choices.items():
        assert layout.dialog.left <= box.left and box.right <= layout.dialog.right
        assert layout.dialog.top <= box.top and box.bottom <= layout.dialog.bottom
        # While there is a question, what is under it cannot be pointed at.
        assert layout.item_at(box.left, box.top) == item


@given(SIZES, st.none() | st.integers(1, 60), st.integers(1, 40), st.data())
def test_scrolling_shows_any_item(
    size: tuple[int, int], tiles: int | None, rows: int, data: st.DataObject
) -> None:
    of = page(tiles, rows if tiles is None else 1)
    scrolling = len(of.rows if of.tiles is None else of.tiles)
    item = data.draw(st.integers(0, scrolling - 1))
    top = lay_out(of, size).scrolled(data.draw(st.integers(0, 70)), item, scrolling)
    assert item in lay_out(page(tiles, len(of.rows), top=top), size).items


@pytest.mark.parametrize("size", [(640, 480), (1280, 1024), (1920, 1080)])
def test_usual_windows_show_several_worlds_at_once(size: tuple[int, int]) -> None:
    layout = lay_out(page(28, 1), size)
    assert layout.columns >= 3 and layout.seen >= 2


def test_what_a_tile_cannot_be() -> None:
    with pytest.raises(ValueError, match="notes"):
        Tile("x", ("a", "b", "c"))
    with pytest.raises(ValueError, match="progress"):
        Tile("x", progress=1.5)
