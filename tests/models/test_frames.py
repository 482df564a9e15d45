"""Stored frames and what networks see: nothing is lost on the way there and back."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.frames import quantise, to_float, to_uint8, truncate

LEVELS = torch.arange(256, dtype=torch.uint8)


def test_all_256_values_survive_the_round_trip() -> None:
    seen = to_float(LEVELS)
    assert seen.dtype == torch.float32 and (seen.min(), seen.max()) == (-1, 1)
    assert torch.equal(to_uint8(seen), LEVELS)
    assert torch.equal(quantise(seen), seen)


def test_values_survive_a_networks_arithmetic() -> None:
    """Truncating instead of rounding loses half of all values here."""
    nudged = to_float(LEVELS) * (1 - 1e-6)
    assert torch.equal(to_uint8(nudged), LEVELS)
    extremes = torch.tensor([-1.0, 1.0], dtype=torch.bfloat16)
    assert to_uint8(extremes).tolist() == [0, 255]


@given(st.floats(-3, 3, width=32))
def test_quantising_finds_the_nearest_level(value: float) -> None:
    near = quantise(torch.tensor([value])).item()
    distances = (to_float(LEVELS) - value).abs()
    assert abs(near - value) <= distances.min().item() + 1e-6
    assert near in to_float(LEVELS).tolist()


def test_truncating_finds_the_level_below() -> None:
    """One that a value already has may become the one below it: so released weights learnt."""
    levels = truncate(torch.linspace(-1.2, 1.2, 10_001))
    assert (levels - quantise(levels)).abs().max() < 1e-6
    assert (levels.min(), levels.max()) == (-1, 1)
    inside = torch.linspace(-0.999, 0.999, 10_000)
    below = inside - truncate(inside)
    assert below.min() > -1e-6 and below.max() < 2 / 255 and below.mean() > 0.99 / 255
