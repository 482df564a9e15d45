"""Counter-Strike's action space: keys and mouse as recorded, and its names as text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.action_file import parse_actions
from engine.contracts import Action, ActionVector, CsgoActions, actions_from_json
from engine.csgo_actions import BUTTONS, CAMERA, MOUSE_X, MOUSE_Y
from engine.input.controls import Controls
from engine.ui.screen import KeyDown, MouseMoved

SPACE = CsgoActions()
CASES = json.loads((Path(__file__).parents[1] / "data" / "csgo_actions.json").read_text())
ALL_BUTTONS = [button for _, button, _ in BUTTONS] + list(CAMERA)


def entries(vector: ActionVector) -> list[int]:
    return np.flatnonzero(vector).tolist()


def test_every_recorded_case_is_reproduced_from_the_keys_on() -> None:
    assert len(CASES) == 200
    for case in CASES:
        controls = Controls(SPACE.keys)
        for key in case["keys"]:
            controls.handle(KeyDown(key))
        if case["l"]:
            controls.handle(KeyDown("left button"))
        if case["r"]:
            controls.handle(KeyDown("right button"))
        controls.handle(MouseMoved(*case["mouse"]))
        vector = SPACE.encode(controls.sample()[0])
        assert vector.dtype == np.float32 and vector.shape == (51,)
        assert entries(vector) == case["on"], case


def test_doing_nothing_is_the_middle_of_both_axes() -> None:
    assert entries(SPACE.idle()) == [24, 43]
    assert SPACE.names[24] == "x+0" and SPACE.names[43] == "y+0"
    assert len(SPACE.names) == SPACE.size == 51


@pytest.mark.parametrize(
    ("motion", "snapped"),
    [
        ((3, -3), "mouse(2,-4)"),  # the first listed of two equally near
        ((0.9, 15.1), "mouse(0,20)"),
        ((99999, -99999), "mouse(1000,-200)"),
        ((-80, 75), "mouse(-100,50)"),
    ],
)
def test_motion_is_clipped_and_snapped(motion: tuple[float, float], snapped: str) -> None:
    assert SPACE.describe(SPACE.encode(Action(mouse=motion))) == snapped


@pytest.mark.parametrize(
    ("buttons", "text"),
    [
        (("forward", "back", "left", "right"), "w+a"),
        (("knife", "first weapon", "second weapon"), "3"),
        (("look up", "look down", "look right"), "mouse(60,-50)"),
        (("fire", "jump", "strange"), "space+click"),
        ((), "idle"),
    ],
)
def test_of_buttons_that_exclude_one_another_the_first_counts(
    buttons: tuple[str, ...], text: str
) -> None:
    assert SPACE.describe(SPACE.encode(Action(buttons))) == text


def test_text_goes_by_the_rules_of_the_keyboard() -> None:
    assert SPACE.describe(SPACE.named(" W + space+Mouse( 31 , -3.5 )")) == "w+space+mouse(30,-4)"
    assert SPACE.describe(SPACE.named("s+w")) == "s"
    assert entries(SPACE.named("IDLE")) == [24, 43]
    script = parse_actions("w+mouse(10,0)*3 # turn\nrightclick", SPACE, "script")
    assert [SPACE.describe(vector) for vector in script] == ["w+mouse(10,0)"] * 3 + ["rightclick"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("w+spce", "unknown action 'spce'; did you mean 'space'"),
        ("", "unknown action ''"),
        ("w+", "unknown action ''"),
        ("mouse(1)", r"'mouse\(1\)' is not of the form mouse\(RIGHT,DOWN\)"),
        ("mouse(1,2)+mouse(3,4)", "one mouse"),
        ("mouse(1e9,0)", "not of the form"),
    ],
)
def test_other_text_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        SPACE.named(text)


@given(
    st.lists(st.sampled_from(ALL_BUTTONS)),
    st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000)),
)
def test_every_action_is_named_and_its_name_is_the_same_action(
    buttons: list[str], motion: tuple[float, float]
) -> None:
    vector = SPACE.encode(Action(tuple(buttons), motion))
    assert np.array_equal(SPACE.named(SPACE.describe(vector)), vector)
    held = vector[: len(BUTTONS)]
    assert held.sum() + 2 == vector.sum()
    assert vector[13:36].sum() == vector[36:].sum() == 1
    assert not (held[0] and held[2]) and not (held[1] and held[3]) and held[7:10].sum() <= 1


@given(st.text("wasd+idlemouse(),.-*#0123456789 \n", max_size=60))
def test_any_text_gives_actions_or_one_clear_line(text: str) -> None:
    try:
        for vector in parse_actions(text, SPACE, "script"):
            assert vector[13:36].sum() == vector[36:].sum() == 1
    except UserError as error:
        assert "script, line" in str(error) and "\n" not in str(error)


def test_chance_reaches_every_button_and_turns_both_ways() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([SPACE.random(rng) for _ in range(400)])
    assert drawn[:, :13].any(axis=0).all()
    counts = drawn[:, 13:36] @ np.array(MOUSE_X)
    assert (counts < 0).any() and (counts > 0).any() and (drawn[:, 36:] @ np.array(MOUSE_Y)).any()
    rng = np.random.default_rng(0)
    assert np.array_equal(SPACE.random(rng), drawn[0])


def test_a_vector_without_motion_is_described_as_well() -> None:
    vector = np.zeros(51, np.float32)
    assert SPACE.describe(vector) == "idle"
    vector[11] = 1
    assert SPACE.describe(vector) == "click"


def test_json_brings_it_back() -> None:
    assert actions_from_json(json.loads(json.dumps(SPACE.to_json()))) == SPACE
