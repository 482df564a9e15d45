"""The moments that a game has been at, for rewinding."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from engine.contracts import Frame, Notes, Snapshot

REWIND_S = 20.0


@dataclass(frozen=True)
class Moment:
    """A point in a game that can be shown and played on from.

    snapshot: of the world, taken when `frame` was the latest.
    reward:   of the step that made `frame`; total: summed since the restart.
    steps:    since the restart.  over: the game ended with this frame.
    notes:    cells of the world for the display of figures.
    """

    frame: Frame
    snapshot: Snapshot
    reward: float = 0.0
    total: float = 0.0
    steps: int = 0
    over: bool = False
    notes: Notes = ()


class History:
    """The moments of the last `REWIND_S` seconds of play; the latest is the one on screen.

    Restarts and loaded moments are moments like any other: rewinding goes back across them.
    """

    def __init__(self, rate_fps: float, first: Moment) -> None:
        self._ring = deque([first], maxlen=math.ceil(REWIND_S * rate_fps) + 1)
        self._reached = first  # the moment that the world is at

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def latest(self) -> Moment:
        """The moment on screen."""
        return self._ring[-1]

    @property
    def away(self) -> bool:
        """The world is not at the latest moment: `back` went there and `reach` did not yet."""
        return self._reached is not self.latest

    def add(self, moment: Moment) -> None:
        """Note that the world is at a new moment; the oldest falls out when the ring is full."""
        self._ring.append(moment)
        self._reached = moment

    def replace(self, moment: Moment) -> None:
        """Put another moment of the world in the place of the latest."""
        self._ring[-1] = self._reached = moment

    def back(self) -> bool:
        """Drop the latest moment, so the one before it is latest; False if it is the oldest."""
        if len(self._ring) < 2:
            return False
        self._ring.pop()
        return True

    def reach(self) -> None:
        """Note that the world is at the latest moment."""
        self._reached = self.latest
