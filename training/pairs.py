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
    """Moments in a row. large: uint8 (T, H', W', 3), the last frames of `small` in the large size.

    All arrays are its own, so nothing done to one pair shows in another.
    """

    small: Segment
    large: NDArray[np.uint8]


@dataclass(frozen=True)
class PairBatch:
    """B pairs: large uint8 (B, T, C, H', W'), and small uint8 (B, S, C, H, W), of S >= T moments
    of which the last are those of the large ones.

    actions: (B, S, A), of which row t was taken at small frame t.
    goes_on: bool (B,), which of them go on where the batch before led.
    """

    small: Tensor
    large: Tensor
    actions: Tensor
    goes_on: Tensor


class LargeFrames:
    """Large frames of a store's episodes.

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
    """Windows of some segments, each with its own large frames.

    before: how many small frames before a window are read as well; before an episode's first frame
            stand copies of that, with no action.
    """

    def __init__(self, small: Segments, large: LargeFrames, before: int = 0) -> None:
        self.small, self.large, self.before = small, large, before

    def __len__(self) -> int:
        return len(self.small)

    def __getitem__(self, index: int) -> Pair:
        """Read window `index`."""
        return self.part(index, 0, self.small.length)

    def part(self, index: int, start: int, stop: int) -> Pair:
        """Read moments start to stop - 1 of window `index`."""
        episode, first = self.small.place(index)
        start, stop = first + start, first + stop
        small = self.small.read(episode, start - self.before, self.before + stop - start)
        return Pair(small, self.large.read(episode, start, stop))

    def spread(self, count: int) -> list[Pair]:
        """Read windows spread evenly, as `Segments.spread` does."""
        return [self[index] for index in self.small.spread_over(count)]


class PairBatches:
    """Endless sequence of batches of two moments in a row; number i depends on the seed and i.

    Each row of a batch goes through a random window a moment a batch, then through another. They
    are at different moments of theirs, so every batch has rows of all ages.
    """

    def __init__(self, segments: PairedSegments, batch_size: int, seed: int) -> None:
        self.segments, self.batch_size, self.seed = segments, batch_size, seed

    def __getitem__(self, index: int) -> PairBatch:
        """Batch number `index`, from 0."""
        moments = self.segments.small.length - 1
        pairs, ages = [], []
        for row in range(self.batch_size):
            window, age = divmod(index + row * moments // self.batch_size, moments)
            rng = np.random.default_rng([self.seed, row, window])
            chosen = int(rng.integers(len(self.segments)))
            pairs.append(self.segments.part(chosen, age, age + 2))
            ages.append(age)
        return collate_pairs(pairs, ages)


def collate_pairs(pairs: Sequence[Pair], ages: Sequence[int] = ()) -> PairBatch:
    """Stack B pairs of one length. ages: of their rows; those of 0, or of none, go on nowhere."""
    large = torch.from_numpy(np.stack([pair.large for pair in pairs]))
    small = collate([pair.small for pair in pairs])
    goes_on = torch.tensor(ages or [0] * len(pairs)) > 0
    large = large.permute(0, 1, 4, 2, 3).contiguous()
    return PairBatch(small.frames, large, small.actions, goes_on)
