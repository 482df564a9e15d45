"""Calls in a process of their own: what kills or stops that process is one clear line here."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest

from base.errors import UserError
from base.isolated_call import IsolatedProcess


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV if sys.platform != "win32" else signal.SIGTERM)


def refuse() -> None:
    raise UserError("not like this")


def test_a_crash_is_one_line_and_the_next_call_has_a_new_process() -> None:
    with IsolatedProcess() as isolated:
        first = isolated.call("a.h5", os.getpid)
        assert first != os.getpid() and isolated.call("a.h5", os.getpid) == first
        with pytest.raises(UserError, match=r"a\.h5 is damaged: reading it crashes"):
            isolated.call("a.h5", die)
        assert isolated.call("b.h5", os.getpid) not in (first, os.getpid())


def count(last: int) -> Iterator[int]:
    """Numbers, and then an end of one kind or another."""
    yield from range(last)
    if last == 3:
        raise UserError("no more than three")
    if last == 4:
        die()


def test_items_come_one_by_one_with_what_ends_them() -> None:
    with IsolatedProcess() as isolated:
        assert list(isolated.each("a.mp4", count, 2)) == [0, 1]
        first = isolated.call("a.mp4", os.getpid)
        for last, says in ((3, "no more than three"), (4, r"a\.mp4 is damaged: .* crashes")):
            items = isolated.each("a.mp4", count, last)
            with pytest.raises(UserError, match=says):
                for number in range(last + 1):
                    assert next(items) == number
        assert isolated.call("a.mp4", os.getpid) != first


def test_who_takes_not_all_items_gets_none_of_them_later() -> None:
    with IsolatedProcess() as isolated:
        items = isolated.each("a.mp4", count, 1_000_000)
        assert next(items) == 0
        items.close()
        assert list(isolated.each("a.mp4", count, 1)) == [0]


def test_what_never_answers_is_ended() -> None:
    says = r"a\.pt is damaged: reading it takes over 0\.5 s"
    with IsolatedProcess(limit_s=0.5) as isolated, pytest.raises(UserError, match=says):
        isolated.call("a.pt", time.sleep, 3600)


def test_errors_come_over_and_memory_has_an_end() -> None:
    with IsolatedProcess() as isolated:
        with pytest.raises(UserError, match="not like this"):
            isolated.call("a.h5", refuse)
        if sys.platform == "linux":
            with pytest.raises(MemoryError):
                isolated.call("a.h5", np.ones, 1 << 40)
    if sys.platform == "linux":
        with IsolatedProcess(limit_bytes=1 << 30) as small, pytest.raises(MemoryError):
            small.call("a.mp4", np.ones, 1 << 28)  # of eight bytes each
