"""Loss of the frame prior: recorded frames, spoilt as dreams spoil theirs, are to be mended.

Where nobody can know what comes, a denoiser shows a thing faintly in several places. The prior
learns to show it in the likeliest one: of a few moments that shine through one another, the
strongest is the frame to learn. In other examples a dream's dirt is to go.

Shapes: B examples, T moments in a row, C = 3 channels, H W pixels, in [-1, 1].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks.frame_prior import FramePrior

SIGMAS = (0.01, 0.4)  # least and largest deviation of the noise, drawn evenly by its logarithm
MOMENTS = 4  # the frame and those before it that shine through
BLURRED = 0.5  # share of examples in which they do
STRONGEST = 0.45  # the most of one of them
BLOT_PX = 6  # distance of the knots that places of damage are drawn at
BLOTTED = 0.2  # share of a blotted frame that is
SPOILT = 0.6  # share of examples with blots
LARGEST_BLEND = 0.5  # the most of another frame in them
COARSE = 2  # deviation of coarse colours, in those of the noise
LEAST = 1e-8  # squared error below which the root would be too steep


def prior_loss(prior: FramePrior, moments: Tensor, generator: torch.Generator) -> Tensor:
    """Return the mean over examples of the root mean square error of mending their last moment.

    moments: (B, T, C, H, W), T of at least 2, oldest first; different examples should be of
    different places. The root makes a frame that is nearly right count as much as one that is far
    off: what play needs is that a good frame stays as it is.
    """
    frames = moments[:, -1]
    low, high = (math.log(sigma) for sigma in SIGMAS)
    drawn = low + (high - low) * torch.rand(len(frames), generator=generator)
    sigma = drawn.exp().to(frames.device)
    wrong = spoilt(blurred(moments, generator), sigma, generator)
    return (prior(wrong, sigma) - frames).square().mean(dim=(1, 2, 3)).add(LEAST).sqrt().mean()


def blurred(moments: Tensor, generator: torch.Generator) -> Tensor:
    """Return the last moments (B, C, H, W), in some of which two earlier ones shine through.

    Neither is ever as strong as the last one.
    """
    b, device = len(moments), moments.device
    shape = (b, 1, 1, 1)
    first = STRONGEST * torch.rand(shape, generator=generator)
    most = torch.minimum(1 - 2 * first, (1 - first) / 2).clamp(max=STRONGEST)
    second = most * torch.rand(shape, generator=generator)
    share = torch.stack((first, second)) * (torch.rand(shape, generator=generator) < BLURRED)
    reach = min(MOMENTS, moments.shape[1])
    which = torch.randint(1, reach, (2, b), generator=generator)
    share[1, which[0] == which[1]] = 0  # or together they might be the strongest
    rows = torch.arange(b)
    last, total = moments[:, -1], moments[:, -1]
    for part, back in zip(share.to(device), which, strict=True):
        total = total + part * (moments[rows, -1 - back] - last)
    return total


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
    blots = (places > 1 - BLOTTED) & (uniform(b, 1, 1, 1) < SPOILT)
    coarse = normal(b, 3, -(-height // 2), -(-width // 2)).repeat_interleave(2, 2)
    colours = COARSE * level * coarse.repeat_interleave(2, 3)[..., :height, :width]
    blend = LARGEST_BLEND * uniform(b, 1, 1, 1) * (frames.roll(1, 0) - frames)
    wrong = torch.where(uniform(b, 1, 1, 1) < 0.5, blend, colours)
    return frames + blots * wrong + level * normal(*frames.shape)
