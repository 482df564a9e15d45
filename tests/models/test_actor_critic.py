"""The player, and what its steps turn out to have been worth."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.networks.actor_critic import ActorCritic, ActorCriticConfig, lambda_returns
from tests.support.networks import awaken

B, T, A = 2, 6, 4
CONFIG = ActorCriticConfig(height=9, width=14, actions=A, channels=(8, 8, 16), lstm=10)


@torch.no_grad()
def test_it_answers_for_each_action_and_remembers() -> None:
    torch.manual_seed(0)  # two values that chance made alike would tell nothing
    player = awaken(ActorCritic(CONFIG))
    assert CONFIG.features == 16 * 1 * 1
    frame, rest = torch.randn(B, 3, 9, 14), player.lstm.rest(B)
    logits, value, state = player(frame, rest)
    assert logits.shape == (B, A) and value.shape == (B,)
    assert logits.std() > 0.01 and value.std() > 0.01
    again, later, _ = player(frame, state)
    assert (again - logits).abs().max() > 1e-3 and (later - value).abs().max() > 1e-3
    other, _, _ = player(frame.flip(0), rest)
    torch.testing.assert_close(other, logits.flip(0))


def test_every_weight_learns() -> None:
    player = awaken(ActorCritic(CONFIG))
    state = player.lstm.rest(B)
    for _ in range(2):
        logits, value, state = player(torch.randn(B, 3, 9, 14), state)
    (logits.square().sum() + value.square().sum()).backward()
    for name, parameter in player.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"channels": ()}, "one or more stages"),
        ({"channels": (8, 0)}, "must be positive"),
        ({"actions": 0}, "must be positive"),
        ({"height": 7}, "too small for 3 stages"),
    ],
)
def test_impossible_players_are_refused(wrong: dict[str, Any], says: str) -> None:
    right = {"height": 8, "width": 8, "actions": A, "channels": (8, 8, 8), "lstm": 10}
    with pytest.raises(ValueError, match=says):
        ActorCriticConfig(**(right | wrong))


def returns(rewards: list[float], ended: int | None = None, truncated: int | None = None,
            values: float = 10.0, gamma: float = 0.5, lam: float = 0.5) -> list[float]:  # fmt: skip
    """Of one episode, which ends or is truncated at a step."""
    steps = torch.arange(len(rewards))
    made = lambda_returns(
        torch.tensor([rewards]),
        (steps == (len(rewards) if ended is None else ended))[None],
        (steps == (len(rewards) if truncated is None else truncated))[None],
        torch.full((1, len(rewards)), values),
        gamma,
        lam,
    )
    return made[0].tolist()


def test_with_lambda_1_returns_are_the_discounted_rewards_and_the_last_estimate() -> None:
    # Only the sign of a reward counts.
    made = returns([0.0, 7.0, -3.0], lam=1.0)
    last = -1 + 0.5 * 10
    assert made == pytest.approx([0.5 * (1 + 0.5 * last), 1 + 0.5 * last, last])


def test_with_lambda_0_the_next_estimate_stands_for_the_rest() -> None:
    assert returns([0.0, 1.0, 1.0], lam=0.0) == pytest.approx([5.0, 6.0, 6.0])


def test_between_them_both_count() -> None:
    made = returns([0.0, 0.0])
    assert made == pytest.approx([0.5 * (0.5 * 10 + 0.5 * 5), 5.0])


def test_after_an_end_nothing_comes_and_after_a_truncation_the_estimate() -> None:
    assert returns([0.0, 1.0, 1.0], ended=1, lam=1.0) == pytest.approx([0.5, 1.0, 6.0])
    assert returns([0.0, 1.0, 1.0], truncated=1, lam=1.0) == pytest.approx([3.0, 6.0, 6.0])
