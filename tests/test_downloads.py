"""Downloads on their thread: in turn, stopped, failing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from base.errors import UserError
from engine.downloads import Downloads, Watch


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
    downloads = Downloads(hub.bring)
    downloads.start("a")
    downloads.start("b")
    downloads.start("a")  # asked for twice, brought once
    eventually(lambda: (a := downloads.of("a")) and a.share == 0)
    second = downloads.of("b")
    assert second is not None and second.waiting and downloads.busy
    hub.let.release(2)
    eventually(lambda: (a := downloads.of("a")) and a.share == pytest.approx(2 / 3))
    assert not downloads.any_ended()
    hub.let.release(4)
    eventually(lambda: not downloads.busy)
    assert hub.brought == ["a", "b"]
    assert downloads.any_ended() and not downloads.any_ended()


def test_what_is_stopped_ends_and_the_next_begins() -> None:
    hub = Hub()
    downloads = Downloads(hub.bring)
    for name in ("a", "b", "c"):
        downloads.start(name)
    eventually(lambda: (a := downloads.of("a")) and a.share == 0)
    downloads.stop("b")  # has not begun: gone at once
    assert downloads.of("b") is None
    downloads.stop("a")
    stopping = downloads.of("a")
    assert stopping is not None and stopping.stopping
    hub.let.release(1 + 3)
    eventually(lambda: not downloads.busy)
    assert hub.brought == ["c"] and downloads.of("a") is None


def test_a_failure_is_kept_in_a_line_until_it_is_tried_again() -> None:
    hub = Hub()
    downloads = Downloads(hub.bring)
    downloads.start("bad")
    eventually(lambda: not downloads.busy)
    failed = downloads.of("bad")
    assert failed is not None and failed.error == "cannot reach the Hub" and not failed.active
    downloads.start("bad")
    eventually(lambda: not downloads.busy)
    downloads.stop("bad")
    assert downloads.of("bad") is None


def test_a_mistake_of_ours_is_not_swallowed() -> None:
    downloads = Downloads(Hub().bring)
    downloads.start("bug")
    eventually(lambda: not downloads.busy)
    with pytest.raises(ZeroDivisionError):
        downloads.any_ended()


def test_closing_stops_everything() -> None:
    hub = Hub()
    downloads = Downloads(hub.bring)
    downloads.start("a")
    downloads.start("b")
    hub.let.release(6)
    downloads.close()
    assert not downloads.busy
