"""A place memory: how the world looks from a pose, told from frames that were taken near it.

Nothing that was dreamed is fed back, so nothing can fade: whatever came before, a pose shows the
same place. The recalled frames are turned to the new heading, which needs no depth, and moved to
the new position, for which a network tells one inverse depth for each pixel, shared by all of them,
and how much each counts there. It learns both from plain pictures, by making one from others, as
unsupervised depth does (Zhou et al. 2017, "Unsupervised learning of depth and ego-motion from
video"); what it sees is a plane sweep (Collins 1996, "A space-sweep approach to true multi-image
matching"): where the sources agree at a depth, that is the depth.

Shapes: B views, K sources, P planes of the sweep, C = 3 channels, H W pixels. Frames are floats in
[-1, 1]. Poses are (x, y, heading, pitch), as models/networks/camera.py has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.networks.camera import Camera, Offsets, bring, offsets, project
from models.networks.unet import UNet, UNetConfig

DEPTH_GAIN, WEIGHT_GAIN = 4.0, 6.0  # how far an output of 1 moves a logit
UNSEEN = 6.0  # what it takes from the logit of a source in which a pixel does not lie
FAR, TURNED = 4.0, 1.0  # what distance in units and turn in radians take from it at first


@dataclass(frozen=True)
class PlaceMemoryConfig:
    """Shape of the network, and the size of the world that it looks at.

    height, width: of a view in pixels. focal_px: its focal length in the same.
    sources: K, how many keyframes are recalled for a view.
    unit:    map units that weigh like a radian, when keyframes are recalled; the lengths below are
             in it.
    nearest, usual: the smallest depth that it can tell, and the one it tells at first.
    sweep:   depths at which the sources are compared, nearest first.
    """

    height: int
    width: int
    focal_px: float
    unet: UNetConfig
    sources: int = 4
    unit: float = 128.0
    nearest: float = 0.11
    usual: float = 1.6
    sweep: tuple[float, ...] = (0.3, 0.6, 1.2, 3.0, 60.0)

    def __post_init__(self) -> None:
        _ = self.camera
        if not 1 <= self.sources <= 16 or not 1 <= len(self.sweep) <= 16:
            raise ValueError("a place memory has 1 to 16 sources, and as many depths to compare at")
        if not 0 < self.nearest < self.usual < math.inf or not 0 < self.unit < math.inf:
            raise ValueError("nearest, usual and unit must be positive, and usual the larger depth")
        if not 0 < min(self.sweep) <= max(self.sweep) < math.inf:
            raise ValueError("the depths of the sweep must be positive")

    @property
    def camera(self) -> Camera:
        """The view's camera."""
        return Camera(self.height, self.width, self.focal_px)


@dataclass(frozen=True)
class Recalled:
    """A view made of sources.

    view:          (B, C, H, W), the sources blended.
    brought:       (B, K, C, H, W), each source as it looks from the view's pose.
    seen:          (B, K, H, W) bool, which of its pixels lie in the source at all.
    weights:       (B, K, H, W), how much each counts; they sum to 1.
    inverse_depth: (B, H, W), in one over units.
    """

    view: Tensor
    brought: Tensor
    seen: Tensor
    weights: Tensor
    inverse_depth: Tensor

    @property
    def best(self) -> Tensor:
        """The view with each pixel of the source that counts most there: sharper, less even."""
        index = self.weights.argmax(dim=1)[:, None, None].expand_as(self.brought[:, :1])
        return self.brought.gather(1, index)[:, 0]


class PlaceMemory(nn.Module):
    """A U-Net over a plane sweep of recalled frames."""

    def __init__(self, config: PlaceMemoryConfig) -> None:
        super().__init__()
        self.config = config
        width, count = config.unet.cond, config.sources
        told = 4 * count + 1
        self.cond = nn.Sequential(nn.Linear(told, width), nn.SiLU(), nn.Linear(width, width))
        planes = len(config.sweep) * 5 + 4 * count
        self.unet = UNet(planes, 1 + count, config.unet)

    def forward(self, poses: Tensor, frames: Tensor, taken_from: Tensor) -> Recalled:
        """Show the world from poses (B, 4).

        frames (B, K, C, H, W) are the sources in [-1, 1], taken_from (B, K, 4) their poses.
        """
        found = self.offsets(poses, taken_from)
        output = self.unet(self.sweep(found, frames), self.cond(told(found))).float()
        inverse_depth = self.depth_logit(output[:, 0]).sigmoid() / self.config.nearest
        return self.blend(found, frames, inverse_depth, output[:, 1:], self.config.camera)

    def offsets(self, poses: Tensor, taken_from: Tensor) -> Offsets:
        """Relate poses to their sources, with lengths in units."""
        scale = poses.new_tensor((self.config.unit, self.config.unit, 1, 1))
        return offsets(poses / scale, taken_from / scale)

    def sweep(self, found: Offsets, frames: Tensor) -> Tensor:
        """What the network sees (B, planes, H, W).

        For each depth of the sweep the mean of the sources as they look if all is that deep, how
        far they are from it, and how many there are; then each source as if all were at the usual
        depth, and where it is seen.
        """
        config = self.config
        depths = frames.new_tensor((*config.sweep, config.usual))
        inverse = (1 / depths)[None, :, None, None].expand(len(frames), -1, 1, 1)
        places, seen = project(config.camera, found, inverse)
        brought = bring(frames, places)
        there = seen[:, :, :-1, None].float()
        count = there.sum(dim=1)
        mean = (brought[:, :, :-1] * there).sum(dim=1) / count.clamp(min=1)
        apart = ((brought[:, :, :-1] - mean[:, None]).abs() * there).sum(dim=1)
        apart = apart.mean(dim=2, keepdim=True) / count.clamp(min=1)
        planes = (mean, apart, count / config.sources)
        return torch.cat(
            (
                *(plane.flatten(1, 2) for plane in planes),
                brought[:, :, -1].flatten(1, 2),
                seen[:, :, -1].float(),
            ),
            dim=1,
        )

    def depth_logit(self, output: Tensor) -> Tensor:
        """The inverse depth before its sigmoid; of an output of 0, that of the usual depth."""
        share = self.config.nearest / self.config.usual
        return DEPTH_GAIN * output + math.log(share / (1 - share))

    def blend(
        self, found: Offsets, frames: Tensor, inverse_depth: Tensor, output: Tensor, camera: Camera
    ) -> Recalled:
        """Bring sources to a view whose depth (B, H, W) is known, and blend them.

        output (B, K, H, W) says how much each counts, beside how near and how visible it is.
        """
        places, seen = project(camera, found, inverse_depth[:, None])
        brought, inside = bring(frames, places)[:, :, 0], seen[:, :, 0]
        further = FAR * found.distance + TURNED * found.turned.abs()
        logits = WEIGHT_GAIN * output - further[..., None, None] - UNSEEN * (~inside).float()
        weights = logits.softmax(dim=1)
        view = (brought * weights[:, :, None]).sum(dim=1)
        return Recalled(view, brought, inside, weights, inverse_depth)


def told(found: Offsets) -> Tensor:
    """What the network is told of its sources' places (B, 4 K + 1), in numbers of about 1."""
    parts = (found.forwards, found.right, found.turned, found.source_rise, found.rise)
    return torch.cat(parts, dim=1)
