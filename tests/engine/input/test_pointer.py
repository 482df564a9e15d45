"""The mouse in a game that uses it: taken by a click, summed over a step, let go by Esc."""

from __future__ import annotations

from pathlib import Path

from engine.input.keymap import Keymap, layout_of
from engine.input.pointer import Pointer
from engine.ui.help_pages import help_rows
from engine.ui.null_window import NullWindow
from engine.ui.screen import Event, FocusLost, KeyDown, KeyUp, MouseMoved
from tests.support.scripted_game import TICK_S, Game, down, play_script, tap, up
from tests.support.toy_world import ACTIONS, MouseToy


def play(events: list[Event], folder: Path, ticks: int = 12, sensitivity: float = 1.0) -> Game:
    return play_script(events, folder, ticks=ticks, sensitivity=sensitivity, kind=MouseToy)


def moved(right: float, below: float, tick: float) -> Event:
    return MouseMoved(right, below, tick * TICK_S)


CLICK = tap("left button", 1.5)


def test_the_mouse_means_nothing_until_it_is_clicked(tmp_path: Path) -> None:
    game = play([moved(30, 0, 0.5), *CLICK, moved(30, 0, 3.5), moved(30, -9, 3.6)], tmp_path)
    # The click that takes the mouse fires no shot; motion within a step adds up.
    assert game.diary.actions == ["idle"] * 4 + ["mouse(60,-10)"] + ["idle"] * 7
    assert game.window.pointer == [True]


def test_both_buttons_are_buttons_of_the_game(tmp_path: Path) -> None:
    events = [*CLICK, down("left button", 2.5), *tap("right button", 3.5), up("left button", 5.5)]
    game = play(events, tmp_path, ticks=8)
    assert game.diary.actions[3:] == ["click", "click+rightclick", "click", "idle", "idle"]


def test_sensitivity_is_counts_per_pixel(tmp_path: Path) -> None:
    game = play([*CLICK, moved(10, 4, 3.5)], tmp_path, ticks=6, sensitivity=5)
    assert game.diary.actions[4] == "mouse(60,20)"


def test_escape_lets_the_mouse_go_and_only_then_leaves(tmp_path: Path) -> None:
    events = [*CLICK, *tap("escape", 4.5), moved(60, 0, 5.5), *tap("escape", 7.5)]
    game = play(events, tmp_path, ticks=99)
    assert game.window.pointer == [True, False]
    assert game.diary.actions == ["idle"] * 8


def test_a_button_held_when_the_mouse_is_let_go_does_not_stay_down(tmp_path: Path) -> None:
    events = [*CLICK, down("left button", 2.5), *tap("escape", 4.5), up("left button", 5.5)]
    game = play(events, tmp_path, ticks=9)
    assert game.diary.actions == ["idle"] * 3 + ["click"] * 3 + ["idle"] * 3


def test_losing_the_focus_lets_it_go(tmp_path: Path) -> None:
    game = play([*CLICK, FocusLost(4.5 * TICK_S), *tap("left button", 6.5)], tmp_path)
    assert game.window.pointer == [True, False, True]


def test_the_line_says_how_to_take_it_as_long_as_it_is_free(tmp_path: Path) -> None:
    game = play([*CLICK, *tap("escape", 90.5)], tmp_path, ticks=100)
    assert game.lines == ["loading toy ...", Pointer.HINT, "F1 lists the keys", "", Pointer.HINT]


def test_slow_motion_is_told_beside_it(tmp_path: Path) -> None:
    game = play_script([], tmp_path, ticks=90, step_s=2 * TICK_S, kind=MouseToy)
    assert f"slow motion: 7.5 of 15 steps/s - {Pointer.HINT}" in game.lines


def test_a_game_without_a_mouse_never_takes_it(tmp_path: Path) -> None:
    game = play_script([*CLICK, *tap("escape", 4.5)], tmp_path, ticks=99)
    assert game.window.pointer == []
    assert len(game.diary.actions) == 5


def test_motion_from_a_pause_is_dropped(tmp_path: Path) -> None:
    events = [*CLICK, *tap("p", 3.5), moved(100, 0, 5.5), *tap("p", 7.5)]
    assert set(play(events, tmp_path).diary.actions) == {"idle"}


def test_the_list_of_keys_speaks_of_the_mouse_where_there_is_one() -> None:
    rows = help_rows(Keymap({}, layout_of(MouseToy.actions)))
    assert ("Left button", "fire") in rows and ("Mouse", "look around, once clicked") in rows
    assert "Mouse" not in dict(help_rows(Keymap({}, layout_of(ACTIONS))))


def test_other_events_pass() -> None:
    class Window:
        def hold_pointer(self, held: bool) -> None:
            raise AssertionError

    pointer = Pointer(Window(), wanted=True)  # type: ignore[arg-type]
    assert all(pointer.passes(event) for event in (KeyDown("w"), KeyUp("w"), FocusLost()))


def test_a_game_that_is_not_steered_by_the_mouse_may_have_its_buttons() -> None:
    """A profile with a button and no [mouse] was accepted, and its button did nothing."""
    pointer = Pointer(NullWindow([]), wanted=False)
    assert pointer.passes(KeyDown("left button")) and not pointer.held
    assert not pointer.passes(moved(1, 0, 0.0))
