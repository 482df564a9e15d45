"""Batches of windows as tensors; the batch of a given number is always the same."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from datasets.segments import Segment, Segments

Item_co = TypeVar("Item_co", covariant=True)


class Numbered(Protocol[Item_co]):
    """An endless sequence."""

    def __getitem__(self, index: int) -> Item_co: ...


@dataclass(frozen=True)
class Batch:
    """B windows of T frames.

    frames:  uint8 (B, T, C, H, W), oldest first.
    actions: float32 (B, T, A); `actions[:, t]` is the action taken at `frames[:, t]`, which leads
             to `frames[:, t + 1]`. The last one's result lies outside the window.
    rewards, ended, life_lost: (B, T), float32 and bool: what that action brought. Where
             `frames[:, t]` is an episode's last frame no action was taken, and all four are 0.
    valid:   bool (B, T), False where `frames[:, t]` lies before the episode's start: there stands
             a copy of its first frame, and the other four are 0.
    weight:  float32 (B,), how often each is recorded, relative to how often it is drawn: by this
             it counts for what is to be told as often as it really happens.
    states:  float32 (B, T, S), the game's state at each frame, a copy of the first one's before
             the episode's start; None where the recording has none.
    """

    frames: Tensor
    actions: Tensor
    rewards: Tensor
    ended: Tensor
    life_lost: Tensor
    valid: Tensor
    weight: Tensor
    states: Tensor | None = None

    def to(self, device: torch.device | str) -> Batch:
        """Copy the batch to a device; the frames stay uint8."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def rows(self, chosen: slice) -> Batch:
        """Return the batch of some of the windows."""
        return self._each(lambda tensor: tensor[chosen])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        parts: dict[str, Any] = {}
        for field in fields(self):
            part = getattr(self, field.name)
            parts[field.name] = None if part is None else change(part)
        return Batch(**parts)


def join(first: Batch, second: Batch) -> Batch:
    """Concatenate two batches."""
    pairs = {f.name: (getattr(first, f.name), getattr(second, f.name)) for f in fields(Batch)}
    joined: dict[str, Any] = {
        name: None if one is None or other is None else torch.cat((one, other))
        for name, (one, other) in pairs.items()
    }
    return Batch(**joined)


def collate(segments: list[Segment]) -> Batch:
    """Stack B segments of one length."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(s.window, name) for s in segments]))

    return Batch(
        frames=stack("frames").permute(0, 1, 4, 2, 3).contiguous(),
        actions=stack("actions"),
        rewards=stack("rewards"),
        ended=stack("ended"),
        life_lost=stack("life_lost"),
        valid=torch.from_numpy(np.stack([s.valid for s in segments])),
        weight=torch.tensor([s.weight for s in segments]),
        states=None if segments[0].window.states is None else stack("states"),
    )


class Batches:
    """An endless sequence of random batches in which number i depends on the seed and i alone.

    So training that resumes at batch i sees the same data as without the interruption.
    share_events: share of windows that are drawn among those of an event (`Segments.eventful`),
    each kind as often as any other, however rare it is.
    """

    def __init__(
        self, segments: Segments, batch_size: int, seed: int, share_events: float = 0.0
    ) -> None:
        self.segments = segments
        self.batch_size = batch_size
        self.seed = seed
        self.share_events = share_events
        self._eventful = segments.eventful() if share_events else []
        # How much more often than evenly each window is drawn.
        self._odds = np.ones(len(segments), np.float32)
        if self._eventful:
            self._odds *= 1 - share_events
            for kind in self._eventful:
                self._odds[kind] += share_events / len(self._eventful) * len(segments) / len(kind)

    def __getitem__(self, index: int) -> Batch:
        """Batch number `index`, from 0."""
        rng = np.random.default_rng([self.seed, index])
        return collate([self._draw(rng) for _ in range(self.batch_size)])

    def _draw(self, rng: np.random.Generator) -> Segment:
        if self._eventful and rng.random() < self.share_events:
            kind = self._eventful[int(rng.integers(len(self._eventful)))]
            index = int(rng.choice(kind))
        else:
            index = int(rng.integers(len(self.segments)))
        return replace(self.segments[index], weight=1 / float(self._odds[index]))


def prefetch(
    batches: Numbered[Item_co], start: int, ahead: int = 4
) -> Generator[Item_co, None, None]:
    """Yield batches `start`, `start + 1`, ..., while a thread reads up to `ahead` in advance.

    Endless. Closing the iterator ends the thread; an error in it is raised here.
    """
    ready: queue.Queue[Item_co | BaseException] = queue.Queue(ahead)
    done = threading.Event()

    def fill() -> None:
        index = start
        while not done.is_set():
            try:
                item: Item_co | BaseException = batches[index]
            except BaseException as error:
                item = error
            while not done.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if isinstance(item, BaseException):
                return
            index += 1

    thread = threading.Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        done.set()
        thread.join()
