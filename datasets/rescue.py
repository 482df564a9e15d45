"""Recovery of journals that a crash left or a disk damaged: intact parts become episodes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from base.errors import UserError
from base.files import sync_folder
from datasets.episode import EpisodeFile
from datasets.folder import DAMAGED, episode_path, numbered, sole_writer
from datasets.journal import DamagedJournalError, finish_journal, read_journal, write_stretch

PART = "part"  # of a recording that was damaged: an entry of what is known of an episode


def rescue(folder: Path) -> bool:
    """Turn journals that a crash left into episodes; False if the folder is being recorded to.

    Journals of a recording in progress are left alone, as is one that cannot be read or turned
    into an episode (full disk, no permission).
    """
    if not numbered(folder, "journal"):
        return True
    try:
        with sole_writer(folder) as free:
            if free:
                rescue_all(folder)
            return free
    except UserError:  # nobody can write here
        return True


def rescue_all(folder: Path) -> None:
    """Do the work of `rescue`; the caller holds the lock."""
    for number, journal in numbered(folder, "journal").items():
        with suppress(UserError):
            try:
                finish_journal(journal, episode_path(folder, number))
            except DamagedJournalError:
                _take_apart(folder, number, journal)
    for unfinished in folder.glob(".episode_*.h5"):  # killed while turning a journal into it
        unfinished.unlink(missing_ok=True)


def damaged(folder: Path) -> Iterator[tuple[Path, str]]:
    """Return the damaged journals that are kept in a folder, each with a message for the user."""
    for number, path in numbered(folder, DAMAGED).items():
        parts = [n for n, part in _parts(folder, number).items() if part.endswith(_of(path))]
        places = " and ".join(map(str, sorted({number, *parts})))
        yield (
            path,
            f"{path} was damaged on the disk: what is whole of it is in episode {places}, and the "
            "file is kept; delete it when you do not need it",
        )


def _take_apart(folder: Path, number: int, journal: Path) -> None:
    """Make an episode of each stretch of a damaged journal, and keep it under another name.

    The first takes the journal's number, each other one a new number, or the one that it has
    since a kill interrupted this. Raises UserError.
    """
    read = read_journal(journal)
    there = {part: n for n, part in _parts(folder, number).items()}
    taken = [n for suffix in ("h5", "journal", DAMAGED) for n in numbered(folder, suffix)]
    free = max(taken) + 1
    for i, stretch in enumerate(read.stretches):
        part = f"{i + 1} of {len(read.stretches)}{_of(journal)}"
        at = there.get(part, free) if i else number
        free = max(free, at + 1)
        known = {**stretch.info.emulator, PART: part}
        stretch = replace(stretch, info=replace(stretch.info, emulator=known))
        write_stretch(episode_path(folder, at), read, stretch)
    keep_damaged(journal)


def keep_damaged(journal: Path) -> None:
    """Give a journal the name under which it is no longer rescued. Raises UserError."""
    try:
        os.replace(journal, journal.with_suffix(f".{DAMAGED}"))
        sync_folder(journal.parent)
    except OSError as error:
        raise UserError(f"cannot rename {journal}: {error.strerror or error}") from error


def _of(journal: Path) -> str:
    return f" of episode {journal.name.split('.')[0].removeprefix('episode_')}"


def _parts(folder: Path, number: int) -> dict[int, str]:
    """Map episodes after a number that are parts of a journal to what they are parts of."""
    parts = {}
    for n, path in numbered(folder, "h5").items():
        with suppress(UserError):
            if n > number and (part := EpisodeFile(path).info.emulator.get(PART)):
                parts[n] = part
    return parts
