"""The long game of the benchmark: played by a script to its end, and judged by what was seen."""

from __future__ import annotations

import pytest

from base.errors import UserError
from engine.contracts import ActionVector, Frame, Step
from engine.player.pacing import Timings
from engine.ui.null_window import VirtualClock
from engine.ui.screen import CloseAsked
from tests.support.scripted_game import PromptWorker
from tests.support.toy_world import ToyWorld
from tools.benchmarks.soak import Notes, SoakBench, Unseen, figures, soak


class Played(ToyWorld):
    """Remembers what it was made to do; its games are over after 50 steps."""

    def __init__(self) -> None:
        super().__init__(length=50)
        self.actions_done: list[str] = []
        self.resets = 0

    def reset(self, seed: int, start: int = 0) -> Frame:
        self.resets += 1
        return super().reset(seed, start)

    def step(self, action: ActionVector) -> Step:
        self.actions_done.append(self.actions.describe(action))
        return super().step(action)


def test_a_script_plays_pauses_and_leaves() -> None:
    clock, world = VirtualClock(), Played()
    window = Unseen([CloseAsked(float("inf"))], clock)
    bench = SoakBench(minutes=0.5, warm_up_seconds=5, paused_seconds=10)
    told = soak(bench, lambda report: world, window, clock, PromptWorker(window.wake))
    assert 5 + 30 + 1 + 10 <= clock.now <= 48
    assert {"LEFT", "RIGHT", "FIRE"} <= set(world.actions_done)
    assert world.resets > 3 and world.closed, "what is over is begun again"
    assert told["minutes"] == pytest.approx(0.5, abs=0.02)
    assert told["steps_per_s"] == pytest.approx(15, abs=0.3)
    assert told["jitter_p99_ms"] == pytest.approx(0, abs=1e-6)
    for stage in ("jitter", "model", "present", "input_to_display"):
        assert {f"{stage}_{name}" for name in ("median_ms", "p95_ms", "p99_ms")} <= set(told)
    assert told["memory_start_mb"] > 10 and told["fixed_work_first_tenth_ms"] > 0
    assert len(window.pictures) == 1, "pictures are not kept"


def seen(growth_mb: float = 0.0, pause: float = 0.0, slower: float = 1.0) -> Notes:
    memory = [(float(s), 500.0 + growth_mb * s / 99) for s in range(100)]
    paces = [0.8] * 90 + [0.8 * slower] * 10
    return Notes(memory, 100.0, 1500, paces, paused_s=20.0, paused_cpu_s=20 * pause)


def timed(jitter_ms: float = 1.0, growth: float = 1.0, input_ms: float | None = 60.0) -> Timings:
    timings = Timings()
    for i in range(1000):
        timings.add("jitter", jitter_ms if i % 50 == 0 else 0.5)
        timings.add("model", 20.0 * (growth if i >= 900 else 1.0))
        timings.add("snapshot", 1.0)
        timings.add("present", 2.0)
        if input_ms is not None:
            timings.add("input to display", input_ms)
    return timings


def test_what_does_not_grow_is_fine() -> None:
    told = figures(ToyWorld(), seen(growth_mb=15, pause=0.04), timed(3.9, 1.05, 80))
    assert told["verdict"] == "ok"
    assert told["steps_per_s"] == 15 and told["frame_last_tenth_ms"] == 24
    # Medians of the first and last ten of a hundred samples.
    assert told["memory_growth_mb"] == pytest.approx(15 * 90 / 99, abs=0.01)
    assert told["memory_slope_mb_per_hour"] == pytest.approx(15 / 99 * 3600, abs=0.1)


@pytest.mark.parametrize(
    ("notes", "timings", "fault"),
    [
        (seen(growth_mb=30), timed(), "memory_growth_mb is 27.3 and may be 20"),
        (seen(), timed(jitter_ms=6.0), "jitter_p99_ms is 6 and may be 4"),
        (seen(), timed(growth=2.0), "frame_last_tenth_ms is 43 and may be 25.3"),
        (seen(), timed(input_ms=90.0), "input_to_display_median_ms is 90 and may be 86.7"),
        (seen(pause=0.2), timed(), "paused_core_share is 0.2 and may be 0.05"),
        (seen(), timed(input_ms=None), "input_to_display_median_ms was not measured"),
    ],
)
def test_what_is_too_much_is_named(notes: Notes, timings: Timings, fault: str) -> None:
    assert figures(ToyWorld(), notes, timings)["verdict"] == fault


def test_a_machine_that_slows_down_is_not_the_players_fault() -> None:
    """Frames took an eighth longer after half an hour, and nothing told whether all else did."""
    game, slower = timed(growth=1.15), seen(slower=1.12)
    assert (
        figures(ToyWorld(), seen(), game)["verdict"] == "frame_last_tenth_ms is 26 and may be 25.3"
    )
    assert figures(ToyWorld(), slower, game)["verdict"] == "ok"
    # One that gets quicker must not be held against it.
    assert figures(ToyWorld(), seen(slower=0.5), timed())["verdict"] == "ok"


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="--warm-up-seconds must be more than 0, not 0"):
        SoakBench(warm_up_seconds=0)
