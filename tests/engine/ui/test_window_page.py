"""How the window draws pages, and what the mouse means over one, on a screen that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pygame
import pytest

from engine.contracts import SWITCHES, CsgoActions, Frame
from engine.input.keymap import Keymap, layout_of, layout_of_switches
from engine.ui.help_pages import help_page, help_rows
from engine.ui.page import Dialog, Page, PageRow, Tile
from engine.ui.page_layout import Box, lay_out, text_px
from engine.ui.pygame.rows import draw_help
from engine.ui.pygame.window import DesktopWindow
from engine.ui.pygame.words import ACCENT
from engine.ui.screen import KeyDown, Picture, Pointed, Scrolled

ASK = Dialog(
    "Download?", ("about 54.2 MB",), (PageRow("Download", "Enter"), PageRow("Go back", "Esc"))
)
LONG = "a name that is far too long for any tile of any menu " * 3


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[DesktopWindow]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = DesktopWindow("page")
    yield made
    made.close()


def page(**parts: object) -> Page:
    white = np.full((10, 20, 3), 255, np.uint8)
    tiles = (Tile("One", ("a", "b"), white), *(Tile(f"World {i}", ("a", "b")) for i in range(20)))
    whole = {"tiles": tiles, "rows": (PageRow("Settings", "F10"),), "search": ""} | parts
    return Page("Worlds", **whole)  # type: ignore[arg-type]


def drawn(window: DesktopWindow, of: Page, line: str = "") -> Frame:
    window.present(Picture(page=of, line=line))
    return window.capture()


def part(picture: Frame, box: Box) -> Frame:
    return picture[box.top : box.bottom, box.left : box.right]


def test_what_is_marked_is_told_from_the_others_without_colours(window: DesktopWindow) -> None:
    """By a thick frame and a triangle beside its name: in grey it is lighter at its edge."""
    first, second = drawn(window, page(marked=1)), drawn(window, page(marked=2))
    boxes = lay_out(page(), window.size).items
    for picture, marked, other in ((first, 1, 2), (second, 2, 1)):
        edges = [part(picture, boxes[i]).max(axis=2) for i in (marked, other)]
        middle = edges[0].shape[0] // 2
        assert (edges[0][middle, :3] > 200).all() and (edges[1][middle, :3] < 120).all()
    assert np.array_equal(part(first, boxes[3]), part(second, boxes[3]))


def test_pictures_are_shown_whole_and_progress_as_a_bar(window: DesktopWindow) -> None:
    boxes = lay_out(page(), window.size).items
    picture = part(drawn(window, page(marked=5)), boxes[0])
    rows, columns = np.nonzero((picture == 255).all(axis=2))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert abs(width / height - 2) < 0.05 and width > boxes[0].width // 2

    def bar(share: float) -> int:
        loading = (Tile("One", progress=share),)
        shown = part(drawn(window, page(tiles=loading, rows=(PageRow("x"),), marked=1)), boxes[0])
        return int((shown == ACCENT).all(axis=2).any(axis=0).sum())

    assert bar(0.0) == 0 and abs(bar(0.5) * 2 - bar(1.0)) <= 2


@pytest.mark.parametrize("size", [(640, 480), (1280, 1024), (300, 700), (160, 160)])
@pytest.mark.parametrize(
    "of",
    [
        page(tiles=(Tile(LONG, (LONG, LONG)),) * 9, search=LONG),
        page(tiles=(), search="zzz"),
        page(tiles=None, rows=(PageRow(LONG, LONG),) * 40, search=None, top=3, marked=3),
        page(dialog=ASK),
        page(dialog=Dialog(LONG, (LONG, LONG), ())),
    ],
)
def test_nothing_is_drawn_outside_of_its_place(
    window: DesktopWindow, of: Page, size: tuple[int, int]
) -> None:
    window._window.size = size
    picture = drawn(window, of, LONG)
    assert picture.shape == (size[1], size[0], 3) == (window.size[1], window.size[0], 3)
    edge = picture[:, [0, 1, -2, -1]]
    assert (edge == edge[0, 0]).all()  # the margins are free
    layout = lay_out(of, size)
    if of.dialog is None:
        boxes = [layout.header, layout.body, layout.footer, *layout.items.values()]
        outside = np.ones(picture.shape[:2], bool)
        for box in boxes:
            outside[box.top : box.bottom, box.left : box.right] = False
        assert (picture[outside] == picture[0, 0]).all()


def test_the_mouse_points_at_items_and_the_wheel_scrolls(window: DesktopWindow) -> None:
    window.present(Picture(page=page()))
    layout = lay_out(page(), window.size)
    boxes = layout.items

    def middle(box: Box) -> tuple[int, int]:
        return box.left + box.width // 2, box.top + box.height // 2

    def told(*raw: pygame.Event) -> list[object]:
        window.poll(0.0)
        for event in raw:
            pygame.event.post(event)
        return [
            (e.item, e.pressed, e.right) if isinstance(e, Pointed) else e
            for e in window.poll(0.0)
            if isinstance(e, Pointed | KeyDown)
        ]

    def move(at: tuple[int, int], by: tuple[int, int] = (1, 1)) -> pygame.Event:
        return pygame.Event(pygame.MOUSEMOTION, pos=at, rel=by, buttons=(0, 0, 0))

    def click(at: tuple[int, int], button: int = 1) -> pygame.Event:
        return pygame.Event(pygame.MOUSEBUTTONDOWN, pos=at, button=button)

    assert told(move(middle(boxes[4])), click(middle(boxes[2]))) == [
        (4, False, False),
        (2, True, False),
    ]
    # A menu that opened under a pointer at rest marked what lay there, and Enter chose that.
    assert told(move(middle(boxes[3]), by=(0, 0))) == []
    assert told(move((0, 0)), click((0, 0)), click(middle(boxes[1]), 2)) == []
    assert told(click(middle(boxes[1]), 3)) == [(1, False, True)]
    assert told(click(middle(boxes[21]))) == [(21, True, False)]  # the row under the tiles

    window.poll(0.0)
    pygame.event.post(pygame.Event(pygame.MOUSEWHEEL, x=0, y=-1))
    assert [e.notches for e in window.poll(0.0) if isinstance(e, Scrolled)] == [1]

    window.present(Picture(page=page(dialog=ASK)))
    choices = lay_out(page(dialog=ASK), window.size).choices
    assert told(click(middle(choices[1])), click(middle(boxes[0]))) == [(1, True, False)]

    window.present(Picture(frame=np.zeros((64, 64, 3), np.uint8)))
    assert told(click((window.size[0] // 2, 9))) == [
        KeyDown("left button", pytest.approx(0, abs=1e9))
    ]


@pytest.mark.parametrize("size", [(512, 512), (1280, 720), (960, 540)])
def test_words_of_the_list_of_keys_are_as_large_as_all_others(
    window: DesktopWindow, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A game with many keys once had them in three columns of tiny letters."""
    rows = help_rows(Keymap({}, layout_of(CsgoActions()), layout_of_switches(SWITCHES)))
    shortened: list[str] = []

    def write(*about: Any) -> int:
        surface, words, size_px, _, at, room, font = about
        wide, high = font(size_px).size(words)
        assert size_px == text_px(min(size)) and at[1] - high / 2 >= 0
        assert at[1] + high / 2 <= surface.get_height() <= size[1]
        shortened.extend([words] * (wide > room))
        return 0

    monkeypatch.setattr("engine.ui.pygame.rows.write", write)
    number = 1
    while page := help_page(rows, number, size):
        draw_help(pygame.Surface(size), page, window._font)
        number += 1
    assert number > 2 and not shortened


def test_the_end_of_a_wait_is_slept_in_small_parts(
    window: DesktopWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that oversleeps by a millisecond would make the step late that is waited for."""
    waited: list[float] = []

    def wait(ms: int) -> pygame.event.Event:
        waited.append(ms / 1e3)
        return pygame.event.Event(pygame.NOEVENT)

    window.poll(0)
    monkeypatch.setattr("engine.ui.pygame.window.pygame.event.get", lambda: [])
    monkeypatch.setattr("engine.ui.pygame.window.pygame.event.wait", wait)
    monkeypatch.setattr("engine.ui.pygame.window.time.sleep", waited.append)
    left_s = 0.0105
    while left_s > 1e-9:
        assert window.poll(left_s) == []
        left_s -= waited[-1]
    assert waited[0] == 0.009 and max(waited[1:]) <= 5e-4 and left_s == pytest.approx(0)
