"""What decides a training run, readable again from the file that it is saved in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from base.errors import UserError
from models.denoiser import DenoiserConfig, Target
from models.reward_end import RewardEndConfig
from models.unet import UNetConfig


@dataclass(frozen=True)
class TrainConfig:
    """The recipe for a world model that plays in a few denoising steps.

    Every value was measured on two CPU cores with Breakout; the notes say what it is for.
    """

    updates: int = 12_000
    """Optimiser steps in all; the learning rate falls over the last quarter of them."""
    batch: int = 32
    """Examples in an update."""
    streams: int = 16
    """Of these, how many continue the model's own dream instead of a recorded context."""
    stream_steps: int = 48
    """A dream is restarted from the recording after this many steps, or when it is lost."""
    sigmas: tuple[float, ...] = (2.0, 0.5)
    """Noise levels of play, one network call each; training starts where play starts."""
    share_first: float = 0.4
    """Share of the other examples at exactly the first level, where all is prediction."""
    share_later: float = 0.4
    """Share of them at the later levels; the rest is spread log-normally below the first."""
    sigma_location: float = -1.2
    """Mean of ln sigma of that rest."""
    sigma_scale: float = 1.4
    """Standard deviation of ln sigma of that rest."""
    changed_weight: float = 13.0
    """How many times a pixel that changes counts: such pixels are few, and they are the game."""
    context_noise: float = 0.02
    """Noise on the context frames, in units of [-1, 1], so that small flaws are forgiven."""
    target: Target = "change"
    """What the network estimates: the next frame, or its change against the last one."""
    sigma_data: float = 0.1
    """Standard deviation of that target."""
    context: int = 4
    """Past frames that the network sees."""
    channels: tuple[int, ...] = (64, 96, 128, 160)
    """Widths of the U-Net's levels."""
    depths: tuple[int, ...] = (1, 1, 1, 1)
    """Residual blocks in each level."""
    patch: int = 2
    """Edge in pixels of the squares folded into channels before the first level."""
    cond: int = 256
    """Width of the conditioning vector."""
    head_channels: int = 64
    """Width of the reward and ending head."""
    learning_rate: float = 1e-3
    """Of AdamW, for all but the convolutions' weights."""
    muon_learning_rate: float = 3e-3
    """Of Muon, for those."""
    weight_decay: float = 0.01
    """Of both, on weights only."""
    warmup: int = 100
    """Updates over which the learning rate rises."""
    cooldown: float = 0.25
    """Share of the updates over which it falls to 0."""
    ema: float = 0.999
    """How much of the averaged weights stays at each update."""
    gradient_clip: float = 10.0
    """Largest gradient norm."""
    seed: int = 0
    """Decides examples, noise and initial weights."""

    def __post_init__(self) -> None:
        if self.updates < 1 or self.batch < 1:
            raise UserError("--updates and --batch must be 1 or more")
        if not 0 <= self.streams < self.batch:
            raise UserError(f"--streams must be 0 to {self.batch - 1}, fewer than --batch")
        if self.stream_steps < 1:
            raise UserError("--stream-steps must be 1 or more")
        if not self.sigmas or min(self.sigmas) <= 0:
            raise UserError("--sigmas must be one or more positive noise levels")
        if list(self.sigmas) != sorted(set(self.sigmas), reverse=True):
            raise UserError("--sigmas must fall")
        if not 0 <= self.share_first + self.share_later <= 1:
            raise UserError("--share-first and --share-later must add up to 1 or less")
        if not 0 <= self.ema < 1 or not 0 <= self.cooldown <= 1:
            raise UserError("--ema and --cooldown must be shares between 0 and 1")
        if min(self.learning_rate, self.muon_learning_rate) <= 0:
            raise UserError("learning rates must be positive")

    def denoiser(self, height: int, width: int, actions: int) -> DenoiserConfig:
        """The denoiser for frames of a size and action vectors of a width."""
        try:
            unet = UNetConfig(
                channels=self.channels,
                depths=self.depths,
                attention=(False,) * len(self.channels),
                cond=self.cond,
                patch=self.patch,
            )
            return DenoiserConfig(
                height, width, self.context, actions, self.target, self.sigma_data, unet
            )
        except ValueError as error:
            raise UserError(f"this network cannot be built: {error}") from error

    def reward_end(self, height: int, width: int) -> RewardEndConfig:
        """The reward and ending head for frames of a size; it looks at three frames."""
        return RewardEndConfig(height, width, min(3, self.context + 1), self.head_channels)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> TrainConfig:
        """Read what `to_json` wrote. Raises UserError on anything else."""
        try:
            values: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in data.items()
            }
            return TrainConfig(**values)
        except TypeError as error:
            raise UserError(f"this is not a training configuration: {error}") from error
