"""Scores of a denoiser on recorded episodes that it was not trained on.

Shapes: B episodes or starts, T context frames, N dreamed steps, C H W a frame, A action width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from base.psnr import mean_error, psnr_db
from datasets.batches import Batch
from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from models.sampler import Sampler

Mend = Callable[
    [Tensor], Tensor
]  # frames (B, C, H, W) in [-1, 1], as models.networks.frame_prior has it

SCORED_STARTS = 32
STRIP_FRAMES, STRIP_ROWS = 12, 4
GREY = 90


@torch.no_grad()
def dream(
    denoiser: Denoiser,
    frames: Tensor,
    actions: Tensor,
    sampler: Sampler,
    generator: torch.Generator,
    mend: Mend | None = None,
) -> Tensor:
    """Dream on from a context under recorded actions.

    frames (B, T, C, H, W) uint8 and actions (B, T + N - 1, A), of which row t was taken at frame
    t. mend: what play does to a dreamed frame before it is fed back. Returns the N dreamed frames,
    (B, N, C, H, W) uint8.
    """
    context = to_float(frames)
    length = context.shape[1]
    dreamed = []
    for step in range(actions.shape[1] - length + 1):
        taken = actions[:, step : step + length]
        frame = next_frame(denoiser, context, taken, sampler, generator)
        frame = mend(frame) if mend else frame
        context = torch.cat((context[:, 1:], frame[:, None]), dim=1)
        dreamed.append(to_uint8(frame).cpu())
    return torch.stack(dreamed, dim=1)


def next_frame(
    denoiser: Denoiser,
    context: Tensor,
    actions: Tensor | None,
    sampler: Sampler,
    generator: torch.Generator,
) -> Tensor:
    """Return the frame (B, C, H, W) that follows a context (B, T, C, H, W), in [-1, 1]."""
    draws = (len(context), sampler.draws(context.shape[1]), *context.shape[2:])
    noise = torch.randn(draws, generator=generator).to(context.device)
    return denoiser.sample(noise, context, actions, sampler)


def psnr(frames: Tensor, others: Tensor) -> float:
    """Return the mean PSNR in dB of uint8 frames (B, C, H, W) against others."""
    error = mean_error(frames.numpy(force=True), others.numpy(force=True))
    return float(psnr_db(error).mean())


@dataclass(frozen=True)
class Scores:
    """psnr_1, psnr_n: of made frames after one and after all steps, averages in dB.

    plain_1, plain_n: the same for what costs nothing; plain says what that is, in a word.
    steps: how many those are.
    strip: a picture, uint8 (H', W', 3): recorded frames above, made ones below.
    """

    psnr_1: float
    psnr_n: float
    plain_1: float
    plain_n: float
    plain: str
    steps: int
    strip: NDArray[np.uint8]


def scores(true: Tensor, made: Tensor, plain: Tensor, name: str) -> Scores:
    """Compare made frames and plain ones with the recorded: uint8 (B, N, C, H, W) each."""
    return Scores(
        psnr_1=psnr(made[:, 0], true[:, 0]),
        psnr_n=psnr(made[:, -1], true[:, -1]),
        plain_1=psnr(plain[:, 0], true[:, 0]),
        plain_n=psnr(plain[:, -1], true[:, -1]),
        plain=name,
        steps=true.shape[1],
        strip=strip(true, made),
    )


def score(denoiser: Denoiser, windows: Batch, sampler: Sampler, mend: Mend | None = None) -> Scores:
    """Dream through recorded windows of T + N frames, all at once and from one seed.

    What costs nothing is to repeat the last recorded frame: a "still" picture.
    """
    device = next(denoiser.parameters()).device
    frames, actions, length = windows.frames, windows.actions, denoiser.config.context
    dreamed = dream(
        denoiser,
        frames[:, :length].to(device),
        actions[:, :-1].to(device),
        sampler,
        torch.Generator().manual_seed(0),
        mend,
    )
    true = frames[:, length:]
    return scores(true, dreamed, frames[:, length - 1 : length].expand_as(true), "still")


def strip(true: Tensor, dreamed: Tensor) -> NDArray[np.uint8]:
    """Draw pairs of rows, recorded above dreamed, of frames uint8 (B, N, C, H, W) each.

    Up to STRIP_FRAMES frames spread evenly over N, of the first STRIP_ROWS of B.
    """
    steps = np.linspace(0, true.shape[1] - 1, min(STRIP_FRAMES, true.shape[1])).astype(int)
    pairs = torch.stack((true[:STRIP_ROWS, steps], dreamed[:STRIP_ROWS, steps]), dim=1)
    pairs = F.pad(pairs, (1, 1, 1, 1), value=GREY)  # a line around every frame
    b, two, n, c, h, w = pairs.shape
    return pairs.permute(0, 1, 4, 2, 5, 3).reshape(b * two * h, n * w, c).numpy()
