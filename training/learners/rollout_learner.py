"""Learning from recordings and from rollouts: which examples, at which noise, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from datasets.batches import Batch, Batches, collate, join
from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from models.networks.frame_prior import FramePrior
from models.networks.reward_end import RewardEnd
from training.data import Data
from training.learners.base import Learner, Losses, counted
from training.losses.denoising import Noising, Prediction, change_weight, predict, squared_error
from training.losses.energy import energy_score
from training.losses.frame_prior import prior_loss
from training.losses.texture import texture_loss
from training.optimizer import build
from training.recipes.world import TrainConfig
from training.rollouts import Rollouts
from training.scores import SCORED_STARTS, Scores, score
from training.speed import autocast


@dataclass(frozen=True)
class Examples:
    """B examples of an update, of which the first `count` are steps of rollouts.

    batch:     what was recorded, of T + 1 frames each. frames: its, as floats in [-1, 1].
    context:   (B, T, C, H, W), the frames before the one to learn: recorded, or a rollout's own.
    loss_mask: (B, 1, H, W) bool, the pixels that count; None is all.
    recorded:  uint8 (count, C, H, W), the next frames of the rollouts' recordings, on the CPU.
    """

    batch: Batch
    frames: Tensor
    context: Tensor
    loss_mask: Tensor | None
    recorded: Tensor
    count: int


class RolloutLearner(Learner):
    """A denoiser, and a head for rewards and ends, in training on recordings and on rollouts.

    rollouts: those they learn from; None for recordings alone.
    """

    config: TrainConfig

    def __init__(
        self,
        config: TrainConfig,
        denoiser: Denoiser,
        head: RewardEnd,
        prior: FramePrior | None,
        rollouts: Rollouts | None,
        data: Data,
    ) -> None:
        networks: dict[str, nn.Module] = {"denoiser": denoiser, "head": head}
        rates = (config.learning_rate, config.muon_learning_rate, config.weight_decay)
        optimizers = build(denoiser, *rates)
        if prior is not None:
            networks["frame_prior"] = prior
            optimizers += build(prior, *rates)
        # Rewards and ends are rare: with Adam's usual long memory of gradients, the few large
        # ones among many tiny ones make steps so large that training comes apart.
        slow = torch.optim.AdamW(head.parameters(), lr=config.head_learning_rate, betas=(0.9, 0.95))
        super().__init__(config, denoiser, networks, [*optimizers, slow])
        self.head, self.prior, self.rollouts, self.data = head, prior, rollouts, data
        fresh = config.batch - config.rollouts
        self.batches = Batches(data.segments, fresh, config.seed, config.event_share)

    def gradients(self, index: int, batch: Batch) -> Losses:
        """Compute gradients on recorded windows of T + 1 frames, besides those of the rollouts.

        Reports, averaged over the examples of each kind: recorded, dreamed, the denoiser's loss
        after recorded contexts and after its own (0 without rollouts); head, that of the
        head; prior, that of the frame prior; gradient_norm, the denoiser's before clipping;
        rollout_age, in steps.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        losses, head_loss, mending, count = self.losses(index, batch, generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        (counted(losses, config.log_loss).mean() + head_loss + mending).backward()
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), config.gradient_clip)
        age = self.rollouts.ages.clamp(min=0).float().mean().item() if self.rollouts else 0.0
        return {
            "recorded": losses[count:].mean().item(),
            "dreamed": losses[:count].mean().item() if count else 0.0,
            "head": head_loss.item(),
            "prior": mending.item(),
            "gradient_norm": norm.item(),
            "rollout_age": age,
        }

    def score(self) -> Scores:
        windows = collate(self.data.scored.spread(SCORED_STARTS))
        with autocast(self.device, self.precision):
            return score(self.denoiser_ema, windows, self.config.sampler, self.mended)

    @property
    def denoiser_ema(self) -> Denoiser:
        """The denoiser's average."""
        return cast(Denoiser, self.averages["denoiser"])

    def state_dict(self) -> dict[str, Any]:
        rollouts = self.rollouts.state_dict() if self.rollouts else None
        return {**super().state_dict(), "rollouts": rollouts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if self.rollouts is not None:
            self.rollouts.load_state_dict(state["rollouts"])

    def losses(
        self, index: int, fresh: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return the loss of each example (B,), those of the head and of the frame prior, and how
        many of the first rows are rollouts.

        The rollouts move on by one frame.
        """
        config = self.config
        examples = self._examples(index, fresh, generator)
        noising = self._noising(examples, config.samples_at(index), generator)
        with autocast(self.device, self.precision):
            losses, prediction = self._denoising(examples, noising)
            head_loss, mending = self._head_loss(examples), losses.new_zeros(())
            made = self._made(prediction, examples.count) if examples.count else None
            if self.prior is not None:
                mending = prior_loss(self.prior, examples.frames[examples.count :], generator)
        if self.rollouts is not None and made is not None:
            self.rollouts.advance(to_uint8(made).cpu(), examples.recorded)
        return losses, head_loss, mending, examples.count

    @torch.no_grad()
    def mended(self, frames: Tensor) -> Tensor:
        """Return made frames as play would show them: mended, if there is a prior."""
        prior = self.averages.get("frame_prior")
        return frames if prior is None else cast(FramePrior, prior).mend(frames)

    def _examples(self, index: int, fresh: Batch, generator: torch.Generator) -> Examples:
        """Return the examples of an update: rollouts once they have begun, then recorded ones."""
        config = self.config
        rollouts = self.rollouts if index >= config.first_rollouts else None
        count = config.rollouts if rollouts is not None else 0
        batch = fresh
        if rollouts is not None:
            followed = rollouts.batch(index)
            batch = join(followed, rollouts.replay(index, fresh, config.replay_share))
        recorded = batch.frames[:count, -1]
        batch = batch.to(self.device)
        frames = to_float(batch.frames)
        context, mask = frames[:, :-1], None
        if rollouts is not None:
            own = to_float(rollouts.context.to(self.device))
            context = torch.cat((own, context[count:]))
            mask = self._loss_mask(rollouts, frames)
        if config.frozen_context_share:
            context = self._frozen(context, count, generator)
        return Examples(batch, frames, context, mask, recorded, count)

    def _loss_mask(self, rollouts: Rollouts, frames: Tensor) -> Tensor:
        """Return the pixels that count, (B, 1, H, W) bool: of recorded examples all."""
        mask = torch.ones_like(frames[:, -1, :1], dtype=torch.bool)
        known = rollouts.loss_mask().to(self.device)
        mask[: len(known)] = known
        return mask

    def _frozen(self, context: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return contexts of which some, of recorded examples, are their last frame repeated."""
        frozen = torch.rand(len(context), generator=generator) < self.config.frozen_context_share
        frozen[:count] = False
        return torch.where(
            frozen[:, None, None, None, None].to(self.device), context[:, -1:], context
        )

    def _noising(self, examples: Examples, samples: int, generator: torch.Generator) -> Noising:
        """Draw the noise of play: on the target at its level, and a little on the context.

        It is of samples · B rows, the first sample of all examples before the second.
        """

        def unit(like: Tensor) -> Tensor:
            return torch.randn(like.shape, generator=generator).to(self.device)

        config = self.config
        frames = examples.frames[:, -1].repeat(samples, 1, 1, 1)
        sigma, context_sigma = (
            torch.full((len(frames),), level, device=self.device)
            for level in (config.sigma, config.context_noise)
        )
        noise, context_noise = unit(frames), unit(self.denoiser.look(examples.context))
        # The same for all samples of an example: they are to differ by the target's noise alone.
        context_noise = context_noise.repeat(samples, 1, 1, 1, 1)
        return Noising(sigma, noise, context_sigma=context_sigma, context_noise=context_noise)

    def _denoising(self, examples: Examples, noising: Noising) -> tuple[Tensor, Prediction]:
        """Return the denoiser's loss of each example (B,), and what it predicted, as `noising`."""
        config = self.config
        samples = len(noising.sigma) // len(examples.frames)
        frame = examples.frames[:, -1].repeat(samples, 1, 1, 1)
        context = examples.context.repeat(samples, 1, 1, 1, 1)
        actions = examples.batch.actions[:, :-1].repeat(samples, 1, 1)
        prediction = predict(self.denoiser, frame, context, actions, noising, pure_noise=True)
        if samples > 1:
            return energy_score(prediction, samples, examples.loss_mask), prediction
        weight = change_weight(frame, context, config.changed_weight)
        losses = squared_error(prediction, weight, examples.loss_mask)
        if config.texture_weight:
            texture_rows = (torch.arange(len(losses)) < examples.count).to(self.device)
            texture = texture_loss(prediction, texture_rows, config.patch)
            losses = losses + config.texture_weight * texture
        return losses, prediction

    def _head_loss(self, examples: Examples) -> Tensor:
        batch = examples.batch
        # Weighed, or a head shown many ends would call an end where there is none.
        return self.head.loss(
            examples.frames[:, -self.head.config.frames :],
            batch.rewards[:, -2],
            batch.life_lost[:, -2],
            batch.ended[:, -2],
            batch.weight,
        )

    def _made(self, prediction: Prediction, count: int) -> Tensor:
        """Return the frames (count, C, H, W) that play would show in the rollouts."""
        base = prediction.base[:count]
        estimate = prediction.estimate[:count] - base
        return self.mended(self.denoiser.finished(base, estimate))
