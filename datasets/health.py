"""What is in a folder of recordings, and what in it will hurt training."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.store import Store

BLOCK = 256  # frames decoded at a time
FROZEN_S = 2.0  # a picture that stands still this long is worth telling

FEW_STEPS = 20_000
FEW_EPISODES = 10
HARDLY_USED = 0.01  # share of the steps, for an action
MOSTLY_IDLE = 0.6
MOSTLY_FROZEN = 0.1


@dataclass(frozen=True)
class Frozen:
    """A stretch in which no pixel changes: `steps` steps from frame `start` of a file."""

    path: Path
    start: int
    steps: int


@dataclass
class Health:
    """What was counted in a folder of recordings.

    lengths:    steps of each episode.
    players:    episodes by who played. mixture: steps by way of playing.
    actions:    steps by what the player did in them, in the order of the action space.
    rewards:    steps by reward, the zeros left out.
    idle:       steps in which the player did nothing.
    duplicates: files whose frames and actions equal another's: the copy and the first one.
    skipped:    files that were left out, with the reason.
    """

    game: str
    rate_fps: float
    actions: dict[str, int]
    lengths: list[int] = field(default_factory=list)
    players: Counter[str] = field(default_factory=Counter)
    mixture: Counter[str] = field(default_factory=Counter)
    rewards: Counter[float] = field(default_factory=Counter)
    idle: int = 0
    ended: int = 0
    lives_lost: int = 0
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    frozen: list[Frozen] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """All steps of all episodes."""
        return sum(self.lengths)


def examine(store: Store, watch: Callable[[int], object] = lambda steps: None) -> Health:
    """Read every step and frame of a store once.

    watch: called after each episode with its number of steps.
    Raises UserError if a file cannot be read any more.
    """
    info = store.info
    health = Health(
        info.game,
        info.rate_fps,
        actions=info.actions.pressed(np.zeros((0, info.actions.size), np.float32)),
        skipped=dict(store.skipped),
    )
    seen: dict[bytes, Path] = {}
    for episode, path in enumerate(store.paths):
        _count(health, store, episode)
        digest = _read_frames(health, store, episode)
        if digest in seen:
            health.duplicates.append((path, seen[digest]))
        seen.setdefault(digest, path)
        watch(store.length(episode))
    return health


def warnings(health: Health) -> Iterator[str]:
    """What will hurt training, each in a plain sentence; none for a good recording."""
    steps, episodes = health.steps, len(health.lengths)
    if steps < FEW_STEPS:
        minutes = steps / health.rate_fps / 60
        yield f"{steps} steps are few ({minutes:.1f} minutes of play): record {FEW_STEPS} or more"
    if episodes == 1:
        yield "there is one episode only: none can be held out to score the model on"
    elif episodes < FEW_EPISODES:
        yield f"{episodes} episodes are few: scores on the held-out ones will depend on chance"
    for name, count in health.actions.items():
        if count < HARDLY_USED * steps:
            yield (
                f"the action {name} is hardly used ({count} steps): the model will not learn "
                "what it does"
            )
    if health.idle > MOSTLY_IDLE * steps:
        share = health.idle / steps
        yield f"nothing is pressed in {share:.0%} of the steps: the model may ignore the keys"
    if not health.rewards:
        yield "no reward was ever earned: the model cannot learn to give any"
    if not health.ended:
        yield "no game was ever over: the model cannot learn when one is"
    frozen = sum(stretch.steps for stretch in health.frozen) / steps
    if frozen > MOSTLY_FROZEN:
        yield f"the picture stands still in {frozen:.0%} of the time"
    for copy, first in health.duplicates:
        yield f"{copy.name} is a copy of {first.name}: remove it"
    for reason in health.skipped.values():
        yield f"left out: {reason}"


def sample_frames(store: Store, rows: int, columns: int) -> list[NDArray[np.uint8]]:
    """Frames for a contact sheet, rows × columns of them, row by row.

    A row shows one episode from its first frame to its last; episodes are spread evenly over the
    store. Where there are fewer than rows, an episode goes on over several.
    """
    of_row = Counter(row * len(store) // rows for row in range(rows))
    frames = []
    for episode, share in of_row.items():
        places = np.linspace(0, store.length(episode), share * columns).astype(int)
        frames += [store.read(episode, at, at + 1).frames[0] for at in places.tolist()]
    return frames


def _count(health: Health, store: Store, episode: int) -> None:
    """Add an episode's steps to the counts."""
    steps, info = store.steps(episode), store.episode_info(episode)
    for name, count in info.actions.pressed(steps.actions).items():
        health.actions[name] += count
    values, counts = np.unique(steps.rewards[steps.rewards != 0], return_counts=True)
    health.rewards.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    health.lengths.append(len(steps))
    health.players[info.player] += 1
    health.mixture.update(info.mixture)
    health.idle += int((steps.actions == info.actions.idle()).all(axis=1).sum())
    health.ended += int(steps.ended.sum())
    health.lives_lost += int(steps.life_lost.sum())


def _read_frames(health: Health, store: Store, episode: int) -> bytes:
    """Note where the picture stands still; a digest of the episode's frames and actions."""
    digest = hashlib.sha256(store.steps(episode).actions.tobytes())
    least = max(int(FROZEN_S * health.rate_fps), 1)
    start = at = 0  # of the stretch of equal frames, and of the frame looked at
    before: NDArray[np.uint8] | None = None
    for frames in _blocks(store, episode):
        digest.update(frames.tobytes())
        for frame in frames:
            if before is None or not np.array_equal(frame, before):
                _note_frozen(health, store.paths[episode], start, at - 1, least)
                start = at
            before, at = frame, at + 1
    _note_frozen(health, store.paths[episode], start, at - 1, least)
    return digest.digest()


def _note_frozen(health: Health, path: Path, first: int, last: int, least: int) -> None:
    if last - first >= least:
        health.frozen.append(Frozen(path, first, last - first))


def _blocks(store: Store, episode: int) -> Iterator[NDArray[np.uint8]]:
    count = store.length(episode) + 1
    for start in range(0, count, BLOCK):
        yield store.read(episode, start, min(start + BLOCK, count)).frames
