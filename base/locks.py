"""One program at a time at a file that several may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_S = 0.005


@contextmanager
def holding(path: Path, patience_s: float = -1) -> Iterator[bool]:
    """Hold the lock of a file, which lies beside it and stays there; yields whether it is held.

    patience_s: to wait for another program; for ever if negative. It is not held either where the
    disk refuses or knows no locks: what is to be done may well be done without.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience_s, poll_interval=POLL_S)
    except (Timeout, OSError, NotImplementedError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
