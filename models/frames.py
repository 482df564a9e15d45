"""The one pair of functions between stored frames and what a network sees."""

from __future__ import annotations

import torch
from torch import Tensor


def to_float(frame: Tensor) -> Tensor:
    """uint8 0..255 → float32 in [-1, 1], any shape."""
    return frame.float().div(127.5).sub(1)


def to_uint8(frame: Tensor) -> Tensor:
    """Float in [-1, 1] (clamped) → uint8, rounded, so all 256 values survive the round trip."""
    return frame.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def quantise(frame: Tensor) -> Tensor:
    """The nearest of the 256 levels a stored frame can have, still as float in [-1, 1]."""
    return to_float(to_uint8(frame))


def truncate(frame: Tensor) -> Tensor:
    """Quantise as released DIAMOND weights expect it: to the level below, not the nearest."""
    return frame.float().clamp(-1, 1).add(1).div(2).mul(255).floor().div(255).mul(2).sub(1)
