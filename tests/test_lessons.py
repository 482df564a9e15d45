"""What a decider is taught."""

from __future__ import annotations

import torch
from torch import Tensor

from models.decider import Decider
from models.deciding import Thing
from tests.test_deciding import black, with_ball
from training.lessons import (
    GHOST_LIGHT,
    LIGHT,
    SIDE_PX,
    believed,
    lesson_loss,
    made_up_doubt,
    squares,
)

COUNT = 64


def balls(count: int = COUNT) -> Thing:
    """A ball that flew to (30, 40), `count` times."""
    true = with_ball(30, 40).repeat(count, 1, 1, 1)
    return Thing.missed(black(count), true, black(count))


def light(frame: Tensor) -> Tensor:
    return (frame + 1).sum(dim=(1, 2, 3))


def test_doubts_end_in_one_whole_thing_where_most_is_shown_or_as_they_are() -> None:
    shown, decided = made_up_doubt(balls(), torch.Generator().manual_seed(0))
    ball = with_ball(30, 40)
    made = light(shown) / float(light(ball))
    assert (made < 1.02 * (1 + GHOST_LIGHT)).all() and (made > LIGHT[1] + 0.05).any(), "ghosts"
    left = (decided == shown).flatten(1).all(dim=1) & (made < 0.9)
    assert left.any() and (made[left] < 1.02 * GHOST_LIGHT).all(), "hints"
    assert (made[~left] > 0.98 * LIGHT[0]).all()
    whole = light(decided)[~left] / light(ball)
    torch.testing.assert_close(whole, torch.ones_like(whole), atol=1e-3, rtol=1e-3)
    lit = ((decided + 1).amax(dim=1) > 0.1).flatten(1).sum(dim=1)[~left]
    assert (lit == 2).all(), "a ball of two pixels"
    overlap, there = (
        ((shown + 1) * (frame + 1)).sum(dim=(1, 2, 3))[~left] for frame in (decided, ball)
    )
    assert (overlap >= there * 0.95).all() and (overlap > 2 * there).any()


def test_a_thing_is_believed_in_where_half_of_its_light_is_around() -> None:
    things = balls(3)
    shown = torch.cat([with_ball(32, 40, share) for share in (0.4, 0.6, 1.0)])
    shown[2] = with_ball(50, 40)[0]
    at = torch.full((3,), 40 * 64 + 31)
    assert believed(things, shown, at).tolist() == [False, True, False]


def test_squares_are_of_the_same_place_and_have_in_it_what_they_are_about() -> None:
    one, other = with_ball(3, 61), with_ball(30, 40)
    about = torch.tensor([61 * 64 + 3, 40 * 64 + 30])
    both = torch.cat((one, other))
    cut, again, third = squares((both, both * 2, both), about, torch.Generator().manual_seed(0))
    assert cut.shape == (2, 3, SIDE_PX, SIDE_PX) and torch.equal(cut * 2, again)
    torch.testing.assert_close(light(third), light(both))


def test_a_ball_of_which_half_is_in_each_of_two_places_is_learnt_to_be_in_one() -> None:
    """Few lessons, which show the way: what is wrong becomes less."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    things, decider = balls(32), Decider(16)
    optimizer = torch.optim.AdamW(decider.parameters(), lr=4e-3)
    losses = []
    for _ in range(120):
        shown, decided = made_up_doubt(things, generator)
        given = squares((black(32), shown, decided), things.at, generator)
        last, shown, decided = given
        loss = lesson_loss(shown + decider.correction(shown, last), decided, last, 6.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / lesson_loss(shown, decided, last, 6.0).item())
    assert sum(losses[-20:]) / 20 < 0.85, "of the error that leaving things as they are has"
