"""Sampling: from noise to a clean frame, one noise level after another.

Noise is drawn by the caller, so seeds decide. Levels are plain floats, because comparing GPU
tensors would stall every step; so sampling a frame can be one graph.
Shapes: B batch, T context frames, C = 3 channels, H W pixels, D draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from models.schedule import LARGEST_SIGMA, MOST_STEPS, karras

if TYPE_CHECKING:  # configurations of samplers load without torch
    from torch import Tensor

    Denoise = Callable[[Tensor, float, Tensor], Tensor]


@dataclass(frozen=True)
class Sampler:
    """EDM's stochastic sampler at explicit noise levels, and three departures from it.

    sigmas:   the levels, falling, without the 0 after the last; a step for each.
    order:    1 is Euler's method; 2 is Heun's, with two network calls a step except into 0.
    s_churn:  how much fresh noise (deviation s_noise) is added before a step, summed over the
              steps and relative to their levels; only at levels from s_tmin to s_tmax.
    s_cond:   deviation of the noise added to the context.
    sigma_min, rho: how `with_steps` lays out other numbers of levels; without sigma_min there are
              only the first of `sigmas` to choose from.

    Off, unless weights were released with a sampler that did it so:
    unit_start:   x begins as noise of deviation 1, not of the first level.
    churn_untold: the network is told the level before churn, not after.
    context_noise_adds_up: the context's noise is added at every step again, not once.
    Source: Karras et al. 2022, algorithm 2; noise on the context as in DIAMOND.
    """

    sigmas: tuple[float, ...]
    order: int = 1
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = LARGEST_SIGMA
    s_noise: float = 1.0
    s_cond: float = 0.0
    sigma_min: float | None = None
    rho: float = 7.0
    unit_start: bool = False
    churn_untold: bool = False
    context_noise_adds_up: bool = False

    def __post_init__(self) -> None:
        check_sigmas(self.sigmas)
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order}")
        if not (0 <= self.s_churn < math.inf and 0 <= self.s_noise < math.inf):
            raise ValueError("s_churn and s_noise must be finite and not negative")
        if not 0 <= self.s_tmin <= self.s_tmax < math.inf:
            raise ValueError("s_tmin and s_tmax must not fall, nor be negative or infinite")
        if not 0 <= self.s_cond <= LARGEST_SIGMA:
            raise ValueError(f"s_cond must be between 0 and {LARGEST_SIGMA}, not {self.s_cond}")
        if self.sigma_min is not None:
            karras(2, self.sigma_min, self.sigmas[0], self.rho)

    @property
    def steps(self) -> int:
        """Number of denoising steps."""
        return len(self.sigmas)

    @property
    def churned(self) -> tuple[float, ...]:
        """Levels that churn raises `sigmas` to."""
        factor = 1 + min(self.s_churn / self.steps, math.sqrt(2) - 1)
        return tuple(
            sigma * factor if self.s_tmin <= sigma <= self.s_tmax else sigma
            for sigma in self.sigmas
        )

    def with_steps(self, steps: int) -> Sampler:
        """Return this sampler with another number of steps."""
        if self.sigma_min is None:
            return replace(self, sigmas=self.sigmas[:steps])
        return replace(self, sigmas=karras(steps, self.sigma_min, self.sigmas[0], self.rho))

    def draws(self, context: int) -> int:
        """Return D, how many frames of unit noise a frame takes after `context` frames.

        In the order of their use: the start; then for each step one if it churns, and one for
        each frame of the context if that gets noise.
        """
        raised = sum(high > low for high, low in zip(self.churned, self.sigmas, strict=True))
        noised = (self.steps if self.context_noise_adds_up else 1) if self.s_cond else 0
        return 1 + raised + noised * context


def karras_sampler(
    steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0, **options: Any
) -> Sampler:
    """Return a sampler at Karras's levels. options: the sampler's other fields."""
    levels = karras(steps, sigma_min, sigma_max, rho)
    return Sampler(levels, sigma_min=sigma_min, rho=rho, **options)


def sample(denoise: Denoise, noise: Tensor, context: Tensor, sampler: Sampler) -> Tensor:
    """Return a clean frame (B, C, H, W).

    denoise: (x, sigma, context) → estimate of the clean frame, same shape as x.
    noise:   (B, D, C, H, W) of unit variance, D = sampler.draws(T).
    context: (B, T, C, H, W), which noise may be added to.
    Raises ValueError for another number of draws.
    """
    *_, x = trajectory(denoise, noise, context, sampler)
    return x


def trajectory(
    denoise: Denoise, noise: Tensor, context: Tensor, sampler: Sampler
) -> Iterator[Tensor]:
    """Yield x after each step of `sample`."""
    if noise.shape[1] != sampler.draws(context.shape[1]):
        raise ValueError(f"{sampler.draws(context.shape[1])} draws needed, not {noise.shape[1]}")
    x = noise[:, 0] * (1.0 if sampler.unit_start else sampler.sigmas[0])
    used = 1
    levels = zip(sampler.sigmas, sampler.churned, [*sampler.sigmas[1:], 0.0], strict=True)
    for step, (sigma, raised, lower) in enumerate(levels):
        if raised > sigma:
            x = x + noise[:, used] * (sampler.s_noise * math.sqrt(raised**2 - sigma**2))
            used += 1
        if sampler.s_cond and (step == 0 or sampler.context_noise_adds_up):
            stop = used + context.shape[1]
            context = context + noise[:, used:stop] * sampler.s_cond
            used = stop
        first = denoise(x, sigma if sampler.churn_untold else raised, context)
        reached = toward(first, x, raised, lower)
        if sampler.order == 2 and lower > 0:
            second = denoise(reached, lower, context)
            slopes = (x - first) / raised + (reached - second) / lower
            x = x + slopes * ((lower - raised) / 2)
        else:
            x = reached
        yield x


def toward(clean: Tensor, x: Tensor, sigma: float, lower: float) -> Tensor:
    """Return Euler's step from x at level sigma towards the clean estimate, down to level lower.

    Source: Karras et al. 2022, algorithm 2, first order, no churn.
    """
    # x + (lower - sigma) · (x - clean)/sigma, written so that lower = 0 is exact.
    return clean if lower == 0 else clean + (x - clean) * (lower / sigma)


def check_sigmas(sigmas: Sequence[float]) -> None:
    """Raise ValueError unless noise levels are finite, positive and falling; one at least."""
    falling = all(higher > lower for higher, lower in pairwise([*sigmas, 0.0]))
    if not sigmas or not falling or sigmas[0] > LARGEST_SIGMA:
        raise ValueError(
            f"noise levels must be positive and falling, from {LARGEST_SIGMA:g} at most, "
            f"not {list(sigmas)}"
        )
    if len(sigmas) > MOST_STEPS:
        raise ValueError(f"a sampler has {MOST_STEPS} steps at most, not {len(sigmas)}")
