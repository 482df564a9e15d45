"""The recipe for a refiner: a small denoiser for the levels of noise that end a frame."""

from __future__ import annotations

from dataclasses import dataclass

from base.errors import UserError
from models.denoiser import DenoiserConfig, Target
from models.unet import UNetConfig
from training.config import check_numbers, check_pace, flag

POSITIVE = (
    "updates", "batch", "stream_steps", "lost_light", "context", "level", "sigma_least",
    "sigma_most", "fade_least", "changed_weight",
    "learning_rate", "muon_learning_rate", "gradient_clip",
)  # fmt: skip
NOT_NEGATIVE = (
    "streams", "share_enduring", "share_rehearsed", "share_events", "share_faded", "last_actions",
    "context_noise", "weight_decay", "warmup", "cooldown", "ema",
    "seed",
)  # fmt: skip


@dataclass(frozen=True)
class RefinerConfig:
    """The recipe for the network that makes up its mind where the one that predicts hedged.

    A network that predicts well has learnt at the level where all is noise, and answers with the
    mean of what may come; at lower levels it goes on to answer from the context, whatever shows
    through the noise. This one has learnt at low levels alone: true frames, and nothing between
    them. So it can be small. One expert a range of levels: Balaji et al. 2022, "eDiff-I".
    """

    updates: int = 3_000
    """Optimiser steps in all."""
    batch: int = 32
    """Examples in an update."""
    streams: int = 16
    """Of these, how many continue the world's own dream, as it plays with what has been learnt."""
    lost_light: float = 1.4
    """A dream is lost where it differs from the recording by so much light, as for the preset
    small."""
    share_enduring: float = 0.4
    """Share of the streams that go on when they are lost, and learn what can still be mended."""
    stream_steps: int = 200
    """A dream is restarted from the recording after this many steps; the others when lost."""
    share_rehearsed: float = 0.4
    """Share of the other examples that is taken where such a dream was lost not long ago."""
    share_events: float = 0.25
    """Share of the rest that is drawn where a reward, a lost life or an end comes next."""
    level: float = 0.1
    """Noise level that it is told in play, after the world's first one."""
    sigma_least: float = 0.1
    """It learns at levels from this one ..."""
    sigma_most: float = 0.4
    """... to this one, their logarithms drawn evenly."""
    share_faded: float = 0.5
    """Share of the examples that show the true change behind the noise in part, another from place
    to place. What a prediction hedges about it shows faintly, and that is to be brought out."""
    fade_least: float = 0.15
    """The least of a change that they show."""
    changed_weight: float = 6.0
    """How many times a pixel that changes counts."""
    context_noise: float = 0.01
    """Noise on the context frames, in units of [-1, 1]."""
    target: Target = "change"
    """What it estimates: as the world's denoiser."""
    sigma_data: float = 0.03
    """Standard deviation of that target."""
    context: int = 8
    """Past frames that it sees: as many as the world's denoiser."""
    last_actions: int = 4
    """At how many of these, the last ones, it is told the actions; at all if it is 0 or more."""
    channels: tuple[int, ...] = (32, 64, 64)
    """Widths of the U-Net's levels."""
    depths: tuple[int, ...] = (1, 1, 1)
    """Residual blocks in each level."""
    patch: int = 2
    """Edge in pixels of the squares folded into channels before the first level."""
    cond: int = 64
    """Width of the conditioning vector."""
    learning_rate: float = 1e-3
    """Of AdamW, for all but the convolutions' weights."""
    muon_learning_rate: float = 3e-3
    """Of Muon, for those."""
    weight_decay: float = 0.01
    """Of both, on weights only."""
    warmup: int = 60
    """Updates over which the learning rate rises."""
    cooldown: float = 0.7
    """Share of the updates over which it falls to 0."""
    ema: float = 0.998
    """How much of the averaged weights stays at each update."""
    gradient_clip: float = 10.0
    """Largest gradient norm."""
    seed: int = 0
    """Decides examples, noise and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for values that nothing can be trained with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        check_pace(self.ema, self.cooldown, self.seed)
        if self.streams >= self.batch:
            raise UserError(f"--streams must be fewer than --batch: {self.batch - 1} at most")
        for name in (
            "share_enduring", "share_rehearsed", "share_events", "share_faded", "fade_least",
        ):  # fmt: skip
            if getattr(self, name) > 1:
                raise UserError(f"{flag(name)} must be at most 1, not {getattr(self, name)}")
        if not self.sigma_least <= self.level <= self.sigma_most:
            raise UserError(
                f"--level must lie within --sigma-least and --sigma-most, {self.sigma_least} to "
                f"{self.sigma_most}, not at {self.level}"
            )

    @property
    def window(self) -> int:
        """Frames of an example."""
        return self.context + 1

    @property
    def passes(self) -> int:
        """Batches that go through the network and back in all."""
        return self.updates

    def denoiser(self, height: int, width: int, actions: int) -> DenoiserConfig:
        """The refiner for frames of a size and action vectors of a width.

        Raises ValueError for a network that cannot be built.
        """
        unet = UNetConfig(
            self.channels, self.depths, (False,) * len(self.channels), self.cond, patch=self.patch
        )
        return DenoiserConfig(
            height, width, self.context, actions, self.target, self.sigma_data, unet,
            last_actions=self.last_actions,
        )  # fmt: skip
