"""Small rollouts: frames as a world dreams them, for an upsampler that will enlarge such frames.

Shapes: R rows, T context frames, C h w a small frame.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from models.sampler import Sampler
from training.pairs import PairBatch
from training.scores import next_frame


class SmallRollouts:
    """A rollout under recorded actions in each of the first R rows of batches, a frame an update.

    count:   R.
    context: uint8 (R, T, C, h, w), each rollout's own last frames; None before the first update.
    """

    def __init__(
        self, denoiser: Denoiser, sampler: Sampler, count: int, device: torch.device
    ) -> None:
        """denoiser: the world's, which stays as it is; its weights may be kept in less than
        float32. sampler: how it makes its frames."""
        self.denoiser = copy.deepcopy(denoiser).float().to(device).eval()
        self.sampler, self.count, self.device = sampler, count, device
        self.context: Tensor | None = None

    @torch.no_grad()
    def advance(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """Return frames uint8 (R, C, h, w), dreamed in place of the last small ones of a batch.

        batch: its small frames are the T before, and the one that comes next. A row that does not
        go on dreams on from recorded frames.
        """
        context, actions = batch.small[: self.count, :-1], batch.actions[: self.count, :-1]
        if self.context is not None:
            goes_on = batch.goes_on[: self.count, None, None, None, None]
            context = torch.where(goes_on, self.context, context)
        seen = to_float(context.to(self.device))
        made = next_frame(self.denoiser, seen, actions.to(self.device), self.sampler, generator)
        frame = to_uint8(made).cpu()
        self.context = torch.cat((context[:, 1:], frame[:, None]), dim=1)
        return frame
