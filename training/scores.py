"""How well a denoiser dreams recorded episodes that it was not trained on.

Shapes: B episodes or starts, T context frames, N dreamed steps, C H W a frame, A action width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.batches import Batch, collate
from datasets.segments import Segments
from datasets.store import Store
from models.denoiser import Denoiser
from models.frames import to_float, to_uint8

PEAK_DB_MSE = 1e-6  # of [0, 1]: two equal frames count as 60 dB, not as infinitely alike


def starts(store: Store, episodes: Sequence[int], length: int, count: int) -> list[Batch]:
    """Windows of `length` frames, up to `count`, spread evenly over some episodes; one each."""
    segments = Segments(store, episodes, length)
    chosen = np.linspace(0, len(segments) - 1, min(count, len(segments))).astype(int)
    return [collate([segments[int(i)]]) for i in np.unique(chosen)]


@torch.no_grad()
def dream(
    denoiser: Denoiser,
    frames: Tensor,
    actions: Tensor,
    sigmas: Sequence[float],
    generator: torch.Generator,
) -> Tensor:
    """Dream on from a context under recorded actions.

    frames (B, T, C, H, W) uint8 and actions (B, T + N - 1, A), of which row t was taken at frame
    t. Returns the N dreamed frames, (B, N, C, H, W) uint8.
    """
    context = to_float(frames)
    length = context.shape[1]
    dreamed = []
    for step in range(actions.shape[1] - length + 1):
        noise = torch.randn(context[:, -1].shape, generator=generator).to(context.device)
        taken = actions[:, step : step + length]
        frame = denoiser.next_frame(noise, context, taken, sigmas)
        context = torch.cat((context[:, 1:], frame[:, None]), dim=1)
        dreamed.append(to_uint8(frame).cpu())
    return torch.stack(dreamed, dim=1)


def psnr(frames: Tensor, others: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of uint8 (..., C, H, W) frames against others: (...)."""
    error = ((frames.float() - others.float()) / 255).square().mean(dim=(-3, -2, -1))
    return -10 * error.clamp(min=PEAK_DB_MSE).log10()


@dataclass(frozen=True)
class Scores:
    """psnr_1, psnr_n: of dreamed frames after one and after all steps, averages in dB.

    still_1, still_n: the same for repeating the last recorded frame.
    strip: a picture, uint8 (H', W', 3): recorded frames above, dreamed ones below.
    """

    psnr_1: float
    psnr_n: float
    still_1: float
    still_n: float
    strip: NDArray[np.uint8]


def score(
    denoiser: Denoiser, windows: Sequence[Batch], sigmas: Sequence[float], strip_frames: int = 12
) -> Scores:
    """Dream through recorded windows of T + N frames, one batch of all, from one seed."""
    device = next(denoiser.parameters()).device
    frames = torch.cat([window.frames for window in windows])
    actions = torch.cat([window.actions for window in windows])
    length = denoiser.config.context
    dreamed = dream(
        denoiser,
        frames[:, :length].to(device),
        actions[:, :-1].to(device),
        sigmas,
        torch.Generator().manual_seed(0),
    )
    true, last = frames[:, length:], frames[:, length - 1]
    return Scores(
        psnr_1=psnr(dreamed[:, 0], true[:, 0]).mean().item(),
        psnr_n=psnr(dreamed[:, -1], true[:, -1]).mean().item(),
        still_1=psnr(last, true[:, 0]).mean().item(),
        still_n=psnr(last, true[:, -1]).mean().item(),
        strip=strip(true, dreamed, strip_frames),
    )


def strip(true: Tensor, dreamed: Tensor, count: int, rows: int = 4) -> NDArray[np.uint8]:
    """Pairs of rows, recorded above dreamed, of `count` frames spread over (B, N, C, H, W)."""
    steps = np.linspace(0, true.shape[1] - 1, min(count, true.shape[1])).astype(int)
    pairs = torch.stack((true[:rows, steps], dreamed[:rows, steps]), dim=1)
    pairs = torch.nn.functional.pad(pairs, (1, 1, 1, 1), value=90)
    b, two, n, c, h, w = pairs.shape
    return pairs.permute(0, 1, 4, 2, 5, 3).reshape(b * two * h, n * w, c).numpy()
