"""Control: which of two opposed actions is held is told from what it made of a frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from engine.contracts import ActionVector
from engine.players import RestlessPlayer
from tests.support.toy_world import ACTIONS, ToyWorld
from tools.evaluation import control
from tools.evaluation.dreams import Dream, Dreamer, Excerpt

STEPS = 3


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "BRANCHES", 60)
    monkeypatch.setattr(control, "UPDATES", 60)
    torch.set_num_threads(1)


@dataclass
class ToyDreamer(Dreamer):
    """Dreams the toy world itself; one that is `deaf` goes on as if nothing were held."""

    deaf: bool
    context: int = 1

    def hold(self, excerpt: Excerpt, held: ActionVector, steps: int, seed: int) -> Dream:
        world = ToyWorld()
        world.reset(seed)
        after = control.hold(world, ACTIONS.idle() if self.deaf else held, steps)
        assert after is not None
        return Dream(after[None])


@dataclass
class Moment:
    """The only part of a window that is looked at."""

    frames: np.ndarray


def starts(count: int) -> list[Excerpt]:
    return [
        Excerpt(Moment(ToyWorld().reset(seed)[None]), 0, seed)  # type: ignore[arg-type]
        for seed in range(count)
    ]


@pytest.mark.parametrize(("deaf", "share"), [(False, 1.0), (True, 0.0)])
def test_a_dream_that_obeys_is_told_from_a_deaf_one(deaf: bool, share: float) -> None:
    figures = control.control(ToyDreamer(deaf), starts(10), ToyWorld(), _player, STEPS)
    assert figures["control"] == share
    assert figures["control_game"] >= 0.8 and figures["control_starts"] == 10


def test_branches_begin_at_the_same_moment_and_games_that_end_are_left_out() -> None:
    left, right = control.branched(
        ToyWorld(length=20), _player, (ACTIONS.named("LEFT"), ACTIONS.named("RIGHT")), STEPS, 10
    )
    assert left.shape == right.shape == (10, 2, 16, 16, 3)
    np.testing.assert_array_equal(left[:, 0], right[:, 0])
    assert (left[:, 1] != right[:, 1]).any(axis=(1, 2, 3)).all()


def _player(world: ToyWorld, seed: int) -> RestlessPlayer:
    return RestlessPlayer(world.actions, seed)
