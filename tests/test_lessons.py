"""What a decider is taught."""

from __future__ import annotations

import torch
from torch import Tensor

from models.decider import Decider
from models.deciding import Thing
from tests.test_deciding import black, with_ball
from training.lessons import (
    GHOST_LIGHT,
    LASTED,
    LIGHT,
    SHOWN,
    TRACE_LIGHT,
    lesson_loss,
    likeliest,
    made_up_doubt,
    with_traces,
)
from training.optimizer import build

COUNT = 64


def balls(count: int = COUNT) -> Thing:
    """A ball that flew to (30, 40), `count` times."""
    true = with_ball(30, 40).repeat(count, 1, 1, 1)
    return Thing.missed(black(count), true, black(count))


def light(frame: Tensor) -> Tensor:
    return (frame + 1).sum(dim=(1, 2, 3))


def test_doubts_end_in_one_whole_thing_where_most_is_shown_or_as_they_are() -> None:
    things = balls()
    shown, decided = made_up_doubt(things, torch.Generator().manual_seed(0))
    ball = with_ball(30, 40)
    made = light(shown) / float(light(ball))
    assert (made < 1.02 * (1 + GHOST_LIGHT)).all() and (made > LIGHT[1] + 0.05).any(), "ghosts"
    left = things.likeness(shown).amax(dim=1) <= SHOWN
    assert left.any() and torch.equal(decided[left], shown[left]), "nowhere is it shown"
    assert (made > 0.98 * LIGHT[0]).all()
    whole = light(decided)[~left] / light(ball)
    torch.testing.assert_close(whole, torch.ones_like(whole), atol=0.01, rtol=0)
    lit = ((decided + 1).amax(dim=1) > 0.1).flatten(1).sum(dim=1)[~left]
    assert (lit == 2).all(), "a ball of two pixels"
    overlap, there = (
        ((shown + 1) * (frame + 1)).sum(dim=(1, 2, 3))[~left] for frame in (decided, ball)
    )
    assert (overlap >= there * 0.95).all() and (overlap > 2 * there).any()


def test_ghosts_are_far_away_too() -> None:
    shown, _ = made_up_doubt(balls(), torch.Generator().manual_seed(0))
    lit = (shown + 1).amax(dim=1) > 0.1
    assert lit[:, :20].any() and lit[:, :, 50:].any()


def test_a_thing_is_shown_where_a_sixth_of_it_is_in_one_place() -> None:
    frames = torch.cat([with_ball(50, 40, share) for share in (0.1, 0.25, 1.0)])
    whole, shown = likeliest(balls(3), frames)
    assert shown.tolist() == [False, True, True]
    torch.testing.assert_close(whole[1:], with_ball(50, 40).repeat(2, 1, 1, 1))


def test_what_has_moved_aside_leaves_traces_and_what_else_is_gone_none() -> None:
    """Where a paddle left a wall dreams kept a second one. A brick that breaks must not teach that
    what is unchanged has to go, nor a ball that flies on that balls do."""
    earlier, without = black(COUNT), black(COUNT)
    earlier[:, 0, 57, 40:48] = without[:, 0, 57, 33:41] = earlier[:, 1, 20, 10:16] = 0.6
    earlier[:, 2, 54, 36:38] = 0.6
    decided = without.clone()
    decided[:, 2, 54, 38:40] = 0.6
    generator = torch.Generator().manual_seed(0)
    given = (decided, decided, without, earlier, generator)
    last, shown, learnt = with_traces(black(COUNT), *given)
    left, right = ((shown + 1)[:, 0, 57, x] / 1.6 for x in (33, 47))
    bright = left + right
    others = torch.ones_like(black(1)).bool()
    others[:, 0, 57, 33:48] = False
    assert torch.equal(shown[others.expand_as(shown)], decided[others.expand_as(shown)])
    traced = right > 0
    assert 0.2 * COUNT < traced.sum() < 0.6 * COUNT
    before = earlier[0, 0, 57]
    jumped = (last[:, 0, 57] == before).all(dim=1)
    whole = traced & (left > 0.99)
    lasted = whole & ~jumped
    assert (jumped & whole).any() and jumped[traced & ~whole].all() and lasted.any()
    torch.testing.assert_close(last[lasted, 0, 57, 41:], shown[lasted, 0, 57, 41:])
    assert (right[lasted] <= LASTED + 1e-6).all() and (last[~traced] < -0.9).all()
    assert (right[whole] >= LASTED * TRACE_LIGHT - 1e-6).all()
    assert torch.equal(learnt[whole | ~traced], decided[whole | ~traced]), "what it left has to go"
    shared = traced & ~whole
    assert (bright[shared] >= TRACE_LIGHT - 1e-6).all() and (bright[shared] < 1 + 1e-6).all()
    for stayed, pixels in ((right > left, slice(40, 48)), (right < left, slice(33, 41))):
        assert (shared & stayed).any()
        there = black(1)[0, 0, 57].clone()
        there[pixels] = 0.6
        torch.testing.assert_close(
            learnt[shared & stayed, 0, 57], there.expand(int((shared & stayed).sum()), -1)
        )


def test_a_ball_of_which_half_is_in_each_of_two_places_is_learnt_to_be_in_one() -> None:
    """Few lessons, which show the way: what is wrong becomes less."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    true, empty = (frame[:, :, 28:52, 18:42] for frame in (with_ball(30, 40), black()))
    empty = empty.repeat(32, 1, 1, 1)
    things, decider = Thing.missed(empty, true.repeat(32, 1, 1, 1), empty), Decider(16)
    optimizers = build(decider, 4e-3, 8e-3, 0.01)
    losses = []
    for _ in range(120):
        shown, decided = made_up_doubt(things, generator)
        made = shown + decider.correction(shown, empty)
        loss = lesson_loss(made, decided, empty, 6.0)
        decider.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item() / lesson_loss(shown, decided, empty, 6.0).item())
    assert sum(losses[-20:]) / 20 < 0.9, "of the error that leaving things as they are has"
