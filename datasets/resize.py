"""Antialiased shrinking of frames."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 50  # frames in floating point


def shrink(frames: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resize (N, H, W, 3) to (N, height, width, 3), both uint8, bicubic with antialiasing.

    The same filter as PyTorch's `interpolate(mode="bicubic", antialias=True)`: Keys' cubic with
    a = -0.5, stretched by the ratio of the sizes, cut off and made to sum to 1 at the borders.
    """
    count, old_height, old_width, colours = frames.shape
    rows = _weights(old_height, height)
    columns = _columns(old_width, width, colours)
    small = np.empty((count, height, width, colours), np.uint8)
    for first in range(0, count, AT_ONCE):
        part = frames[first : first + AT_ONCE].astype(np.float32)
        part = rows @ part.reshape(len(part), old_height, old_width * colours)
        part = part.reshape(-1, old_width * colours) @ columns
        levels = np.rint(part.reshape(-1, height, width, colours)).clip(0, 255)
        small[first : first + AT_ONCE] = levels
    return small


@functools.cache
def _columns(old: int, new: int, colours: int) -> NDArray[np.float32]:
    """Return weights for rows of interleaved pixels, float32 (old * colours, new * colours).

    Colours stay where they are, so that a pass over pixels is a plain matrix product.
    """
    return np.kron(_weights(old, new).T, np.eye(colours, dtype=np.float32))


@functools.cache
def _weights(old: int, new: int) -> NDArray[np.float32]:
    """Return the weight of each of `old` pixels in each of `new` ones, float32 (new, old)."""
    scale = old / new
    stretch = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale
    away = np.abs((np.arange(old) + 0.5)[None] - centres[:, None]) / stretch
    near = (1.5 * away - 2.5) * away**2 + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = np.where(away < 1, near, np.where(away < 2, far, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
