"""Lists of what was pressed while a film was made: rows on a clock, as input events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.ui.screen import Event, KeyDown, KeyUp, MouseMoved

FRAMES = "frames"
SECONDS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}


@dataclass(frozen=True)
class Presses:
    """A row: from when on these keys are held, and how far the mouse moved then."""

    at: float
    keys: tuple[str, ...]
    mouse: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class PressList:
    """The rows of a list, and the clock that they go by.

    column:   what the file calls its times, for people.
    unit:     of SECONDS or FRAMES, or empty where the file does not say.
    left_out: from when to when nothing is to be learnt, in the same unit.
    rate_fps: rows a second of lists that have one for each frame of a film of so many; or 0.
    notes:    what a user should know of how it was read.
    """

    rows: tuple[Presses, ...]
    column: str = "time_s"
    unit: str = "seconds"
    left_out: tuple[tuple[float, float], ...] = ()
    rate_fps: float = 0.0
    notes: tuple[str, ...] = ()


def events_of(rows: Sequence[Presses]) -> Iterator[tuple[float, Event]]:
    """Yield keyboard and mouse events with their times: the differences between rows."""
    held: tuple[str, ...] = ()
    for row in rows:
        for key in held:
            if key not in row.keys:
                yield row.at, KeyUp(key)
        for key in row.keys:
            if key not in held:
                yield row.at, KeyDown(key)
        if any(row.mouse):
            yield row.at, MouseMoved(*row.mouse)
        held = row.keys
