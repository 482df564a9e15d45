"""Growth of resident memory over a long run, from samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

TENTH = 0.1
MOST_GROWTH_MB = 20.0


def growth(looks: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return memory at the start and the end, in MB, and its growth, by name.

    looks: (seconds, MB), in order, at least one. Start and end are medians of the first and the
    last tenth; the slope is that of a line through all.
    """
    seconds, memory_mb = np.array(looks).T
    tenth = max(1, round(len(looks) * TENTH))
    start_mb, end_mb = np.median(memory_mb[:tenth]), np.median(memory_mb[-tenth:])
    slope = np.polyfit(seconds, memory_mb, 1)[0] if len(looks) > 1 else 0.0
    return {
        "memory_start_mb": float(start_mb),
        "memory_end_mb": float(end_mb),
        "memory_growth_mb": float(end_mb - start_mb),
        "memory_slope_mb_per_hour": float(slope * 3600),
    }


def too_much(numbers: Mapping[str, float], most: Mapping[str, float]) -> list[str]:
    """Return a line for each figure that is above its limit or was not measured."""
    return [
        f"{name} is {numbers[name]:.3g} and may be {limit:.3g}"
        if name in numbers
        else f"{name} was not measured"
        for name, limit in most.items()
        if not numbers.get(name, math.inf) <= limit
    ]
