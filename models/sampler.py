"""Samplers: free functions that walk from noise to a clean frame.

Noise is drawn by the caller, so seeds decide. Levels are plain floats, because comparing GPU
tensors would stall every step; so a whole walk can be one graph.
Shapes: B batch, T context frames, C = 3 channels, H W pixels, D draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from models.schedule import karras

Denoise = Callable[[Tensor, float], Tensor]
DenoiseAfter = Callable[[Tensor, float, Tensor], Tensor]  # the context is given with each call

MOST_STEPS = 100
LARGEST_SIGMA = 1000.0


@dataclass(frozen=True)
class SamplerConfig:
    """A walk down Karras's levels: EDM's stochastic sampler, and three departures from it.

    steps, sigma_min, sigma_max, rho: the noise levels, as `karras` lays them out.
    order:    1 is Euler's method; 2 is Heun's, with two network calls a step except into 0.
    s_churn:  how much fresh noise (deviation s_noise) is added before a step, summed over the
              steps and relative to their levels; only at levels from s_tmin to s_tmax.
    s_cond:   deviation of the noise added to the context, which the network is told.

    Off, unless weights were released with a sampler that did it so:
    unit_start:   the walk starts from noise of deviation 1, not sigma_max.
    churn_untold: the network is told the level before churn, not after.
    context_noise_adds_up: the context's noise is added at every step again, not once.
    """

    steps: int
    sigma_min: float
    sigma_max: float
    rho: float = 7.0
    order: int = 1
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = LARGEST_SIGMA
    s_noise: float = 1.0
    s_cond: float = 0.0
    unit_start: bool = False
    churn_untold: bool = False
    context_noise_adds_up: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"a walk has 1 to {MOST_STEPS} steps, not {self.steps}")
        if not 0 < self.sigma_min < self.sigma_max <= LARGEST_SIGMA:
            raise ValueError(
                f"sigma_min and sigma_max must rise between 0 and {LARGEST_SIGMA}, "
                f"not {self.sigma_min} and {self.sigma_max}"
            )
        if not 1 <= self.rho <= 100:
            raise ValueError(f"rho must be between 1 and 100, not {self.rho}")
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, not {self.order}")
        if not (0 <= self.s_churn < math.inf and 0 <= self.s_noise < math.inf):
            raise ValueError("s_churn and s_noise must be finite and not negative")
        if not 0 <= self.s_tmin <= self.s_tmax < math.inf:
            raise ValueError("s_tmin and s_tmax must not fall, nor be negative or infinite")
        if not 0 <= self.s_cond <= LARGEST_SIGMA:
            raise ValueError(f"s_cond must be between 0 and {LARGEST_SIGMA}, not {self.s_cond}")
        check_sigmas(self.sigmas)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """The levels, without the 0 after the last."""
        return karras(self.steps, self.sigma_min, self.sigma_max, self.rho)

    @property
    def churned(self) -> tuple[float, ...]:
        """For each level, the one that churn raises it to."""
        factor = 1 + min(self.s_churn / self.steps, math.sqrt(2) - 1)
        return tuple(
            sigma * factor if self.s_tmin <= sigma <= self.s_tmax else sigma
            for sigma in self.sigmas
        )

    def draws(self, context: int) -> int:
        """D, how many frames of unit noise a walk uses after a context of `context` frames.

        In the order of their use: the start; then for each step one if it churns, and one for
        each frame of the context if that gets noise.
        """
        raised = sum(high > low for high, low in zip(self.churned, self.sigmas, strict=True))
        noised = (self.steps if self.context_noise_adds_up else 1) if self.s_cond else 0
        return 1 + raised + noised * context


@dataclass(frozen=True)
class Levels:
    """Euler's walk down noise levels that are given one by one, a network call each, to 0.

    sigmas: the levels, positive and falling, in units of the clean frame.
    """

    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        check_sigmas(self.sigmas)

    def walk(self, denoise: Denoise, noise: Tensor) -> Tensor:
        """From unit noise (B, C, H, W) to a clean frame of the same shape.

        denoise: (x, sigma) → estimate of the clean frame.
        """
        x = noise * self.sigmas[0]
        for sigma, lower in zip(self.sigmas, [*self.sigmas[1:], 0.0], strict=True):
            x = toward(denoise(x, sigma), x, sigma, lower)
        return x

    def first(self, count: int) -> Levels:
        """The walk that ends after so many of the levels."""
        return Levels(self.sigmas[:count])


def sample(denoise: DenoiseAfter, noise: Tensor, context: Tensor, config: SamplerConfig) -> Tensor:
    """Walk from noise to a clean frame (B, C, H, W) in the way that `config` says.

    denoise: (x, sigma, context) → estimate of the clean frame, same shape as x.
    noise:   (B, D, C, H, W) of unit variance, D = config.draws(T).
    context: (B, T, C, H, W), which noise may be added to.
    Source: Karras et al. 2022, algorithm 2; noise on the context as in DIAMOND.
    """
    *_, x = walk(denoise, noise, context, config)
    return x


def walk(
    denoise: DenoiseAfter, noise: Tensor, context: Tensor, config: SamplerConfig
) -> Iterator[Tensor]:
    """`sample`, yielding x after each step."""
    if noise.shape[1] != config.draws(context.shape[1]):
        raise ValueError(f"{config.draws(context.shape[1])} draws needed, not {noise.shape[1]}")
    x = noise[:, 0] * (1.0 if config.unit_start else config.sigma_max)
    used = 1
    levels = zip(config.sigmas, config.churned, [*config.sigmas[1:], 0.0], strict=True)
    for step, (sigma, raised, lower) in enumerate(levels):
        if raised > sigma:
            x = x + noise[:, used] * (config.s_noise * math.sqrt(raised**2 - sigma**2))
            used += 1
        if config.s_cond and (step == 0 or config.context_noise_adds_up):
            stop = used + context.shape[1]
            context = context + noise[:, used:stop] * config.s_cond
            used = stop
        first = denoise(x, sigma if config.churn_untold else raised, context)
        reached = toward(first, x, raised, lower)
        if config.order == 2 and lower > 0:
            second = denoise(reached, lower, context)
            slopes = (x - first) / raised + (reached - second) / lower
            x = x + slopes * ((lower - raised) / 2)
        else:
            x = reached
        yield x


def toward(clean: Tensor, x: Tensor, sigma: float, lower: float) -> Tensor:
    """Euler's step from x at level sigma straight towards the clean estimate, down to level lower.

    Source: Karras et al. 2022, algorithm 2, first order, no churn.
    """
    # x + (lower - sigma) · (x - clean)/sigma, written so that lower = 0 is exact.
    return clean if lower == 0 else clean + (x - clean) * (lower / sigma)


def check_sigmas(sigmas: Sequence[float]) -> None:
    """Raise ValueError unless noise levels are there, finite, positive and falling."""
    falling = all(higher > lower for higher, lower in pairwise([*sigmas, 0.0]))
    if not sigmas or not falling or sigmas[0] > LARGEST_SIGMA:
        raise ValueError(
            f"noise levels must be positive and falling, from {LARGEST_SIGMA:g} at most, "
            f"not {list(sigmas)}"
        )
