"""Learning several frames in a row, each on top of the model's own answer to the one before.

Shapes: B batch, T context frames, N learnt frames, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from models.frames import quantise
from models.networks.denoiser import Denoiser


@dataclass(frozen=True)
class Noising:
    """All that is random in learning one frame.

    sigma:  (B,) level of the noise on the frame. noise: (B, C, H, W) of unit variance.
    offset: (B, C, 1, 1) of unit variance, for a denoiser with sigma_offset.
    context_sigma, context_noise, context_offset: the same (B,), (B, T, C, H, W) and
            (B, T, C, 1, 1) for the context; None where that stays clean.
    """

    sigma: Tensor
    noise: Tensor
    offset: Tensor | None = None
    context_sigma: Tensor | None = None
    context_noise: Tensor | None = None
    context_offset: Tensor | None = None

    def on_context(self, context: Tensor, sigma_offset: float) -> Tensor:
        """The context (B, T, C, H, W) as the network gets to see it."""
        if self.context_sigma is not None and self.context_noise is not None:
            level = self.context_sigma[:, None, None, None, None]
            context = context + level * self.context_noise
        if self.context_offset is not None:
            context = context + sigma_offset * self.context_offset
        return context

    def rows(self, chosen: slice, device: torch.device) -> Noising:
        """What is random for some of the examples, on a device."""
        parts: dict[str, Any] = {
            field.name: part[chosen].to(device)
            for field in fields(self)
            if (part := getattr(self, field.name)) is not None
        }
        return Noising(**parts)


def sequence_losses(
    denoiser: Denoiser, frames: Tensor, actions: Tensor | None, noisings: Sequence[Noising]
) -> Iterator[Tensor]:
    """Mean training loss of each of the N = len(noisings) frames after the first T, one by one.

    frames (B, T + N, C, H, W); actions (B, T + N, A), row t taken at frame t. The estimate of each
    frame, detached and one of the 256 levels in every value, takes its place in the context of
    the next. So nothing is learnt through an estimate, and whoever takes the gradients of a loss
    before asking for the next needs memory for one frame only.
    """
    config = denoiser.config
    context = frames[:, : config.context]
    for i, noising in enumerate(noisings):
        target = config.context + i
        loss, estimate = denoiser.loss(
            frames[:, target],
            noising.sigma,
            noising.noise,
            context,
            None if actions is None else actions[:, i:target],
            shown=noising.on_context(context, config.sigma_offset),
            context_sigma=noising.context_sigma,
            offset=noising.offset,
        )
        context = torch.cat((context[:, 1:], quantise(estimate)[:, None]), dim=1)
        yield loss.mean()
