"""Curves of figures over the seconds of play, as a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from base.files import replacing

SMOOTH_S = 10.0  # of the mean that is drawn


def draw(
    path: Path,
    seconds: NDArray[np.float64],
    curves: Mapping[str, Sequence[float] | NDArray[np.float64]],
    title: str,
) -> None:
    """Write shares over time, in percent, each the mean of the ten seconds around.

    seconds: (N,) of play, rising. curves: by their names, (N,) values from 0 to 1.
    """
    from matplotlib.figure import Figure  # not pyplot: that would ask for a display

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        axes.plot(seconds, 100 * smoothed(seconds, np.asarray(values, np.float64)), label=name)
    axes.set(title=title, xlabel="seconds of play", ylabel="%", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def smoothed(seconds: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the values within SMOOTH_S around each second."""
    first = np.searchsorted(seconds, seconds - SMOOTH_S / 2)
    after = np.searchsorted(seconds, seconds + SMOOTH_S / 2, side="right")
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means: NDArray[np.float64] = (sums[after] - sums[first]) / (after - first)
    return means
