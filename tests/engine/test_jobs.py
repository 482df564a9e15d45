"""Background jobs on their thread: in turn, stopped, failing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from base.errors import UserError
from engine.jobs import BackgroundJobs, Watch


def eventually(check: Callable[[], object]) -> None:
    for _ in range(3000):
        if check():
            return
        time.sleep(0.01)
    pytest.fail("never happened")


class Hub:
    """Brings things in three pieces, each when it is let."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)
        self.brought: list[str] = []

    def bring(self, name: str, watch: Watch) -> None:
        if name == "bad":
            raise UserError("cannot reach the Hub")
        if name == "bug":
            raise ZeroDivisionError
        for piece in range(3):
            watch(piece, 3)
            assert self.let.acquire(timeout=30)
        watch(3, 3)
        self.brought.append(name)


def test_one_after_the_other() -> None:
    hub = Hub()
    jobs = BackgroundJobs(hub.bring)
    jobs.start("a")
    jobs.start("b")
    jobs.start("a")  # asked for twice, brought once
    eventually(lambda: (a := jobs.of("a")) and a.share == 0)
    second = jobs.of("b")
    assert second is not None and second.waiting and jobs.busy
    hub.let.release(2)
    eventually(lambda: (a := jobs.of("a")) and a.share == pytest.approx(2 / 3))
    assert not jobs.any_ended()
    hub.let.release(4)
    eventually(lambda: not jobs.busy)
    assert hub.brought == ["a", "b"]
    assert jobs.any_ended() and not jobs.any_ended()


def test_what_is_stopped_ends_and_the_next_begins() -> None:
    hub = Hub()
    jobs = BackgroundJobs(hub.bring)
    for name in ("a", "b", "c"):
        jobs.start(name)
    eventually(lambda: (a := jobs.of("a")) and a.share == 0)
    jobs.stop("b")  # has not begun: gone at once
    assert jobs.of("b") is None
    jobs.stop("a")
    stopping = jobs.of("a")
    assert stopping is not None and stopping.stopping
    hub.let.release(1 + 3)
    eventually(lambda: not jobs.busy)
    assert hub.brought == ["c"] and jobs.of("a") is None


def test_a_failure_is_kept_in_a_line_until_it_is_tried_again() -> None:
    hub = Hub()
    jobs = BackgroundJobs(hub.bring)
    jobs.start("bad")
    eventually(lambda: not jobs.busy)
    failed = jobs.of("bad")
    assert failed is not None and failed.error == "cannot reach the Hub" and not failed.active
    jobs.start("bad")
    eventually(lambda: not jobs.busy)
    jobs.stop("bad")
    assert jobs.of("bad") is None


def test_a_mistake_of_ours_is_not_swallowed() -> None:
    jobs = BackgroundJobs(Hub().bring)
    jobs.start("bug")
    eventually(lambda: not jobs.busy)
    with pytest.raises(ZeroDivisionError):
        jobs.any_ended()


def test_closing_stops_everything() -> None:
    hub = Hub()
    jobs = BackgroundJobs(hub.bring)
    jobs.start("a")
    jobs.start("b")
    hub.let.release(6)
    jobs.close()
    assert not jobs.busy


def test_the_time_left_is_told_by_the_pace_since_progress_was_first_seen() -> None:
    """What goes on at 40 of 100 has not made these 40 in no time."""
    clock, left = iter([5.0, 9.0, 10.0, 30.0]), []

    def run(name: str, watch: Watch) -> None:
        for done, whole in ((0, 0), (40, 100), (40, 100), (60, 100)):
            watch(done, whole)
            job = jobs.of(name)
            assert job is not None
            left.append((job.share, job.left_s))

    jobs = BackgroundJobs(run, clock=lambda: next(clock))
    jobs.start("a")
    eventually(lambda: not jobs.busy)
    assert left == [(None, None), (0.4, None), (0.4, None), (0.6, 42.0)]
