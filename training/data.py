"""Recordings as a run sees them: what it learns from, and what is kept for testing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from base.errors import UserError
from base.sizes import GB
from datasets.segments import Segments
from datasets.store import Store
from training.pairs import FULL, LOW, LargeFrames
from training.recipes.presets import Recipe
from training.recipes.two_sizes import UpsamplerConfig
from training.recipes.world import TrainConfig

DREAM_STEPS = 50  # dreamed through at evaluations
ENLARGED_STEPS = 15  # enlarged at them: the frames are large, and errors do not add up for long
LEAST_STEPS = 1000
LOW_SHARE = 0.05  # of the memory for recordings in two sizes


@dataclass(frozen=True)
class Data:
    """A dataset made ready for training.

    training, held_out: its episodes, by position: to learn from, and for testing alone.
    segments: windows to learn from, as long as the recipe's examples.
    scored:   windows to go through at evaluations, from held-out episodes.
    large:    the same moments in large frames, for a recipe that enlarges.
    left_out: why episodes are not among them.
    """

    store: Store
    training: list[int]
    held_out: list[int]
    segments: Segments
    scored: Segments
    large: LargeFrames | None
    left_out: list[str]

    @property
    def steps(self) -> int:
        """Steps to learn from."""
        return sum(self.store.length(episode) for episode in self.training)

    @property
    def decoded_gb(self) -> float:
        """Memory that all frames take, in GB."""
        stores = [self.store, *([self.large.store] if self.large else [])]
        return sum(_decoded_bytes(store) for store in stores) / GB


def open_data(folder: Path, recipe: Recipe, memory_gb: float) -> Data:
    """Open recordings for training; of recordings in two sizes, what the recipe is for.

    Raises UserError if they are not fit for that.
    """
    low, large = low_folder(folder), None
    if isinstance(recipe, UpsamplerConfig):
        if not in_two_sizes(folder):
            raise UserError(
                f"{folder} needs recordings in two sizes: its folders {LOW} and {FULL}, such as "
                "python -m tools.import csgo writes"
            )
        store = Store(low, LOW_SHARE * memory_gb)
        large = LargeFrames(folder / FULL, store, (1 - LOW_SHARE) * memory_gb)
    else:
        store = Store(low, memory_gb)
    return made_ready(store, large, recipe)


def in_two_sizes(folder: Path) -> bool:
    """Tell whether a folder has recordings in two sizes."""
    return (folder / LOW).is_dir() and (folder / FULL).is_dir()


def low_folder(folder: Path) -> Path:
    """Return the folder of the recordings of a world: the small ones, if there are any."""
    return folder / LOW if (folder / LOW).is_dir() else folder


def made_ready(store: Store, large: LargeFrames | None, recipe: Recipe) -> Data:
    """Prepare opened recordings for a run. Raises UserError if they are not fit for that."""
    low = store.folder
    stores = [store, large.store] if large else [store]
    missing = large.missing if large else {}
    training, held_out = ([e for e in part if e not in missing] for part in store.split())
    if not held_out:
        raise UserError(
            f"{low} holds a single episode; record one more, since one is kept for testing"
        )
    steps = sum(store.length(episode) for episode in training)
    if steps < LEAST_STEPS:
        raise UserError(
            f"{low} has {steps} steps to train on; record at least {LEAST_STEPS} "
            "(100000 make a good world)"
        )
    longest = max(store.length(episode) + 1 for episode in held_out)
    window = least = recipe.window
    least_valid = None
    if isinstance(recipe, UpsamplerConfig):
        # Answers in a row are as many as asked for, or as there are episodes for.
        window = min(window, max(store.length(episode) + 1 for episode in training))
        scored, least = 1 + ENLARGED_STEPS, 2
    else:
        scored = recipe.context + DREAM_STEPS
    if isinstance(recipe, TrainConfig):
        least_valid = 2  # a new game has no past, and is to be learnt, too
    if longest < least:
        raise UserError(
            f"the episodes of {low} that are kept for testing have {longest} frames at most, "
            f"and {least} are needed; record longer ones"
        )
    return Data(
        store,
        training,
        held_out,
        Segments(store, training, window, least_valid),
        Segments(store, held_out, min(longest, scored)),
        large,
        [why for one in stores for why in one.skipped.values()] + list(missing.values()),
    )


def _decoded_bytes(store: Store) -> int:
    frames = sum(store.length(episode) + 1 for episode in range(len(store)))
    return frames * math.prod(store.frame_shape)
