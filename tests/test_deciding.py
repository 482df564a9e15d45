"""What a network learns where a thing may be in several places: to show it in one of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.deciding import MARGIN_PX, Thing, decided

SIDE = 64
BALL = torch.tensor([1.6, 0.6, 0.6])[:, None, None]  # as bright as Breakout's, of [-1, 1]


def black(count: int = 1) -> Tensor:
    return -torch.ones(count, 3, SIDE, SIDE)


def with_ball(x: int, y: int, share: float = 1.0, on: Tensor | None = None) -> Tensor:
    """A frame with a ball of 2 x 1 pixels, or a share of its light."""
    frame = (black() if on is None else on).clone()
    frame[:, :, y, x : x + 2] += share * BALL[..., 0]
    return frame


def test_what_the_estimate_shows_is_learnt_as_it_is() -> None:
    true = with_ball(30, 40)
    for answer in (true, black()):
        learnt, there = decided(true, answer, true, black())
        assert torch.equal(learnt, true) and not there.any()


def test_of_two_places_the_likelier_is_learnt() -> None:
    """By the square both are shown faintly: a ball in two faint places was in none a step later."""
    true = with_ball(30, 40)
    both = with_ball(36, 44, 0.6, with_ball(30, 40, 0.3))
    learnt, there = decided(both, both, true, black())
    torch.testing.assert_close(learnt, with_ball(36, 44))
    # Both places are learnt, even where a dream is elsewhere than the recording.
    assert there[0, 0, 40, 30] and there[0, 0, 44, 36]
    assert there.sum() <= 2 * (2 * MARGIN_PX + 1) ** 2
    other = with_ball(36, 44, 0.3, with_ball(30, 40, 0.6))
    torch.testing.assert_close(decided(other, other, true, black())[0], true)


def test_of_places_as_likely_the_true_one_is_learnt() -> None:
    true, both = with_ball(30, 40), with_ball(36, 44, 0.5, with_ball(30, 40, 0.49))
    torch.testing.assert_close(decided(both, both, true, black())[0], true)


def test_a_ball_that_flies_elsewhere_than_in_the_recording_goes_on() -> None:
    """Dreams that had gone another way learnt nothing about their balls, and lost them."""
    true, own = with_ball(30, 40), with_ball(12, 33, 0.9)
    torch.testing.assert_close(decided(own, own, true, black())[0], with_ball(12, 33))


def test_a_ball_that_is_gone_comes_back_where_the_answer_puts_it_else_where_it_is() -> None:
    true = with_ball(30, 40)
    torch.testing.assert_close(decided(black(), black(), true, black())[0], true)
    answer = with_ball(20, 36, 0.3)
    torch.testing.assert_close(decided(black(), answer, true, black())[0], with_ball(20, 36))
    # A speck far away is no reason to put it there.
    learnt, _ = decided(black(), with_ball(2, 8, 0.05), true, black())
    torch.testing.assert_close(learnt, true)


def test_digits_of_another_score_are_no_ball() -> None:
    """In dreams with another score a ball was moved into the counter, and so learnt to vanish."""
    true, estimate = with_ball(30, 40), black()
    estimate[:, :, 2:7, 20:24] = 0.2
    learnt, _ = decided(estimate, black(), true, black())
    torch.testing.assert_close(learnt, true)


def test_a_ball_is_found_beside_larger_things_that_are_missing() -> None:
    """A brick that the dream had lost once hid that its ball was gone, too."""
    true = with_ball(30, 40)
    true[:, :, 20:22, 10:18] = 0.5
    estimate = with_ball(20, 44, 0.6)
    learnt, there = decided(estimate, estimate, true, black())
    assert there[0, 0, 44, 20] and (learnt[:, :, 40, 30:32] == -1).all()
    assert torch.equal(learnt[:, :, :30], true[:, :, :30])


def test_pieces_of_larger_things_stay_where_they_are() -> None:
    """The end of a paddle is as large as a ball."""
    true = black()
    true[:, :, 57:59, 20:30] += BALL
    estimate = true.clone()
    estimate[:, :, 57:59, 27:30] = -1
    estimate[:, :, 57:59, 40:43] += BALL
    learnt, there = decided(estimate, estimate, true, black())
    assert torch.equal(learnt, true) and not there.any()


@pytest.mark.parametrize("plain", [False, True])
def test_a_ball_beside_a_wall_of_another_colour_is_a_thing_where_things_are_plain(
    plain: bool,
) -> None:
    wall = black()
    wall[..., :30] = 0.1
    true = with_ball(30, 40, on=wall)
    assert bool(Thing.missed(wall, true, wall, plain=plain).there) is plain


def test_a_thing_moves_only_to_where_it_is_in_front_of_the_same() -> None:
    true = with_ball(30, 40)
    wall = true.clone()
    wall[..., :4] = 0.1
    behind = black()
    behind[..., :4] = 0.1
    estimate = with_ball(1, 40, 0.4, behind)
    torch.testing.assert_close(decided(estimate, estimate, wall, behind)[0], wall)


@pytest.mark.parametrize("x, y", [(0, 0), (SIDE - 2, SIDE - 1)])
def test_things_at_the_edges(x: int, y: int) -> None:
    true, own = with_ball(30, 40), with_ball(x, y, 0.5)
    torch.testing.assert_close(decided(own, own, true, black())[0], with_ball(x, y))
    torch.testing.assert_close(decided(true, true, own * 2 + 1, black())[0], true)


def test_examples_do_not_mix() -> None:
    true = torch.cat((with_ball(30, 40), with_ball(10, 50), black()))
    shown = torch.cat((with_ball(36, 44, 0.5), with_ball(10, 50), with_ball(20, 20, 0.2)))
    learnt, there = decided(shown, shown, true, black(3))
    for i in range(3):
        alone = decided(shown[i : i + 1], shown[i : i + 1], true[i : i + 1], black())
        torch.testing.assert_close((learnt[i : i + 1], there[i : i + 1]), alone)
    assert not there[1:].any()


@pytest.mark.parametrize("size", [(1, 1), (3, 61), (20, 7)])
def test_frames_of_any_size(size: tuple[int, int]) -> None:
    frames = torch.rand(3, 2, 3, *size) * 2 - 1
    learnt, there = decided(frames[0], frames[1], frames[2], -torch.ones_like(frames[0]))
    assert learnt.shape == frames[0].shape and there.shape == (2, 1, *size)
