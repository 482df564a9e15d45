"""Which world a replay is of, and how that was asked to be run."""

from __future__ import annotations

from dataclasses import asdict, replace

from base.errors import UserError
from engine.replay_file import Replay
from tools.shelf import Wishes

STANDARD = Wishes()


def world_of(replay: Replay) -> str:
    """The name of the world that a replay is of, for tools.shelf.find.

    A file that somebody sent must not choose a folder here or a repository on the Hub: UserError
    for such a one, which has to be named by who wants to see it.
    """
    name = replay.cartridge
    if not name or any(sign in name for sign in "/\\~") or set(name) == {"."}:
        raise UserError(f"the replay is of the world '{name}'; name it too: play.py WORLD --replay")
    return name


def asked(wishes: Wishes) -> dict[str, str]:
    """What was asked for, as a replay keeps it."""
    return {
        what: str(value)
        for what, value in asdict(wishes).items()
        if value != getattr(STANDARD, what)
    }


def as_asked(replay: Replay, wishes: Wishes) -> Wishes:
    """The wishes, and where they are silent those that the replay was recorded with.

    UserError for a replay that wishes what this program does not know.
    """
    known = asdict(STANDARD)
    then: dict[str, object] = {}
    for what, value in replay.asked.items():
        if what not in known or (what == "steps" and not (value.isascii() and value.isdigit())):
            raise UserError(f"the replay was played with {what} {value}, which is not known here")
        if getattr(wishes, what) == known[what]:
            then[what] = int(value[:9]) if what == "steps" else value
    return replace(wishes, **then)  # type: ignore[arg-type]
