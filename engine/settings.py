"""Settings of a player, in one JSON file per user, which is validated when read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from base.errors import UserError
from base.files import open_regular, write_text
from base.folders import config_folder
from base.locks import holding
from base.plain import is_name, read
from base.sizes import MB
from base.terminal import say
from engine.input.keyboard import key_writing
from engine.input.keymap import PLAYER, check_keys

FILE = "settings.json"
LARGEST_BYTES = MB  # a file that is longer is not one of ours
DEPTHS = {"keys": 2, "last_played": 1}  # of mappings in a field, down to its entries
PATIENCE_S = 10.0  # with another program at the file: a write takes milliseconds

_Path = tuple[str, ...]  # the names on the way to an entry


@dataclass(frozen=True)
class Settings:
    """Settings that differ from the defaults.

    sensitivity: of the mouse and of a pad's right stick: times the game's own.
    keys:        layout (see engine.input.keymap) -> button -> names of the keys bound to it; only
                 buttons whose keys are not the layout's own. Those of the player's own commands
                 are a layout too.
    last_played: world -> when it was played last, in seconds since 1970.
    keys_by:     how keys are named: as engine.input.keyboard says, by their place. Files that do
                 not say are from when it was by what they write.
    """

    sensitivity: float = 1.0
    keys: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    last_played: Mapping[str, float] = field(default_factory=dict)
    keys_by: Literal["place"] = "place"

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity < 1000:
            raise ValueError(f"sensitivity must be more than 0, not {self.sensitivity}")
        names = [*self.keys, *self.last_played]
        names += [name for bound in self.keys.values() for name in bound]
        names += [key for bound in self.keys.values() for keys in bound.values() for key in keys]
        for name in names:  # they are drawn in a window, where not every string can be
            if not is_name(name):
                raise ValueError("a name is empty, too long or not to be written")
        check_keys(self.keys.get(PLAYER.name, {}))


def to_stderr(line: str) -> None:
    """Warn on the terminal."""
    say(f"warning: {line}", error=True)


class SettingsFile:
    """The current settings, and the file that they are kept in.

    Other programs may change the same file: a change is merged into what the file holds
    by then, entry by entry, and the others' changes are taken over.
    A file of which something cannot be understood is set aside as settings.json.broken, then
    .broken.2 and so on, and what can be counts. A file that cannot be read or written is left
    alone. All are warnings, never errors.

    path: of the file; settings.json in the user's configuration folder if None.
    warn: told, in a line, of each such trouble.
    """

    def __init__(self, path: Path | None = None, warn: Callable[[str], None] = to_stderr) -> None:
        self.path = config_folder() / FILE if path is None else path
        self._warn = warn
        self._writes = True
        self._now = self._read() or Settings()

    @property
    def now(self) -> Settings:
        """The settings."""
        return self._now

    def change(self, **fields: Any) -> None:
        """Replace fields of `Settings`; write what differs. ValueError for what they cannot be."""
        before, changed = self._now, replace(self._now, **fields)
        if changed == before:
            return
        self._now = changed
        if not self._writes:
            return
        with holding(self.path, PATIENCE_S):
            there = self._read(locked=True)
            if there is not None:
                self._now = _merged(there, before, changed)
            self._write(self._now)

    def played(self, world: str) -> None:
        """Note that a world is played now."""
        self.change(last_played={**self._now.last_played, world: time.time()})

    def _write(self, settings: Settings) -> None:
        if not self._writes:
            return
        try:
            write_text(self.path, json.dumps(asdict(settings), indent=1) + "\n")
        except UserError as error:
            self._writes = False  # said once
            self._warn(f"settings last until you leave: {error}")

    def _read(self, locked: bool = False) -> Settings | None:
        """Read the file; None if there is none, or it cannot be read.

        locked: the caller holds its lock.
        """
        try:
            with open_regular(self.path) as file:
                data = file.read(LARGEST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._writes = False
            self._warn(f"cannot read {self.path} ({error.strerror}); settings are as they come")
            return None
        try:
            if len(data) > LARGEST_BYTES:
                raise ValueError("too long")
            settings, broken = _understood(json.loads(data))
        except (ValueError, RecursionError):
            settings, broken = Settings(), ["all of it"]
        if broken and locked:
            self._set_aside(settings, broken)
        elif broken:
            with holding(self.path, PATIENCE_S):  # another program may be setting it aside
                return self._read(locked=True)
        return settings

    def _set_aside(self, rest: Settings, broken: list[str]) -> None:
        """Move the file away, and write what could be understood of it."""
        for number in count(1):
            aside = self.path.with_name(self.path.name + ".broken" + f".{number}" * (number > 1))
            if not aside.exists():
                break
        what = f"{broken[0]} and {len(broken) - 1} more" if broken[1:] else broken[0]
        try:
            self.path.rename(aside)
        except OSError:
            self._writes = False  # what could not be understood stays as it is
            self._warn(f"{self.path} cannot be understood ({what}); it is left as it is")
            return
        self._warn(f"{self.path} could not be understood ({what}) and is now {aside.name}")
        if rest != Settings():
            self._write(rest)


def _understood(data: Any) -> tuple[Settings, list[str]]:
    """Read settings from a file's data; returned with the names of invalid entries.

    Each entry is validated by itself. Raises ValueError for data without entries.
    """
    if not isinstance(data, dict):
        raise ValueError("no settings")
    if "keys_by" not in data and "keys" in data:
        data = {**data, "keys": _by_place(data["keys"])}
    kept: dict[_Path, Any] = {}
    broken: list[str] = []
    for path, value in _entries(data):
        try:
            _settings({path: value})
        except (UserError, RecursionError):
            broken.append(ascii(".".join(path))[1:61].rstrip("'"))
            continue
        kept[path] = value
    return _settings(kept), broken


def _merged(there: Settings, before: Settings, changed: Settings) -> Settings:
    """The settings `there`, with those entries that differ between `before` and `changed`."""
    merged, old, new = (dict(_entries(_plain(each))) for each in (there, before, changed))
    for path in old.keys() | new.keys():
        if path not in new:
            merged.pop(path, None)
        elif new[path] != old.get(path):
            merged[path] = new[path]
    return _settings(merged)


def _settings(entries: Mapping[_Path, Any]) -> Settings:
    """Build settings from entries. Raises UserError for invalid ones."""
    data: dict[str, Any] = {}
    for path, value in entries.items():
        place = data
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return read(Settings, data, FILE)


def _by_place(keys: Any) -> Any:
    """Translate keys from files that named them by the character they write."""
    if isinstance(keys, dict):
        return {name: _by_place(bound) for name, bound in keys.items()}
    if isinstance(keys, list):
        return [_by_place(key) for key in keys]
    return key_writing(keys) if isinstance(keys, str) else keys


def _plain(settings: Settings) -> dict[str, Any]:
    """Return settings as plain data for their file."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(settings)))
    return data


def _entries(data: dict[str, Any]) -> Iterator[tuple[_Path, Any]]:
    """Yield the entries of nested mappings, each with its path."""
    for name, value in data.items():
        yield from _parts((name,), value, DEPTHS.get(name, 0))


def _parts(path: _Path, value: Any, depth: int) -> Iterator[tuple[_Path, Any]]:
    if depth == 0 or not isinstance(value, dict):
        yield path, value
        return
    for name, part in value.items():
        yield from _parts((*path, name), part, depth - 1)
