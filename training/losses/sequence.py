"""Learning several frames in a row, each on top of the model's own answer to the one before.

Shapes: B batch, T context frames, N frames in a row, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.frames import quantise
from models.networks.denoiser import Denoiser
from training.losses.denoising import Noising, predict, squared_error

__all__ = ["Noising", "sequence_losses"]


def sequence_losses(
    denoiser: Denoiser, frames: Tensor, actions: Tensor | None, noisings: Sequence[Noising]
) -> Iterator[Tensor]:
    """Yield the mean training loss of each of the N = len(noisings) frames after the first T.

    frames (B, T + N, C, H, W); actions (B, T + N, A), row t taken at frame t. The estimate of each
    frame, detached and one of the 256 levels in every value, takes its place in the context of
    the next. So nothing is learnt through an estimate, and whoever takes the gradients of a loss
    before asking for the next needs memory for one frame only.
    Source: Alonso et al. 2024, section 3.
    """
    length = denoiser.config.context
    context = frames[:, :length]
    for i, noising in enumerate(noisings):
        taken = None if actions is None else actions[:, i : length + i]
        prediction = predict(denoiser, frames[:, length + i], context, taken, noising)
        context = torch.cat((context[:, 1:], quantise(prediction.estimate)[:, None]), dim=1)
        yield squared_error(prediction).mean()
