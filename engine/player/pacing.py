"""Time: the pacer of steps, the timings of stages, and the rate that a game really has."""

from __future__ import annotations

import gc
import math
import statistics
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from base.errors import UserError

Clock = Callable[[], float]  # monotonic seconds, like time.perf_counter

KEEPS_UP = 0.95  # fraction of the natural rate that counts as full speed
SWITCH_S = 1e-3  # of Python's switch interval while a game is played
RECENT = 60  # measurements in a figure of the heads-up display


class Pacer:
    """The times at which steps are due: at a fixed rate, on a grid that does not drift.

    Waking a little late does not move the grid, so small delays do not add up. A step that starts
    more than `SLACK` of a period late moves the grid by that delay: lost time stays lost. Any n
    periods therefore take at least n − SLACK periods of real time: a game that is late runs in
    slow motion rather than in bursts.
    """

    SLACK = 0.25

    def __init__(self, rate_fps: float) -> None:
        if not 0 < rate_fps < 1000:
            raise UserError(f"a world's rate must be between 0 and 1000 steps/s, not {rate_fps}")
        self.period_s = 1 / rate_fps
        self._due: float | None = None
        self._waited_for = False  # the game ran until the step that is due

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next step is due; 0 when it is."""
        return 0.0 if self._due is None else max(0.0, self._due - now)

    def begin(self, now: float) -> float | None:
        """Note that the step that was due starts now; return the seconds that it is late.

        None for the first step, and for the first after an interruption.
        """
        late = None if self._due is None or not self._waited_for else now - self._due
        on_grid = self._due is not None and now - self._due <= self.SLACK * self.period_s
        self._due = (self._due if on_grid and self._due is not None else now) + self.period_s
        self._waited_for = True
        return late

    def interrupt(self) -> None:
        """Leave the next step out of the measurements: the player stopped the game.

        The grid stays as it is, so stopping and playing on is no way to be faster.
        """
        self._waited_for = False


@contextmanager
def steady() -> Iterator[None]:
    """Keep Python from making steps late while a game is played.

    Threads switch within a millisecond instead of five. The garbage collector leaves out what was
    loaded before: with a model's libraries a search takes longer than a step may be late.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before_s)


class RateMeter:
    """Meter of steps per second over the last two seconds, or the last two steps if slower."""

    WINDOW_S = 2.0

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self, now: float) -> None:
        """Note that a step starts now."""
        self._times.append(now)
        while len(self._times) > 2 and now - self._times[0] > self.WINDOW_S:
            self._times.popleft()

    def interrupt(self) -> None:
        """Forget all steps: the player stopped the game, so the gap is not the machine's."""
        self._times.clear()

    @property
    def rate_fps(self) -> float | None:
        """Steps per second, or None before there are two."""
        if len(self._times) < 2:
            return None
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else None


def keeps_up(rate_fps: float, natural_fps: float) -> bool:
    """Return whether so many steps per second count as full speed."""
    return rate_fps >= KEEPS_UP * natural_fps


@dataclass(frozen=True)
class Spread:
    """Median, 95th and 99th percentile of measurements, in milliseconds."""

    median_ms: float
    p95_ms: float
    p99_ms: float


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of measurements in milliseconds, one or more."""
    return Spread(statistics.median(values), percentile(values, 0.95), percentile(values, 0.99))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of `values` do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class Timings:
    """Milliseconds of named stages: all for a report, the last few for a display.

    Every measurement is kept, at 8 bytes: three megabytes an hour at 15 steps/s.
    """

    def __init__(self) -> None:
        self._stages: dict[str, array[float]] = {}

    def add(self, stage: str, ms: float) -> None:
        """Note one measurement."""
        self._stages.setdefault(stage, array("d")).append(ms)

    def all_ms(self, stage: str) -> Sequence[float]:
        """Return every measurement of a stage, oldest first."""
        return self._stages.get(stage, array("d"))

    def recent(self, stage: str) -> Spread | None:
        """Return the spread of the latest measurements of a stage, or None if there is none."""
        values = self._stages.get(stage)
        return spread(values[-RECENT:]) if values else None

    def summary(self) -> dict[str, dict[str, float]]:
        """Return for each stage median_ms, p95_ms, p99_ms and count, ready for JSON."""
        return {stage: _rounded(values) for stage, values in self._stages.items()}


def _rounded(values: Sequence[float]) -> dict[str, float]:
    figures = {name: round(ms, 3) for name, ms in asdict(spread(values)).items()}
    return {**figures, "count": len(values)}
