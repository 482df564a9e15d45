"""Dreaming on from recorded moments with the very runtime that plays a cartridge.

Shapes: T context frames, N steps, A action width, H W pixels. Frames are uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.segments import Segments
from datasets.store import FrameWindow, Store
from engine.contracts import ActionVector, World, provenance_of
from models.cartridge.manifest import Manifest
from models.dream import noise_of
from models.runtime.sampler_cache import PreparedStep
from models.runtime.selection import Inputs
from training.data import low_folder
from training.pairs import FULL, LOW, LargeFrames

Frames = NDArray[np.uint8]  # (N, H, W, 3)
BY_PROGRAM = ("scripted", "random")  # people may rewind, and then no seed leads to what they saw
Advance = Callable[[], object]  # called after every network step, to show progress


@dataclass(frozen=True)
class Excerpt:
    """Recorded frames in a row, the first of which is frame `first` of an episode."""

    window: FrameWindow
    episode: int
    first: int


class Footage:
    """The held-out episodes of recordings that a cartridge is measured against.

    store:    frames of the size that is dreamed. held_out: its episodes, by position.
    large:    the same moments as large as they are shown, for a world with an upsampler.
    """

    def __init__(self, folder: Path, world: Manifest) -> None:
        """folder: recordings in one size; in two, that of both (DIR) or of the small (DIR/low).

        Raises UserError for recordings that are not of this world, or without a second episode.
        """
        low = low_folder(folder)
        self.store, self.large = Store(low, memory_gb=1.0), None
        check_fit(self.store, world)
        if world.upsampler is not None:
            full = low.parent / FULL
            if low.name != LOW or not full.is_dir():
                raise UserError(
                    f"{world.name} has an upsampler, and is measured against recordings in two "
                    f"sizes: {low} has no large frames beside it in a folder {FULL}"
                )
            self.large = LargeFrames(full, self.store, memory_gb=0.0)
            tall, wide, _ = self.large.store.frame_shape
            if (tall, wide) != (world.upsampler.height, world.upsampler.width):
                raise UserError(
                    f"{full} has frames of {tall} x {wide}, the cartridge shows "
                    f"{world.upsampler.height} x {world.upsampler.width}"
                )
        missing = self.large.missing if self.large else {}
        self.held_out = [e for e in self.store.split()[1] if e not in missing]
        if not self.held_out:
            raise UserError(f"{low} has a single episode, so none is held out; record more")

    def at(self, episode: int, first: int, length: int) -> Excerpt:
        """`length` frames of an episode."""
        return Excerpt(self.store.read(episode, first, first + length), episode, first)

    def excerpts(self, length: int, count: int) -> list[Excerpt]:
        """`count` excerpts of `length` frames, or all there are, spread evenly over all moments."""
        segments = Segments(self.store, self.held_out, length)
        places = map(segments.place, spread(np.arange(len(segments)), count).tolist())
        return [self.at(episode, first, length) for episode, first in places]

    def repeatable(self, excerpt: Excerpt, game: World) -> bool:
        """Return True if the real game here plays an excerpt's episode again from its seed."""
        info = self.store.episode_info(excerpt.episode)
        return info.player in BY_PROGRAM and info.emulator == provenance_of(game)

    def large_frames(self, excerpt: Excerpt, start: int, stop: int) -> Frames:
        """The large frames (stop - start, H', W', 3) of an excerpt's frames start to stop - 1."""
        assert self.large is not None
        return self.large.read(excerpt.episode, excerpt.first + start, excerpt.first + stop)


def check_fit(store: Store, world: Manifest) -> None:
    """UserError unless recordings are of the world that a cartridge dreams."""
    config = world.denoiser
    if store.frame_shape != (config.height, config.width, 3):
        raise UserError(
            f"{store.folder} has frames of {store.frame_shape[0]} x {store.frame_shape[1]}, the "
            f"cartridge dreams {config.height} x {config.width}"
        )
    if store.info.actions.names != world.actions.names:
        raise UserError(
            f"{store.folder} is a recording of {store.info.game} and has other actions than "
            f"the cartridge {world.name}"
        )


@dataclass(frozen=True)
class Dream:
    """N dreamed steps.

    frames: uint8 (N, H, W, 3). events: logits (N, EVENTS) of what came with them, or None in a
    world where nothing tells. large: uint8 (H', W', 3), the last frame enlarged, or None.
    """

    frames: Frames
    events: NDArray[np.float32] | None = None
    large: NDArray[np.uint8] | None = None


class Dreamer:
    """Dreams on from recorded moments.

    context: T, how many frames it sees.
    """

    def __init__(
        self, prepared: PreparedStep, context: int, footage: Footage, advance: Advance
    ) -> None:
        self.prepared, self.context, self.footage = prepared, context, footage
        self.advance = advance

    def follow(self, excerpt: Excerpt, seed: int) -> Dream:
        """Dream through an excerpt of T + N frames, under its actions."""
        return self._dream(excerpt, excerpt.window.actions[:-1], seed)

    def hold(self, excerpt: Excerpt, held: ActionVector, steps: int, seed: int) -> Dream:
        """Dream on from the first T frames of an excerpt while one action is held."""
        before = excerpt.window.actions[: self.context - 1]
        return self._dream(excerpt, np.concatenate([before, np.tile(held, (steps, 1))]), seed)

    def _dream(self, excerpt: Excerpt, actions: NDArray[np.float32], seed: int) -> Dream:
        """actions (T + N - 1, A), of which row t is taken at frame t."""
        step, length = self.prepared.step, self.context
        frames = excerpt.window.frames[:length]
        state: dict[str, NDArray[Any]] = dict(step.begin(frames, actions[:length]))
        if "large" in step.state:
            state["large"] = self.footage.large_frames(excerpt, length - 1, length)[0]
        dreamed, events = [], []
        for at in range(len(actions) - length + 1):
            noises = {
                name: noise_of(seed, at, shape, which)
                for which, (name, shape) in enumerate(step.noises.items())
            }
            taken = actions[at : at + length]
            given: Inputs = {"frames": frames, "actions": taken, **noises, **state}
            made = dict(zip(step.outputs, self.prepared.runner.run(given), strict=True))
            state = {name: made[name] for name in step.state}
            frames = np.concatenate([frames[1:], made["frame"][None]])
            dreamed.append(made["frame"])
            events += [made["events"]] if "events" in made else []
            self.advance()
        return Dream(np.stack(dreamed), np.stack(events) if events else None, state.get("large"))


def frames_of(store: Store, episodes: Sequence[int], count: int) -> Frames:
    """Return `count` frames spread over some episodes, or all there are."""
    lengths = [store.length(episode) for episode in episodes]
    firsts = np.cumsum([0, *lengths])
    chosen = spread(np.arange(firsts[-1]), count)
    parts = []
    for episode, first, length in zip(episodes, firsts, lengths, strict=False):
        within = chosen[(first <= chosen) & (chosen < first + length)] - first
        parts.append(store.read(episode, 0, length).frames[within])
    return np.concatenate(parts)


def spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of some rows, or all there are, evenly spread."""
    if not len(rows):
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]
