"""The reward and ending model with a memory."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from models.networks.reward_model import RewardModel, RewardModelConfig
from models.networks.unet import UNetConfig
from tests.support.networks import awaken

B, T, A, HEIGHT, WIDTH = 2, 3, 4, 8, 12
ENCODER = UNetConfig((8, 16), (1, 2), (False, True), cond=6, middle_attention=True)
CONFIG = RewardModelConfig(HEIGHT, WIDTH, A, ENCODER, lstm=10)


def steps(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Frames, one-hot actions and the frames after, of T steps."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randn(B, T + 1, 3, HEIGHT, WIDTH, generator=generator)
    actions = torch.eye(A)[torch.randint(0, A, (B, T), generator=generator)]
    return frames[:, :-1], actions, frames[:, 1:]


@torch.no_grad()
def test_a_sequence_is_its_steps_one_after_the_other() -> None:
    model = awaken(RewardModel(CONFIG))
    assert CONFIG.features == 16 * 4 * 6
    frames, actions, following = steps()
    rewards, ends, last = model.sequence(frames, actions, following)
    assert rewards.shape == (B, T, 3) and ends.shape == (B, T, 2)
    state = model.lstm.rest(B)
    for t in range(T):
        reward, end, state = model(frames[:, t], actions[:, t], following[:, t], state)
        torch.testing.assert_close(reward, rewards[:, t])
        torch.testing.assert_close(end, ends[:, t])
    torch.testing.assert_close(state, last)
    again, _, _ = model.sequence(frames, actions, following, last)
    assert (again - rewards).abs().max() > 1e-3


@torch.no_grad()
def test_everything_it_is_given_counts() -> None:
    model = awaken(RewardModel(CONFIG))
    frame, action, following = (part[:, 0] for part in steps())
    state = model.lstm.rest(B)
    reward, end, _ = model(frame, action, following, state)
    for other in (
        (frame.flip(0), action, following),
        (frame, action.roll(1, dims=1), following),
        (frame, action, following.flip(0)),
        (following, action, frame),
    ):
        changed, ending, _ = model(*other, state)
        assert (changed - reward).abs().max() > 1e-3 and (ending - end).abs().max() > 1e-3


def test_every_weight_learns_from_both_answers() -> None:
    model = awaken(RewardModel(CONFIG))
    model.loss(*steps(), torch.ones(B, T), torch.zeros(B, T, dtype=torch.bool)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@torch.no_grad()
def test_the_loss_is_the_sum_of_two_cross_entropies(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RewardModel(CONFIG)
    rewards = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    ends = torch.tensor([[[0.0, 0.0], [0.0, 3.0]]])
    monkeypatch.setattr(model, "sequence", lambda *_: (rewards, ends, None))
    # By sign: the first of the rewards, then the second; the game goes on, then it ends.
    told = (torch.tensor([[-9.0, 0.0]]), torch.tensor([[False, True]]))
    loss = model.loss(*steps(), *told)
    expected = -(
        math.log(math.e**2 / (math.e**2 + 2))
        + math.log(math.e / (math.e + 2))
        + math.log(1 / 2)
        + math.log(math.e**3 / (math.e**3 + 1))
    )
    assert loss.item() == pytest.approx(expected / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"lstm": 0}, "must be positive"),
        ({"actions": 0}, "must be positive"),
        ({"height": 9}, "multiples of 2"),
        ({"encoder": UNetConfig((8,), (1,), (False,), 6, patch=2)}, "has no patch"),
    ],
)
def test_impossible_models_are_refused(wrong: dict[str, Any], says: str) -> None:
    right = {"height": HEIGHT, "width": WIDTH, "actions": A, "encoder": ENCODER, "lstm": 10}
    with pytest.raises(ValueError, match=says):
        RewardModelConfig(**(right | wrong))
