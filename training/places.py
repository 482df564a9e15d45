"""Recordings that say where each frame was taken: views, what they are recalled from, and walks.

Shapes: N frames in all, K keyframes, B views, S sources of each, R walks of T steps, A action
width, C H W a frame. Poses are (x, y, heading, pitch), as models/networks/camera.py has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from base.errors import UserError
from models.networks.keyframes import Keyframes, farthest_points, keys

CONSIDERED = 50_000  # frames among which keyframes are chosen, at most


@dataclass(frozen=True)
class PlacedEpisode:
    """An episode with poses: frames uint8 (T + 1, H, W, 3), poses float32 (T + 1, 4), and the
    actions float32 (T, A) between them."""

    frames: NDArray[np.uint8]
    poses: NDArray[np.float32]
    actions: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.poses.shape != (len(self.frames), 4) or len(self.actions) != len(self.frames) - 1:
            raise UserError(
                f"an episode of {len(self.frames)} frames needs as many poses of 4 numbers, and "
                f"an action between each two; there are {len(self.poses)} and {len(self.actions)}"
            )
        if not np.isfinite(self.poses).all():
            raise UserError("an episode has poses that are no finite numbers")


class Places:
    """Episodes with poses, one after the other.

    frames: uint8 (N, H, W, 3). poses: float32 (N, 4). episode, step: int64 (N,), where each frame
    comes from. actions: float32 (N, A), of which an episode's last row counts for nothing.
    """

    def __init__(self, episodes: Sequence[PlacedEpisode]) -> None:
        if not episodes:
            raise UserError("there are no episodes with poses; record some with a game that tells")
        lengths = [len(episode.frames) for episode in episodes]
        self.frames = torch.from_numpy(np.concatenate([e.frames for e in episodes]))
        self.poses = torch.from_numpy(np.concatenate([e.poses for e in episodes])).float()
        padded = [np.pad(e.actions, ((0, 1), (0, 0))) for e in episodes]
        self.actions = torch.from_numpy(np.concatenate(padded)).float()
        self.episode = torch.repeat_interleave(torch.tensor(lengths))
        self.step = torch.cat([torch.arange(length) for length in lengths])
        self._lengths = torch.tensor(lengths)

    def __len__(self) -> int:
        """N."""
        return len(self.poses)

    def beginnings(self, length: int) -> Tensor:
        """Rows from which an episode goes on for so many steps."""
        left = self._lengths[self.episode] - self.step
        rows = torch.nonzero(left > length)[:, 0]
        if not len(rows):
            raise UserError(f"no episode with poses has {length} steps; record longer ones")
        return rows

    def walks(self, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Poses (R, T + 1, 4) and actions (R, T, A) of so many steps from each of R rows."""
        there = rows[:, None] + torch.arange(length + 1)
        return self.poses[there], self.actions[there[:, :-1]]


class PlaceBank:
    """Keyframes of places, which know where in the recordings they come from."""

    def __init__(self, places: Places, size: int, unit: float, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        some = torch.randperm(len(places), generator=generator)[:CONSIDERED]
        rows = some[farthest_points(keys(places.poses[some], unit), size)]
        self.keyframes = Keyframes(places.frames[rows], places.poses[rows], unit)
        self._episode, self._step = places.episode[rows], places.step[rows]

    @cached_property
    def pictures(self) -> Tensor:
        """The keyframes as uint8 (K, C, H, W)."""
        return self.keyframes.frames.permute(0, 3, 1, 2).contiguous()

    def sources(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Frames uint8 (B, S, C, H, W) and poses (B, S, 4) of keyframes by index (B, S)."""
        return self.pictures[indices], self.keyframes.poses[indices]

    def near(self, places: Places, rows: Tensor, apart: int) -> Tensor:
        """Which keyframes (B, K) are of the same episode as rows, and fewer steps away."""
        same = places.episode[rows][:, None] == self._episode
        return same & ((places.step[rows][:, None] - self._step).abs() < apart)


@dataclass(frozen=True)
class PlaceBatch:
    """Views to make and walks to follow.

    frames uint8 (B, C, H, W) and the poses (B, 4) they were taken from; sources uint8
    (B, S, C, H, W), nearest first, and theirs (B, S, 4).
    walks (R, T + 1, 4), poses in a row, and the actions (R, T, A) between them.
    """

    frames: Tensor
    poses: Tensor
    sources: Tensor
    taken_from: Tensor
    walks: Tensor
    actions: Tensor


class PlaceBatches:
    """An endless sequence of random batches in which number i depends on the seed and i alone."""

    def __init__(
        self,
        places: Places,
        bank: PlaceBank,
        views: int,
        sources: int,
        apart: int,
        walks: int,
        steps: int,
        seed: int,
    ) -> None:
        self.places, self.bank = places, bank
        self.views, self.sources, self.apart = views, sources, apart
        self.walks, self.steps, self.seed = walks, steps, seed
        self._beginnings = places.beginnings(steps)

    def __getitem__(self, index: int) -> PlaceBatch:
        """Batch number `index`, from 0."""
        rng = np.random.default_rng([self.seed, index])
        places, bank = self.places, self.bank
        rows = torch.from_numpy(rng.integers(len(places), size=self.views))
        poses = places.poses[rows]
        barred = bank.near(places, rows, self.apart)
        sources, taken_from = bank.sources(bank.keyframes.recall(poses, self.sources, barred))
        begun = self._beginnings[
            torch.from_numpy(rng.integers(len(self._beginnings), size=self.walks))
        ]
        walks, actions = places.walks(begun, self.steps)
        frames = places.frames[rows].permute(0, 3, 1, 2).contiguous()
        return PlaceBatch(frames, poses, sources, taken_from, walks, actions)
