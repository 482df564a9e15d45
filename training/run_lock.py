"""One process at a time in a run's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from base.errors import UserError

NAME = "run.lock"  # stays in the folder, held or not


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; the system lets go of it however the process ends.

    Raises UserError if another process holds it, and if the disk refuses.
    """
    lock = FileLock(folder / NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"another process is training in {folder}; wait until it ends, or stop it"
        ) from None
    except OSError as error:
        raise UserError(f"cannot write {folder / NAME}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
