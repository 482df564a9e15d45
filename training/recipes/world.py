"""Recipe of a world in one size that plays in one denoising step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from base.errors import UserError
from models.networks.target_names import TargetName
from models.sampler import Sampler
from models.schedule import LARGEST_SIGMA

if TYPE_CHECKING:  # torch comes with them, which a command line's help does not need
    from _typeshed import DataclassInstance

    from models.networks.denoiser import DenoiserConfig
    from models.networks.frame_prior import FramePriorConfig
    from models.networks.reward_end import RewardEndConfig

PRIOR_COND = 64  # width of what tells the prior how much noise there is
LARGEST_SEED = 2**32 - 1
POSITIVE = (
    "updates", "batch", "samples", "rollout_steps", "head_channels", "changed_weight",
    "diverged_light", "sigma", "learning_rate", "head_learning_rate", "gradient_clip",
)  # fmt: skip
NOT_NEGATIVE = (
    "rollouts", "energy_from", "rollouts_from", "prior_sigma", "keep_diverged_share",
    "hard_start_share", "replay_share", "event_share", "frozen_context_share", "last_actions",
    "texture_weight", "context_noise", "muon_learning_rate", "weight_decay", "warmup", "cooldown",
    "ema", "seed",
)  # fmt: skip


@dataclass(frozen=True)
class TrainConfig:
    """Recipe of a world model that plays in one denoising step.

    Every value was measured on two CPU cores; the notes say what it is for.
    """

    updates: int = 6_000
    """Optimiser steps in all."""
    batch: int = 32
    """Examples in an update."""
    samples: int = 2
    """Frames drawn for each example, to be compared by the energy score, which asks for frames as
    likely as the game's. With 1 the squared error is learnt, whose answer to doubt is a blur."""
    energy_from: float = 0.6
    """Share of the updates before that. Squared error teaches far more quickly what can be
    foretold; then little is left in doubt, and the score decides that."""
    rollouts: int = 16
    """Of these, how many continue a rollout of the model instead of a recorded context."""
    rollouts_from: float = 0.15
    """Share of the updates before rollouts begin. A network that cannot yet tell the next frame
    from the recorded ones learns nothing from its own: they only drown what there is to learn."""
    diverged_light: float = 1.4
    """Light, of [-1, 1] summed over 3 x 3 pixels, by which a diverged rollout differs from the
    recording: 1.4 is seven tenths of a pixel of one colour, and with 18 none ever diverges."""
    keep_diverged_share: float = 0.4
    """Share of the rollouts that go on when diverged, and learn what can still be mended."""
    rollout_steps: int = 200
    """Longest rollout, in steps; then, or when it has diverged, it starts over."""
    hard_start_share: float = 0.5
    """Share of the rollouts that start shortly before a hard example, a place where one diverged.
    They are over soon after it, unless they are kept when diverged."""
    replay_share: float = 0.4
    """Share of the other examples that is replayed from the buffer of hard examples."""
    event_share: float = 0.25
    """Share of the rest that is drawn where a reward, a lost life or an end comes next."""
    sigma: float = 2.0
    """Noise level of play, which makes a frame in one network call. All examples are at it, and
    are noise alone, as in play: what little shines through, a network would rely on."""
    changed_weight: float = 6.0
    """Weight of a pixel that changes in the squared error: such pixels are few, and they are the
    game."""
    log_loss: bool = False
    """Learn from the logarithm of each example's loss. Else what hardly moves counts for nothing
    beside what moves much, and where a camera stands still its picture blurs."""
    texture_weight: float = 0.0
    """Weight, in rollouts, of the loss that asks for frames as sharp as the recorded ones, wherever
    their edges are. After recorded frames, which are sharp, squared error alone is learnt."""
    context_noise: float = 0.02
    """Noise on the context frames, in units of [-1, 1], so that small flaws are forgiven."""
    frozen_context_share: float = 0.0
    """Share of the recorded examples whose context is their last frame, repeated. How a camera
    moved tells nearly all of how it will; from such examples is learnt what the keys do."""
    target: TargetName = "change"
    """Target that the network estimates: the next frame, its change against the last one, or that
    change after warping."""
    sigma_data: float = 0.03
    """Standard deviation of that target. Too large a one lets noise through where nothing moves."""
    lags: tuple[int, ...] = (0, 1, 2, 3, 5, 9, 16, 28)
    """Steps before the last frame of each past frame that the network sees. What happens next may
    have begun two seconds ago: a new ball, say, comes a while after the last one was lost."""
    last_actions: int = 4
    """Number of these, the last ones, whose actions it is told; 0 for all."""
    channels: tuple[int, ...] = (32, 64, 128, 160)
    """Widths of the U-Net's levels."""
    depths: tuple[int, ...] = (1, 1, 1, 1)
    """Residual blocks in each level."""
    patch: int = 2
    """Edge in pixels of the squares folded into channels before the first level."""
    cond: int = 256
    """Width of the conditioning vector."""
    head_channels: int = 64
    """Width of the reward and ending head."""
    prior_channels: tuple[int, ...] = (32, 64)
    """Widths of the frame prior's levels, which mends each dreamed frame; empty for none."""
    prior_sigma: float = 0.04
    """Deviation of the noise, of [-1, 1], that the prior takes a dreamed frame to carry."""
    learning_rate: float = 1e-3
    """Of AdamW, for all but the convolutions' weights."""
    muon_learning_rate: float = 3e-3
    """Of Muon, for those; 0 leaves them to AdamW. Muon's steps have one size however little is left
    to learn, so it starts quickly, and AdamW goes on from weights that are good already."""
    head_learning_rate: float = 3e-4
    """Of AdamW, for the reward and ending head."""
    weight_decay: float = 0.01
    """Of both, on weights only."""
    warmup: int = 20
    """Updates over which the learning rate rises."""
    cooldown: float = 0.55
    """Share of the updates over which it falls to 0."""
    ema: float = 0.999
    """Share of the averaged weights that stays at each update."""
    gradient_clip: float = 10.0
    """Largest gradient norm."""
    seed: int = 0
    """Decides examples, noise and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for values that nothing can be trained with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        if self.rollouts >= self.batch:
            raise UserError(f"--rollouts must be fewer than --batch: {self.batch - 1} at most")
        if self.samples > 1 and (self.texture_weight or self.log_loss):
            raise UserError("--texture-weight and --log-loss need --samples 1")
        if self.texture_weight and not self.rollouts:
            raise UserError("--texture-weight counts in rollouts only, and --rollouts 0 makes none")
        if self.sigma > LARGEST_SIGMA:
            raise UserError(f"--sigma must be at most {LARGEST_SIGMA:g}, not {self.sigma}")
        for name in (n for n in NOT_NEGATIVE if n.endswith(("_share", "_from"))):
            if getattr(self, name) > 1:
                raise UserError(f"{flag(name)} must be at most 1, not {getattr(self, name)}")
        check_pace(self.ema, self.cooldown, self.seed)

    @property
    def context(self) -> int:
        """Past frames in all, from the oldest that the network sees to the last."""
        return self.lags[-1] + 1

    @property
    def window(self) -> int:
        """Frames of an example."""
        return self.context + 1

    @property
    def first_rollouts(self) -> int:
        """Update at which rollouts begin."""
        return math.ceil(self.rollouts_from * self.updates)

    def samples_at(self, update: int) -> int:
        """Return how many frames an update draws for each example."""
        return self.samples if update >= self.energy_from * self.updates else 1

    @property
    def sampler(self) -> Sampler:
        """Sampler of play."""
        return Sampler((self.sigma,))

    @property
    def passes(self) -> int:
        """Batches that go through the network and back in all."""
        return self.updates

    def denoiser(self, height: int, width: int, actions: int) -> DenoiserConfig:
        """Return the denoiser for frames of a size and action vectors of a width.

        Raises ValueError for a network that cannot be built.
        """
        from models.networks.denoiser import DenoiserConfig
        from models.networks.unet import UNetConfig

        unet = UNetConfig(
            channels=self.channels,
            depths=self.depths,
            attention=(False,) * len(self.channels),
            cond=self.cond,
            patch=self.patch,
        )
        return DenoiserConfig(
            height, width, self.context, actions, self.target, self.sigma_data, unet,
            last_actions=self.last_actions,
            lags=() if self.lags == tuple(range(self.context)) else self.lags,
        )  # fmt: skip

    def frame_prior(self, height: int, width: int) -> FramePriorConfig | None:
        """Return the frame prior for frames of a size; None if there is to be none.

        Raises ValueError for a network that cannot be built.
        """
        from models.networks.frame_prior import FramePriorConfig
        from models.networks.unet import UNetConfig

        levels = len(self.prior_channels)
        if not levels:
            return None
        unet = UNetConfig(
            channels=self.prior_channels,
            depths=(1,) * levels,
            attention=(False,) * levels,
            cond=PRIOR_COND,
            patch=self.patch,
        )
        return FramePriorConfig(height, width, unet, self.prior_sigma)

    def reward_end(self, height: int, width: int) -> RewardEndConfig:
        """Return the reward and ending head for frames of a size.

        It sees the new frame and as many before it as the denoiser looks at.
        """
        from models.networks.reward_end import RewardEndConfig

        return RewardEndConfig(height, width, len(self.lags) + 1, self.head_channels)


def check_numbers(
    config: DataclassInstance, positive: Sequence[str], not_negative: Sequence[str]
) -> None:
    """Raise UserError unless a recipe's numbers are finite, and those named of the right sign."""
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{flag(field.name)} must be a finite number, not {value}")
    for name in positive:
        if not getattr(config, name) > 0:
            raise UserError(f"{flag(name)} must be more than 0, not {getattr(config, name)}")
    for name in not_negative:
        if not getattr(config, name) >= 0:
            raise UserError(f"{flag(name)} must not be negative, and {getattr(config, name)} is")


def check_pace(ema: float, cooldown: float, seed: int) -> None:
    """Raise UserError for an average, a schedule or a seed that cannot be."""
    if ema >= 1 or cooldown > 1:
        raise UserError("--ema must be less than 1, and --cooldown not more")
    if seed > LARGEST_SEED:
        raise UserError(f"--seed must be at most {LARGEST_SEED}")


def flag(name: str) -> str:
    """Return the command line's name of a field."""
    return f"--{name.replace('_', '-')}"
