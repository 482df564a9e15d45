"""Ctrl-C as a wish, to be fulfilled when it suits."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ctrl_c() -> Iterator[list[bool]]:
    """A list that is empty until Ctrl-C; a second Ctrl-C interrupts as usual."""
    stopped: list[bool] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(True)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
