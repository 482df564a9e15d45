"""Learning to enlarge: from the large frame before and the small new one, the large new one.

A frame before that was recorded has every detail; in play it is the network's own answer. Learning
some frames in a row, each on the answer before, shows both.

Shapes: B examples or starts, N frames in a row, C h w a small frame, C H W a large one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.frame_step import enlarged_context
from models.frames import quantise, to_float, to_uint8
from models.sampler import SamplerConfig
from models.sequence_loss import Noising
from training.data import Data
from training.frame_config import WAYS, UpsamplerConfig
from training.frame_learner import FrameLearner
from training.pairs import PairBatch, PairBatches, PairedSegments, collate_pairs
from training.scores import Scores, next_frame, scores
from training.speed import autocast

STARTS = 8  # at evaluations


class UpsamplerLearner(FrameLearner):
    """An upsampler that learns from recordings in two sizes."""

    config: UpsamplerConfig

    def __init__(self, config: UpsamplerConfig, upsampler: Denoiser, data: Data) -> None:
        super().__init__(config, "upsampler", upsampler)
        assert data.large is not None
        segments = PairedSegments(data.segments, data.large)
        self.scored = PairedSegments(data.scored, data.large)
        self.batches = PairBatches(segments, config.batch * config.accumulate, config.seed)

    def examples(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        return batch.large, batch.small[:, 1:]

    def noisings(self, rows: int, generator: torch.Generator) -> list[Noising]:
        network = self.denoiser.config
        shape = (rows, 3, network.height, network.width)
        return [
            Noising(
                self.level(rows, generator),
                torch.randn(shape, generator=generator),
                torch.randn(rows, 3, 1, 1, generator=generator),
            )
            for _ in range(self.config.learnt)
        ]

    def losses(self, one: Tensor, other: Tensor, noisings: Sequence[Noising]) -> Iterator[Tensor]:
        """one: large frames uint8 (B, 1 + N, C, H, W); other: the last N small (B, N, C, h, w)."""
        large, small = to_float(one), to_float(other)
        before = large[:, 0]
        for i, noising in enumerate(noisings):
            loss, estimate = self.denoiser.loss(
                large[:, 1 + i],
                noising.sigma,
                noising.noise,
                enlarged_context(before, small[:, i]),
                None,
                offset=noising.offset,
                texture_weight=self.config.texture_weight,
            )
            before = quantise(estimate)
            yield loss.mean()

    def score(self) -> Scores:
        """What costs nothing is to enlarge by cubic curves alone."""
        windows = collate_pairs(self.scored.spread(STARTS))
        sampler = self.config.samplers()[WAYS[0]]
        with autocast(self.device, self.precision):
            made = enlarge(self.averaged, windows, sampler, torch.Generator().manual_seed(0))
        before, small = (to_float(tensor) for tensor in (windows.large[:, 0], windows.small[:, 1:]))
        plain = [to_uint8(enlarged_context(before, frame)[:, -1]) for frame in small.unbind(1)]
        return scores(windows.large[:, 1:], made, torch.stack(plain, dim=1), "cubic")


@torch.no_grad()
def enlarge(
    upsampler: Denoiser, windows: PairBatch, sampler: SamplerConfig, generator: torch.Generator
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
