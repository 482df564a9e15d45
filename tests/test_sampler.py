"""The sampler, against the paper's formula written out in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.sampler import check_sigmas, euler


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


@pytest.mark.parametrize("sigmas", [[1.0], [2.0, 0.5], [5.0, 1.0, 0.3, 0.002]])
def test_the_walk_is_the_papers(sigmas: list[float]) -> None:
    noise = np.random.default_rng(3).standard_normal((2, 3, 4, 5))
    made = euler(denoise, torch.from_numpy(noise), sigmas)
    np.testing.assert_allclose(made.numpy(), reference(denoise, noise, sigmas), rtol=1e-9)


def test_each_level_is_called_once_and_the_last_answer_is_the_frame() -> None:
    called = []

    def constant(x: Tensor, sigma: float) -> Tensor:
        called.append((x[0].item(), sigma))
        return torch.full_like(x, 0.25)

    made = euler(constant, torch.ones(1), [2.0, 0.5])
    assert made.item() == 0.25  # exactly: no rounding on the last step
    assert called == [(2.0, 2.0), (0.25 + 1.75 / 4, 0.5)]


@pytest.mark.parametrize(
    "wrong", [[], [0.5, 2.0], [1.0, 1.0], [1.0, 0.0], [-1.0], [math.nan], [math.inf, 1.0]]
)
def test_levels_that_do_not_fall_to_0_are_refused(wrong: list[float]) -> None:
    for refuse in (check_sigmas, lambda sigmas: euler(denoise, torch.ones(1), sigmas)):
        with pytest.raises(ValueError, match="noise levels must be positive and falling"):
            refuse(wrong)
