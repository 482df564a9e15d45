"""A pose that follows the controls: where the player stands and looks after each action.

Heading and pitch follow the mouse exactly. A step keeps some of the pace of the one before and adds
a push; how much of both, a network tells from the keys and from what is in the way. It learns that
with a grid of features over the map, which comes to say where walls are, and it keeps a memory, of
doors that were opened, say.

Shapes: B players, T steps, A action width, F features of the grid, L width of the memory. Poses are
(x, y, heading, pitch), as models/networks/camera.py has them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.lstm import Lstm

AROUND = 8  # points around the player at which the grid is felt, besides where it stands
FIRST_DEVIATION = 0.1  # of the grid's features
MOST_CELLS = 2048 * 2048


@dataclass(frozen=True)
class PoseConfig:
    """What actions do to a pose, and the size of the network and of the map.

    buttons: how many entries of an action come before the mouse's motions.
    mouse_x, mouse_y: those motions in counts, to the right and down, one of each in an action;
             both empty in a game that looks around by keys alone.
    degrees_per_count: how far a count turns the view.
    lowest, highest: the pitch between which the view stays, in degrees.
    low, high: the corners (x, y) of the map.
    cell:    edge of the grid's cells in map units. features: F, what each cell has.
    reach:   map units from the player to the points around it, at which it feels the grid as well.
    stride:  map units of a usual step.
    memory:  L. hidden: width of the layer before it.
    """

    buttons: int
    mouse_x: tuple[int, ...]
    mouse_y: tuple[int, ...]
    degrees_per_count: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    lowest: float = -89.0
    highest: float = 89.0
    cell: float = 16.0
    features: int = 8
    reach: float = 32.0
    stride: float = 16.0
    memory: int = 96
    hidden: int = 96

    def __post_init__(self) -> None:
        if min(self.buttons, self.features, self.memory, self.hidden) < 1:
            raise ValueError("buttons, features, memory and hidden must be positive")
        if min(self.cell, self.reach, self.stride) <= 0:
            raise ValueError("cell, reach and stride must be positive")
        if not -90 < self.lowest <= self.highest < 90:
            raise ValueError("pitch must stay between -90 and 90 degrees")
        if not len(self.low) == len(self.high) == 2:
            raise ValueError("a map has two corners, each of two numbers")
        sides = [top - bottom for bottom, top in zip(self.low, self.high, strict=True)]
        if not all(0 < side < math.inf for side in sides):
            raise ValueError("a map must be larger than nothing")
        if math.prod(self.cells) > MOST_CELLS:
            raise ValueError("a map cannot have that many cells; make them larger")

    @property
    def actions(self) -> int:
        """A."""
        return self.buttons + len(self.mouse_x) + len(self.mouse_y)

    @property
    def cells(self) -> tuple[int, int]:
        """Nodes of the grid along y and x."""
        across, up = (
            math.ceil((top - bottom) / self.cell) + 1
            for bottom, top in zip(self.low, self.high, strict=True)
        )
        return up, across


@dataclass(frozen=True)
class PoseState:
    """What the next step goes on from: poses (B, 4), the last steps (B, 2) in map units, and the
    memory, h and c (B, L)."""

    poses: Tensor
    moved: Tensor
    h: Tensor
    c: Tensor


class PoseModel(nn.Module):
    """A memory over keys, pace and what the grid says around the player."""

    mouse_x: Tensor
    mouse_y: Tensor

    def __init__(self, config: PoseConfig) -> None:
        super().__init__()
        self.config = config
        self.grid = nn.Parameter(torch.empty(1, config.features, *config.cells))
        nn.init.normal_(self.grid, std=FIRST_DEVIATION)
        inputs = (1 + AROUND) * config.features + config.buttons + 3
        self.enter = nn.Linear(inputs, config.hidden)
        self.memory = Lstm(config.hidden, config.memory)
        self.leave = nn.Linear(config.memory, 4)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        for name, counts in (("mouse_x", config.mouse_x), ("mouse_y", config.mouse_y)):
            table = torch.tensor(counts, dtype=torch.float32, device="cpu")
            self.register_buffer(name, table, persistent=False)

    def begin(self, poses: Tensor) -> PoseState:
        """Start at poses (B, 4), standing still."""
        h, c = self.memory.rest(len(poses))
        return PoseState(poses, torch.zeros_like(poses[:, :2]), h, c)

    def forward(self, state: PoseState, actions: Tensor) -> PoseState:
        """Take one step by actions (B, A)."""
        heading, pitch, turn = self.look(state.poses, actions)
        position = state.poses[:, :2]
        axes = directions(heading)
        pace = self.felt_by(axes, state.moved) / self.config.stride
        around = self.feel(position, axes)
        keys = actions[:, : self.config.buttons]
        told = torch.cat((around, keys, pace, turn[:, None] / 10), dim=1)
        h, c = self.memory(F.silu(self.enter(told)), (state.h, state.c))
        kept, pushed = self.leave(h).chunk(2, dim=1)
        step = (2 * kept.sigmoid() * pace + pushed) * self.config.stride
        moved = step[:, :1] * axes[0] + step[:, 1:] * axes[1]
        low, high = (position.new_tensor(corner) for corner in (self.config.low, self.config.high))
        reached = torch.minimum(torch.maximum(position + moved, low), high)
        poses = torch.cat((reached, heading[:, None], pitch[:, None]), dim=1)
        return PoseState(poses, moved, h, c)

    def look(self, poses: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Heading and pitch (B,) after the mouse moved, and degrees that it turned to the left."""
        config, at = self.config, self.config.buttons
        if not config.mouse_x:
            return poses[:, 2], poses[:, 3], torch.zeros_like(poses[:, 2])
        split = at + len(config.mouse_x)
        # No product of matrices, which may be in low precision: each count turns the view exactly.
        right = (actions[:, at:split] * self.mouse_x).sum(dim=1)
        down = (actions[:, split : config.actions] * self.mouse_y).sum(dim=1)
        turn = -config.degrees_per_count * right
        pitch = poses[:, 3] - config.degrees_per_count * down
        return (poses[:, 2] + turn) % 360, pitch.clamp(config.lowest, config.highest), turn

    def felt_by(self, axes: tuple[Tensor, Tensor], moved: Tensor) -> Tensor:
        """A step (B, 2) on the map as it leads forwards and to the right, (B, 2)."""
        return torch.stack([(axis * moved).sum(dim=1) for axis in axes], dim=1)

    def feel(self, position: Tensor, axes: tuple[Tensor, Tensor]) -> Tensor:
        """The grid's features at the player and around it, (B, 9 F): first there, then ahead, and
        on to the right."""
        angle = torch.arange(AROUND, device=position.device) * (2 * math.pi / AROUND)
        cos, sin = angle.cos()[None, :, None], angle.sin()[None, :, None]
        ring = self.config.reach * (cos * axes[0][:, None] + sin * axes[1][:, None])
        points = torch.cat((position[:, None], position[:, None] + ring), dim=1)
        low = points.new_tensor(self.config.low)
        up, across = self.config.cells
        spans = points.new_tensor((across - 1, up - 1)) * self.config.cell
        grid = (points - low) / spans * 2 - 1
        felt = F.grid_sample(
            self.grid.expand(len(points), -1, -1, -1),
            grid[:, None],
            padding_mode="border",
            align_corners=True,
        )
        return felt[:, :, 0].transpose(1, 2).flatten(1)

    def follow(self, poses: Tensor, actions: Tensor, known: int = 1) -> Tensor:
        """Poses (B, T, 4) after each of some actions (B, T, A).

        poses (B, N, 4) with N >= known: those before the actions. The first `known` are where the
        player is known to be: each step goes on from there, and then from where the last one led.
        """
        state, told = self.begin(poses[:, 0]), []
        for step in range(actions.shape[1]):
            if 0 < step < known:
                moved = poses[:, step, :2] - poses[:, step - 1, :2]
                state = PoseState(poses[:, step], moved, state.h, state.c)
            state = self(state, actions[:, step])
            told.append(state.poses)
        return torch.stack(told, dim=1)


def directions(heading: Tensor) -> tuple[Tensor, Tensor]:
    """Unit steps (B, 2) on the map, forwards and to the right of headings (B,) in degrees."""
    cos, sin = torch.deg2rad(heading).cos(), torch.deg2rad(heading).sin()
    return torch.stack((cos, sin), dim=1), torch.stack((sin, -cos), dim=1)


def within(poses: Tensor, margin: float) -> tuple[Sequence[float], Sequence[float]]:
    """The corners of a map that holds all poses (N, 4), and a margin around them."""
    low, high = (poses[:, :2].amin(dim=0) - margin), (poses[:, :2].amax(dim=0) + margin)
    return low.tolist(), high.tolist()
