"""Targets: what noise is added to and a denoiser estimates, one for each role of a network.

Shapes: B batch, T context frames, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks.target_names import TargetName
from models.networks.warping import warp

CHANGED = 0.02  # of [-1, 1]: two and a half grey levels, above what averaging and noise leave
NEAR_PX = 3  # to each side of a pixel that changes, within which a moving camera changes all
FLOW = 1 / 14  # of the width: how far a flow of 1 moves, since outputs of 1 are ordinary ones


class FrameTarget:
    """The next frame itself."""

    outputs = 3  # channels that the network puts out

    def base(self, context: Tensor) -> Tensor:
        """Return what the target is relative to, (B, C, H, W), after a context (B, T, C, H, W)."""
        return torch.zeros_like(context[:, -1])

    def skip(self, x: Tensor, c_skip: Tensor, context: Tensor, output: Tensor) -> Tensor:
        """Return the part of the estimate that is no colour output of the network, (B, C, H, W).

        x is the noisy target; c_skip (B, 1, 1, 1) of the preconditioning; output (B, outputs, H, W)
        the network's.
        """
        return c_skip * x

    def settle(self, estimate: Tensor) -> Tensor:
        """Return a finished estimate (B, C, H, W) as play takes it."""
        return estimate


class ChangeTarget(FrameTarget):
    """The change against the last frame.

    Most of a game's picture stays as it is, so a change is mostly 0 and a network's capacity goes
    to what moves.
    """

    def base(self, context: Tensor) -> Tensor:
        return context[:, -1]

    def settle(self, estimate: Tensor) -> Tensor:
        """Zero changes of CHANGED and less.

        Faint errors would add up, and over a thousand steps a picture would fade.
        """
        return F.hardshrink(estimate, CHANGED)


class WarpTarget(ChangeTarget):
    """The change against the last frame, most of it by moving that frame's pixels.

    Where a camera turns everything changes. The network tells where each pixel comes from; its
    colours are what moving the pixels leaves over.
    """

    outputs = 5  # colours, then the flow: to the right and downwards

    def skip(self, x: Tensor, c_skip: Tensor, context: Tensor, output: Tensor) -> Tensor:
        last = context[:, -1].float()
        moved = warp(last, FLOW * last.shape[-1] * output[:, 3:])
        return c_skip * x + (1 - c_skip) * (moved - last)

    def settle(self, estimate: Tensor) -> Tensor:
        """Zero changes unless one near them, within NEAR_PX, is above CHANGED.

        Beside larger changes, faint ones keep edges sharp.
        """
        most = estimate.abs().amax(dim=1, keepdim=True)
        most = F.max_pool2d(most, 2 * NEAR_PX + 1, stride=1, padding=NEAR_PX)
        return torch.where(most > CHANGED, estimate, 0.0)


class DetailTarget(ChangeTarget):
    """The detail that an upsampler adds to the enlarged frame, the last of its context.

    It adds to a frame that it did not make, so nothing accumulates, and faint detail is kept.
    """

    def settle(self, estimate: Tensor) -> Tensor:
        return estimate


TARGETS: Mapping[TargetName, FrameTarget] = {
    "frame": FrameTarget(),
    "change": ChangeTarget(),
    "warp": WarpTarget(),
}
UPSAMPLER_TARGETS: Mapping[TargetName, FrameTarget] = {
    "frame": FrameTarget(),
    "change": DetailTarget(),
}
