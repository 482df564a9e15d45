"""Recordings of one game in two sizes: small frames, and the large ones of the same moments.

DIR/low and DIR/full are ordinary recordings; episodes of one number are the same episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from base.errors import UserError
from datasets.batches import collate
from datasets.segments import Segment, Segments
from datasets.store import Store

LOW, FULL = "low", "full"


@dataclass(frozen=True)
class Pair:
    """T moments in a row. large: uint8 (T, H', W', 3), the frames of `small` in the large size.

    All arrays are its own, so nothing done to one pair shows in another.
    """

    small: Segment
    large: NDArray[np.uint8]


@dataclass(frozen=True)
class PairBatch:
    """B pairs: small uint8 (B, T, C, H, W) and large uint8 (B, T, C, H', W')."""

    small: Tensor
    large: Tensor


class LargeFrames:
    """The large frames of a store's episodes.

    store:   where they are. factor: how much larger they are, along each edge.
    missing: why episodes have none, by their position in the small store.

    Raises UserError when the sizes do not go together.
    """

    def __init__(self, folder: Path, small: Store, memory_gb: float) -> None:
        self.store = Store(folder, memory_gb)
        (height, width, _), (tall, wide, _) = small.frame_shape, self.store.frame_shape
        self.factor = tall // height
        if self.factor < 2 or (tall, wide) != (self.factor * height, self.factor * width):
            raise UserError(
                f"the frames of {folder} have {tall} x {wide} pixels, and those of {small.folder} "
                f"{height} x {width}; they must be a whole number of times as large, at least two"
            )
        self._place: dict[int, int] = {}
        self.missing: dict[int, str] = {}
        large = {number: place for place, number in enumerate(self.store.numbers)}
        for episode, number in enumerate(small.numbers):
            place = large.get(number)
            if place is None:
                self.missing[episode] = f"{small.paths[episode]} has no episode beside it in {FULL}"
            elif self.store.length(place) != small.length(episode):
                self.missing[episode] = (
                    f"{small.paths[episode]} has {small.length(episode)} steps, and the episode "
                    f"beside it in {FULL} has {self.store.length(place)}"
                )
            else:
                self._place[episode] = place

    def read(self, episode: int, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames start to stop - 1 of an episode, by its position in the small store."""
        return self.store.read(self._place[episode], start, stop).frames


class PairedSegments:
    """The windows of some segments, each with its own large frames."""

    def __init__(self, small: Segments, large: LargeFrames) -> None:
        self.small, self.large = small, large

    def __len__(self) -> int:
        return len(self.small)

    def __getitem__(self, index: int) -> Pair:
        """Read window `index`."""
        episode, first = self.small.place(index)
        frames = self.large.read(episode, first, first + self.small.length)
        return Pair(self.small[index], frames)

    def spread(self, count: int) -> list[Pair]:
        """As `Segments.spread`."""
        return [self[index] for index in self.small.spread_over(count)]


class PairBatches:
    """An endless sequence of random batches; number i depends on the seed and i alone."""

    def __init__(self, segments: PairedSegments, batch_size: int, seed: int) -> None:
        self.segments, self.batch_size, self.seed = segments, batch_size, seed

    def __getitem__(self, index: int) -> PairBatch:
        """Batch number `index`, from 0."""
        rng = np.random.default_rng([self.seed, index])
        chosen = rng.integers(len(self.segments), size=self.batch_size).tolist()
        return collate_pairs([self.segments[i] for i in chosen])


def collate_pairs(pairs: Sequence[Pair]) -> PairBatch:
    """Stack B pairs of one length."""
    large = torch.from_numpy(np.stack([pair.large for pair in pairs]))
    small = collate([pair.small for pair in pairs]).frames
    return PairBatch(small, large.permute(0, 1, 4, 2, 3).contiguous())
