"""A player with a memory: from a frame, which action to take and what is still to come.

Shapes: B batch, T steps, C = 3 channels, H W pixels, A actions, L width of the memory.
The layout is DIAMOND's (Alonso et al. 2024, appendix D).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.lstm import Lstm, State
from models.networks.unet import NORM_EPSILON, groups


@dataclass(frozen=True)
class ActorCriticConfig:
    """Architecture of a player.

    height, width: of a frame, in pixels; every stage halves them.
    actions:       A, how many actions there are to choose from.
    channels:      width of each stage.
    lstm:          L.
    """

    height: int
    width: int
    actions: int
    channels: tuple[int, ...]
    lstm: int

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("a player needs one or more stages")
        if min(self.height, self.width, self.actions, self.lstm, *self.channels) < 1:
            raise ValueError("height, width, actions, channels and lstm must be positive")
        if min(self.height, self.width) < 2 ** len(self.channels):
            raise ValueError(f"frames are too small for {len(self.channels)} stages")

    @property
    def features(self) -> int:
        """Number of values that the encoder leaves of a frame."""
        shrink = 2 ** len(self.channels)
        return self.channels[-1] * (self.height // shrink) * (self.width // shrink)


class Stage(nn.Module):
    """Norm, SiLU and a 3x3 convolution beside a skip; then the larger of every 2x2 pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups(inputs), inputs, eps=NORM_EPSILON)
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, H, W) → (B, outputs, H/2, W/2)."""
        return F.max_pool2d(self.skip(x) + self.conv(F.silu(self.norm(x))), 2)


class ActorCritic(nn.Module):
    """Stages of convolutions, a memory, and two linear answers."""

    def __init__(self, config: ActorCriticConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(
            Stage(widths[max(0, i - 1)], width) for i, width in enumerate(widths)
        )
        self.lstm = Lstm(config.features, config.lstm)
        self.actor = nn.Linear(config.lstm, config.actions)
        self.critic = nn.Linear(config.lstm, 1)

    def forward(self, frame: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Return logits of the actions (B, A), the value (B,) of what is to come, and the memory.

        frame (B, C, H, W) in [-1, 1]; state: the memory before, (B, L) twice.
        """
        x = self.conv_in(frame)
        for stage in self.stages:
            x = stage(x)
        state = self.lstm(x.flatten(1), state)
        return self.actor(state[0]).float(), self.critic(state[0]).float()[:, 0], state


def lambda_returns(
    rewards: Tensor, ended: Tensor, truncated: Tensor, next_values: Tensor, gamma: float, lam: float
) -> Tensor:
    """Return what each of T steps was worth, (B, T): the rewards to come.

    Those are by experience as far as `lam` says and by estimate from there on.

    rewards (B, T), of which only the sign counts; ended and truncated (B, T), bool; next_values
    (B, T), the estimated value of what step t led to; gamma: what a reward one step later counts.
    After an end nothing comes; after a truncation the estimate stands for all.
    Source: Sutton & Barto 2018, equation 12.20.
    """
    rewards, goes_on = rewards.sign(), ~ended
    later = next_values[:, -1]
    returns = []
    for t in reversed(range(rewards.shape[1])):
        mixed = torch.lerp(next_values[:, t], later, lam)
        ahead = torch.where(truncated[:, t], next_values[:, t], mixed)
        later = rewards[:, t] + gamma * ahead * goes_on[:, t]
        returns.append(later)
    return torch.stack(returns[::-1], dim=1)
