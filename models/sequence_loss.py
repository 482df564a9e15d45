"""Learning several frames in a row, each on top of the model's own answer to the one before.

Shapes: B batch, T context frames, N learnt frames, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.denoiser import Denoiser
from models.frames import quantise


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


def sequence_loss(
    denoiser: Denoiser,
    frames: Tensor,
    actions: Tensor | None,
    noisings: Sequence[Noising],
    valid: Tensor | None = None,
) -> Tensor:
    """Mean training loss of the N = len(noisings) frames after the first T.

    frames (B, T + N, C, H, W); actions (B, T + N, A), row t taken at frame t; valid (B, T + N)
    bool: a frame counts only where this says so (everywhere if not given). The estimate of each
    frame, detached and one of the 256 levels in every value, takes its place in the context of
    the next.
    """
    config = denoiser.config
    context = frames[:, : config.context]
    losses = []
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
        counts = torch.ones_like(loss) if valid is None else valid[:, target].to(loss.dtype)
        losses.append((loss * counts).sum() / counts.sum().clamp(min=1))
        context = torch.cat((context[:, 1:], quantise(estimate)[:, None]), dim=1)
    return torch.stack(losses).mean()
