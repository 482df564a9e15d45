"""Short windows at random places of recorded episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.store import FrameWindow, Store


@dataclass(frozen=True)
class Segment:
    """T consecutive frames of one episode.

    window: as `Store.read` gives it, T frames long.
    valid:  bool (T,), False for what stands before the episode's first frame: copies of that
            frame and its state with no action (all zero), no reward and no end.
    weight: how often the window is recorded, relative to how often it is drawn.
    """

    window: FrameWindow
    valid: NDArray[np.bool_]
    weight: float = 1.0


class Segments:
    """All windows of `length` frames in some episodes of a store, each equally likely.

    A window never leaves its episode at the end. At the start it may, as long as at least
    `least_valid` of its frames are in the episode (default: all of them).

    Raises UserError when no episode is long enough.
    """

    def __init__(
        self,
        store: Store,
        episodes: Sequence[int],
        length: int,
        least_valid: int | None = None,
    ) -> None:
        self.store = store
        self.length = length
        self.least_valid = length if least_valid is None else least_valid
        if not 1 <= self.least_valid <= length:
            raise ValueError(f"least_valid must be 1 to {length}, not {self.least_valid}")
        self._episodes = np.array(episodes, np.int64)
        frames = np.array([store.length(episode) + 1 for episode in episodes], np.int64)
        self._ends = np.cumsum(np.maximum(frames - self.least_valid + 1, 0))
        if not len(self):
            raise UserError(
                f"{store.folder} has no episode of {self.least_valid} frames or more to draw from; "
                "record more steps"
            )

    @property
    def earliest(self) -> int:
        """First frame of an episode's first window; negative if it starts before the episode."""
        return self.least_valid - self.length

    def __len__(self) -> int:
        """Return the number of windows."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def place(self, index: int) -> tuple[int, int]:
        """Episode and first frame of window `index`; negative if it starts before the episode."""
        if not 0 <= index < len(self):
            raise IndexError(f"no window {index} of {len(self)}")
        row = int(self._ends.searchsorted(index, side="right"))
        before = int(self._ends[row - 1]) if row else 0
        return int(self._episodes[row]), index - before + self.earliest

    def __contains__(self, place: tuple[int, int]) -> bool:
        """Tell whether there is a window that begins at (episode, frame)."""
        episode, start = place
        return (
            episode in self._episodes
            and self.earliest <= start <= self.store.length(episode) + 1 - self.length
        )

    def __getitem__(self, index: int) -> Segment:
        """Read window `index`."""
        return self.read(*self.place(index))

    def sample(self, rng: np.random.Generator) -> Segment:
        """Read a random window."""
        return self[int(rng.integers(len(self)))]

    def eventful(self) -> list[NDArray[np.int64]]:
        """Numbers of the windows whose last frame but one is followed by an event.

        One array for each kind that occurs, of: a positive reward, a negative one, a lost life,
        the end.
        """
        kinds: list[list[NDArray[np.int64]]] = [[], [], [], []]
        firsts = np.concatenate([[0], self._ends[:-1]])
        for first, end, episode in zip(firsts, self._ends, self._episodes, strict=True):
            steps = self.store.steps(int(episode))
            kind_at = (steps.rewards > 0, steps.rewards < 0, steps.life_lost, steps.ended)
            for windows, happens in zip(kinds, kind_at, strict=True):
                numbers = first + np.flatnonzero(happens) - (self.least_valid - 2)
                windows.append(numbers[(numbers >= first) & (numbers < end)])
        found = [np.concatenate(windows) for windows in kinds]
        return [windows for windows in found if len(windows)]

    def spread(self, count: int) -> list[Segment]:
        """Read `count` windows, those of `spread_over`."""
        return [self[index] for index in self.spread_over(count)]

    def spread_over(self, count: int) -> list[int]:
        """Choose `count` windows, each the middle of an equal share of all; all if fewer.

        So the first is not the beginning of an episode, where little happens yet.
        """
        count = min(count, len(self))
        chosen: list[int] = ((np.arange(count) + 0.5) * len(self) / count).astype(int).tolist()
        return chosen

    def read(self, episode: int, start: int, length: int | None = None) -> Segment:
        """The window of an episode that starts at frame `start`, which may be negative.

        length: of the window, if not that of all.
        """
        missing, length = max(-start, 0), length or self.length
        window = self.store.read(episode, start + missing, start + length)
        valid = np.arange(length) >= missing
        return Segment(_pad(window, missing) if missing else window, valid)


def _pad(window: FrameWindow, missing: int) -> FrameWindow:
    """Put `missing` copies of the first frame before a window, and empty steps."""
    first = np.repeat(window.frames[:1], missing, axis=0)
    return FrameWindow(
        np.concatenate([first, window.frames]),
        np.pad(window.actions, ((missing, 0), (0, 0))),
        np.pad(window.rewards, (missing, 0)),
        np.pad(window.ended, (missing, 0)),
        np.pad(window.life_lost, (missing, 0)),
        None if window.states is None else np.pad(window.states, ((missing, 0), (0, 0)), "edge"),
    )
