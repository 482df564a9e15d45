"""Learning to enlarge: from the large frame before and the small new one, the large new one.

A frame before that was recorded has every detail; in play it is the network's own answer. So
examples may go on from one update to the next, each on the answer before, as rollouts do in
training/rollouts.py: what is learnt of long rows of answers costs no more than of single ones.

Shapes: B examples or starts, N frames in a row, C h w a small frame, C H W a large one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser, Upsampler
from models.runtime.frame_step import enlarged_context
from models.sampler import Sampler
from training.data import Data
from training.learners.base import Losses, counted
from training.learners.frame_learner import FrameLearner
from training.losses.denoising import Noising, predict, squared_error
from training.losses.texture import texture_loss
from training.losses.unpaired import low_frequency_error
from training.pairs import PairBatch, PairBatches, PairedSegments, collate_pairs
from training.recipes.two_sizes import PLAY_PRESETS, UpsamplerConfig
from training.scores import Scores, next_frame, scores
from training.small_rollouts import SmallRollouts
from training.speed import autocast

STARTS = 8  # at evaluations


class UpsamplerLearner(FrameLearner):
    """An upsampler that learns from recordings in two sizes.

    answers:  uint8 (B, C, H, W), the network's in the update before; None before the first.
    rollouts: of small frames, in place of recorded ones; None for recorded ones alone.
    """

    config: UpsamplerConfig
    answers: Tensor | None = None

    def __init__(
        self,
        config: UpsamplerConfig,
        upsampler: Upsampler,
        data: Data,
        rollouts: SmallRollouts | None,
    ) -> None:
        super().__init__(config, "upsampler", upsampler)
        assert data.large is not None
        self.rollouts = rollouts
        before = rollouts.denoiser.config.context - 1 if rollouts else 0
        segments = PairedSegments(data.segments, data.large, before)
        self.scored = PairedSegments(data.scored, data.large)
        self.batches = PairBatches(segments, config.batch * config.accumulate, config.seed)

    def gradients(self, index: int, batch: PairBatch) -> Losses:
        """Compute gradients, and keep the network's frames as `answers` for the next update."""
        self._made: list[Tensor] = []
        losses = super().gradients(index, batch)
        self.answers = torch.cat(self._made)
        return losses

    def examples(self, batch: PairBatch, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return large frames (B, 2, C, H, W), small ones (B, C, h, w) and unpaired rows (B,).

        The first large frame is the network's own answer where a row continues the update before;
        the small one is dreamed in the first rows if there are rollouts, and those are unpaired.
        """
        large, small = batch.large, batch.small[:, -1]
        unpaired = torch.zeros(len(small), dtype=torch.bool)
        if self.rollouts is not None:
            unpaired[: self.rollouts.count] = True
            dreamed = self.rollouts.advance(batch, generator)
            small = torch.cat((dreamed, small[len(dreamed) :]))
        if self.answers is not None:
            goes_on = batch.goes_on[:, None, None, None]
            before = torch.where(goes_on, self.answers, large[:, 0])
            large = torch.stack((before, large[:, 1]), dim=1)
        return large, small, unpaired

    def noisings(self, rows: int, generator: torch.Generator) -> list[Noising]:
        """Draw one level and one noise for each row."""
        network = self.denoiser.config
        shape = (rows, 3, network.height, network.width)
        return [
            Noising(
                self.level(rows, generator),
                torch.randn(shape, generator=generator),
                torch.randn(rows, 3, 1, 1, generator=generator),
            )
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with the answers and dreamed frames that the next update continues."""
        dreamed = self.rollouts.context if self.rollouts else None
        return {**super().state_dict(), "answers": self.answers, "dreamed": dreamed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        self.answers = state["answers"]
        if self.rollouts is not None:
            self.rollouts.context = state["dreamed"]

    def losses(self, given: Sequence[Tensor], noisings: Sequence[Noising]) -> Iterator[Tensor]:
        """Yield the mean loss of enlarged frames.

        given: large frames uint8 (B, 2, C, H, W); the second, small (B, C, h, w); which of those
        are unpaired (B,), since they were dreamed.
        """
        large, small, unpaired = to_float(given[0]), to_float(given[1]), given[2]
        (noising,) = noisings
        context = enlarged_context(large[:, 0], small)
        prediction = predict(self.denoiser, large[:, 1], context, None, noising)
        self._made.append(to_uint8(prediction.estimate).cpu())
        losses = squared_error(prediction)
        if self.rollouts is not None:
            patch, weight = self.config.patch, self.config.texture_weight
            losses = (
                losses.masked_fill(unpaired, 0.0)
                + low_frequency_error(prediction, context[:, -1], unpaired, patch)
                + weight * texture_loss(prediction, unpaired, patch)
            )
        yield counted(losses, self.config.log_loss).mean()

    def score(self) -> Scores:
        """Score beside enlargement by cubic curves alone, which costs nothing."""
        windows = collate_pairs(self.scored.spread(STARTS))
        sampler = self.config.samplers()[PLAY_PRESETS[0]]
        with autocast(self.device, self.precision):
            made = enlarge(self.averaged, windows, sampler, torch.Generator().manual_seed(0))
        before, small = (to_float(tensor) for tensor in (windows.large[:, 0], windows.small[:, 1:]))
        plain = [to_uint8(enlarged_context(before, frame)[:, -1]) for frame in small.unbind(1)]
        return scores(windows.large[:, 1:], made, torch.stack(plain, dim=1), "cubic")


@torch.no_grad()
def enlarge(
    upsampler: Denoiser, windows: PairBatch, sampler: Sampler, generator: torch.Generator
) -> Tensor:
    """Enlarge the N small frames after the first, as in play: each on the answer before.

    Returns uint8 (B, N, C, H, W).
    """
    device = next(upsampler.parameters()).device
    large = to_float(windows.large[:, 0].to(device))
    made = []
    for small in to_float(windows.small[:, 1:].to(device)).unbind(1):
        large = next_frame(upsampler, enlarged_context(large, small), None, sampler, generator)
        made.append(to_uint8(large).cpu())
    return torch.stack(made, dim=1)
