"""Ctrl-C as a wish, to be fulfilled when it suits."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LEASH = "DREAMCART_ENDS_WITH_INPUT"  # set in the environment of a program that another one started


def end_with_input() -> None:
    """Press Ctrl-C here once the standard input ends, if `LEASH` is set.

    Whoever started this program holds the other end of that. However it is gone, killed or crashed,
    this one then does not work on for nobody.
    """
    if LEASH in os.environ:
        threading.Thread(target=_wait_for_the_end, name="leash", daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(sys.stdin.fileno(), 1 << 10):
        pass
    _thread.interrupt_main()


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
