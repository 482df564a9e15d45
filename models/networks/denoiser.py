"""The denoiser: from a noisy guess, the last frames and the actions, the next frame.

Shapes: B batch, T context frames, C = 3 channels, H W pixels, A action width, K conditioning width.
Frames are floats in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, get_args

import torch
from torch import Tensor, nn

from models.frames import quantise, truncate
from models.networks.targets import TARGETS, UPSAMPLER_TARGETS, FrameTarget, TargetName
from models.networks.unet import UNet, UNetConfig
from models.sampler import Sampler, sample

FRAME_STD = 0.5  # of frames in [-1, 1], near enough for every game: scales the context


@dataclass(frozen=True)
class DenoiserConfig:
    """Architecture and target of a denoiser.

    height, width: of a frame, in pixels.
    context:       T, how many past frames it sees.
    actions:       A, the width of an action vector; one action belongs to each context frame.
                   0 for a network that is told none.
    target:        what noise is added to and the network estimates, by its name in
                   models.networks.targets.
    sigma_data:    standard deviation of the target; of a "warp", of what is left over.

    Off, unless released weights expect it:
    sigma_offset:  deviation of further noise in training, one value for each channel of a frame;
                   the preconditioning counts it in.
    noised_context: the network is told how much noise there is on the context.
    last_actions:  the network is told the actions at so many of the last context frames only; at
                   all of them if it is 0 or more than there are.
    floor:         every estimate of a frame is clamped and brought to the level below it, of the
                   256 that stored frames have; else finished frames are, to the nearest.

    Off, unless the world has a place memory:
    recalled:      how many recalled views of the next frame stand before the context.

    Off, unless the world looks far back:
    lags:          how many steps before the last context frame each frame that it looks at was,
                   rising from 0: a few frames tell of a long context. All of the context if empty.
    """

    height: int
    width: int
    context: int
    actions: int
    target: TargetName
    sigma_data: float
    unet: UNetConfig
    sigma_offset: float = 0.0
    noised_context: bool = False
    last_actions: int = 0
    floor: bool = False
    # Left out of what a config is printed as, by which replays know worlds that have none.
    recalled: int = field(default=0, repr=False)
    lags: tuple[int, ...] = field(default=(), repr=False)

    @property
    def given(self) -> int:
        """Number of pictures that it is given beside the noisy target: recalled views, and T."""
        return self.recalled + self.context

    @property
    def seen(self) -> tuple[int, ...]:
        """Which of these it looks at, in their order."""
        if not self.lags:
            return tuple(range(self.given))
        return (*range(self.recalled), *(self.given - 1 - lag for lag in reversed(self.lags)))

    @property
    def actions_told(self) -> int:
        """Number of the last context frames whose actions it is told."""
        return min(self.last_actions or self.context, self.context)

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.context) < 1 or self.actions < 0:
            raise ValueError("height, width and context must be positive, and actions not negative")
        if self.recalled < 0:
            raise ValueError(f"recalled must not be negative, and {self.recalled} is")
        if self.lags and (self.lags[0] != 0 or list(self.lags) != sorted(set(self.lags))):
            raise ValueError(f"lags must rise from 0, not be {list(self.lags)}")
        if self.lags and self.lags[-1] >= self.context:
            raise ValueError(f"a context of {self.context} has no frame {self.lags[-1]} steps back")
        if not 0 < self.sigma_data < 100:
            raise ValueError(f"sigma_data must be positive, not {self.sigma_data}")
        if self.target not in get_args(TargetName):
            known = ", ".join(get_args(TargetName))
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
        """Map value (B,) to (B, width)."""
        angle = 2 * math.pi * value[:, None] * self.weight
        return torch.cat((angle.cos(), angle.sin()), dim=1)


class Denoiser(nn.Module):
    """A U-Net with EDM's preconditioning (Karras et al. 2022, table 1).

    OLDEST:  which weight reads the frames, and at which of its inputs the oldest begins.
    TARGETS: the targets that there are for its role. target: its own.
    """

    OLDEST = ("unet.conv_in.weight", 0)
    TARGETS: ClassVar[Mapping[TargetName, FrameTarget]] = TARGETS

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        if config.target not in self.TARGETS:
            known = ", ".join(self.TARGETS)
            raise ValueError(f"target must be one of {known} here, not '{config.target}'")
        self.config = config
        self.target = self.TARGETS[config.target]
        width = config.unet.cond
        self.noise_embedding = FourierFeatures(width)
        self.context_noise_embedding = FourierFeatures(width) if config.noised_context else None
        self.action_embedding = (
            nn.Linear(config.actions, width // config.actions_told, bias=False)
            if config.actions
            else None
        )
        self.cond = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.unet = UNet(3 * (len(config.seen) + 1), self.target.outputs, config.unet)

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
        is oldest first, with recalled views before it; actions (B, T, A), of which row t was taken
        at context frame t, or None for a network that is told none; context_sigma (B,) is how much
        noise there is on the context, for a network that is told it: None is none.
        Returns (B, C, H, W), float32.
        """
        c_in, c_skip, c_out = self.scales(sigma)
        output = self.network(x * c_in, sigma, self.look(context), actions, context_sigma)
        skip = self.target.skip(x, c_skip, context, output)
        return self.estimate(skip + c_out * output[:, :3])

    def estimate(self, denoised: Tensor) -> Tensor:
        """Return an estimate of the target as it counts: as it is, or one of a frame's levels."""
        return truncate(denoised) if self.config.floor else denoised

    def deviation(self, sigma: Tensor) -> Tensor:
        """Return the deviation of all noise on the target, the offset's too, in sigma's shape."""
        offset = self.config.sigma_offset
        return (sigma**2 + offset**2).sqrt() if offset else sigma

    def scales(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return c_in, c_skip and c_out of noise levels (B,), each (B, 1, 1, 1)."""
        sigma = self.deviation(sigma)[:, None, None, None]
        total = sigma**2 + self.config.sigma_data**2
        c_out = sigma * self.config.sigma_data / total.sqrt()
        return 1 / total.sqrt(), self.config.sigma_data**2 / total, c_out

    def look(self, context: Tensor) -> Tensor:
        """Return the frames of a context (B, recalled + T, C, H, W) that the network looks at."""
        if not self.config.lags:
            return context
        return torch.cat([context[:, i : i + 1] for i in self.config.seen], dim=1)

    def network(
        self,
        x: Tensor,
        sigma: Tensor,
        seen: Tensor,
        actions: Tensor | None,
        context_sigma: Tensor | None = None,
    ) -> Tensor:
        """Run the bare network: shapes as in `forward`, x already scaled to unit variance.

        seen: the frames that `look` returned, (B, S, C, H, W).
        Returns float32 (B, target.outputs, H, W). Raises ValueError if actions are missing.
        """
        conditioning = self.conditioning(sigma, actions, context_sigma)
        x = torch.cat((seen.flatten(1, 2) / FRAME_STD, x), dim=1)
        return self.unet(x, self.cond(conditioning)).float()

    def conditioning(
        self, sigma: Tensor, actions: Tensor | None, context_sigma: Tensor | None
    ) -> Tensor:
        """Embed noise levels and actions: (B, K). Raises ValueError if actions are missing."""
        told = self.noise_embedding(self.deviation(sigma).log() / 4)
        if self.context_noise_embedding is not None:
            level = torch.zeros_like(sigma) if context_sigma is None else context_sigma.log() / 4
            told = told + self.context_noise_embedding(level)
        if self.action_embedding is not None:
            if actions is None:
                raise ValueError("this denoiser needs actions")
            told = told + self.action_embedding(actions[:, -self.config.actions_told :]).flatten(1)
        return told

    def sample(
        self, noise: Tensor, context: Tensor, actions: Tensor | None, sampler: Sampler
    ) -> Tensor:
        """Dream the next frame (B, C, H, W), one of the 256 levels in every value.

        noise: unit noise (B, D, C, H, W), D = sampler.draws(T). What noise it adds to the context
        the network alone sees.
        """

        def denoise(x: Tensor, sigma: float, seen: Tensor) -> Tensor:
            told = torch.full((x.shape[0],), sigma, device=x.device)
            noised = torch.full_like(told, sampler.s_cond) if sampler.s_cond else None
            return self(x, told, seen, actions, noised)

        return self.finished(self.target.base(context), sample(denoise, noise, context, sampler))

    def finished(self, base: Tensor, estimate: Tensor) -> Tensor:
        """Return the frame (B, C, H, W) of a finished estimate of the target relative to `base`."""
        return quantise(base + self.target.settle(estimate))


class Upsampler(Denoiser):
    """A denoiser that enlarges a frame.

    Its context is the large frame before and the small new one, enlarged; it is told no actions.
    """

    TARGETS = UPSAMPLER_TARGETS

    def __init__(self, config: DenoiserConfig) -> None:
        if config.actions:
            raise ValueError(f"an upsampler is told no actions, not {config.actions}")
        super().__init__(config)
