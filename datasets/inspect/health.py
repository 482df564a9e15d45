"""Statistics of a folder of recordings."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from base.errors import UserError
from datasets.chunks import CHUNK
from datasets.inspect.colours import UNKNOWN, ChannelOrder, channel_order
from datasets.inspect.motion import Explained, explain_motion, mouse_columns
from datasets.inspect.repeats import RepeatFinder, UnchangingSpan
from datasets.packed import Steps
from datasets.samples import read_ranges, sample_frames, sample_ranges
from datasets.store import Store
from engine.contracts import HeldActions

# Of decoded frames that are looked at for stretches, taken by chance all over a larger store: some
# ten seconds of reading, and 40 MB of memory for what the frames looked like.
MOST_FRAME_BYTES = 2_500_000_000
MOST_FRAMES = 400_000
PLACE_S = 4.0  # of play that is looked at in a row, where not all is
STRETCH_S = 2.0  # a picture that stands still, or repeats what was seen, this long is worth telling
SHEET = (6, 8)  # rows and columns of frames for a sheet, and for the order of the channels


@dataclass
class Health:
    """Counts and findings for a folder of recordings.

    lengths:    steps of each episode.
    players:    episodes by who played. mixture: steps by way of playing.
    actions:    steps by what the player did in them, in the order of the action space.
    mouse:      for "right" and "down", steps by the mouse's motion; empty without a mouse.
    rewards:    steps by reward, the zeros left out.
    idle:       steps in which the player did nothing.
    unmarked:   episodes of which rewards and lives lost are unknown.
    duplicates: files whose actions, rewards and first frame equal another's: the copy and the
                first one.
    frames:     all there are. looked_at: those in which stretches were looked for, of episodes
                that are no copies.
    skipped:    files that were left out, or left off, with the reason.
    """

    game: str
    rate_fps: float
    frame_shape: tuple[int, int, int]
    actions: dict[str, int]
    lengths: list[int] = field(default_factory=list)
    players: Counter[str] = field(default_factory=Counter)
    mixture: Counter[str] = field(default_factory=Counter)
    mouse: dict[str, dict[int, int]] = field(default_factory=dict)
    rewards: Counter[float] = field(default_factory=Counter)
    idle: int = 0
    ended: int = 0
    lives_lost: int = 0
    unmarked: int = 0
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    frames: int = 0
    looked_at: int = 0
    frozen: list[UnchangingSpan] = field(default_factory=list)
    repeated: list[UnchangingSpan] = field(default_factory=list)
    channels: ChannelOrder = UNKNOWN
    explained: list[Explained] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """All steps of all episodes."""
        return sum(self.lengths)


def examine(store: Store, watch: Callable[[int, int], object] = lambda done, of: None) -> Health:
    """Count all steps of a store, and inspect its frames: all, or a sample of a large store.

    watch: called with the number of frames inspected so far, and their total.
    """
    info = store.info
    health = Health(
        info.game,
        info.rate_fps,
        store.frame_shape,
        actions=info.actions.pressed(np.zeros((0, info.actions.size), np.float32)),
        mouse=_no_motions(store),
        skipped=dict(store.skipped),
    )
    seen: dict[bytes, Path] = {}
    copies: set[int] = set()
    for episode, path in enumerate(store.paths):
        steps = store.steps(episode)
        _count(health, store, episode, steps)
        digest = _digest(store, episode, steps, health.skipped)
        if digest in seen:
            health.duplicates.append((path, seen[digest]))
            copies.add(episode)
        elif digest:
            seen[digest] = path
    _find_stretches(health, store, copies, watch)
    health.channels = channel_order(sample_frames(store, *SHEET))
    health.explained = explain_motion(store, health.skipped)
    return health


def _no_motions(store: Store) -> dict[str, dict[int, int]]:
    space = store.info.actions
    if not (isinstance(space, HeldActions) and space.mouse):
        return {}
    return {"right": dict.fromkeys(space.mouse_x, 0), "down": dict.fromkeys(space.mouse_y, 0)}


def _count(health: Health, store: Store, episode: int, steps: Steps) -> None:
    """Add an episode's steps to the counts."""
    info = store.episode_info(episode)
    for name, count in info.actions.pressed(steps.actions).items():
        health.actions[name] += count
    if health.mouse and isinstance(info.actions, HeldActions):
        columns = mouse_columns(info.actions)
        for motions, place in zip(health.mouse.values(), columns, strict=True):
            counts = np.count_nonzero(steps.actions[:, place], axis=0).tolist()
            for motion, count in zip(motions, counts, strict=True):
                motions[motion] += count
    values, counts = np.unique(steps.rewards[steps.rewards != 0], return_counts=True)
    health.rewards.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    health.lengths.append(len(steps))
    health.frames += len(steps) + 1
    health.players[info.player] += 1
    health.mixture.update(info.mixture)
    health.idle += int((steps.actions == info.actions.idle()).all(axis=1).sum())
    health.ended += int(steps.ended.sum())
    health.lives_lost += int(steps.life_lost.sum())
    health.unmarked += not info.marked


def _digest(store: Store, episode: int, steps: Steps, unreadable: dict[Path, str]) -> bytes:
    """Return a digest that tells an episode from others; empty if it cannot be read."""
    digest = hashlib.sha256(steps.actions.tobytes() + steps.rewards.tobytes())
    try:
        digest.update(store.read(episode, 0, 1).frames.tobytes())
    except UserError as error:
        unreadable[store.paths[episode]] = str(error)
        return b""
    return digest.digest()


def _find_stretches(
    health: Health, store: Store, copies: set[int], watch: Callable[[int, int], object]
) -> None:
    """Find where the picture stands still or repeats itself, in all frames or in a sample."""
    length = max(CHUNK, round(PLACE_S * health.rate_fps))
    most = min(MOST_FRAME_BYTES // math.prod(store.frame_shape), MOST_FRAMES) // length
    places = [p for p in sample_ranges(store, length, max(1, most)) if p.episode not in copies]
    total = sum(place.stop - place.start for place in places)
    stretches = RepeatFinder(least=max(1, int(STRETCH_S * health.rate_fps)))
    for place, frames in read_ranges(store, places, health.skipped):
        stretches.follow(store.paths[place.episode], place.start, frames)
        health.looked_at += len(frames)
        watch(health.looked_at, total)
    stretches.finish()
    health.frozen, health.repeated = stretches.frozen, stretches.repeated
