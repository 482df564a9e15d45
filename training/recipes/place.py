"""The recipe for a place memory and the pose that it is asked by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from base.errors import UserError
from models.networks.place_memory import PlaceMemoryConfig
from models.networks.pose import PoseConfig
from models.networks.unet import UNetConfig
from training.recipes.world import check_numbers, check_pace, flag

POSITIVE = (
    "updates", "batch", "bank", "sources", "walks", "known", "steps", "unit", "cell",
    "degrees_per_count", "learning_rate", "pose_learning_rate", "gradient_clip",
)  # fmt: skip
NOT_NEGATIVE = ("apart", "weight_decay", "warmup", "cooldown", "ema", "seed")


@dataclass(frozen=True)
class PlaceConfig:
    """The recipe for how places look, and for how actions lead from one to another."""

    updates: int = 2_000
    """Optimiser steps in all, of both networks."""
    batch: int = 32
    """Views in an update."""
    bank: int = 4_000
    """Keyframes that are kept, of all that were recorded."""
    apart: int = 256
    """Steps of an episode within which its keyframes do not count for a view: in play there are
    none from so near."""
    sources: int = 4
    """Keyframes that a view is made of."""
    unit: float = 128.0
    """Map units that count as much as a radian, when it is told which keyframe is near."""
    view_degrees: float = 106.26
    """Angle between the left and right edge of a view: 90 degrees at 4:3 are 106 at 16:9."""
    channels: tuple[int, ...] = (32, 64, 64)
    """Widths of the U-Net's levels."""
    depths: tuple[int, ...] = (1, 1, 1)
    """Residual blocks in each level."""
    patch: int = 2
    """Edge in pixels of the squares folded into channels before the first level."""
    cond: int = 64
    """Width of what tells the network where its sources stand."""
    walks: int = 32
    """Stretches of play in an update, from which the pose learns."""
    known: int = 8
    """Steps of a walk at which the pose is known. They tell the pace, and what was opened."""
    steps: int = 24
    """Steps of it that the pose then goes by itself."""
    degrees_per_count: float = 0.055
    """How far a count of the mouse turns the view."""
    lowest: float = -89.0
    """Degrees that one can look down, as a negative number."""
    highest: float = 89.0
    """Degrees that one can look up."""
    cell: float = 16.0
    """Edge in map units of the cells in which the pose's network learns the map."""
    learning_rate: float = 3e-4
    """Of AdamW, for the place memory. At 1.5e-3 networks of this kind do not begin to learn."""
    pose_learning_rate: float = 2e-3
    """Of AdamW, for the pose's network."""
    weight_decay: float = 1e-4
    """Of both, on weights only."""
    warmup: int = 50
    """Updates over which the learning rate rises."""
    cooldown: float = 0.5
    """Share of the updates over which it falls to 0."""
    ema: float = 0.995
    """How much of the averaged weights stays at each update."""
    gradient_clip: float = 1.0
    """Largest gradient norm, of each network."""
    seed: int = 0
    """Decides keyframes, examples and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for values that nothing can be trained with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        if not 1 < self.view_degrees < 179:
            raise UserError(f"{flag('view_degrees')} must be between 1 and 179")
        check_pace(self.ema, self.cooldown, self.seed)

    @property
    def window(self) -> int:
        """Poses of a walk, in a row."""
        return self.known + self.steps

    def place_memory(self, height: int, width: int) -> PlaceMemoryConfig:
        """Return the place memory for frames of a size; ValueError for an impossible network."""
        unet = UNetConfig(
            channels=self.channels,
            depths=self.depths,
            attention=(False,) * len(self.channels),
            cond=self.cond,
            patch=self.patch,
        )
        focal_px = width / 2 / math.tan(math.radians(self.view_degrees) / 2)
        return PlaceMemoryConfig(height, width, focal_px, unet, self.sources, self.unit)

    def pose(
        self,
        buttons: int,
        mouse_x: Sequence[int],
        mouse_y: Sequence[int],
        low: Sequence[float],
        high: Sequence[float],
    ) -> PoseConfig:
        """Return the pose network for actions and a map from its corner `low` to `high`.

        Raises ValueError for an impossible network.
        """
        return PoseConfig(
            buttons,
            tuple(mouse_x),
            tuple(mouse_y),
            self.degrees_per_count,
            tuple(low),
            tuple(high),
            lowest=self.lowest,
            highest=self.highest,
            cell=self.cell,
            reach=2 * self.cell,
        )
