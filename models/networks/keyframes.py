"""Keyframes: recorded frames with the poses they were taken from, to be recalled by pose.

Shapes: N poses of recordings, K keyframes, B poses asked about. Poses are (x, y, heading, pitch) as
models/networks/camera.py has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

KEY = 5  # numbers of a key


@dataclass(frozen=True)
class Keyframes:
    """A bank of frames uint8 (K, H, W, 3) and their poses float32 (K, 4).

    unit: map units that count as much as a radian, when it is told which pose is near.
    """

    frames: Tensor
    poses: Tensor
    unit: float

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or self.frames.dtype != torch.uint8:
            raise ValueError("keyframes must be uint8 (K, H, W, 3)")
        if self.poses.shape != (len(self.frames), 4) or self.poses.dtype != torch.float32:
            raise ValueError("a bank needs a pose float32 (4,) for each of its keyframes")
        if not len(self.frames) or not bool(self.poses.isfinite().all()):
            raise ValueError("a bank needs keyframes, with poses that are finite numbers")
        if not 0 < self.unit < float("inf"):
            raise ValueError(f"the unit of a bank must be positive, not {self.unit}")

    def __len__(self) -> int:
        """K."""
        return len(self.frames)

    def recall(self, poses: Tensor, count: int, barred: Tensor | None = None) -> Tensor:
        """Indices (B, count) of the keyframes nearest to poses (B, 4), nearest first.

        barred: (B, K) bool, keyframes that do not count for a pose unless all others are taken.
        """
        asked, known = keys(poses, self.unit), keys(self.poses, self.unit)
        # Not torch.cdist: by products of matrices it misjudges what is near.
        apart = (asked[:, None] - known).square().sum(dim=2)
        if barred is not None:
            apart = apart + barred * (1 + apart.max())
        return apart.topk(min(count, len(self)), largest=False).indices


def keys(poses: Tensor, unit: float) -> Tensor:
    """Points (N, 5) whose distances tell how far apart poses (N, 4) are: radians, about."""
    x, y, heading, pitch = poses.unbind(1)
    heading, pitch = torch.deg2rad(heading), torch.deg2rad(pitch)
    return torch.stack((x / unit, y / unit, heading.cos(), heading.sin(), pitch), dim=1)


def farthest_points(points: Tensor, count: int) -> Tensor:
    """Indices (count,) of points (N, D) that cover the rest: the first, then the farthest of all.

    Each next one is the farthest from those chosen before (Gonzalez 1985, "Clustering to minimize
    the maximum intercluster distance"). There are fewer if points are fewer, or the same.
    """
    chosen = [0]
    gap = torch.full((len(points),), float("inf"))
    while len(chosen) < min(count, len(points)):
        gap = torch.minimum(gap, (points - points[chosen[-1]]).square().sum(dim=1))
        farthest = int(gap.argmax())
        if gap[farthest] == 0:
            break
        chosen.append(farthest)
    return torch.tensor(chosen)
