"""Recordings of one game in two sizes: small frames, and the large ones of the same moments.

DIR/low and DIR/full are ordinary recordings; episodes of one number are the same episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
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
    """B pairs: small uint8 (B, T, C, H, W) and large uint8 (B, T, C, H', W').

    goes_on: bool (B,), which of them go on where the batch before led.
    flow:    (B, 2, H', W'), where each pixel of the second large frame comes from in the first, to
             the right and downwards, in pixels; None unless asked for.
    """

    small: Tensor
    large: Tensor
    goes_on: Tensor
    flow: Tensor | None = None


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
        return self.part(index, 0, self.small.length)

    def part(self, index: int, start: int, stop: int) -> Pair:
        """Read moments start to stop - 1 of window `index`."""
        episode, first = self.small.place(index)
        place = episode, first + start, first + stop
        small = Segment(self.small.store.read(*place), np.ones(stop - start, np.bool_))
        return Pair(small, self.large.read(*place))

    def spread(self, count: int) -> list[Pair]:
        """As `Segments.spread`."""
        return [self[index] for index in self.small.spread_over(count)]


class PairBatches:
    """An endless sequence of batches of two moments in a row; number i depends on the seed and i.

    Each row of a batch goes through a random window a moment a batch, then through another. They
    are at different moments of theirs, so every batch has rows of all ages.
    """

    def __init__(
        self, segments: PairedSegments, batch_size: int, seed: int, flows: bool = False
    ) -> None:
        """flows: whether batches have them."""
        self.segments, self.batch_size, self.seed = segments, batch_size, seed
        self.flows = flows

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
        batch = collate_pairs(pairs, ages)
        if not self.flows:
            return batch
        found = np.stack([flow_between(*pair.large) for pair in pairs])
        return replace(batch, flow=torch.from_numpy(found).permute(0, 3, 1, 2).contiguous())


def flow_between(before: NDArray[np.uint8], frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where each pixel of a frame (H, W, 3) comes from in the one before, (H, W, 2) pixels.

    By dense inverse search (Kroeger et al. 2016), as OpenCV has it.
    """
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (frame, before)]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found: NDArray[np.float32] = flow.calc(*grey, None)  # type: ignore[call-overload]
    return found


def collate_pairs(pairs: Sequence[Pair], ages: Sequence[int] = ()) -> PairBatch:
    """Stack B pairs of one length. ages: of their rows; those of 0, or of none, go on nowhere."""
    large = torch.from_numpy(np.stack([pair.large for pair in pairs]))
    small = collate([pair.small for pair in pairs]).frames
    goes_on = torch.tensor(ages or [0] * len(pairs)) > 0
    return PairBatch(small, large.permute(0, 1, 4, 2, 3).contiguous(), goes_on)
