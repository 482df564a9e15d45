"""Pictures of the starting points: shown where a game begins, and gone when play goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import Frame
from engine.player.presenter import ROW_S
from engine.ui.screen import Picture
from engine.ui.starts_row import LONGEST, starts_row
from tests.support.scripted_game import TICK_S, dream, hold, play_script, same, tap
from tests.support.toy_world import ToyWorld

ROW_TICKS = round(ROW_S / TICK_S)


class PicturedToy(ToyWorld):
    """A toy with pictures of its starts: each all of one grey."""

    @property
    def thumbnails(self) -> tuple[Frame, ...]:
        return tuple(picture(i) for i in range(self.starts))


class LoneToy(PicturedToy):
    """One with nothing to choose."""

    starts = 1


def picture(start: int) -> Frame:
    return np.full((4, 6, 3), 5 * start, np.uint8)


def labels(pictures: list[Picture]) -> list[str]:
    """What was written under the marked pictures, without repeats in a row; "-" for no row."""
    marked = ["".join(t.label for t in p.row if t.marked) or "-" for p in pictures if p.hud]
    return [label for i, label in enumerate(marked) if i == 0 or label != marked[i - 1]]


def test_a_game_begins_with_the_row_and_enter_goes_to_the_next(tmp_path: Path) -> None:
    events = [*tap("return", 80.5), *tap("return", 90.5), *tap("return", 100.5)]
    game = play_script(events, tmp_path, ticks=200, kind=PicturedToy, start=1)
    assert labels(game.window.pictures) == ["2 of 3", "-", "3 of 3", "1 of 3", "2 of 3", "-"]
    assert game.diary.told("began") == [(0, 1), (1, 2), (2, 0), (3, 1)]
    rows = [p.row for p in game.window.pictures if p.row]
    assert [t.label for t in rows[-1]] == ["1", "2 of 3", "3"]
    assert same([t.frame for t in rows[-1]], [picture(i) for i in range(3)])


def test_the_row_stays_for_its_time(tmp_path: Path) -> None:
    game = play_script([], tmp_path, ticks=100, kind=PicturedToy)
    shown = sum(bool(p.row) for p in game.window.pictures)
    assert ROW_TICKS <= shown <= ROW_TICKS + 1


def test_the_row_goes_although_nothing_else_moves(tmp_path: Path) -> None:
    game = play_script(tap("p", 5.5), tmp_path, ticks=100, kind=PicturedToy)
    assert labels(game.window.pictures) == ["1 of 3", "-"]


def test_page_up_goes_back_to_the_start_before(tmp_path: Path) -> None:
    events = [*tap("page up", 3.5), *tap("page up", 6.5)]
    game = play_script(events, tmp_path, ticks=9, kind=PicturedToy)
    assert game.diary.told("began") == [(0, 0), (1, 2), (2, 1)]
    assert labels(game.window.pictures) == ["1 of 3", "3 of 3", "2 of 3"]
    began = len(game.diary.lines) - game.diary.lines[::-1].index(("began", (2, 1))) - 1
    assert same(game.diary.frames[began : began + 1], dream([], seed=2, start=1))


@pytest.mark.parametrize("kind", [LoneToy, ToyWorld])
def test_no_row_where_there_is_nothing_to_show(tmp_path: Path, kind: type[ToyWorld]) -> None:
    game = play_script(tap("return", 5.5), tmp_path, ticks=9, kind=kind)
    assert labels(game.window.pictures) == ["-"]
    assert len(game.diary.told("began")) == 2


def test_no_row_over_the_past(tmp_path: Path) -> None:
    events = [*tap("return", 20.5), *hold("backspace", 22, 30)]
    game = play_script(events, tmp_path, ticks=40, kind=PicturedToy)
    # It was the second start's row, and play went back into the first one's game.
    assert labels(game.window.pictures) == ["1 of 3", "2 of 3", "-"]
    assert not any(p.row for p in game.window.pictures if p.line == "rewinding")


def test_a_long_row_has_the_current_one_in_its_middle() -> None:
    row = starts_row([picture(i) for i in range(12)], start=1)
    assert [t.label for t in row] == ["10", "11", "12", "1", "2 of 12", "3", "4", "5", "6"]
    assert [t.frame[0, 0, 0] for t in row] == [45, 50, 55, 0, 5, 10, 15, 20, 25]


@given(count=st.integers(0, 40), start=st.integers(-50, 50))
def test_exactly_one_is_marked_and_none_comes_twice(count: int, start: int) -> None:
    row = starts_row([picture(i) for i in range(count)], start)
    assert len({t.label for t in row}) == len(row) == min(count, LONGEST)
    marked = [t for t in row if t.marked]
    assert len(marked) == min(count, 1)
    assert all(t.frame[0, 0, 0] == 5 * (start % count) for t in marked)
