"""The denoiser: from a noisy guess, the last frames and the actions, the next frame.

Shapes: B batch, T context frames, C = 3 channels, H W pixels, A action width, K conditioning width.
Frames are floats in [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.frames import quantise, truncate
from models.networks.texture import texture_error
from models.networks.unet import UNet, UNetConfig
from models.networks.warping import warp
from models.sampler import Levels, SamplerConfig, sample

FRAME_STD = 0.5  # of frames in [-1, 1], near enough for every game: scales the context
CHANGED = 0.02  # of [-1, 1]: two and a half grey levels, above what averaging and noise leave
NEAR = 3  # pixels to each side of one that changes, in which a moving camera changes all
FLOW = 1 / 14  # of the width: how far a flow of 1 moves, since outputs of 1 are ordinary ones
Target = Literal["frame", "change", "warp"]


@dataclass(frozen=True)
class DenoiserConfig:
    """What a denoiser is made of and what it predicts.

    height, width: of a frame, in pixels.
    context:       T, how many past frames it sees.
    actions:       A, the width of an action vector; one action belongs to each context frame.
                   0 for a network that is told none, as one that enlarges frames.
    target:        what noise is added to and the network estimates: the next "frame", or its
                   "change" against the last one. Most of a game's picture stays as it is, so a
                   change is mostly 0 and a network's capacity goes to what moves. Where a camera
                   turns, everything does: with "warp" it is also the change, but the network
                   tells where each pixel comes from, and what it estimates besides is what moving
                   the last frame's pixels leaves over.
    sigma_data:    standard deviation of the target; of a "warp", of what is left over.

    Off, unless released weights expect it:
    sigma_offset:  deviation of further noise in training, one value for each channel of a frame;
                   the preconditioning counts it in.
    noised_context: the network is told how much noise there is on the context.
    last_actions:  the network is told the actions at so many of the last context frames only; at
                   all of them if it is 0 or more than there are.
    floor:         every estimate of a frame is clamped and brought to the level below it, of the
                   256 that stored frames have; else finished frames are, to the nearest.
    """

    height: int
    width: int
    context: int
    actions: int
    target: Target
    sigma_data: float
    unet: UNetConfig
    sigma_offset: float = 0.0
    noised_context: bool = False
    last_actions: int = 0
    floor: bool = False

    @property
    def actions_told(self) -> int:
        """At how many of the last frames it is told the action."""
        return min(self.last_actions or self.context, self.context)

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.context) < 1 or self.actions < 0:
            raise ValueError("height, width and context must be positive, and actions not negative")
        if not 0 < self.sigma_data < 100:
            raise ValueError(f"sigma_data must be positive, not {self.sigma_data}")
        if self.target not in get_args(Target):
            known = ", ".join(get_args(Target))
            raise ValueError(f"target must be one of {known}, not '{self.target}'")
        if self.last_actions < 0:
            raise ValueError(f"last_actions must not be negative, and {self.last_actions} is")
        if self.unet.cond % (2 * self.actions_told):
            raise ValueError(f"unet.cond must be a multiple of {2 * self.actions_told}")
        if not 0 <= self.sigma_offset < 100:
            raise ValueError(f"sigma_offset must be between 0 and 100, not {self.sigma_offset}")
        if self.floor and self.target != "frame":
            raise ValueError("floor is for estimates of frames, not of changes")


class FourierFeatures(nn.Module):
    """A number as cosines and sines of random frequencies (Karras et al. 2022, after Song)."""

    weight: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        # On the CPU whatever the default device: drawing on "meta" imports half of torch.
        self.register_buffer("weight", torch.randn(1, width // 2, device="cpu"))

    def forward(self, value: Tensor) -> Tensor:
        """value (B,) → (B, width)."""
        angle = 2 * math.pi * value[:, None] * self.weight
        return torch.cat((angle.cos(), angle.sin()), dim=1)


class Denoiser(nn.Module):
    """A U-Net with EDM's preconditioning (Karras et al. 2022, table 1).

    OLDEST: which weight reads the frames, and at which of its inputs the oldest begins.
    """

    OLDEST = ("unet.conv_in.weight", 0)

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width = config.unet.cond
        self.noise_embedding = FourierFeatures(width)
        self.context_noise_embedding = FourierFeatures(width) if config.noised_context else None
        self.action_embedding = (
            nn.Linear(config.actions, width // config.actions_told, bias=False)
            if config.actions
            else None
        )
        self.cond = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        outputs = 5 if config.target == "warp" else 3  # a flow, beside colours
        self.unet = UNet(3 * (config.context + 1), outputs, config.unet)

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        context: Tensor,
        actions: Tensor | None,
        context_sigma: Tensor | None = None,
    ) -> Tensor:
        """Estimate the clean target.

        x (B, C, H, W) is the target plus noise of deviation sigma (B,); context (B, T, C, H, W)
        is oldest first; actions (B, T, A), of which row t was taken at context frame t, or None
        for a network that is told none; context_sigma (B,) is how much noise there is on the
        context, for a network that is told it: None is none.
        Returns (B, C, H, W), float32.
        """
        c_in, c_skip, c_out = self.scales(sigma)
        output = self.network(x * c_in, sigma, context, actions, context_sigma)
        return self.estimate(self.drawn(x, c_skip, context, output) + c_out * output[:, :3])

    def estimate(self, denoised: Tensor) -> Tensor:
        """What counts as the network's estimate: as it is, or one of the levels of a frame."""
        return truncate(denoised) if self.config.floor else denoised

    def drawn(self, x: Tensor, c_skip: Tensor, context: Tensor, output: Tensor) -> Tensor:
        """What is taken over of the noisy target and, for a "warp", of the last frame moved.

        c_skip (B, 1, 1, 1) is of `scales`; output (B, C + 2, H, W) is the network's: beyond
        colours the flow, which says for each pixel where in the last frame it comes from, to the
        right and downwards.
        """
        if self.config.target != "warp":
            return c_skip * x
        last = context[:, -1].float()
        moved = warp(last, FLOW * self.config.width * output[:, 3:])
        return c_skip * x + (1 - c_skip) * (moved - last)

    def deviation(self, sigma: Tensor) -> Tensor:
        """Of all noise on the target, in the shape of `sigma`: the offset's counts too."""
        offset = self.config.sigma_offset
        return (sigma**2 + offset**2).sqrt() if offset else sigma

    def scales(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """c_in, c_skip and c_out of noise levels (B,), each (B, 1, 1, 1)."""
        sigma = self.deviation(sigma)[:, None, None, None]
        total = sigma**2 + self.config.sigma_data**2
        c_out = sigma * self.config.sigma_data / total.sqrt()
        return 1 / total.sqrt(), self.config.sigma_data**2 / total, c_out

    def network(
        self,
        x: Tensor,
        sigma: Tensor,
        context: Tensor,
        actions: Tensor | None,
        context_sigma: Tensor | None = None,
    ) -> Tensor:
        """The bare network: shapes as in `forward`, x already scaled to unit variance."""
        told = self.noise_embedding(self.deviation(sigma).log() / 4)
        if self.context_noise_embedding is not None:
            level = torch.zeros_like(sigma) if context_sigma is None else context_sigma.log() / 4
            told = told + self.context_noise_embedding(level)
        if self.action_embedding is not None:
            if actions is None:
                raise ValueError("this denoiser needs actions")
            told = told + self.action_embedding(actions[:, -self.config.actions_told :]).flatten(1)
        x = torch.cat((context.flatten(1, 2) / FRAME_STD, x), dim=1)
        return self.unet(x, self.cond(told)).float()

    def loss(
        self,
        frame: Tensor,
        sigma: Tensor,
        noise: Tensor,
        context: Tensor,
        actions: Tensor | None,
        changed_weight: float = 1.0,
        shown: Tensor | None = None,
        context_sigma: Tensor | None = None,
        offset: Tensor | None = None,
        learnt: Tensor | None = None,
        texture_weight: float = 0.0,
        textured: Tensor | None = None,
        loose: Tensor | None = None,
        begins: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Training loss of each example (B,), and the estimated frame (B, C, H, W), detached.

        frame: the true next frame; noise: unit noise of the same shape. Pixels where the target
        moves count `changed_weight` times: they are few, and they are the game. The loss is the
        squared error of the network's own output, as EDM weighs it.
        shown: the context as the network sees it, if not as it is: with noise, say. The target
        stays the change against the true last frame, so the noise need not be undone, and what
        moves is told apart from what is only noisy.
        context_sigma: (B,) how much noise there is on what is shown, for a network that is told.
        offset: (B, C, 1, 1) unit noise, for a network with sigma_offset.
        learnt: (B, 1, H, W) bool, the pixels that count; None is all.
        texture_weight: how much `texture_error` counts beside the squared error.
        textured: (B,) bool, the examples that it counts in; None is all.
        loose: (B,) bool, of an enlarged frame: the examples whose details nobody knows. Of these
        the squared error is that against the last frame seen, averaged over the squares that the
        network folds, and texture counts in no others. None is as if there were no such thing.
        begins: (B,) bool, the examples that are shown noise alone, as play begins. Walks of few
        steps begin so low that the target shines through, and a network would rely on that. None is
        none of them.
        """
        target = frame - self.base(context)
        c_in, c_skip, c_out = self.scales(sigma)
        x = target + sigma[:, None, None, None] * noise
        if begins is not None:
            x = x - begins[:, None, None, None] * target
        if self.config.sigma_offset:
            if offset is None:
                raise ValueError("a denoiser with sigma_offset learns with offset noise")
            x = x + self.config.sigma_offset * offset
        seen = context if shown is None else shown
        output = self.network(x * c_in, sigma, seen, actions, context_sigma)
        drawn, output = self.drawn(x, c_skip, context, output), output[:, :3]
        error = (output - (target - drawn) / c_out).square()
        if changed_weight != 1.0:
            error = error * self.weight(frame, context, changed_weight)
        if learnt is not None:
            error = error * learnt
        loss = error.mean(dim=(1, 2, 3))
        clean = drawn + c_out * output
        if texture_weight or loose is not None:
            every = torch.ones_like(sigma, dtype=torch.bool)
            rows = next(chosen for chosen in (loose, textured, every) if chosen is not None)
            made = (self.base(context) + clean)[rows]
            off = texture_weight * texture_error(made, frame[rows], self.config.unet.patch)
            if loose is not None:
                coarse = F.avg_pool2d(clean[rows], self.config.unet.patch)
                off = off + coarse.square().mean(dim=(1, 2, 3))
                loss = loss.masked_fill(loose, 0.0)
            off = off / c_out.flatten()[rows].square()
            loss = loss + torch.zeros_like(loss).masked_scatter(rows, off)
        return loss, self.base(context) + self.estimate(clean).detach()

    def weight(self, frame: Tensor, context: Tensor, changed: float) -> Tensor:
        """How much each pixel counts, (B, 1, H, W): `changed` where the target moves, else 1."""
        moved = (frame - context[:, -1]).abs().amax(dim=1, keepdim=True) > CHANGED
        return 1 + (changed - 1) * moved

    def base(self, context: Tensor) -> Tensor:
        """What the target is relative to, (B, C, H, W): the last frame, or zero."""
        last = context[:, -1]
        return torch.zeros_like(last) if self.config.target == "frame" else last

    def next_frame(
        self,
        noise: Tensor,
        context: Tensor,
        actions: Tensor,
        levels: Levels,
        shown: Tensor | None = None,
    ) -> Tensor:
        """Dream the next frame (B, C, H, W), one of the 256 levels in every value.

        noise: unit noise (B, C, H, W).
        shown: the context as the network sees it, if not as it is, as in `loss`.
        """
        seen = context if shown is None else shown

        def denoise(x: Tensor, sigma: float) -> Tensor:
            return self(x, torch.full((x.shape[0],), sigma, device=x.device), seen, actions)

        return self.finished(self.base(context), levels.walk(denoise, noise))

    def sample(
        self, noise: Tensor, context: Tensor, actions: Tensor | None, sampler: SamplerConfig
    ) -> Tensor:
        """`next_frame` by a sampler of many ways; noise (B, D, C, H, W), D = sampler.draws(T)."""

        def denoise(x: Tensor, sigma: float, seen: Tensor) -> Tensor:
            told = torch.full((x.shape[0],), sigma, device=x.device)
            noised = torch.full_like(told, sampler.s_cond) if sampler.s_cond else None
            return self(x, told, seen, actions, noised)

        return self.finished(self.base(context), sample(denoise, noise, context, sampler))

    def finished(self, base: Tensor, made: Tensor) -> Tensor:
        """The frame (B, C, H, W) that a target made relative to `base` is of."""
        return quantise(base + self.settle(made))

    def settle(self, estimate: Tensor) -> Tensor:
        """A finished estimate of the target; of a change, what is too faint to be one is none.

        Else the network's faint errors add up, and over a thousand steps a picture fades. Where a
        camera moves nothing rests: near what changes faint changes are what keeps edges sharp. A
        network that enlarges, and so is told no actions, adds to a frame that it did not make:
        faint details are details.
        """
        if self.config.target == "frame" or not self.config.actions:
            return estimate
        if self.config.target == "change":
            return F.hardshrink(estimate, CHANGED)
        most = estimate.abs().amax(dim=1, keepdim=True)
        most = F.max_pool2d(most, 2 * NEAR + 1, stride=1, padding=NEAR)
        return torch.where(most > CHANGED, estimate, 0.0)
