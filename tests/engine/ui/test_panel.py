"""The panel: knobs of a world, chosen and moved in the middle of a game by keys or a pad."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contracts import Knob, knobs_of
from engine.ui.panel import Panel
from engine.ui.screen import KeyDown, KeyUp
from tests.support.scripted_game import Game, down, hold, play_script, same, tap
from tests.support.toy_world import AdjustableToy, ToyWorld
from tests.support.world_conformance import check_world

KNOBS = (Knob("steps", "2", ("1", "2", "3")), Knob("precision", "low", ("low",)), Knob("seed", "7"))


@pytest.fixture
def panel() -> Panel:
    panel = Panel()
    panel.shown = True
    panel.stand(KNOBS)
    return panel


def test_its_rows_say_which_is_chosen_and_where_it_can_go_without_colours(panel: Panel) -> None:
    assert panel.rows == (("> steps", "< 2 >"), ("  precision", "  low  "), ("  seed", "< 7 >"))
    panel.stand((Knob("steps", "3", ("1", "2", "3")),))
    assert panel.rows == (("> steps", "< 3  "),)
    panel.shown = False
    assert panel.rows == ()


@pytest.mark.parametrize("device", ["", "pad ", "stick "])
def test_up_and_down_choose_left_and_right_move(panel: Panel, device: str) -> None:
    def press(way: str) -> tuple[str, int] | None:
        return panel.handle(KeyDown(f"{device}{way}"))

    assert press("right") == ("steps", 1)
    assert press("up") is None is press("down")
    assert press("left") == ("precision", -1)
    for _ in range(5):
        assert press("down") is None
    assert press("left") == ("seed", -1)


def test_other_keys_are_not_its_own(panel: Panel) -> None:
    assert panel.takes(KeyDown("left")) and not panel.takes(KeyDown("a"))
    assert not panel.takes(KeyUp("left"))  # what was held before may be let go
    panel.shown = False
    assert not panel.takes(KeyDown("left"))


def test_it_survives_knobs_that_go_away(panel: Panel) -> None:
    panel.handle(KeyDown("down"))
    panel.handle(KeyDown("down"))
    assert panel.stand(KNOBS[:1]) and not panel.stand(KNOBS[:1])
    assert panel.handle(KeyDown("left")) == ("steps", -1)
    panel.stand(())
    assert panel.handle(KeyDown("left")) is None


def test_the_toy_keeps_the_contract() -> None:
    check_world(AdjustableToy(), another=AdjustableToy)
    assert knobs_of(ToyWorld()) == ()


# In a game


def play(events: list, folder: Path, ticks: int) -> Game:
    return play_script(events, folder, ticks=ticks, kind=AdjustableToy)


def brightness(frame: object) -> int:
    return int(frame.max())  # type: ignore[attr-defined]


def test_what_is_moved_shows_in_the_next_frame_while_the_game_goes_on(tmp_path: Path) -> None:
    events = [*tap("f4", 2.5), *tap("left", 4.5), *hold("d", 6, 7)]
    game = play(events, tmp_path, 10)
    frames = game.diary.frames
    dim = [i for i, frame in enumerate(frames) if brightness(frame) < 255]
    assert dim == list(range(dim[0], len(frames))) and dim[0] in (5, 6)
    assert game.diary.actions[5:8].count("RIGHT") == 2  # its own keys still steer the game
    assert "LEFT" not in game.diary.actions  # the panel's do not
    assert game.window.pictures[-1].panel[0] == ("> square", "  dim >")


def test_a_closed_panel_gives_the_keys_back(tmp_path: Path) -> None:
    events = [*tap("f4", 1.5), *tap("f4", 3.5), *tap("left", 5.5)]
    game = play(events, tmp_path, 9)
    assert game.diary.actions.count("LEFT") == 1
    assert game.window.pictures[-1].panel == ()


def test_what_was_held_when_it_opened_can_be_let_go(tmp_path: Path) -> None:
    events = [down("left", 1.5), *tap("f4", 3.5), KeyUp("left", 5.5 / 15)]
    actions = play(events, tmp_path, 10).diary.actions
    assert actions[2:6] == ["LEFT"] * 4 and actions[6:] == ["NOOP"] * 4


def test_escape_closes_it_first(tmp_path: Path) -> None:
    events = [*tap("f4", 1.5), *tap("escape", 3.5), *tap("escape", 6.5)]
    game = play(events, tmp_path, 20)
    assert len(game.diary.actions) == 7
    assert game.window.pictures[-1].panel == ()


def test_it_works_during_a_pause_and_rewinding_brings_back_what_was(tmp_path: Path) -> None:
    events = [*tap("f4", 1.5), *tap("p", 9.5), *tap("right", 12.5), *tap("p", 14.5),
              *hold("backspace", 20, 32)]  # fmt: skip
    game = play(events, tmp_path, 45)
    panels = [dict(p.panel).get("> square") for p in game.window.pictures if p.panel]
    seen = [value for i, value in enumerate(panels) if i == 0 or value != panels[i - 1]]
    assert seen == ["< plain >", "< bright  ", "< plain >"]


def test_every_press_counts_and_the_end_of_the_choices_is_a_line(tmp_path: Path) -> None:
    events = [*tap("f4", 1.5), *tap("right", 3.2), *tap("right", 3.4), *tap("right", 3.6)]
    game = play(events, tmp_path, 8)
    assert "this world takes dim to bright square" in game.lines
    assert game.window.pictures[-1].panel[0] == ("> square", "< bright  ")


def test_the_seed_changes_the_frames_from_there_on(tmp_path: Path) -> None:
    events = [*tap("f4", 1.5), *tap("down", 2.2), *tap("pad right", 4.5)]
    plain, other = play([], tmp_path, 8).diary.frames, play(events, tmp_path, 8).diary.frames
    changed = [not same([one], [two]) for one, two in zip(plain, other, strict=True)]
    assert changed == [False] * changed.index(True) + [True] * (8 - changed.index(True) + 1)
    assert changed.index(True) in (5, 6)


def test_a_world_without_knobs_says_so(tmp_path: Path) -> None:
    game = play_script([*tap("f4", 1.5), *hold("left", 4, 4)], tmp_path, ticks=8)
    assert "this world has nothing to adjust" in game.lines
    assert "LEFT" in game.diary.actions
