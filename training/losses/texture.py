"""Texture: how sharp a frame is, whatever it shows, as a loss.

Where an edge's place cannot be known the least squared error has a network blur it, and of blurred
frames a dream makes more blurred ones. Here an edge that is a pixel off costs little, and one that
is missing much.

Shapes: B batch, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.losses.denoising import Prediction

DISTANCES_PX = (1, 2, 4)  # distances at which pixels are compared: fine, and coarser
LEAST = 0.02  # of [-1, 1]: smaller differences are hardly any
REACH_PX = 3  # pixels to each side that are around a place, of which every other is looked at


def texture_loss(prediction: Prediction, rows: Tensor, patch: int = 1) -> Tensor:
    """Return the texture error of estimated frames, (B,), in units of the network's output.

    rows: (B,) bool, the examples it is of; others are 0. patch: as `folded` of `texture_error`.
    """
    error = texture_error(prediction.made(rows), prediction.frame[rows], patch)
    return prediction.scattered(error, rows)


def texture_error(made: Tensor, true: Tensor, folded: int = 1) -> Tensor:
    """Return how unlike the texture of frames (B, C, H, W) is, (B,).

    Texture is how much a frame changes from pixel to pixel around each place, whichever way, as a
    root mean square; the error of it is squared.
    folded: edge of the squares that a network folds into channels. It is quick to draw the same
    weave into each, so pixels are compared at that distance and twice that too.
    """
    errors = []
    for axis in (2, 3):
        for distance in sorted({*DISTANCES_PX, folded, 2 * folded}):
            count = true.shape[axis] - distance
            steps = (
                frame.narrow(axis, distance, count) - frame.narrow(axis, 0, count)
                for frame in (made, true)
            )
            sizes = [(_around(step.square()) + LEAST**2).sqrt() for step in steps]
            errors.append((sizes[0] - sizes[1]).square().mean(dim=(1, 2, 3)))
    return torch.stack(errors).mean(dim=0)


def _around(values: Tensor) -> Tensor:
    """Return means of (B, C, H, W) around every other place."""
    edge = 2 * REACH_PX + 1
    return F.avg_pool2d(values, edge, stride=2, padding=REACH_PX)
