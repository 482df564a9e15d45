"""Reward and end of a dreamed step, told by a network with a memory.

Shapes: B batch, T steps, C = 3 channels, H W pixels, A action width, L width of the memory.
The layout is DIAMOND's (Alonso et al. 2024, appendix D).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.lstm import Lstm, State
from models.networks.reward_end import REWARDS
from models.networks.unet import Modulation, UNetConfig, blocks_down, blocks_middle

ENDS = 2  # the game goes on, the game is over


@dataclass(frozen=True)
class RewardModelConfig:
    """Architecture of a reward and ending model.

    height, width: of a frame, in pixels; the encoder's levels must divide them.
    actions:       A, the width of an action vector.
    encoder:       the way down of a U-Net and its middle, which look at two frames.
    lstm:          L.
    """

    height: int
    width: int
    actions: int
    encoder: UNetConfig
    lstm: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.actions, self.lstm) < 1:
            raise ValueError("height, width, actions and lstm must be positive")
        if self.encoder.patch != 1:
            raise ValueError("the reward model's encoder has no patch")
        if self.height % self.encoder.multiple or self.width % self.encoder.multiple:
            raise ValueError(f"height and width must be multiples of {self.encoder.multiple}")

    @property
    def features(self) -> int:
        """Number of values that the encoder leaves of two frames."""
        pixels = self.height * self.width // self.encoder.multiple**2
        return self.encoder.channels[-1] * pixels


class Encoder(nn.Module):
    """The way down of a U-Net, and its middle."""

    def __init__(self, inputs: int, config: UNetConfig) -> None:
        super().__init__()
        widths = config.channels
        self.conv_in = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        for level in range(len(widths)):
            self.down.append(blocks_down(config, level))
            if level > 0:
                before = widths[level - 1]
                self.shrink.append(nn.Conv2d(before, before, 3, stride=2, padding=1))
        self.middle = blocks_middle(config)
        self.modulation = Modulation(
            config.cond,
            [c for blocks in (*self.down, self.middle) for b in blocks for c in b.normalised],
        )

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """x (B, inputs, H, W), cond (B, K) → (B, channels, H, W) of the last level."""
        modulations = iter(self.modulation(cond))
        x = self.conv_in(x)
        for level, blocks in enumerate(self.down.children()):
            if level > 0:
                x = self.shrink[level - 1](x)
            for block in blocks.children():
                x = block(x, modulations)
        for block in self.middle:
            x = block(x, modulations)
        return x


class RewardModel(nn.Module):
    """An encoder that looks at a frame, the action and the next frame; a memory; a head."""

    def __init__(self, config: RewardModelConfig) -> None:
        super().__init__()
        self.config = config
        self.action_embedding = nn.Linear(config.actions, config.encoder.cond, bias=False)
        self.encoder = Encoder(6, config.encoder)
        self.lstm = Lstm(config.features, config.lstm)
        self.head = nn.Sequential(
            nn.Linear(config.lstm, config.lstm),
            nn.SiLU(),
            nn.Linear(config.lstm, len(REWARDS) + ENDS, bias=False),
        )

    def forward(
        self, frame: Tensor, action: Tensor, next_frame: Tensor, state: State
    ) -> tuple[Tensor, Tensor, State]:
        """Return logits of the rewards REWARDS (B, 3), of going on and the end (B, 2), and memory.

        frame and next_frame (B, C, H, W) in [-1, 1], action (B, A); state: the memory before,
        (B, L) twice.
        """
        return self.answer(self.look(frame, action, next_frame), state)

    def sequence(
        self, frames: Tensor, actions: Tensor, next_frames: Tensor, state: State | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """Apply `forward` to steps (B, T, ...): logits (B, T, 3) and (B, T, 2), and last memory.

        state: the memory before; of nothing if not given.
        """
        batch = frames.shape[0]
        seen = self.look(frames.flatten(0, 1), actions.flatten(0, 1), next_frames.flatten(0, 1))
        state = state or self.lstm.rest(batch)
        rewards, ends = [], []
        for features in seen.unflatten(0, (batch, -1)).unbind(1):
            reward, end, state = self.answer(features, state)
            rewards.append(reward)
            ends.append(end)
        return torch.stack(rewards, 1), torch.stack(ends, 1), state

    def look(self, frame: Tensor, action: Tensor, next_frame: Tensor) -> Tensor:
        """Return what the memory gets to hear of a step, (B, features)."""
        both = torch.cat((frame, next_frame), dim=1)
        return self.encoder(both, self.action_embedding(action)).flatten(1)

    def answer(self, features: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """One step of the memory, and what it says."""
        state = self.lstm(features, state)
        logits = self.head(state[0]).float()
        return logits[:, : len(REWARDS)], logits[:, len(REWARDS) :], state

    def loss(
        self,
        frames: Tensor,
        actions: Tensor,
        next_frames: Tensor,
        rewards: Tensor,
        ended: Tensor,
    ) -> Tensor:
        """Sum of both cross-entropies, averaged over all steps: rewards (B, T), ended (B, T) bool.

        Of a reward only the sign counts.
        """
        reward_logits, end_logits, _ = self.sequence(frames, actions, next_frames)
        return F.cross_entropy(
            reward_logits.flatten(0, 1), rewards.flatten().sign().long() + 1
        ) + F.cross_entropy(end_logits.flatten(0, 1), ended.flatten().long())
