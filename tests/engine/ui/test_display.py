"""The picture of every state of the player, from a view alone: no window, clock or world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.input.keymap import Keymap, layout_of
from engine.player.history import Moment
from engine.player.state import PlayState
from engine.ui.display import GameView, View, picture
from engine.ui.screen import Thumbnail
from tests.support.toy_world import ACTIONS

FRAME = np.zeros((4, 4, 3), np.uint8)
MOMENT = Moment(FRAME, {}, reward=1.0, total=7.0, steps=99)
GAME = GameView(PlayState.PLAYING, MOMENT, FRAME, natural_fps=15.0, rate_fps=15.0)
VIEW = View(Keymap({}, layout_of(ACTIONS)), GAME, row=(Thumbnail(FRAME, "1"),))
PAUSED = "paused - P plays on, '.' makes one step"


@pytest.mark.parametrize(
    ("game", "line"),
    [
        ({}, ""),
        ({"moment": replace(MOMENT, steps=3)}, "F1 lists the keys"),
        ({"rate_fps": 7.5}, "slow motion: 7.5 of 15 steps/s"),
        ({"rate_fps": 7.5, "hint": "click"}, "slow motion: 7.5 of 15 steps/s - click"),
        ({"hint": "click"}, "click"),
        ({"replaying": True}, "a replay - Enter or Backspace takes over"),
        ({"state": PlayState.PAUSED}, PAUSED),
        ({"state": PlayState.PAUSED, "replaying": True}, PAUSED),
        ({"state": PlayState.OVER}, "game over - Enter restarts"),
        ({"state": PlayState.REWINDING}, "rewinding"),
        ({"state": PlayState.REWINDING, "oldest": True}, "as far back as memory goes"),
        ({"state": PlayState.LEAVING}, ""),
    ],
)
def test_the_line_of_a_game(game: dict, line: str) -> None:
    assert picture(replace(VIEW, game=replace(GAME, **game))).line == line


@pytest.mark.parametrize(
    ("view", "line"),
    [
        ({"game": None, "loading": "loading toy ..."}, "loading toy ..."),
        ({"game": None, "loading": "loading toy ...", "notice": "no"}, "no"),
        ({"notice": "saved"}, "saved"),
        ({"notice": "saved", "status": "• REC"}, "• REC   saved"),
        ({"status": "• REC"}, "• REC"),
    ],
)
def test_the_line_around_a_game(view: dict, line: str) -> None:
    assert picture(replace(VIEW, **view)).line == line


def test_a_world_that_is_loading_shows_a_line_and_the_list_of_keys_alone() -> None:
    shown = picture(replace(VIEW, game=None, help=(("P", "pause"),)))
    assert shown.frame is None and not shown.hud and not shown.row and shown.help


def test_figures_are_those_of_the_moment_unless_switched_off() -> None:
    assert dict(picture(VIEW).hud[1]) == {"action": "-", "reward": "+1", "return": "7"}
    assert picture(replace(VIEW, show_hud=False)).hud == ()


def test_the_runtime_gives_way_to_notes_while_there_is_a_line() -> None:
    game = replace(GAME, runtime="cpu", auto=True)
    assert [row[0] for row in picture(replace(VIEW, game=game)).hud[2:]] == [
        ("target", "auto"),
        ("", "cpu"),
    ]
    noticed = picture(replace(VIEW, game=game, notice="saved", interpolated=True))
    assert noticed.hud[2:] == ((("target", "auto"), ("display", "interpolated")),)


def test_no_row_over_the_past() -> None:
    assert picture(VIEW).row == VIEW.row
    rewinding = replace(GAME, state=PlayState.REWINDING)
    assert picture(replace(VIEW, game=rewinding)).row == ()
