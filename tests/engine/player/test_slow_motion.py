"""A machine far too slow for its game: honest about it, and the window answers all the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine.player.loop import play
from engine.player.options import Outputs
from engine.player.pacing import Timings
from engine.player.worker import Worker
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event, KeyDown, MouseMoved, Picture
from tests.support.scripted_game import Diary
from tests.support.toy_world import MouseToy

STEP_S = 0.4
ANSWER_S = 0.05
PLAYED_S = 10.0


class SlowWorker(Worker):
    """Every job takes `STEP_S` on a clock that moves only while the window waits."""

    def __init__(self, clock: VirtualClock, on_done: Callable[[], None]) -> None:
        super().__init__(on_done)
        self._clock, self._until = clock, 0.0

    def submit(self, work: Callable[[], Any]) -> None:
        super().submit(work)
        self._done.wait()
        self._until = self._clock.now + STEP_S

    @property
    def done(self) -> bool:
        return super().done and self._clock.now >= self._until - 1e-6


class WatchedWindow(NullWindow):
    """Notes when it was asked for events, and when what was presented."""

    def __init__(self, events: list[Event], clock: VirtualClock) -> None:
        super().__init__(events, clock)
        self.clock = clock
        self.polled: list[float] = []
        self.presented: list[tuple[float, Picture]] = []

    def poll(self, timeout_s: float) -> list[Event]:
        self.polled.append(self.clock.now)
        return super().poll(timeout_s)

    def present(self, picture: Picture) -> None:
        super().present(picture)
        self.presented.append((self.clock.now, picture))


class SixteenFps(MouseToy):
    rate_fps = 16.0


def play_slowly(events: list[Event], folder: Path) -> tuple[WatchedWindow, Diary, Timings]:
    """Play ten seconds in which every step takes 400 ms."""
    clock = VirtualClock()
    window = WatchedWindow([*events, CloseAsked(PLAYED_S)], clock)
    diary = Diary(SixteenFps.actions)
    timings = play(
        lambda report: SixteenFps(),
        window,
        outputs=Outputs([diary], folder=folder),
        clock=clock,
        worker=SlowWorker(clock, window.wake),
    )
    return window, diary, timings


def test_it_says_so_and_makes_every_step_it_can(tmp_path: Path) -> None:
    window, diary, _ = play_slowly([], tmp_path)
    assert any("slow motion: 2.5 of 16 steps/s" in p.line for _, p in window.presented)
    assert len(diary.actions) == 24  # of the 25 that fit in ten seconds one was for opening
    assert dict(window.presented[-1][1].hud[0])["steps/s"] == "2.5"


def test_the_window_answers_within_50_ms_whenever_a_key_is_pressed(tmp_path: Path) -> None:
    pressed = [1.0 + 0.13 * i for i in range(50)]
    window, _, _ = play_slowly([KeyDown("h", at) for at in pressed], tmp_path)
    assert max(later - sooner for sooner, later in pairwise(window.polled)) <= ANSWER_S
    for i, at in enumerate(pressed):
        answers = [p for when, p in window.presented if at <= when <= at + ANSWER_S]
        assert answers and bool(answers[0].hud) == (i % 2 == 1), f"no answer to the key at {at}"


def test_mouse_motion_adds_up_over_the_whole_of_a_slow_step(tmp_path: Path) -> None:
    wiggles: list[Event] = [MouseMoved(1, 0, 2.0 + 0.01 * i) for i in range(100)]
    _, diary, _ = play_slowly([KeyDown("left button", 1.0), *wiggles], tmp_path)
    turns = [name for name in diary.actions if name != "idle"]
    # 100 pixels in a second, taken in steps of 40: 30 is the listed motion nearest to that.
    assert turns.count("mouse(30,0)") == 2 and len(turns) <= 4


def test_input_to_display_counts_the_step_and_not_pictures_in_the_middle_of_it(
    tmp_path: Path,
) -> None:
    answered: list[Event] = [KeyDown("f1", 2.05 + 0.1 * i) for i in range(8)]
    _, diary, timings = play_slowly([KeyDown("d", 2.0), *answered], tmp_path)
    assert "d" in diary.actions
    latency = timings.summary()["input to display"]
    assert latency["count"] == 1
    assert STEP_S <= latency["median_ms"] / 1e3 <= 2 * STEP_S + 0.1
