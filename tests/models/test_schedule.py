"""Noise levels of play and of training."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.schedule import TRAINED, karras, lognormal


@given(st.integers(1, 50), st.floats(1e-3, 1), st.floats(1.5, 100), st.floats(1, 10))
def test_levels_fall_from_exactly_the_highest_to_exactly_the_lowest(
    steps: int, low: float, high: float, rho: float
) -> None:
    """Churn is told by the ends (levels from s_tmin to s_tmax), so rounding must not move them."""
    levels = karras(steps, low, high, rho)
    assert len(levels) == steps
    assert all(higher > lower for higher, lower in pairwise(levels))
    assert levels[0] == high and (steps == 1 or levels[-1] == low)


def test_between_the_ends_they_are_evenly_spaced_in_their_root() -> None:
    roots = [level ** (1 / 7) for level in karras(5, 0.002, 80.0, rho=7.0)]
    gaps = [higher - lower for higher, lower in pairwise(roots)]
    assert gaps == pytest.approx([(80 ** (1 / 7) - 0.002 ** (1 / 7)) / 4] * 4)


def test_trained_levels_are_lognormal_within_bounds() -> None:
    z = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    drawn = lognormal(z, mean=-0.4, deviation=1.2)
    assert drawn.log().mean().item() == pytest.approx(-0.4, abs=0.02)
    assert drawn.log().std().item() == pytest.approx(1.2, rel=0.02)
    ends = lognormal(torch.tensor([-10.0, 0.0, 10.0]), mean=-0.4, deviation=1.2)
    assert ends.tolist() == pytest.approx([TRAINED[0], math.exp(-0.4), TRAINED[1]])
