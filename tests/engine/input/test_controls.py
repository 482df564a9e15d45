"""Keys held, keys tapped, mouse motion: what ends up in the action of a step."""

from __future__ import annotations

import pytest

from engine.contracts import Action
from engine.input.controls import Controls
from engine.ui.screen import FocusLost, KeyDown, KeyUp, MouseMoved
from tests.support.toy_world import ACTIONS


@pytest.fixture
def controls() -> Controls:
    return Controls(ACTIONS.keys)


def test_a_held_key_counts_in_every_step_until_it_is_let_go(controls: Controls) -> None:
    controls.handle(KeyDown("a"))
    assert [controls.sample()[0].buttons for _ in range(2)] == [("left",), ("left",)]
    controls.handle(KeyUp("a"))
    assert controls.sample()[0] == Action()


def test_a_tap_between_two_steps_counts_for_one(controls: Controls) -> None:
    controls.handle(KeyDown("space"))
    controls.handle(KeyUp("space"))
    assert controls.sample()[0].buttons == ("fire",)
    assert controls.sample()[0].buttons == ()


def test_a_tap_and_then_a_hold_is_held(controls: Controls) -> None:
    for event in (KeyDown("a"), KeyUp("a"), KeyDown("a")):
        controls.handle(event)
    assert [controls.sample()[0].buttons for _ in range(2)] == [("left",), ("left",)]


def test_two_keys_of_one_button_are_one_button(controls: Controls) -> None:
    controls.handle(KeyDown("a"))
    controls.handle(KeyDown("left"))
    assert controls.sample()[0].buttons == ("left",)
    controls.handle(KeyUp("a"))
    assert controls.sample()[0].buttons == ("left",)


def test_of_opposite_directions_the_later_one_wins_and_the_first_comes_back(
    controls: Controls,
) -> None:
    controls.handle(KeyDown("a"))
    controls.handle(KeyDown("d"))
    assert ACTIONS.describe(ACTIONS.encode(controls.sample()[0])) == "RIGHT"
    controls.handle(KeyUp("d"))
    assert ACTIONS.describe(ACTIONS.encode(controls.sample()[0])) == "LEFT"


def test_mouse_motion_adds_up_over_a_step(controls: Controls) -> None:
    controls.handle(MouseMoved(3, -1))
    controls.handle(MouseMoved(4, -1))
    assert controls.sample()[0].mouse == (7, -2)
    assert controls.sample()[0].mouse == (0, 0)


def test_losing_the_focus_lets_go_of_everything(controls: Controls) -> None:
    controls.handle(KeyDown("a"))
    controls.sample()
    controls.handle(KeyDown("space"))
    controls.handle(FocusLost())
    assert controls.sample()[0].buttons == ("fire",)  # it was pressed in this step
    assert controls.sample()[0].buttons == ()


def test_key_times_are_reported_with_the_step_they_first_show_in(controls: Controls) -> None:
    controls.handle(KeyDown("a", at=1.0))
    controls.handle(KeyDown("x", at=1.1))  # bound to nothing
    assert controls.sample()[1] == [1.0]
    assert controls.sample()[1] == []
    controls.handle(KeyUp("a", at=2.0))
    assert controls.sample()[1] == [2.0]


def test_standing_still_drops_taps_but_not_held_keys(controls: Controls) -> None:
    controls.handle(KeyDown("a"))
    controls.handle(KeyDown("space"))
    controls.handle(KeyUp("space"))
    controls.forget()
    assert controls.sample()[0].buttons == ("left",)
