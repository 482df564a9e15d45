"""Saved replays: which there are, which world each is of, and how that was asked to be run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from base.errors import UserError
from base.sizes import in_words
from engine.player.replay_file import SUFFIX, Replay, cartridge_of
from engine.ui.screens.library import LibraryEntry
from tools.app.resolver import RunOptions

STANDARD = RunOptions()
MOST_SHOWN = 12
PREFIX = "replay:"  # before the name of a replay's file, in the menu


def saved_replays(folder: Path) -> list[Path]:
    """The replays that were saved in a folder, or in one of those in it; the newest first."""
    found = []
    for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}")):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)][:MOST_SHOWN]


def replay_entry(path: Path, worlds: Mapping[str, LibraryEntry]) -> LibraryEntry:
    """A replay for the menu, with the picture of its world. UserError for what is none.

    worlds: those in the menu, by their names.
    """
    name, about = cartridge_of(path), path.stat()
    world = worlds.get(name)
    return LibraryEntry(
        name=PREFIX + str(path),
        title=f"{name if world is None else world.title}, replay",
        here=True,
        size=in_words(about.st_size),
        speed=f"saved {datetime.fromtimestamp(about.st_mtime):%Y-%m-%d %H:%M}",
        picture=None if world is None else world.picture,
        removable=True,
    )


def delete_replay(path: Path) -> None:
    """Delete a replay for good; one that is gone already is. UserError if it cannot be."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot delete {path}: {error.strerror or error}") from error


def world_of(replay: Replay) -> str:
    """The name of the world that a replay is of, for tools.app.resolver.resolve.

    A file that somebody sent must not choose a folder here or a repository on the Hub: UserError
    for such a one, which has to be named by who wants to see it.
    """
    name = replay.cartridge
    if not name or any(sign in name for sign in "/\\~") or set(name) == {"."}:
        raise UserError(f"the replay is of the world '{name}'; name it too: play.py WORLD --replay")
    return name


def asked(options: RunOptions) -> dict[str, str]:
    """Return the options that differ from the defaults, as a replay keeps them."""
    return {
        what: str(value)
        for what, value in asdict(options).items()
        if value != getattr(STANDARD, what)
    }


def as_asked(replay: Replay, options: RunOptions) -> RunOptions:
    """Return the options, with those of the replay where they are at their defaults.

    Raises UserError for a replay with an option that this program does not know.
    """
    known = asdict(STANDARD)
    then: dict[str, object] = {}
    for what, value in replay.asked.items():
        if what not in known or (what == "steps" and not (value.isascii() and value.isdigit())):
            raise UserError(f"the replay was played with {what} {value}, which is not known here")
        if getattr(options, what) == known[what]:
            then[what] = int(value[:9]) if what == "steps" else value
    return replace(options, **then)  # type: ignore[arg-type]
