"""Progress of a run, in a small file that others can read meanwhile: progress.json."""

from __future__ import annotations

import json
import time
from pathlib import Path

from base.files import read_bytes, write_text

NAME = "progress.json"
EVERY_S = 1.0
LARGEST_BYTES = 1000


class Progress:
    """Writer of a run's progress. folder: the run's. updates: to be made in all."""

    def __init__(self, folder: Path, updates: int) -> None:
        self._path, self._updates = folder / NAME, updates
        self._written_at = float("-inf")

    def tell(self, done: int, *, last: bool = False) -> None:
        """Write how many updates are made, now and then, and the `last` time for certain.

        Raises UserError when the disk refuses.
        """
        now = time.monotonic()
        if last or now - self._written_at >= EVERY_S:
            self._written_at = now
            write_text(self._path, json.dumps({"done": done, "updates": self._updates}) + "\n")


def read(folder: Path) -> tuple[int, int] | None:
    """Return updates made and updates in all of a folder's run; None if it does not tell."""
    try:
        data = json.loads(read_bytes(folder / NAME, LARGEST_BYTES))
        done, updates = data["done"], data["updates"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not (type(done) is type(updates) is int and 0 <= done <= updates > 0):
        return None
    return done, updates
