"""Estimate of how long training would take here, from a few updates or parts of updates."""

from __future__ import annotations

import dataclasses
import statistics
from functools import partial

from training.learners.base import Learner
from training.recipes.presets import Recipe
from training.recipes.two_sizes import FrameConfig
from training.speed import LONG_S, measured

UPDATES = 4


def part_of(recipe: Recipe) -> tuple[Recipe, int]:
    """Return a recipe whose updates are of one batch, and how many of those add up to one."""
    if isinstance(recipe, FrameConfig):
        return dataclasses.replace(recipe, accumulate=1), recipe.accumulate
    return recipe, 1


def update_seconds(learner: Learner, first: int, parts: int) -> float:
    """Return median seconds of an update, of a few from number `first`, which are made.

    learner: of a part's recipe. parts: how many of its batches add up to an update. What takes
    long is done once only.
    """
    times = []
    for index in range(first, first + UPDATES):
        gradients = partial(learner.gradients, index, learner.batches[index])
        seconds = measured(gradients, learner.device)
        times.append(parts * seconds + measured(partial(learner.step, index), learner.device))
        if seconds > LONG_S:
            break
    return statistics.median(times[1:] or times)
