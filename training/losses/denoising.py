"""Denoising as a loss: noised targets, a network's answers, and their squared error.

Other terms (training/losses/texture.py, training/losses/unpaired.py) are of the same `Prediction`
and are added to the squared error, each (B,).

Shapes: B batch, T context frames, S of them looked at, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from models.networks.denoiser import Denoiser
from models.networks.targets import CHANGED


@dataclass(frozen=True)
class Noising:
    """Random draws of learning one frame.

    sigma:  (B,) level of the noise on the target. noise: (B, C, H, W) of unit variance.
    offset: (B, C, 1, 1) of unit variance, for a denoiser with sigma_offset.
    context_sigma, context_noise, context_offset: the same (B,), (B, S, C, H, W) and
            (B, S, C, 1, 1) for the frames of the context that the network looks at; None where
            those stay clean.
    """

    sigma: Tensor
    noise: Tensor
    offset: Tensor | None = None
    context_sigma: Tensor | None = None
    context_noise: Tensor | None = None
    context_offset: Tensor | None = None

    def on_target(self, target: Tensor | None, sigma_offset: float) -> Tensor:
        """Return the target (B, C, H, W) with noise; without one, the noise alone.

        Raises ValueError for a sigma_offset without offset noise.
        """
        noise = self.sigma[:, None, None, None] * self.noise
        noisy = noise if target is None else target + noise
        if not sigma_offset:
            return noisy
        if self.offset is None:
            raise ValueError("a denoiser with sigma_offset learns with offset noise")
        return noisy + sigma_offset * self.offset

    def on_context(self, context: Tensor, sigma_offset: float) -> Tensor:
        """Return the frames (B, S, C, H, W) that the network looks at as it gets to see them."""
        if self.context_sigma is not None and self.context_noise is not None:
            level = self.context_sigma[:, None, None, None, None]
            context = context + level * self.context_noise
        if self.context_offset is not None:
            context = context + sigma_offset * self.context_offset
        return context

    def rows(self, chosen: slice, device: torch.device) -> Noising:
        """Return the noise of some of the examples, on a device."""
        parts: dict[str, Any] = {
            field.name: part[chosen].to(device)
            for field in fields(self)
            if (part := getattr(self, field.name)) is not None
        }
        return Noising(**parts)


@dataclass(frozen=True)
class Prediction:
    """A denoiser's answers to B examples. All fields are (B, C, H, W) but for the last.

    frame:    the true next frame.
    base:     what the target is relative to.
    clean:    the estimate of the target, with gradients.
    error:    the network's output minus what it should be: of unit variance, at every noise level,
              for a network that has learnt nothing.
    estimate: the estimated frame, without gradients.
    c_out:    (B, 1, 1, 1), how much an error of the output counts in `clean`.
    """

    frame: Tensor
    base: Tensor
    clean: Tensor
    error: Tensor
    estimate: Tensor
    c_out: Tensor

    def made(self, rows: Tensor) -> Tensor:
        """Return estimated frames with gradients, of the examples in `rows` (B,), bool."""
        return self.base[rows] + self.clean[rows]

    def scattered(self, losses: Tensor, rows: Tensor) -> Tensor:
        """Return losses of the examples in `rows` as (B,), in units of the network's output.

        Those of other examples are 0.
        """
        losses = losses / self.c_out.flatten()[rows].square()
        return losses.new_zeros(len(rows)).masked_scatter(rows, losses)


def predict(
    denoiser: Denoiser,
    frame: Tensor,
    context: Tensor,
    actions: Tensor | None,
    noising: Noising,
    pure_noise: bool = False,
) -> Prediction:
    """Let a denoiser estimate frames (B, C, H, W) from noise and their context.

    The target stays that of the clean context: noise on what the network sees need not be undone.
    pure_noise: the network is given noise without the target behind it, as play begins. At the low
    levels where play in few steps begins the target would shine through, and be relied on.
    Source: Karras et al. 2022, equation 8, without its weight.
    """
    offset = denoiser.config.sigma_offset
    base = denoiser.target.base(context)
    target = frame - base
    x = noising.on_target(None if pure_noise else target, offset)
    seen = noising.on_context(denoiser.look(context), offset)
    c_in, c_skip, c_out = denoiser.scales(noising.sigma)
    output = denoiser.network(x * c_in, noising.sigma, seen, actions, noising.context_sigma)
    skip = denoiser.target.skip(x, c_skip, context, output)
    colours = output[:, :3]
    clean = skip + c_out * colours
    estimate = base + denoiser.estimate(clean).detach()
    return Prediction(frame, base, clean, colours - (target - skip) / c_out, estimate, c_out)


def squared_error(
    prediction: Prediction, weight: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the mean squared error of the network's own output, (B,), as EDM weighs it.

    weight: (B, 1, H, W), how much each pixel counts. mask: (B, 1, H, W) bool, the pixels that do;
    those left out count as right.
    """
    error = prediction.error.square()
    for factor in (weight, mask):
        error = error if factor is None else error * factor
    return error.mean(dim=(1, 2, 3))


def change_weight(frame: Tensor, context: Tensor, changed: float) -> Tensor | None:
    """Return how much each pixel counts, (B, 1, H, W): `changed` where the frame changes, else 1.

    Pixels that change are few, and they are the game. None if all count alike.
    """
    if changed == 1:
        return None
    moved = (frame - context[:, -1]).abs().amax(dim=1, keepdim=True) > CHANGED
    return 1 + (changed - 1) * moved
