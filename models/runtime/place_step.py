"""A step of play that knows where it is: pose, recalled view, and then the step itself.

Shapes: B batch, T context frames, K keyframes in the bank, S of them recalled, C = 3 channels,
H W pixels, A action width, L width of the pose's memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.frames import to_float
from models.networks.keyframes import Keyframes
from models.networks.place_memory import PlaceMemory
from models.networks.pose import PoseModel, PoseState
from models.runtime.frame_step import Events, PlayStep, State, to_frame

TRACKED = ("pose", "moved", "pose_h", "pose_c")


class PlaceStep(PlayStep):
    """A step whose context begins with the view that is recalled for the pose it leads to.

    inner: the step, of a denoiser that expects one recalled view before its frames.
    state: of `inner`, and pose (B, 4), moved (B, 2), pose_h and pose_c (B, L): where the player is,
           how far the last step led, and what the pose's network remembers. The first two of the
           state after a context come with it.
    """

    bank_frames: Tensor
    bank_poses: Tensor

    def __init__(
        self, inner: PlayStep, pose: PoseModel, memory: PlaceMemory, bank: Keyframes
    ) -> None:
        super().__init__()
        self.inner, self.pose, self.memory = inner, pose, memory
        self.outputs = (*inner.outputs, *TRACKED)  # type: ignore[misc]  # those of its inner step
        self.state = (*inner.state, *TRACKED)  # type: ignore[misc]
        self.unit = bank.unit
        self.register_buffer("bank_frames", bank.frames, persistent=False)
        self.register_buffer("bank_poses", bank.poses, persistent=False)

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Return the noises of the inner step; poses and views are not sampled."""
        return self.inner.noises

    def forward(self, frames: Tensor, actions: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """rest: noises and state of the inner step, then pose, moved, pose_h and pose_c.

        Returns what the inner step does, and those four after the step.
        """
        rest, tracked = rest[: -len(TRACKED)], PoseState(*rest[-len(TRACKED) :])
        after = self.pose(tracked, actions[:, -1])
        view = to_frame(self.recall(after.poses))
        made = self.inner(torch.cat((view[:, None], frames), dim=1), actions, *rest)
        return (*made, after.poses, after.moved, after.h, after.c)

    def recall(self, poses: Tensor) -> Tensor:
        """Return the view (B, C, H, W) in [-1, 1] from poses (B, 4)."""
        bank = Keyframes(self.bank_frames, self.bank_poses, self.unit)
        indices = bank.recall(poses, self.memory.config.sources)
        sources = to_float(self.bank_frames[indices].permute(0, 1, 4, 2, 3))
        view: Tensor = self.memory(poses, sources, self.bank_poses[indices]).view
        return view

    def begin(self, frames: NDArray[np.uint8], actions: NDArray[np.float32]) -> State:
        """The inner step's state, and a pose's memory of nothing; the pose comes with a start."""
        memory = np.zeros(self.pose.config.memory, np.float32)
        return {
            **self.inner.begin(frames, actions),
            "pose_h": memory,
            "pose_c": memory.copy(),
        }

    def read(self, made: State, rng: np.random.Generator) -> Events:
        """Return the events that the inner step reads from its outputs."""
        return self.inner.read(made, rng)
