"""Random access to a folder of recorded episodes: any window, without reading the rest."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.sizes import GB
from datasets.episode import EpisodeFile, EpisodeInfo, differences
from datasets.folder import held_out_numbers, numbered
from datasets.journal import EmptyJournalError, JournalEpisode, read_journal
from datasets.packed import Steps
from datasets.rescue import damaged, rescue

Episode = EpisodeFile | JournalEpisode

HELD_OUT_EVERY = 10


@dataclass(frozen=True)
class FrameWindow:
    """Consecutive frames of an episode, and the steps taken from them.

    frames: uint8 (n, H, W, 3).
    The others are (n, ...), and their row t is the step taken *from* frame t: `actions[t]` leads
    from `frames[t]` to `frames[t + 1]` and earns `rewards[t]`. From the last frame of an episode
    no step was taken: its row is zero.
    actions: float32 (n, A). rewards: float32 (n,). ended, life_lost: bool (n,).
    states: float32 (n, S), the game's state at each frame; None unless the store has them.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    ended: NDArray[np.bool_]
    life_lost: NDArray[np.bool_]
    states: NDArray[np.float32] | None = None


class Store:
    """The episodes of a folder, by position in the order of their numbers.

    folder:    where they are. Journals that a crash left there are turned into episodes first, or
               read as they are where nothing can be written.
    memory_gb: decoded frames of whole episodes are kept up to this size; reading is then a copy.
    skipped:   files left out, whole or in part, with the reason: damaged, of another game, still
               being recorded.
    info:      metadata of the first episode; game, action space and rate are common to all.
    state_names: of the game's state, where every episode has the same ones; else none.

    Raises UserError when the folder holds no readable episode.
    """

    def __init__(self, folder: Path, memory_gb: float = 0.0) -> None:
        self.folder = Path(folder)
        at_rest = rescue(self.folder)
        self.skipped: dict[Path, str] = dict(damaged(self.folder))
        self.paths: list[Path] = []
        self.numbers: list[int] = []
        self._files: list[Episode] = []
        journals = numbered(self.folder, "journal")
        if not at_rest:
            self.skipped |= {path: f"{path} is being recorded" for path in journals.values()}
            journals = {}
        for number, path in sorted((journals | numbered(self.folder, "h5")).items()):
            self._add(number, path)
        if not self._files:
            reasons = "; ".join(self.skipped.values())
            raise UserError(
                f"{self.folder} holds no recorded episode that can be read"
                + (f": {reasons}" if reasons else "; record some with python -m tools.record")
            )
        self.info: EpisodeInfo = self._files[0].info
        named = {file.info.state_names for file in self._files}
        self.state_names = self.info.state_names if len(named) == 1 else ()
        self.frame_shape = self._files[0].frame_shape
        self._frame_bytes = math.prod(self.frame_shape)
        self._memory_left = int(memory_gb * GB)
        self._kept: dict[int, NDArray[np.uint8]] = {}
        self._keeping = threading.Lock()

    def __len__(self) -> int:
        """Return the number of episodes."""
        return len(self._files)

    def length(self, episode: int) -> int:
        """T, the number of steps of an episode; it has T + 1 frames."""
        return len(self._files[episode])

    def episode_info(self, episode: int) -> EpisodeInfo:
        """An episode's own metadata: seed, player, mixture."""
        return self._files[episode].info

    def steps(self, episode: int) -> Steps:
        """All steps of an episode, without its frames."""
        return self._files[episode].steps

    def states(self, episode: int) -> NDArray[np.float32] | None:
        """The game's state at each frame of an episode, float32 (T + 1, S); None without."""
        return self._files[episode].states if self.state_names else None

    def read(self, episode: int, start: int, stop: int) -> FrameWindow:
        """Frames start to stop - 1 and the steps from them; 0 <= start < stop <= T + 1."""
        frames = self._read_frames(episode, start, stop)
        rows = self._files[episode].packed.rows(start, stop)
        states = self.states(episode)
        states = None if states is None else states[start:stop].copy()
        return FrameWindow(frames, rows.actions, rows.rewards, rows.ended, rows.life_lost, states)

    def split(self) -> tuple[list[int], list[int]]:
        """(training, held-out) episodes, by position.

        Held out is what the folder's list says (`held_out_numbers`), and without a list every
        episode whose number ends in 1, so recording more moves none from one side to the other.
        Where that holds out nothing or everything, it is the last one; of a single episode there
        is nothing to hold out. Raises UserError for a list that cannot be read.
        """
        listed = held_out_numbers(self.folder)
        held_out = [
            i
            for i, n in enumerate(self.numbers)
            if (n % HELD_OUT_EVERY == 1 if listed is None else n in listed)
        ]
        if len(held_out) in (0, len(self)):
            held_out = [len(self) - 1] if len(self) > 1 else []
        kept = set(held_out)
        return [i for i in range(len(self)) if i not in kept], held_out

    def _add(self, number: int, path: Path) -> None:
        """Take in the episode of a file, or what can be read of a journal."""
        try:
            files: Sequence[Episode]
            files = [EpisodeFile(path)] if path.suffix == ".h5" else self._of_journal(path)
        except UserError as error:
            self.skipped[path] = str(error)
            return
        for file in files:
            if self._files and (difference := _difference(self._files[0], file)):
                self.skipped[path] = f"{path} differs from the first episode in its {difference}"
                return
            self._files.append(file)
            self.paths.append(path)
            self.numbers.append(number)

    def _of_journal(self, path: Path) -> Sequence[Episode]:
        """The stretches of a journal that has to stay; none of one that holds nothing."""
        try:
            journal = read_journal(path)
        except EmptyJournalError:
            return []
        if journal.damage:
            self.skipped[path] = f"{path} is damaged, and not all of it was read: {journal.damage}"
        return [JournalEpisode(path, journal, stretch) for stretch in journal.stretches]

    def _read_frames(self, episode: int, start: int, stop: int) -> NDArray[np.uint8]:
        kept = self._keep(episode)
        if kept is None:
            return self._files[episode].read_frames(start, stop)
        if not 0 <= start < stop <= len(kept):
            raise IndexError(f"no frames {start} to {stop} in an episode of {len(kept)} frames")
        return kept[start:stop].copy()

    def _keep(self, episode: int) -> NDArray[np.uint8] | None:
        """Read all frames of an episode if they fit the memory that is left; else None."""
        with self._keeping:  # several threads may read
            if episode not in self._kept:
                file = self._files[episode]
                size = (len(file) + 1) * self._frame_bytes
                if size > self._memory_left:
                    return None
                self._kept[episode] = file.read_frames(0, len(file) + 1)
                self._memory_left -= size
            return self._kept[episode]


def _difference(first: Episode, other: Episode) -> str | None:
    found = differences(first.info, first.frame_shape, other.info, other.frame_shape)
    return next((what for what, *_ in found), None)
