"""Recordings as a run sees them: what it learns from, and what is kept for testing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from base.errors import UserError
from datasets.segments import Segments
from datasets.store import Store
from training.config import TrainConfig

DREAM_STEPS = 50  # dreamed through at evaluations
LEAST_STEPS = 1000


@dataclass(frozen=True)
class Data:
    """A dataset made ready for training.

    training, held_out: its episodes, by position: to learn from, and for testing alone.
    segments: windows to learn from, of T + 1 frames.
    scored:   windows to dream through at evaluations, from held-out episodes.
    """

    store: Store
    training: list[int]
    held_out: list[int]
    segments: Segments
    scored: Segments

    @property
    def steps(self) -> int:
        """Steps to learn from."""
        return sum(self.store.length(episode) for episode in self.training)

    @property
    def decoded_gb(self) -> float:
        """What all frames take in memory."""
        frames = sum(self.store.length(episode) + 1 for episode in range(len(self.store)))
        return frames * math.prod(self.store.frame_shape) / 1e9


def open_data(folder: Path, config: TrainConfig, memory_gb: float) -> Data:
    """Open a folder of recordings for training. Raises UserError if it is not fit for that."""
    store = Store(folder, memory_gb)
    training, held_out = store.split()
    if not held_out:
        raise UserError(
            f"{folder} holds a single episode; record one more, since one is kept for testing"
        )
    steps = sum(store.length(episode) for episode in training)
    if steps < LEAST_STEPS:
        raise UserError(
            f"{folder} has {steps} steps to train on; record at least {LEAST_STEPS} "
            "(100000 make a good world)"
        )
    longest = max(store.length(episode) + 1 for episode in held_out)
    if longest <= config.context:
        raise UserError(
            f"the episodes of {folder} that are kept for testing have {longest} frames at most, "
            f"and {config.context + 1} are needed; record longer ones"
        )
    return Data(
        store,
        training,
        held_out,
        Segments(store, training, config.context + 1),
        Segments(store, held_out, min(longest, config.context + DREAM_STEPS)),
    )
