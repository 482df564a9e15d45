"""The head that reads rewards, lost lives and ends off the picture."""

from __future__ import annotations

import math

import pytest
import torch

from models.networks.reward_end import RewardEnd, RewardEndConfig
from tests.support.networks import awaken


@pytest.mark.parametrize(("height", "width", "frames"), [(16, 16, 3), (9, 21, 2), (8, 8, 1)])
@torch.no_grad()
def test_any_size_gives_one_answer_of_each_kind(height: int, width: int, frames: int) -> None:
    head = awaken(RewardEnd(RewardEndConfig(height, width, frames, channels=8)))
    reward, life, end = head(torch.randn(4, frames, 3, height, width))
    assert (reward.shape, life.shape, end.shape) == ((4, 3), (4,), (4,))
    assert reward.std() > 0 and life.std() > 0 and end.std() > 0


@torch.no_grad()
def test_the_loss_is_the_sum_of_three_cross_entropies(monkeypatch: pytest.MonkeyPatch) -> None:
    head = RewardEnd(RewardEndConfig(8, 8, 2, 4))
    logits = (
        torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]),
        torch.tensor([3.0, 0.0]),
        torch.tensor([-1.0, 0.5]),
    )
    monkeypatch.setattr(head, "forward", lambda _: logits)
    given = (
        torch.zeros(2, 2, 3, 8, 8),
        torch.tensor([-7.0, 0.0]),  # by sign: the first class, then the second
        torch.tensor([True, False]),
        torch.tensor([False, False]),
    )
    loss = head.loss(*given)

    def surprise(*probabilities: float) -> float:
        return -sum(map(math.log, probabilities)) / len(probabilities)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    expected = (
        surprise(math.e / (math.e + 2), 1 / (2 + math.e**2))
        + surprise(sigmoid(3), sigmoid(0))
        + surprise(sigmoid(1), sigmoid(-0.5))
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    first, second = (head.loss(*given, weight=torch.tensor(w)) for w in ([1.0, 0.0], [0.0, 1.0]))
    assert (first + second).item() == pytest.approx(expected, rel=1e-5)
    assert first.item() != pytest.approx(second.item(), rel=0.1)


def test_it_learns_to_tell_what_just_happened() -> None:
    """A flash earns 1, darkness costs a life, and only in the newest frame."""
    torch.manual_seed(1)
    head = RewardEnd(RewardEndConfig(8, 8, 3, channels=8))
    kind = torch.arange(30) % 3
    frames = 0.1 * torch.randn(30, 3, 3, 8, 8)
    frames[kind == 1, -1] += 0.8
    frames[kind == 2, -1] -= 0.8
    frames[kind == 0, 0] += 0.8  # long ago
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        head.loss(frames, (kind == 1).float(), kind == 2, torch.zeros(30).bool()).backward()
        optimizer.step()
    reward, life, end = head(frames)
    assert torch.equal(reward.argmax(1), 1 + (kind == 1).long())
    assert torch.equal(life > 0, kind == 2) and (end < 0).all()


@pytest.mark.parametrize("wrong", [(0, 8, 3, 8), (8, 8, 0, 8), (8, 8, 3, 0)])
def test_impossible_heads_are_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        RewardEndConfig(*wrong)
