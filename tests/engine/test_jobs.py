"""Errands on their thread: in turn, stopped, failing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from base.errors import UserError
from engine.jobs import Errands, Watch


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
    errands = Errands(hub.bring)
    errands.start("a")
    errands.start("b")
    errands.start("a")  # asked for twice, brought once
    eventually(lambda: (a := errands.of("a")) and a.share == 0)
    second = errands.of("b")
    assert second is not None and second.waiting and errands.busy
    hub.let.release(2)
    eventually(lambda: (a := errands.of("a")) and a.share == pytest.approx(2 / 3))
    assert not errands.any_ended()
    hub.let.release(4)
    eventually(lambda: not errands.busy)
    assert hub.brought == ["a", "b"]
    assert errands.any_ended() and not errands.any_ended()


def test_what_is_stopped_ends_and_the_next_begins() -> None:
    hub = Hub()
    errands = Errands(hub.bring)
    for name in ("a", "b", "c"):
        errands.start(name)
    eventually(lambda: (a := errands.of("a")) and a.share == 0)
    errands.stop("b")  # has not begun: gone at once
    assert errands.of("b") is None
    errands.stop("a")
    stopping = errands.of("a")
    assert stopping is not None and stopping.stopping
    hub.let.release(1 + 3)
    eventually(lambda: not errands.busy)
    assert hub.brought == ["c"] and errands.of("a") is None


def test_a_failure_is_kept_in_a_line_until_it_is_tried_again() -> None:
    hub = Hub()
    errands = Errands(hub.bring)
    errands.start("bad")
    eventually(lambda: not errands.busy)
    failed = errands.of("bad")
    assert failed is not None and failed.error == "cannot reach the Hub" and not failed.active
    errands.start("bad")
    eventually(lambda: not errands.busy)
    errands.stop("bad")
    assert errands.of("bad") is None


def test_a_mistake_of_ours_is_not_swallowed() -> None:
    errands = Errands(Hub().bring)
    errands.start("bug")
    eventually(lambda: not errands.busy)
    with pytest.raises(ZeroDivisionError):
        errands.any_ended()


def test_closing_stops_everything() -> None:
    hub = Hub()
    errands = Errands(hub.bring)
    errands.start("a")
    errands.start("b")
    hub.let.release(6)
    errands.close()
    assert not errands.busy


def test_the_time_left_is_told_by_the_pace_since_progress_was_first_seen() -> None:
    """What goes on at 40 of 100 has not made these 40 in no time."""
    clock, left = iter([5.0, 9.0, 10.0, 30.0]), []

    def run(name: str, watch: Watch) -> None:
        for done, whole in ((0, 0), (40, 100), (40, 100), (60, 100)):
            watch(done, whole)
            errand = errands.of(name)
            assert errand is not None
            left.append((errand.share, errand.left_s))

    errands = Errands(run, clock=lambda: next(clock))
    errands.start("a")
    eventually(lambda: not errands.busy)
    assert left == [(None, None), (0.4, None), (0.4, None), (0.6, 42.0)]
