"""Reward, lost life and end of a dreamed step, read off the picture by a small network.

Shapes: B batch, T context frames, C = 3 channels, H W pixels, A action width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 4  # pixels: edge of the squares folded into channels first
REWARDS = (-1.0, 0.0, 1.0)  # rewards are predicted by their sign


@dataclass(frozen=True)
class RewardEndConfig:
    """Architecture of a reward and ending head.

    height, width: of a frame, in pixels.
    frames:        how many frames, the new one included, it looks at.
    channels:      its width.
    """

    height: int
    width: int
    frames: int
    channels: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.frames, self.channels) < 1:
            raise ValueError("height, width, frames and channels must be positive")


class RewardEnd(nn.Module):
    """A few convolutions over the last frames at a quarter of their resolution, then a linear.

    OLDEST: which weight reads the frames, and at which of its inputs the oldest begins.
    """

    OLDEST = ("conv1.weight", 3 * PATCH**2)  # behind the newest

    def __init__(self, config: RewardEndConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.conv1 = nn.Conv2d(3 * config.frames * PATCH**2, c, 3, padding=1)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)
        self.conv3 = nn.Conv2d(c, c, 3, stride=2, padding=1)
        self.conv4 = nn.Conv2d(c, c, 3, padding=1)
        multiple = 2 * PATCH
        cells = -(-config.height // multiple) * -(-config.width // multiple)
        self.out = nn.Linear(c * cells, len(REWARDS) + 2)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """frames (B, frames, C, H, W) float, newest last → reward logits (B, 3), the logit of a
        lost life (B,) and the logit of the game's end (B,)."""
        newest = frames[:, -1:]
        # Differences show at once what moved; the newest frame shows the score.
        x = torch.cat((newest, newest - frames[:, :-1]), dim=1).flatten(1, 2)
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % (2 * PATCH), 0, -height % (2 * PATCH)))
        x = F.silu(self.conv1(F.pixel_unshuffle(x, PATCH)))
        x = F.silu(self.conv2(x)) + x
        x = F.silu(self.conv3(x))
        x = F.silu(self.conv4(x)) + x
        logits = self.out(x.flatten(1)).float()
        return logits[:, :3], logits[:, 3], logits[:, 4]

    def loss(
        self,
        frames: Tensor,
        reward: Tensor,
        life_lost: Tensor,
        ended: Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Sum of the three cross-entropies, averaged over B.

        frames (B, frames, C, H, W) as in `forward`; reward (B,), of which only the sign counts;
        life_lost and ended (B,) bool; weight (B,), how much each example counts (None: 1).
        """
        reward_logits, life_logit, end_logit = self(frames)
        losses = (
            F.cross_entropy(reward_logits, reward.sign().long() + 1, reduction="none")
            + F.binary_cross_entropy_with_logits(life_logit, life_lost.float(), reduction="none")
            + F.binary_cross_entropy_with_logits(end_logit, ended.float(), reduction="none")
        )
        return (losses if weight is None else losses * weight).mean()
