"""Noise levels: which ones a walk from noise to a frame passes, and which ones training draws."""

from __future__ import annotations

import math

from torch import Tensor

TRAINED = (0.002, 20.0)  # levels drawn for training stay between these


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> tuple[float, ...]:
    """`steps` falling levels from sigma_max to sigma_min, both exact, closer together further down.

    A single level is sigma_max. Source: Karras et al. 2022, equation 5; the final 0 is left out.
    """
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    between = (high + i / (steps - 1) * (low - high) for i in range(1, steps - 1))
    last = (sigma_min,) if steps > 1 else ()
    return (sigma_max, *(level**rho for level in between), *last)


def lognormal(z: Tensor, mean: float, deviation: float) -> Tensor:
    """Levels to train at, one for each value of unit noise `z`: exp(mean + deviation · z).

    Source: Karras et al. 2022, table 1; kept within TRAINED, since no frame is learnt beyond.
    """
    return (mean + deviation * z).clamp(*map(math.log, TRAINED)).exp()
