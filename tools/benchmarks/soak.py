"""A long game through the real loop, played by a script: does anything grow, is it in time?"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil

from base.sizes import MB
from engine.contracts import ActionVector, Report, Step, World
from engine.player.loop import play
from engine.player.observer import Observer
from engine.player.options import GameStart, Outputs, PlayOptions
from engine.player.pacing import Clock, Timings, spread
from engine.player.worker import Worker
from engine.settings import SettingsFile
from engine.ui.borrowed_window import BorrowedWindow
from engine.ui.null_window import NullWindow
from engine.ui.pygame.window import NoDisplayError, open_window
from engine.ui.screen import CloseAsked, Event, KeyDown, KeyUp, Picture, Window
from tools.app.resolver import RunOptions, open_world, resolve
from tools.benchmarks.memory_growth import MOST_GROWTH_MB, TENTH, growth, too_much
from tools.options.bench import SoakBench

SAMPLE_S = 1.0  # between two looks at the memory
# A millisecond or two of fixed work, on all cores as a world's is: where one of two cores is taken
# away now and then, what runs on one hardly notices.
WORK = np.linspace(-1.0, 1.0, 512 * 512, dtype=np.float32).reshape(512, 512)
SETTLING_S = 1.0  # after the pause began, before the processor's time counts
MOST = {"memory_growth_mb": MOST_GROWTH_MB, "jitter_p99_ms": 4.0, "paused_core_share": 0.05}
FRAME_GROWTH = 0.1  # of the first tenth's frame time, besides what the machine slowed down by


def bench_soak(bench: SoakBench) -> dict[str, object]:
    """The figures that SoakBench describes, by name."""
    found = resolve(bench.world)
    try:
        window: Window = open_window(f"{found.title} - Dreamcart")
    except NoDisplayError:
        window = Unseen([CloseAsked(float("inf"))])
    with closing(window):
        return soak(bench, lambda report: open_world(found, RunOptions(), report), window)


def soak(
    bench: SoakBench,
    open_found: Callable[[Report], World],
    window: Window,
    clock: Clock = time.perf_counter,
    worker: Worker | None = None,
) -> dict[str, object]:
    """Play a world in a window as asked; the figures. clock: the window's; worker: the loop's."""
    opened: list[World] = []

    def open_noted(report: Report) -> World:
        opened.append(open_found(report))
        return opened[0]

    hands = Hands(window, lambda: keys_of(opened[0]), bench, clock)
    with tempfile.TemporaryDirectory() as folder:
        timings = play(
            open_noted,
            hands,
            start=GameStart(bench.seed),
            options=PlayOptions(bench.world),
            outputs=Outputs([hands.watcher], folder=Path(folder)),
            settings=SettingsFile(Path(folder) / "settings.json"),  # keys by default
            clock=clock,
            worker=worker,
        )
    return figures(opened[0], hands.notes, timings)


def keys_of(world: World) -> list[str]:
    """The first key of each of a world's buttons, as far as keys go."""
    return [bound[0] for bound in world.actions.keys.values() if bound]


@dataclass
class Notes:
    """Measurements taken during the game.

    memory: (seconds, MB) of each look after the warm-up.
    span_s, steps: the time played after the warm-up, and the steps made in it.
    paces: milliseconds of each piece of fixed work, of the whole game.
    paused_s, paused_cpu_s: time in the pause, and the processor's time that it took.
    """

    memory: list[tuple[float, float]] = field(default_factory=list)
    span_s: float = 0.0
    steps: int = 0
    paces: list[float] = field(default_factory=list)
    paused_s: float = 0.0
    paused_cpu_s: float = 0.0


class Watcher(Observer):
    """Counts steps, and notes when a game is over."""

    def __init__(self) -> None:
        self.steps = 0
        self.over = False

    def stepped(self, action: ActionVector, step: Step) -> None:
        self.steps += 1
        self.over = step.ended or step.truncated


class Unseen(NullWindow):
    """A window without a display that forgets its pictures."""

    def present(self, picture: Picture) -> None:
        self.pictures = [picture]


class Hands(BorrowedWindow):
    """A window with someone at its keys, who plays game after game, pauses at the end, and leaves.

    notes: what was seen meanwhile.
    """

    def __init__(
        self, window: Window, keys: Callable[[], Sequence[str]], bench: SoakBench, clock: Clock
    ) -> None:
        super().__init__(window)
        self.notes, self.watcher = Notes(), Watcher()
        self._keys, self._bench, self._clock = keys, bench, clock
        self._process = psutil.Process()
        self._coming: deque[Event] = deque()  # events of the script, in order
        self._script: Iterator[float] | None = None
        self._until = float("inf")  # when the script wants to go on
        self._work_at = 0.0  # when the next fixed piece of work is due

    def present(self, picture: Picture) -> None:
        super().present(picture)
        if self._script is None and picture.frame is not None:  # the game is on
            self._script = self._play()
            self._until = next(self._script)
        playing = self._script is not None and not self.notes.span_s
        if playing and self._clock() >= self._work_at:
            # The worker has just made a frame, and rests until the next is due. In the pause, which
            # must take next to nothing, this would count.
            self.notes.paces.append(pace_ms())
            self._work_at = self._clock() + SAMPLE_S

    def poll(self, timeout_s: float) -> list[Event]:
        wait_s = min(timeout_s, self._until - self._clock())
        if self.watcher.over:  # waiting for the script's next key would cost steps
            self.watcher.over = False
            self._coming.append(KeyDown("return", self._clock()))
            wait_s = 0.0
        events = super().poll(max(0.0, wait_s))
        while self._script is not None and self._clock() >= self._until:
            self._until = next(self._script, float("inf"))
        events += self._coming
        self._coming.clear()
        return events

    def _play(self) -> Iterator[float]:
        """The script: it does what is due, and yields when it wants to go on."""
        bench, notes, rng = self._bench, self.notes, np.random.default_rng(self._bench.seed)
        begun = self._clock() + bench.warm_up_seconds
        yield from self._press_keys(begun, rng)
        first, looked = self.watcher.steps, self._clock()
        end = looked + bench.minutes * 60
        while self._clock() < end:
            notes.memory.append((self._clock() - looked, self._process.memory_info().rss / MB))
            yield from self._press_keys(min(end, self._clock() + SAMPLE_S), rng)
        notes.span_s, notes.steps = self._clock() - looked, self.watcher.steps - first
        self._coming.append(KeyDown("p", self._clock()))
        yield self._clock() + SETTLING_S
        paused, used = self._clock(), time.process_time()
        yield paused + bench.paused_seconds
        notes.paused_s, notes.paused_cpu_s = self._clock() - paused, time.process_time() - used
        self._coming.append(CloseAsked(self._clock()))

    def _press_keys(self, until: float, rng: np.random.Generator) -> Iterator[float]:
        """Press one key after the other for a while."""
        keys, at = self._keys(), self._clock()
        while at < until:
            key = str(rng.choice(keys))
            self._coming.append(KeyDown(key, at))
            yield (at := at + rng.uniform(0.05, 0.4))
            self._coming.append(KeyUp(key, at))
            yield (at := at + rng.uniform(0.02, 0.2))


def figures(world: World, notes: Notes, timings: Timings) -> dict[str, object]:
    """Return the figures that SoakBench describes, by name, ready for JSON."""
    spreads = {
        f"{stage.replace(' ', '_')}_{name}": ms
        for stage in ("jitter", "model", "present", "input to display")
        if (values := timings.all_ms(stage))
        for name, ms in asdict(spread(values)).items()
    }
    numbers = {
        "minutes": notes.span_s / 60,
        "natural_per_s": world.rate_fps,
        "steps_per_s": notes.steps / notes.span_s,
        **spreads,
        "frame_first_tenth_ms": _frame_ms(timings, last=False),
        "frame_last_tenth_ms": _frame_ms(timings, last=True),
        "fixed_work_first_tenth_ms": _tenth(notes.paces, last=False),
        "fixed_work_last_tenth_ms": _tenth(notes.paces, last=True),
        **growth(notes.memory),
        "paused_core_share": notes.paused_cpu_s / notes.paused_s,
    }
    return {
        "world": world.name,
        "runtime": str(getattr(world, "runtime", "")),
        "steps": notes.steps,
        **{name: round(float(number), 3) for name, number in numbers.items()},
        "verdict": "; ".join(_faults(numbers)) or "ok",
    }


def pace_ms() -> float:
    """Time a fixed piece of work."""
    begun = time.perf_counter()
    WORK @ WORK
    return 1e3 * (time.perf_counter() - begun)


def _frame_ms(timings: Timings, last: bool) -> float:
    """Median milliseconds of all that a frame takes, in the first or the last tenth of a game."""
    stages = ("model", "snapshot", "present")
    return sum(_tenth(timings.all_ms(stage), last) for stage in stages)


def _tenth(values: Sequence[float], last: bool) -> float:
    """The median of the first or the last tenth of some values."""
    tenth = max(1, round(len(values) * TENTH))
    return statistics.median(values[-tenth:] if last else values[:tenth])


def _faults(numbers: Mapping[str, float]) -> list[str]:
    """Return a line for each figure above its limit."""
    slower = numbers["fixed_work_last_tenth_ms"] / numbers["fixed_work_first_tenth_ms"]
    may_grow = max(1.0, slower) * (1 + FRAME_GROWTH)
    most = {
        **MOST,
        "frame_last_tenth_ms": numbers["frame_first_tenth_ms"] * may_grow,
        "input_to_display_median_ms": 1e3 / numbers["natural_per_s"] + numbers["model_median_ms"],
    }
    return too_much(numbers, most)
