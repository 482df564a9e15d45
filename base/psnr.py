"""Peak signal-to-noise ratio of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_DB = 60.0  # two equal frames count as this, not as infinitely alike


def mean_error(frames: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean squared error of uint8 frames, (..., H, W, C) or (..., C, H, W): (...).

    Values count between 0 and 1.
    """
    off = (frames.astype(np.float64) - others) / 255
    return np.asarray((off**2).mean(axis=(-3, -2, -1)))


def psnr_db(error: NDArray[np.float64] | float, most_db: float = MOST_DB) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of mean squared errors, in dB, at most `most_db`."""
    with np.errstate(divide="ignore"):
        return np.asarray(-10 * np.log10(np.maximum(error, 10 ** (-most_db / 10))))
