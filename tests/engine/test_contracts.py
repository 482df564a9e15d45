"""From held buttons to an action, and action spaces to JSON and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.contracts import Action, DiscreteActions, actions_from_json

KEYS = {b: (b,) for b in ("left", "right", "up", "fire")}
SPACE = DiscreteActions(
    names=("NOOP", "FIRE", "RIGHT", "LEFT", "UPFIRE"),
    buttons=((), ("fire",), ("right",), ("left",), ("up", "fire")),
    keys=KEYS,
)


@pytest.mark.parametrize(
    ("buttons", "name"),
    [
        ((), "NOOP"),
        (("up",), "NOOP"),
        (("left",), "LEFT"),
        (("left", "right"), "RIGHT"),
        (("right", "left"), "LEFT"),
        (("up", "fire"), "UPFIRE"),
        (("left", "up", "fire"), "UPFIRE"),
        # Holding fire once kept the paddle from moving, since FIRE stands first in the list.
        (("fire", "left"), "LEFT"),
        (("left", "fire"), "FIRE"),
        (("strange",), "NOOP"),
    ],
)
def test_the_largest_and_then_the_latest_choice_wins(buttons: tuple[str, ...], name: str) -> None:
    assert SPACE.describe(SPACE.encode(Action(buttons))) == name


def test_names_are_found_in_any_case_and_a_near_one_is_suggested() -> None:
    assert SPACE.describe(SPACE.named(" left ")) == "LEFT"
    with pytest.raises(UserError, match="did you mean 'RIGHT'"):
        SPACE.named("rihgt")


def test_json_brings_an_action_space_back() -> None:
    assert actions_from_json(json.loads(json.dumps(SPACE.to_json()))) == SPACE


@pytest.mark.parametrize(
    "space",
    [
        lambda: DiscreteActions((), (), {}),
        lambda: DiscreteActions(("A", "A"), ((), ()), {}),
        lambda: DiscreteActions(("A", "B"), ((),), {}),
        lambda: DiscreteActions(("A",), (("jump",),), {}),
    ],
)
def test_impossible_action_spaces_are_refused(space: Any) -> None:
    with pytest.raises(UserError):
        space()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("kind", "names", "buttons", "keys"), JSON))
)
def test_any_json_is_an_action_space_or_one_clear_error(data: dict[str, Any]) -> None:
    data = {"kind": "discrete", **data}
    try:
        assert actions_from_json(data).size >= 1
    except UserError as error:
        assert "\n" not in str(error)
