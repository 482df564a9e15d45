"""A frame prior: a small denoiser of single frames that keeps a long dream among possible frames.

A dream feeds on its own frames, so what is once wrong in one stays in the context and grows. The
prior sees the new frame alone, neither the past nor the actions: what it cannot see it cannot copy,
so it takes out what no frame of the game shows and leaves the rest as it is.

Shapes: B batch, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.networks.denoiser import FRAME_STD, FourierFeatures
from models.networks.unet import UNet, UNetConfig


@dataclass(frozen=True)
class FramePriorConfig:
    """Size of the frames, shape of the network and the noise level that play asks about.

    sigma: deviation of the noise that the prior takes a dreamed frame to carry. More mends more,
           and changes more of what was right.
    """

    height: int
    width: int
    unet: UNetConfig
    sigma: float = 0.04

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1:
            raise ValueError("height and width must be positive")
        if not 0 < self.sigma <= 1:
            raise ValueError(f"sigma must be between 0 and 1, not {self.sigma}")
        if self.unet.cond % 2:
            raise ValueError("unet.cond must be even")


class FramePrior(nn.Module):
    """A U-Net of one frame with EDM's preconditioning (Karras et al. 2022, table 1)."""

    def __init__(self, config: FramePriorConfig) -> None:
        super().__init__()
        self.config = config
        width = config.unet.cond
        self.noise_embedding = FourierFeatures(width)
        self.cond = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.unet = UNet(3, 3, config.unet)

    def forward(self, frame: Tensor, sigma: Tensor) -> Tensor:
        """Estimate the clean frame behind noise of deviation sigma (B,); (B, C, H, W), float32."""
        total = sigma[:, None, None, None] ** 2 + FRAME_STD**2
        c_skip, c_out = FRAME_STD**2 / total, sigma[:, None, None, None] * FRAME_STD / total.sqrt()
        cond = self.cond(self.noise_embedding(sigma.log() / 4))
        return c_skip * frame + c_out * self.unet(frame / total.sqrt(), cond).float()

    def mend(self, frame: Tensor) -> Tensor:
        """Return a dreamed frame (B, C, H, W) as the nearest frame that the game might show."""
        sigma = torch.full((frame.shape[0],), self.config.sigma, device=frame.device)
        return self(frame, sigma).clamp(-1, 1)
