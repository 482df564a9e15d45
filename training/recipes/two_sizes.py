"""Recipes for worlds in two sizes: DIAMOND's way of training, with all of its numbers.

Small frames are dreamed by one network and enlarged by another; each is trained by itself.
Source: Alonso et al. 2024, and the configuration that its world of CS:GO was trained with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from base.errors import UserError
from models.networks.target_names import TargetName
from models.sampler import Sampler, karras_sampler
from training.recipes.world import check_numbers, check_pace, flag

if TYPE_CHECKING:  # torch comes with it, which a command line's help does not need
    from models.networks.denoiser import DenoiserConfig

PLAY_PRESETS = ("fast", "quality")  # to play, as cartridges call them
POSITIVE = (
    "updates", "batch", "accumulate", "sigma_scale", "learning_rate", "gradient_clip",
)  # fmt: skip
NOT_NEGATIVE = ("muon_learning_rate", "weight_decay", "warmup", "cooldown", "ema", "seed")


@dataclass(frozen=True)
class FrameConfig:
    """Fields that both recipes have in common."""

    updates: int = 600_000
    """Optimiser steps in all."""
    batch: int = 16
    """Examples worked on at once; fewer need less memory."""
    accumulate: int = 8
    """So many batches add up to an update."""
    channels: tuple[int, ...] = (128, 256, 512, 1024)
    """Widths of the U-Net's levels."""
    depths: tuple[int, ...] = (2, 2, 2, 2)
    """Residual blocks in each level."""
    attention: tuple[bool, ...] = (False, False, True, True)
    """Which levels end their blocks with self-attention; the middle is as the deepest one."""
    patch: int = 1
    """Edge in pixels of the squares folded into channels before the first level."""
    cond: int = 2048
    """Width of the conditioning vector."""
    target: TargetName = "frame"
    """Target that the network estimates: the frame, or its change against the last one it sees."""
    sigma_data: float = 0.5
    """Standard deviation of that target."""
    sigma_offset: float = 0.1
    """Deviation of further noise, one value for each channel of a frame."""
    sigma_location: float = -1.2
    """Mean of ln sigma of the noise, kept within 0.002 and 20."""
    sigma_scale: float = 1.2
    """Standard deviation of ln sigma."""
    learning_rate: float = 1e-4
    """Of AdamW."""
    muon_learning_rate: float = 0.0
    """Of Muon, for the convolutions' weights; at 0 AdamW takes those too."""
    weight_decay: float = 0.01
    """On weights only."""
    warmup: int = 100
    """Updates over which the learning rate rises."""
    cooldown: float = 0.0
    """Share of the updates over which it falls to 0."""
    ema: float = 0.999
    """Share of the averaged weights, which will be played, that stays at each update; what is
    learnt does not depend on it."""
    gradient_clip: float = 10.0
    """Largest gradient norm."""
    steps: tuple[int, ...] = (1, 3)
    """Denoising steps of play: of the fast way, and of the way of quality if there is one."""
    sigma_min: float = 0.002
    """Noise level that play ends at."""
    sigma_max: float = 5.0
    """Noise level that play begins at."""
    seed: int = 0
    """Decides examples, noise and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for values that nothing can be trained with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        check_pace(self.ema, self.cooldown, self.seed)
        if not 1 <= len(self.steps) <= len(PLAY_PRESETS):
            raise UserError(f"{flag('steps')} needs 1 or {len(PLAY_PRESETS)} numbers")
        try:
            self.samplers()
        except ValueError as error:
            raise UserError(f"--steps, --sigma-min, --sigma-max: {error}") from error

    def samplers(self) -> dict[str, Sampler]:
        """Return the samplers of play by the names of PLAY_PRESETS, the quickest first."""
        return {way: self.sampler(n) for way, n in zip(PLAY_PRESETS, self.steps, strict=False)}

    def sampler(self, steps: int) -> Sampler:
        """Return the sampler of so many steps. Raises ValueError for one that cannot be."""
        return karras_sampler(steps, self.sigma_min, self.sigma_max)

    def network(self, height: int, width: int, context: int, actions: int) -> DenoiserConfig:
        """Return a denoiser of these numbers. Raises ValueError for one that cannot be built."""
        from models.networks.denoiser import DenoiserConfig
        from models.networks.unet import UNetConfig

        unet = UNetConfig(
            self.channels,
            self.depths,
            self.attention,
            self.cond,
            middle_attention=self.attention[-1:] == (True,),
            patch=self.patch,
            # As released weights have it, so that training can go on from those.
            residual_after_norm=True,
            pad_features=self.patch == 1,
        )
        return DenoiserConfig(
            height, width, context, actions, self.target, self.sigma_data, unet,
            self.sigma_offset, noised_context=True,
        )  # fmt: skip


@dataclass(frozen=True)
class SequenceConfig(FrameConfig):
    """Recipe of the network that dreams small frames, several in a row on its own answers."""

    context: int = 4
    """Past frames that the network sees, with noise of any level on them, which it is told."""
    sequence_length: int = 4
    """Frames learnt in a row: the answer to each stands in the context of the next."""
    context_noise: float = 0.005
    """Noise on the context in play, in units of [-1, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(self, ("context", "sequence_length"), ("context_noise",))

    @property
    def window(self) -> int:
        """Frames of an example."""
        return self.context + self.sequence_length

    @property
    def passes(self) -> int:
        """Batches that go through the network and back in all."""
        return self.updates * self.accumulate * self.sequence_length

    def sampler(self, steps: int) -> Sampler:
        return karras_sampler(steps, self.sigma_min, self.sigma_max, s_cond=self.context_noise)

    def denoiser(self, height: int, width: int, actions: int) -> DenoiserConfig:
        """Return the denoiser for frames of a size and action vectors of a width.

        Raises ValueError for a network that cannot be built.
        """
        return self.network(height, width, self.context, actions)


@dataclass(frozen=True)
class UpsamplerConfig(FrameConfig):
    """Recipe of the network that enlarges: it sees the large frame before and the small one.

    The change that it may estimate is that against the small frame, enlarged by cubic curves.
    """

    batch: int = 4
    channels: tuple[int, ...] = (64, 64, 128, 256)
    attention: tuple[bool, ...] = (False, False, False, True)
    steps: tuple[int, ...] = (1, 10)
    sigma_min: float = 1.0
    churn: float = 10.0
    """Fresh noise that play adds on its way, summed over all steps."""
    churn_noise: float = 0.9
    """Deviation of that noise, relative to what it should be."""
    rollout_steps: int = 1
    """So many updates in a row an example goes on to the next moment, with the answer as the large
    frame before; then another is begun. With 1 the frame before is always a recorded one."""
    log_loss: bool = False
    """Learn from the logarithm of each example's loss, so that all count alike."""
    dreamed_share: float = 0.0
    """Share of the examples whose small frames the world dreams, as in play, under recorded
    actions. They are unpaired: nobody knows their details, so they are only to be as sharp as
    recorded ones and to agree with the small frame."""
    texture_weight: float = 1.0
    """Weight of the sharpness of dreamed examples, wherever their edges are."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self, ("rollout_steps",), ("churn", "churn_noise", "dreamed_share", "texture_weight")
        )
        if self.dreamed_share > 1:
            raise UserError(f"--dreamed-share must be at most 1, not {self.dreamed_share}")

    @property
    def window(self) -> int:
        """Frames that an example goes through in all."""
        return 1 + self.rollout_steps

    @property
    def passes(self) -> int:
        """Batches that go through the network and back in all."""
        return self.updates * self.accumulate

    def sampler(self, steps: int) -> Sampler:
        low, high = self.sigma_min, self.sigma_max
        return karras_sampler(
            steps, low, high, s_churn=self.churn, s_tmin=low, s_tmax=high, s_noise=self.churn_noise
        )

    def upsampler(self, height: int, width: int) -> DenoiserConfig:
        """Return the upsampler to frames of a size. ValueError for one that cannot be built."""
        return self.network(height, width, context=2, actions=0)
