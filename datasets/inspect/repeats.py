"""Segments of recordings that show nothing new: still pictures, and repeats of earlier frames."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BREAK = 0  # in the trail, where frames do not follow one another


@dataclass(frozen=True)
class UnchangingSpan:
    """`steps` steps from frame `start` of a file."""

    path: Path
    start: int
    steps: int


class RepeatFinder:
    """Detector of still and repeated segments, fed with frames in order; gaps are allowed.

    least: fewest steps of a segment that counts.
    frozen:   those in which no pixel changes.
    repeated: those that show the frames of an earlier segment in the same order; frames in which
              nothing changes do not count.

    It keeps 8 bytes of every frame, and some 100 of every frame that is unlike all others.
    """

    def __init__(self, least: int) -> None:
        self.frozen: list[UnchangingSpan] = []
        self.repeated: list[UnchangingSpan] = []
        self._least = least
        self._path, self._at = Path(), -1  # of the frame before
        self._key = _BREAK  # what it looked like
        self._still_from = -1
        self._trail = array("q")  # what every frame that moved looked like
        self._seen: dict[int, int] = {}  # where in the trail that was first
        self._like = -1  # where in the trail the frame before was seen, if it was
        self._run: tuple[int, int] = (0, 0)  # the repeated stretch: its first frame, frames so far

    def follow(self, path: Path, start: int, frames: Iterable[NDArray[np.uint8]]) -> None:
        """Look at frames of a file from number `start` on."""
        for at, frame in enumerate(frames, start):
            if (path, at) != (self._path, self._at + 1):
                self.finish()
                self._path, self._still_from = path, at
            key = hash(frame.tobytes()) or 1
            if key != self._key:
                self._end_still()
                self._still_from = at
                self._end_repeated(at, key)
            self._at, self._key = at, key

    def finish(self) -> None:
        """End the current segment: no frame follows the last one."""
        self._end_still()
        self._note_repeated()
        self._trail.append(_BREAK)
        self._at, self._key, self._like, self._run = -1, _BREAK, -1, (0, 0)

    def _end_still(self) -> None:
        steps = self._at - self._still_from
        if self._at >= 0 and steps >= self._least:
            self.frozen.append(UnchangingSpan(self._path, self._still_from, steps))

    def _end_repeated(self, at: int, key: int) -> None:
        """Extend a repeated segment, or end it and possibly begin another."""
        place, after = len(self._trail), self._like + 1
        if self._like >= 0 and after < place and self._trail[after] == key:
            self._like, self._run = after, (self._run[0], self._run[1] + 1)
        else:
            self._note_repeated()
            self._like, self._run = self._seen.get(key, -1), (at, 1)
        self._trail.append(key)
        self._seen.setdefault(key, place)

    def _note_repeated(self) -> None:
        first, frames = self._run
        if self._like >= 0 and frames > self._least:
            self.repeated.append(UnchangingSpan(self._path, first, frames - 1))
