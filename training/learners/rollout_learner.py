"""Learning from recordings and from own dreams: which examples, at which noise, and how."""

from __future__ import annotations

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
from training.losses.denoising import Noising, change_weight, predict, squared_error
from training.losses.frame_prior import prior_loss
from training.losses.texture import texture_loss
from training.optimizer import build
from training.recipes.world import TrainConfig
from training.rollouts import Streams
from training.scores import SCORED_STARTS, Scores, score
from training.speed import autocast


class StreamLearner(Learner):
    """A denoiser, and a head for rewards and ends, in training on recordings and on own dreams.

    streams: the dreams they learn from.
    """

    config: TrainConfig

    def __init__(
        self,
        config: TrainConfig,
        denoiser: Denoiser,
        head: RewardEnd,
        prior: FramePrior | None,
        streams: Streams | None,
        data: Data,
    ) -> None:
        taught = [network for network in (denoiser, prior) if network is not None]
        optimizers = [
            optimizer
            for network in taught
            for optimizer in build(
                network, config.learning_rate, config.muon_learning_rate, config.weight_decay
            )
        ]
        # Rewards and ends are rare: with Adam's usual long memory of gradients, the few large
        # ones among many tiny ones make steps so large that training comes apart.
        slow = torch.optim.AdamW(head.parameters(), lr=config.head_learning_rate, betas=(0.9, 0.95))
        networks = {"denoiser": denoiser, "head": head}
        networks |= {"frame_prior": prior} if prior is not None else {}
        super().__init__(config, denoiser, networks, [*optimizers, slow])
        self.head, self.prior, self.streams, self.data = head, prior, streams, data
        fresh = config.batch - config.streams
        self.batches = Batches(data.segments, fresh, config.seed, config.share_events)

    def gradients(self, index: int, batch: Batch) -> Losses:
        """batch: recorded windows of T + 1 frames, besides those of the streams.

        Reports, averaged over the examples of each kind: recorded, dreamed, the denoiser's loss
        after recorded contexts and after its own (0 without streams); head, that of the
        head; prior, that of the frame prior; gradient_norm, the denoiser's before clipping;
        stream_age, in steps.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        losses, head_loss, mending, streamed = self.losses(index, batch, generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        (counted(losses, config.log_loss).mean() + head_loss + mending).backward()
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), config.gradient_clip)
        return {
            "recorded": losses[streamed:].mean().item(),
            "dreamed": losses[:streamed].mean().item() if streamed else 0.0,
            "head": head_loss.item(),
            "prior": mending.item(),
            "gradient_norm": norm.item(),
            "stream_age": (
                self.streams.ages.clamp(min=0).float().mean().item() if self.streams else 0.0
            ),
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
        streams = self.streams.state_dict() if self.streams else None
        return {**super().state_dict(), "streams": streams}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if self.streams is not None:
            self.streams.load_state_dict(state["streams"])

    def losses(
        self, index: int, fresh: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return the loss of each example (B,), those of the head and of the frame prior, and how
        many of the first rows are streams.

        The streams move on by one dreamed frame.
        """
        config = self.config
        streams = self.streams if index >= config.first_rollouts else None
        batch, count = fresh, 0
        if streams is not None:
            walked = streams.batch(index)
            count = len(walked.frames)
            batch = join(walked, streams.rehearse(index, fresh, config.share_rehearsed))
        batch = batch.to(self.device)
        frames = to_float(batch.frames)
        context, target = frames[:, :-1], frames[:, -1]
        learnt = torch.ones_like(target[:, :1], dtype=torch.bool)
        if streams is not None:
            own = to_float(streams.context.to(self.device))
            context = torch.cat((own, context[count:]))
            learnt[:count] = streams.learnable().to(self.device)
        if config.share_stilled:
            stilled = torch.rand(len(context), generator=generator) < config.share_stilled
            stilled[:count] = False
            context = torch.where(
                stilled[:, None, None, None, None].to(self.device), context[:, -1:], context
            )
        noising = self._noising(target, context, generator)
        with autocast(self.device, self.precision):
            prediction = predict(
                self.denoiser, target, context, batch.actions[:, :-1], noising, pure_noise=True
            )
            weight = change_weight(target, context, config.changed_weight)
            losses = squared_error(prediction, weight, learnt)
            if config.texture_weight:
                rows = (torch.arange(len(frames)) < count).to(self.device)
                texture = texture_loss(prediction, rows, config.patch)
                losses = losses + config.texture_weight * texture
            # Weighed, or a head shown many ends would call an end where there is none.
            head_loss = self.head.loss(
                frames,
                batch.rewards[:, -2],
                batch.life_lost[:, -2],
                batch.ended[:, -2],
                batch.weight,
            )
            if streams is not None:
                base = prediction.base[:count]
                change = prediction.estimate[:count] - base
                dreamed = self.mended(self.denoiser.finished(base, change))
            mending = losses.new_zeros(())
            if self.prior is not None:
                mending = prior_loss(self.prior, frames[count:], generator)
        if streams is not None:
            streams.advance(to_uint8(dreamed).cpu(), walked.frames[:, -1])
        return losses, head_loss, mending, count

    @torch.no_grad()
    def mended(self, frames: Tensor) -> Tensor:
        """Return dreamed frames as play would show them: mended, if there is a prior."""
        prior = self.averages.get("frame_prior")
        return frames if prior is None else cast(FramePrior, prior).mend(frames)

    def _noising(self, target: Tensor, context: Tensor, generator: torch.Generator) -> Noising:
        """Draw the noise of play: on the target at its level, and a little on the context."""
        rows, config = len(target), self.config
        sigma, context_sigma = (
            torch.full((rows,), level, device=self.device)
            for level in (config.sigma, config.context_noise)
        )
        noise = self._randn(target.shape, generator)
        context_noise = self._randn(context.shape, generator)
        return Noising(sigma, noise, context_sigma=context_sigma, context_noise=context_noise)

    def _randn(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        return torch.randn(shape, generator=generator).to(self.device)
