"""Action spaces of games whose actions have numbers and no names, and what no episode can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from base.errors import UserError
from datasets.episode import EpisodeInfo
from datasets.importers.foreign import ForeignEpisode, numbered_buttons, numbered_choices
from datasets.packed import Steps
from engine.contracts import Action, actions_from_json


def test_numbered_choices_are_on_the_number_keys() -> None:
    space = numbered_choices(12)
    assert space.size == 12 and actions_from_json(space.to_json()) == space
    assert space.keys["action 9"] == ("9",) and "action 10" not in space.keys
    for i in range(10):
        assert space.encode(Action((f"action {i}",))).argmax() == i
    assert numbered_choices(1).idle().tolist() == [1]


def test_numbered_buttons_are_held_together() -> None:
    space = numbered_buttons("some game", 12)
    assert space.size == 12 and actions_from_json(space.to_json()) == space
    held = space.encode(Action(("button 2", "button 12")))
    assert np.flatnonzero(held).tolist() == [1, 11]
    assert (space.keys["button 1"], space.keys["button 12"]) == (("1",), ())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ended": np.array([True, False, True])}, "ends before its last step"),
        ({"truncated": np.array([False, True, False])}, "ends before its last step"),
        ({"rewards": np.array([0, np.nan, 0], np.float32)}, "no finite numbers"),
        ({"actions": np.zeros((3, 4), np.float32)}, r"its actions are \(3, 4\), not \(3, 2\)"),
        ({"life_lost": np.zeros(2, bool)}, r"its life_lost are \(2,\)"),
        ({"frames": np.zeros((3, 8, 8, 3), np.uint8)}, "3 frames with 3 steps"),
        ({"frames": np.zeros((4, 8, 8, 4), np.uint8)}, "frames cannot have the shape"),
        ({"frames": np.zeros((4, 8, 8, 3), np.float32)}, "its frames are float32"),
    ],
)
def test_what_no_episode_can_be_is_refused(changes: dict[str, np.ndarray], says: str) -> None:
    info = EpisodeInfo("some", numbered_choices(2), 15.0, seed=0, player="agent")
    frames, no = np.zeros((4, 8, 8, 3), np.uint8), np.zeros(3, bool)
    steps = Steps(np.eye(2, dtype=np.float32)[[0, 1, 0]], np.zeros(3, np.float32), no, no, no)
    assert ForeignEpisode(info, frames, steps)
    wrong = replace(steps, **{name: value for name, value in changes.items() if name != "frames"})
    with pytest.raises(UserError, match=says):
        ForeignEpisode(info, changes.get("frames", frames), wrong)
