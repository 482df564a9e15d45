"""The error by which a network makes up its mind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.deciding import AREA_PX, saturating
from models.denoiser import ENOUGH

SIDE = 64
EVERYWHERE = (1, 3, SIDE, SIDE)


def ball(x: int, y: int) -> Tensor:
    """A red dot of two pixels on black, as a change (1, 3, H, W) of frames in [-1, 1]."""
    frame = torch.zeros(EVERYWHERE)
    frame[:, 0, y, x : x + 2] = 1.5
    return frame


def test_small_errors_count_as_their_mean_square() -> None:
    for height, width in ((64, 64), (20, 61), (8, 8)):
        error = 1e-8 * torch.rand(2, 3, height, width)
        torch.testing.assert_close(
            saturating(error, ENOUGH), error.mean(dim=(1, 2, 3)), rtol=1e-3, atol=0.0
        )


def test_an_error_ten_times_as_large_hardly_counts_for_more_once_it_is_large() -> None:
    error = torch.zeros(EVERYWHERE)
    error[..., 30, 30] = 10.0
    assert saturating(10 * error, ENOUGH).item() < 1.02 * saturating(error, ENOUGH).item()


@pytest.mark.parametrize("apart", [1, 4, 12])
@pytest.mark.parametrize("likelier", [0.6, 0.75])
def test_of_two_places_the_likelier_is_shown_whole(apart: int, likelier: float) -> None:
    """By the square both are shown faintly: a ball in two faint places was in none a step later."""
    places = {ball(30, 40): likelier, ball(30 + apart, 40): 1 - likelier}
    one = next(iter(places))
    both = sum(share * place for place, share in places.items())
    none = torch.zeros(EVERYWHERE)

    def costs(shown: Tensor) -> tuple[float, float]:
        errors = [((shown - place).square(), share) for place, share in places.items()]
        return (
            sum(share * saturating(error, ENOUGH).item() for error, share in errors),
            sum(share * error.mean().item() for error, share in errors),
        )

    (a, a_square), (b, b_square), (c, _) = costs(one), costs(both), costs(none)
    assert a < min(b, c)
    assert b_square < a_square


def test_of_many_places_in_one_area_one_is_shown_and_not_none() -> None:
    """None of them is likely, but that there is a ball is certain."""
    places = [ball(20 + 3 * i, 40) for i in range(5)]
    assert AREA_PX / 2 > 12 + 2
    one, none = (
        sum(saturating((shown - place).square(), ENOUGH).item() for place in places)
        for shown in (places[2], torch.zeros(EVERYWHERE))
    )
    assert one < none


def test_each_example_has_its_own() -> None:
    errors = torch.cat([torch.full(EVERYWHERE, size) for size in (0.0, 1e-4, 1e-3)])
    together = saturating(errors, ENOUGH)
    assert together[0] == 0 and together[0] < together[1] < together[2]
    torch.testing.assert_close(together[1], saturating(errors[1:2], ENOUGH)[0])
