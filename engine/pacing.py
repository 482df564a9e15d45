"""Time: when the next step is due, how long each stage takes, how fast the game really runs."""

from __future__ import annotations

import math
import statistics
from array import array
from collections import deque
from collections.abc import Callable

from base.errors import UserError

Clock = Callable[[], float]  # monotonic seconds, like time.perf_counter

RECENT = 60  # measurements behind a figure in the heads-up display


class Pacer:
    """Says when steps are due: at a fixed rate, on a grid that does not drift.

    Waking a little late does not move the grid, so many small delays do not add up. A step that
    starts more than `SLACK` of a period late moves the grid by that delay: lost time stays
    lost. Any n periods therefore take at least n − SLACK periods of real time, whatever
    happened before: the game runs in slow motion rather than in bursts.
    """

    SLACK = 0.25

    def __init__(self, rate_fps: float) -> None:
        if not 0 < rate_fps < 1000:
            raise UserError(f"a world's rate must be between 0 and 1000 steps/s, not {rate_fps}")
        self.period_s = 1 / rate_fps
        self._due: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until the next step is due; 0 when it is."""
        return 0.0 if self._due is None else max(0.0, self._due - now)

    def begin(self, now: float) -> None:
        """Note that the step that was due starts now."""
        on_grid = self._due is not None and now - self._due <= self.SLACK * self.period_s
        self._due = (self._due if on_grid and self._due is not None else now) + self.period_s


class RateMeter:
    """Steps per second over the last two seconds, or over the last two steps if slower."""

    WINDOW_S = 2.0

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self, now: float) -> None:
        """A step starts now."""
        self._times.append(now)
        while len(self._times) > 2 and now - self._times[0] > self.WINDOW_S:
            self._times.popleft()

    def interrupt(self) -> None:
        """Forget: the player stopped the game, so the gap says nothing about the machine."""
        self._times.clear()

    @property
    def rate_fps(self) -> float | None:
        """Steps per second, or None before there are two."""
        if len(self._times) < 2:
            return None
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else None


class Timings:
    """Milliseconds of named stages: all of them for a report, the last few for a display."""

    def __init__(self) -> None:
        self._stages: dict[str, array[float]] = {}

    def add(self, stage: str, ms: float) -> None:
        """Note one measurement."""
        self._stages.setdefault(stage, array("d")).append(ms)

    def recent_ms(self, stage: str) -> float | None:
        """Median of the latest measurements of a stage, or None if there is none."""
        values = self._stages.get(stage)
        return statistics.median(values[-RECENT:]) if values else None

    def summary(self) -> dict[str, dict[str, float]]:
        """For each stage: median_ms, p95_ms and count, ready for JSON."""
        return {
            stage: {
                "median_ms": round(statistics.median(values), 3),
                "p95_ms": round(percentile(values, 0.95), 3),
                "count": len(values),
            }
            for stage, values in self._stages.items()
        }


def percentile(values: array[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
