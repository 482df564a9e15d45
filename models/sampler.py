"""Samplers: free functions that walk from noise to a clean frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor

Denoise = Callable[[Tensor, float], Tensor]


def euler(denoise: Denoise, noise: Tensor, sigmas: Sequence[float]) -> Tensor:
    """Walk from noise to a clean frame, one straight step per noise level.

    denoise: (x, sigma) → estimate of the clean frame, same shape as x.
    noise:   (B, C, H, W) of unit variance; drawn by the caller, so seeds decide.
    sigmas:  falling positive levels in units of the clean frame; the walk ends at 0. Plain
             floats, because comparing GPU tensors would stall every step.
    Raises ValueError if sigmas are empty or do not fall.
    Source: Karras et al. 2022, algorithm 2, first order, no churn.
    """
    check_sigmas(sigmas)
    x = noise * sigmas[0]
    for sigma, lower in zip(sigmas, [*sigmas[1:], 0.0], strict=True):
        denoised = denoise(x, sigma)
        # x + (lower - sigma) · (x - denoised)/sigma, written so that lower = 0 is exact.
        x = denoised if lower == 0 else denoised + (x - denoised) * (lower / sigma)
    return x


def check_sigmas(sigmas: Sequence[float]) -> None:
    """Raise ValueError unless noise levels are there, finite, positive and falling."""
    falling = all(higher > lower for higher, lower in pairwise([math.inf, *sigmas, 0.0]))
    if not sigmas or not falling:
        raise ValueError(f"noise levels must be positive and falling, not {list(sigmas)}")
