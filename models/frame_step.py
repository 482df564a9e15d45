"""One whole step of play as one function, which a runtime can compile as one graph.

Shapes: B batch, T context frames, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.denoiser import Denoiser
from models.frames import to_float, to_uint8
from models.reward_end import RewardEnd

EVENTS = 5  # reward logits of -1, 0 and 1; logits of a lost life and of the end


class FrameStep(nn.Module):
    """Context, actions and noise → the next frame and what came with it."""

    def __init__(self, denoiser: Denoiser, reward_end: RewardEnd, sigmas: Sequence[float]) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.reward_end = reward_end
        self.sigmas = tuple(sigmas)

    def forward(self, frames: Tensor, actions: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """frames uint8 (B, T, H, W, C) oldest first; actions float (B, T, A), of which row t was
        taken at frame t; noise float (B, C, H, W) of unit variance.

        Returns the next frame, uint8 (B, H, W, C), and the logits of its events, float32
        (B, EVENTS).
        """
        context = to_float(frames.permute(0, 1, 4, 2, 3).contiguous())
        frame = self.denoiser.next_frame(noise, context, actions, self.sigmas)
        seen = torch.cat((context, frame[:, None]), dim=1)[:, -self.reward_end.config.frames :]
        reward, life, end = self.reward_end(seen)
        events = torch.cat((reward, life[:, None], end[:, None]), dim=1)
        return to_uint8(frame.permute(0, 2, 3, 1)), events
