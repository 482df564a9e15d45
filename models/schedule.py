"""Noise levels: those that sampling passes, and those that training draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MOST_STEPS = 100
LARGEST_SIGMA = 1000.0
TRAINED = (0.002, 20.0)  # levels drawn for training stay between these


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> tuple[float, ...]:
    """Return `steps` falling levels from sigma_max to sigma_min, closer together further down.

    Both ends are exact; a single level is sigma_max. Raises ValueError for levels that cannot be.
    Source: Karras et al. 2022, equation 5; the final 0 is left out.
    """
    if not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"a sampler has 1 to {MOST_STEPS} steps, not {steps}")
    if not 0 < sigma_min < sigma_max <= LARGEST_SIGMA:
        raise ValueError(
            f"sigma_min and sigma_max must rise between 0 and {LARGEST_SIGMA}, "
            f"not {sigma_min} and {sigma_max}"
        )
    if not 1 <= rho <= 100:
        raise ValueError(f"rho must be between 1 and 100, not {rho}")
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    between = (high + i / (steps - 1) * (low - high) for i in range(1, steps - 1))
    last = (sigma_min,) if steps > 1 else ()
    return (sigma_max, *(level**rho for level in between), *last)


def lognormal(z: Tensor, mean: float, deviation: float) -> Tensor:
    """Return levels to train at, one for each value of unit noise `z`: exp(mean + deviation · z).

    Source: Karras et al. 2022, table 1; kept within TRAINED, since no frame is learnt beyond.
    """
    return (mean + deviation * z).clamp(*map(math.log, TRAINED)).exp()
