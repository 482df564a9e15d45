"""Learning to refine: which true frames behind which noise."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.batches import Batch, Batches, collate
from models.denoiser import Denoiser
from models.frames import to_float, to_uint8
from models.sampler import Levels
from training.data import Data
from training.learner import Learner, Losses
from training.optimizer import build
from training.refiner_config import RefinerConfig
from training.scores import SCORED_STARTS, Scores, score
from training.speed import autocast
from training.streams import Examples, Streams, examples

FADE_GRID = 5  # places on an edge of a frame between which it changes how much is shown


class RefinerLearner(Learner):
    """A refiner in training on recordings, and on dreams of the world that it is for.

    predictor: the world's denoiser, which stays as it is.
    levels:    how the world is played with the refiner.
    streams:   dreams made in this way, by what has been learnt so far.
    """

    config: RefinerConfig

    def __init__(
        self,
        config: RefinerConfig,
        refiner: Denoiser,
        predictor: Denoiser,
        levels: Levels,
        streams: Streams | None,
        data: Data,
    ) -> None:
        optimizers = build(
            refiner, config.learning_rate, config.muon_learning_rate, config.weight_decay
        )
        super().__init__(config, refiner, {"refiner": refiner}, optimizers)
        self.predictor = predictor.requires_grad_(False).eval()
        self.levels, self.streams, self.data = levels, streams, data
        fresh = config.batch - config.streams
        self.batches = Batches(data.segments, fresh, config.seed, config.share_events)

    def gradients(self, index: int, batch: Batch) -> Losses:
        """batch: recorded windows of T + 1 frames, besides those of the streams.

        Reports, averaged over the examples of each kind: recorded, dreamed, the loss after recorded
        contexts and after dreamed ones (0 if there are none); gradient_norm, before clipping.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        drawn = examples(self.streams, index, batch, config.share_rehearsed).to(self.device)
        count = drawn.dreamed
        with autocast(self.device, self.precision):
            losses = self._losses(drawn, generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses.mean().backward()
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), config.gradient_clip)
        if self.streams is not None:
            with autocast(self.device, self.precision):
                dreamed = self._dream(drawn, generator)
            self.streams.advance(dreamed, drawn.batch.frames[:count, -1].cpu())
        return {
            "recorded": losses[count:].mean().item(),
            "dreamed": losses[:count].mean().item() if count else 0.0,
            "gradient_norm": norm.item(),
        }

    def score(self) -> Scores:
        """How well the world dreams with the refiner's average."""
        windows = collate(self.data.scored.spread(SCORED_STARTS))
        with autocast(self.device, self.precision):
            return score(self.predictor, windows, self.levels, self._refiner)

    def state_dict(self) -> dict[str, Any]:
        streams = self.streams.state_dict() if self.streams else None
        return {**super().state_dict(), "streams": streams}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        if self.streams is not None:
            self.streams.load_state_dict(state["streams"])

    @property
    def _refiner(self) -> Denoiser:
        """The refiner's average."""
        return cast(Denoiser, self.averages["refiner"])

    def _losses(self, drawn: Examples, generator: torch.Generator) -> Tensor:
        """Loss of each example (B,)."""
        frames, context = to_float(drawn.batch.frames), to_float(drawn.context)
        noise = torch.randn(frames.shape, generator=generator).to(self.device)
        sigmas = self._sigmas(len(frames), generator)
        change = frames[:, -1] - self.denoiser.base(context)
        shown = self._shown(change, generator)
        losses, _ = self.denoiser.loss(
            frames[:, -1],
            sigmas,
            noise[:, -1] - (1 - shown) * change / sigmas[:, None, None, None],
            context,
            drawn.batch.actions[:, :-1],
            self.config.changed_weight,
            context + self.config.context_noise * noise[:, :-1],
            learnt=drawn.learnt,
        )
        return losses

    def _sigmas(self, rows: int, generator: torch.Generator) -> Tensor:
        """Noise levels (rows,), their logarithms drawn evenly."""
        least, most = math.log(self.config.sigma_least), math.log(self.config.sigma_most)
        drawn = torch.rand(rows, generator=generator) * (most - least) + least
        return drawn.exp().to(self.device)

    def _shown(self, change: Tensor, generator: torch.Generator) -> Tensor:
        """How much of a change (B, C, H, W) is shown behind the noise: (B, 1, H, W)."""
        rows, least = len(change), self.config.fade_least
        coarse = torch.rand(rows, 1, FADE_GRID, FADE_GRID, generator=generator)
        faded = torch.rand(rows, 1, 1, 1, generator=generator) < self.config.share_faded
        coarse = torch.where(faded, least + (1 - least) * coarse, 1.0)
        size = change.shape[-2:]
        return F.interpolate(coarse, size, mode="bilinear", align_corners=True).to(self.device)

    @torch.no_grad()
    def _dream(self, drawn: Examples, generator: torch.Generator) -> Tensor:
        """The streams' next frames as in play, uint8 (S, C, H, W)."""
        context = to_float(drawn.context[: drawn.dreamed])
        actions = drawn.batch.actions[: drawn.dreamed, :-1]
        noise = torch.randn(context[:, -1].shape, generator=generator).to(self.device)
        made = self.predictor.next_frame(
            noise, context, actions, self.levels, refiner=self._refiner
        )
        return to_uint8(made).cpu()


def refined(levels: Levels | None, recipe: RefinerConfig) -> Levels:
    """How a world is played that goes down `levels` until it gets a refiner.

    Raises ValueError where they cannot be gone down so.
    """
    if levels is None:
        raise ValueError("it goes down no levels of its own, as worlds of the preset small do")
    return Levels("refine", (levels.sigmas[0], recipe.level))
