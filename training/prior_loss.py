"""Lessons of the frame prior: recorded frames, spoilt as dreams spoil theirs, are to be mended.

Shapes: B frames, C = 3 channels, H W pixels, in [-1, 1].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.frame_prior import FramePrior

SIGMAS = (0.01, 0.4)  # least and largest deviation of the noise, drawn evenly by its logarithm
BLOT_PX = 6  # distance of the knots that places of damage are drawn at
BLOTTED = 0.2  # share of a damaged frame that is blotted
DAMAGED = 0.6  # share of frames with more than noise on them
LARGEST_BLEND = 0.5  # the most of another frame that shines through
COARSE = 2  # how many times the noise's deviation coarse colours have
LEAST = 1e-8  # squared error below which the root would be too steep


def prior_loss(prior: FramePrior, frames: Tensor, generator: torch.Generator) -> Tensor:
    """Return the mean over frames (B, C, H, W) of the root mean square error of mending them.

    The root makes a frame that is nearly right count as much as one that is far off: what play
    needs is that a good frame stays as it is. The frames should be of different moments.
    """
    low, high = (math.log(sigma) for sigma in SIGMAS)
    drawn = low + (high - low) * torch.rand(len(frames), generator=generator)
    sigma = drawn.exp().to(frames.device)
    mended = prior(spoilt(frames, sigma, generator), sigma)
    return (mended - frames).square().mean(dim=(1, 2, 3)).add(LEAST).sqrt().mean()


def spoilt(frames: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Return frames (B, C, H, W) with noise of deviation sigma (B,), and often blotted.

    In blots either another of the frames shines through or there are coarse colours, which dreams
    gather and plain noise never looks like.
    """
    b, _, height, width = frames.shape
    level = sigma[:, None, None, None]

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(frames.device)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(frames.device)

    knots = uniform(b, 1, height // BLOT_PX + 1, width // BLOT_PX + 1)
    places = F.interpolate(knots, size=(height, width), mode="bilinear", align_corners=False)
    blots = (places > 1 - BLOTTED) & (uniform(b, 1, 1, 1) < DAMAGED)
    coarse = normal(b, 3, -(-height // 2), -(-width // 2)).repeat_interleave(2, 2)
    colours = COARSE * level * coarse.repeat_interleave(2, 3)[..., :height, :width]
    blend = LARGEST_BLEND * uniform(b, 1, 1, 1) * (frames.roll(1, 0) - frames)
    wrong = torch.where(uniform(b, 1, 1, 1) < 0.5, blend, colours)
    return frames + blots * wrong + level * normal(*frames.shape)
