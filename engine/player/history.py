"""Where the game has been: a ring of moments, for rewinding."""

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
    notes:    what the world says of it, for the display of figures.
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

    def __init__(self, rate_fps: float) -> None:
        self._ring: deque[Moment] = deque(maxlen=math.ceil(REWIND_S * rate_fps) + 1)

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def latest(self) -> Moment:
        """The moment on screen."""
        return self._ring[-1]

    def add(self, moment: Moment) -> None:
        """Note a new latest moment; the oldest one falls out when the ring is full."""
        self._ring.append(moment)

    def replace(self, moment: Moment) -> None:
        """Put another moment in the place of the latest."""
        self._ring[-1] = moment

    def back(self) -> bool:
        """Drop the latest moment, so the one before it is latest; False if it is the oldest."""
        if len(self._ring) < 2:
            return False
        self._ring.pop()
        return True
