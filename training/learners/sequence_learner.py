"""Learning to dream small frames: several in a row, each on the answers before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from datasets.batches import Batch, Batches, collate
from models.frames import to_float
from models.networks.denoiser import Denoiser
from training.data import Data
from training.learners.frame_learner import FrameLearner
from training.losses.denoising import Noising
from training.losses.sequence import sequence_losses
from training.recipes.two_sizes import PLAY_PRESETS, SequenceConfig
from training.scores import SCORED_STARTS, Scores, score
from training.speed import autocast


class SequenceLearner(FrameLearner):
    """A denoiser that sees noised frames, first recorded ones and then its own."""

    config: SequenceConfig

    def __init__(self, config: SequenceConfig, denoiser: Denoiser, data: Data) -> None:
        super().__init__(config, "denoiser", denoiser)
        self.data = data
        self.batches = Batches(data.segments, config.batch * config.accumulate, config.seed)

    def examples(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return frames uint8 (B, T + N, C, H, W) and actions (B, T + N, A)."""
        return batch.frames, batch.actions

    def noisings(self, rows: int, generator: torch.Generator) -> list[Noising]:
        """Draw levels and noise for a frame and its context, once for each of the N frames."""
        network, context = self.denoiser.config, self.config.context
        frame = (3, network.height, network.width)

        def unit(*shape: int) -> Tensor:
            return torch.randn(rows, *shape, generator=generator)

        return [
            Noising(
                sigma=self.level(rows, generator),
                noise=unit(*frame),
                offset=unit(3, 1, 1),
                context_sigma=self.level(rows, generator),
                context_noise=unit(context, *frame),
                context_offset=unit(context, 3, 1, 1),
            )
            for _ in range(self.config.sequence_length)
        ]

    def losses(self, given: Sequence[Tensor], noisings: Sequence[Noising]) -> Iterator[Tensor]:
        """Yield losses. given: frames uint8 (B, T + N, C, H, W); actions (B, T + N, A)."""
        frames, actions = given
        return sequence_losses(self.denoiser, to_float(frames), actions, noisings)

    def score(self) -> Scores:
        """Score the average, with its fastest preset, on the same held-out windows each time."""
        windows = collate(self.data.scored.spread(SCORED_STARTS))
        with autocast(self.device, self.precision):
            return score(self.averaged, windows, self.config.samplers()[PLAY_PRESETS[0]])
