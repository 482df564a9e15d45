"""The samplers, against the paper's formulas written out in NumPy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.sampler import Sampler, check_sigmas, karras_sampler, sample, trajectory
from models.schedule import karras


def denoise(x, sigma: float):  # type: ignore[no-untyped-def]  # arrays and tensors alike
    """Any smooth function of both will do."""
    return 0.3 * x**2 / (1 + sigma) - 0.1 * x + sigma / 7


def reference(
    denoise: Callable[[np.ndarray, float], np.ndarray], noise: np.ndarray, sigmas: list[float]
) -> np.ndarray:
    """Karras et al. 2022, algorithm 2 without churn and without the second-order correction."""
    times = [*sigmas, 0.0]
    x = times[0] * noise
    for i in range(len(sigmas)):
        slope = (x - denoise(x, times[i])) / times[i]
        x = x + (times[i + 1] - times[i]) * slope
    return x


def euler(denoise: Callable[[Any, float], Any], noise: Tensor, sampler: Sampler) -> Tensor:
    """Sample with nothing but a start, whatever the context."""
    nothing = torch.zeros(len(noise), 2, *noise.shape[1:])
    return sample(lambda x, sigma, _: denoise(x, sigma), noise[:, None], nothing, sampler)


@pytest.mark.parametrize("sigmas", [[1.0], [2.0, 0.5], [5.0, 1.0, 0.3, 0.002]])
def test_levels_are_gone_down_as_in_the_paper(sigmas: list[float]) -> None:
    noise = np.random.default_rng(3).standard_normal((2, 3, 4, 5))
    made = euler(denoise, torch.from_numpy(noise), Sampler(tuple(sigmas)))
    np.testing.assert_allclose(made.numpy(), reference(denoise, noise, sigmas), rtol=1e-9)


def test_each_level_is_called_once_and_the_last_answer_is_the_frame() -> None:
    called = []

    def constant(x: Tensor, sigma: float) -> Tensor:
        called.append((x[0].item(), sigma))
        return torch.full_like(x, 0.25)

    made = euler(constant, torch.ones(1), Sampler((2.0, 0.5)))
    assert made.item() == 0.25  # exactly: no rounding on the last step
    assert called == [(2.0, 2.0), (0.25 + 1.75 / 4, 0.5)]


@pytest.mark.parametrize(
    "wrong", [[], [0.5, 2.0], [1.0, 1.0], [1.0, 0.0], [-1.0], [math.nan], [math.inf, 1.0]]
)
def test_levels_that_do_not_fall_to_0_are_refused(wrong: list[float]) -> None:
    for refuse in (check_sigmas, lambda sigmas: Sampler(tuple(sigmas))):
        with pytest.raises(ValueError, match="noise levels must be positive and falling"):
            refuse(wrong)


B, T, SIDE = 2, 2, 4
PLAIN = karras_sampler(4, 0.1, 3.0)
CHURN = dataclasses.replace(PLAIN, s_churn=1.5, s_tmin=0.2, s_tmax=2.5, s_noise=1.1)
CASES = {
    "plain": PLAIN,
    "heun": dataclasses.replace(PLAIN, order=2),
    "churn": CHURN,
    "churn and heun": dataclasses.replace(CHURN, order=2),
    "much churn": dataclasses.replace(CHURN, s_churn=100.0, s_tmin=0.0, s_tmax=1000.0),
    "noised context": dataclasses.replace(CHURN, s_cond=0.3),
    "one step": karras_sampler(1, 0.1, 3.0, s_churn=1.0, s_cond=0.3),
    "unit start": dataclasses.replace(PLAIN, unit_start=True),
    "churn untold": dataclasses.replace(CHURN, order=2, churn_untold=True),
    "context noise adds up": dataclasses.replace(CHURN, s_cond=0.3, context_noise_adds_up=True),
}


def denoise_after(x, sigma: float, context):  # type: ignore[no-untyped-def]
    return denoise(x, sigma) + (context**2).sum(axis=1) / 10


def stochastic(noise: np.ndarray, context: np.ndarray, config: Sampler) -> list[np.ndarray]:
    """Karras et al. 2022, algorithm 2, by its own lines, and x after each step."""
    draws = iter(np.moveaxis(noise, 1, 0))
    times = [*config.sigmas, 0.0]
    x = next(draws) * (1 if config.unit_start else times[0])
    made = []
    for i in range(config.steps):
        churns = config.s_tmin <= times[i] <= config.s_tmax
        gamma = min(config.s_churn / config.steps, math.sqrt(2) - 1) if churns else 0
        raised = times[i] * (1 + gamma)
        if gamma > 0:
            x = x + math.sqrt(raised**2 - times[i] ** 2) * config.s_noise * next(draws)
        if config.s_cond and (config.context_noise_adds_up or i == 0):
            context = context + config.s_cond * np.stack([next(draws) for _ in range(T)], axis=1)
        slope = (
            x - denoise_after(x, times[i] if config.churn_untold else raised, context)
        ) / raised
        ahead = x + (times[i + 1] - raised) * slope
        if config.order == 2 and times[i + 1] != 0:
            there = (ahead - denoise_after(ahead, times[i + 1], context)) / times[i + 1]
            ahead = x + (times[i + 1] - raised) * (slope / 2 + there / 2)
        x = ahead
        made.append(x)
    assert next(draws, None) is None
    return made


@pytest.mark.parametrize("name", CASES)
def test_every_way_of_walking_is_the_papers_but_for_what_is_named(name: str) -> None:
    config = CASES[name]
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((B, config.draws(T), 3, SIDE, SIDE))
    context = rng.standard_normal((B, T, 3, SIDE, SIDE))
    expected = stochastic(noise, context, config)
    given = (torch.from_numpy(noise), torch.from_numpy(context), config)
    steps = list(trajectory(denoise_after, *given))
    assert len(steps) == config.steps
    for made, step in zip(steps, expected, strict=True):
        np.testing.assert_allclose(made.numpy(), step, rtol=1e-9)
    assert torch.equal(sample(denoise_after, *given), steps[-1])


@pytest.mark.parametrize("wrong", [0, 2])
def test_too_much_noise_is_refused_as_too_little_is(wrong: int) -> None:
    noise, context = torch.randn(B, wrong, 3, SIDE, SIDE), torch.zeros(B, T, 3, SIDE, SIDE)
    with pytest.raises(ValueError, match=f"1 draws needed, not {wrong}"):
        sample(denoise_after, noise, context, PLAIN)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sigmas": tuple(range(101, 0, -1))}, "100 steps at most, not 101"),
        ({"sigma_min": 3.0}, "must rise"),
        ({"rho": 0.0}, "rho must be between 1 and 100"),
        ({"order": 3}, "order must be 1 or 2, not 3"),
        ({"s_churn": -1.0}, "s_churn and s_noise"),
        ({"s_noise": math.nan}, "s_churn and s_noise"),
        ({"s_tmin": 2.0, "s_tmax": 1.0}, "s_tmin and s_tmax"),
        ({"s_tmax": math.inf}, "s_tmin and s_tmax"),
        ({"s_cond": -0.1}, "s_cond must be between"),
    ],
)
def test_impossible_samplers_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(PLAIN, **wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((0, 0.1, 3.0), "1 to 100 steps, not 0"),
        ((101, 0.1, 3.0), "1 to 100 steps, not 101"),
        ((4, 0.0, 3.0), "must rise"),
        ((4, 3.0, 3.0), "must rise"),
        ((4, 0.1, math.inf), "must rise"),
        ((4, 0.1, math.nan), "must rise"),
        ((4, 0.1, 3.0, 0.0), "rho must be between 1 and 100"),
        ((4, 1.0, 1.0 + 1e-15), "must be positive and falling"),
    ],
)
def test_impossible_levels_are_refused(wrong: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        karras_sampler(*wrong)


def test_of_given_levels_the_first_ones_can_be_chosen() -> None:
    sampler = Sampler((2.0, 0.5, 0.25), order=2)
    assert sampler.with_steps(2) == Sampler((2.0, 0.5), order=2)


def test_of_levels_laid_out_between_two_there_can_be_any_number() -> None:
    for steps in (1, 2, 9):
        assert PLAIN.with_steps(steps) == karras_sampler(steps, 0.1, 3.0)
        assert PLAIN.with_steps(steps).sigmas == karras(steps, 0.1, 3.0)
        assert PLAIN.with_steps(steps).with_steps(4) == PLAIN
