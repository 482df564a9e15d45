"""How the window draws a row of small pictures, on a screen that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engine.contracts import Frame
from engine.ui.pygame.window import DesktopWindow
from engine.ui.screen import Picture
from engine.ui.starts_row import starts_row

GREY = 128


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[DesktopWindow]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = DesktopWindow("row")
    yield made
    made.close()


def shown(window: DesktopWindow, count: int, start: int, shape: tuple[int, int]) -> Frame:
    """The window with a row of white pictures over a grey field of frames (H, W)."""
    white = np.full((12, 16, 3), 255, np.uint8)
    frame = np.full((*shape, 3), GREY, np.uint8)
    window.present(Picture(frame=frame, row=starts_row([white] * count, start)))
    return window.capture()


@pytest.mark.parametrize("shape", [(64, 64), (150, 280)])
def test_the_marked_one_has_a_frame_and_stands_in_its_place(
    window: DesktopWindow, shape: tuple[int, int]
) -> None:
    def frames(start: int) -> np.ndarray:
        """Columns of the topmost bright line: the frame stands out over the pictures."""
        line = shown(window, 7, start, shape)[: shape[0] // 2].astype(int).max(axis=2)
        first = int(np.argmax((line == 255).any(axis=1)))
        around = np.flatnonzero(line[first] == 255)
        assert around.size and around[-1] - around[0] + 1 == around.size  # one piece
        return around

    third, last = frames(2), frames(6)
    assert third[-1] < last[0] and abs(third.size - last.size) <= 1


@pytest.mark.parametrize(("count", "shape"), [(2, (64, 64)), (7, (150, 280)), (40, (64, 64))])
def test_the_row_leaves_most_of_the_playfield_free(
    window: DesktopWindow, count: int, shape: tuple[int, int]
) -> None:
    with_row, without = shown(window, count, 1, shape), shown(window, 0, 0, shape)
    rows, columns, _ = np.nonzero(with_row != without)
    field = np.flatnonzero((without == GREY).all(axis=2).any(axis=1))
    assert rows.min() == field[0] and rows.max() < field[0] + len(field) // 4
    assert 0 <= abs(columns.min() - (without.shape[1] - 1 - columns.max())) <= 1  # in the middle


def test_a_row_is_drawn_in_the_smallest_of_windows(window: DesktopWindow) -> None:
    window._window.size = window._size = (160, 160)
    window._frame_shape = (64, 64)
    assert shown(window, 40, 1, (64, 64)).shape == (160, 160, 3)
