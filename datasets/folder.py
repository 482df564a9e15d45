"""A folder of episodes: file names, who may write, and what is held out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from base.errors import UserError
from base.files import read_text, write_text

try:
    import fcntl
except ImportError:  # Windows: two recorders in one folder go unnoticed there
    fcntl = None  # type: ignore[assignment]

LOCK = ".recording"
HELD_OUT = "held_out.txt"
DAMAGED = "journal.damaged"  # the suffix of a journal that is kept, since not all of it was read
_NAME = re.compile(r"episode_([0-9]{6,9})\.(h5|journal|journal\.damaged)")


def episode_path(folder: Path, number: int) -> Path:
    """Return the path of episode `number` in a folder."""
    return folder / f"episode_{number:06d}.h5"


def is_episode(name: str) -> bool:
    """Tell by its name whether a file is a finished episode."""
    match = _NAME.fullmatch(name)
    return match is not None and match[2] == "h5"


def numbered(folder: Path, suffix: str) -> dict[int, Path]:
    """Return the files of a folder named as episodes ("h5"), journals ("journal") or `DAMAGED`, by
    number."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot open {folder}: {error.strerror or error}") from error
    matches = (match for name in names if (match := _NAME.fullmatch(name)))
    return {int(match[1]): folder / match[0] for match in matches if match[2] == suffix}


def held_out_numbers(folder: Path) -> set[int] | None:
    """Read the numbers of held-out episodes from a folder's list; None if it has no list.

    The list has a number per line; text after a # is ignored. Raises UserError for anything else.
    """
    path = folder / HELD_OUT
    if not path.exists():
        return None
    words = [line.split("#")[0].strip() for line in read_text(path, folder).splitlines()]
    wrong = next((w for w in words if w and not re.fullmatch(r"[0-9]{1,9}", w)), None)
    if wrong is not None:
        raise UserError(f"{path} lists '{wrong[:40]}', which is no number of an episode")
    return {int(word) for word in words if word}


def write_held_out(folder: Path, numbers: Iterable[int], why: str) -> None:
    """Write a folder's list of held-out episodes, atomically; `why` heads it, in a line."""
    lines = [f"# {why}", *map(str, sorted(numbers))]
    write_text(folder / HELD_OUT, "\n".join(lines) + "\n")


@contextmanager
def sole_writer(folder: Path) -> Iterator[bool]:
    """Hold the folder's lock; yields whether it was free. The lock ends with the process."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from error
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
