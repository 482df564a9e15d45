"""What a player has set, kept in one JSON file a user; the file is never trusted when read."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from base.errors import UserError
from base.files import write_text
from base.folders import config_folder
from base.plain import read
from engine.command_table import PLAYER, check_keys
from engine.keyboard import key_writing

FILE = "settings.json"
LARGEST_BYTES = 1 << 20  # a file that is longer is not one of ours
LONGEST_NAME = 200  # of a key, a button or a world
DEPTHS = {"keys": 2, "last_played": 1}  # of mappings in a field, down to its entries


@dataclass(frozen=True)
class Settings:
    """What differs from how the program comes.

    sensitivity: of the mouse and of a pad's right stick: times the game's own.
    keys:        layout (see engine.bindings) -> button -> names of the keys bound to it; only
                 buttons whose keys are not the layout's own. Those of the player's own commands
                 (see engine.command_table) are a layout too.
    last_played: world -> when it was played last, in seconds since 1970.
    keys_by:     how keys are named: as engine.keyboard says, by their place. Files that do not say
                 are from when it was by what they write.
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
            if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
                raise ValueError("a name is empty, too long or not to be written")
        check_keys(self.keys.get(PLAYER, {}))


def to_stderr(line: str) -> None:
    """Warn on the terminal."""
    print(f"warning: {line}", file=sys.stderr, flush=True)


class SettingsFile:
    """The settings as they are now, and the file that they are kept in.

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
        self._now = self._read()

    @property
    def now(self) -> Settings:
        """The settings."""
        return self._now

    def change(self, **fields: Any) -> None:
        """Replace fields of `Settings`, and write them all. ValueError for what they cannot be."""
        changed = replace(self._now, **fields)
        if changed == self._now:
            return
        self._now = changed
        self._write()

    def _write(self) -> None:
        if not self._writes:
            return
        try:
            write_text(self.path, json.dumps(asdict(self._now), indent=1) + "\n")
        except UserError as error:
            self._writes = False  # said once
            self._warn(f"settings last until you leave: {error}")

    def played(self, world: str) -> None:
        """Note that a world is played now."""
        self.change(last_played={**self._now.last_played, world: time.time()})

    def _read(self) -> Settings:
        try:
            with open(self.path, "rb") as file:
                data = file.read(LARGEST_BYTES + 1)
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            self._writes = False
            self._warn(f"cannot read {self.path} ({error.strerror}); settings are as they come")
            return Settings()
        try:
            if len(data) > LARGEST_BYTES:
                raise ValueError("too long")
            settings, broken = _understood(json.loads(data))
        except (ValueError, RecursionError):
            settings, broken = Settings(), ["all of it"]
        if broken:
            self._set_aside(settings, broken)
        return settings

    def _set_aside(self, rest: Settings, broken: list[str]) -> None:
        """Move the file away, and write what could be understood of it."""
        for number in count(1):
            aside = self.path.with_name(self.path.name + ".broken" + f".{number}" * (number > 1))
            if not aside.exists():
                break
        what = f"{broken[0]} and {len(broken) - 1} more" if broken[1:] else broken[0]
        self._now = rest
        try:
            self.path.rename(aside)
        except OSError:
            self._writes = False  # what could not be understood stays as it is
            self._warn(f"{self.path} cannot be understood ({what}); it is left as it is")
            return
        self._warn(f"{self.path} could not be understood ({what}) and is now {aside.name}")
        if rest != Settings():
            self._write()


def _understood(data: Any) -> tuple[Settings, list[str]]:
    """The settings in a file's data, and the names of the entries that can be none.

    Each entry is read as if it were alone. ValueError for data that has no entries at all.
    """
    if not isinstance(data, dict):
        raise ValueError("no settings")
    if "keys_by" not in data and "keys" in data:
        data = {**data, "keys": _by_place(data["keys"])}
    kept: dict[str, Any] = {}
    broken: list[str] = []
    for path, value in _entries(data):
        alone = value
        for name in reversed(path):
            alone = {name: alone}
        try:
            read(Settings, alone, FILE)
        except (UserError, RecursionError):
            broken.append(ascii(".".join(path))[1:61].rstrip("'"))
            continue
        place = kept
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return read(Settings, kept, FILE), broken


def _by_place(keys: Any) -> Any:
    """The names of keys in data from when they were called by what they write."""
    if isinstance(keys, dict):
        return {name: _by_place(bound) for name, bound in keys.items()}
    if isinstance(keys, list):
        return [_by_place(key) for key in keys]
    return key_writing(keys) if isinstance(keys, str) else keys


def _entries(data: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The smallest parts that can be set by themselves, each with the way there."""
    for name, value in data.items():
        yield from _parts((name,), value, DEPTHS.get(name, 0))


def _parts(path: tuple[str, ...], value: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if depth == 0 or not isinstance(value, dict):
        yield path, value
        return
    for name, part in value.items():
        yield from _parts((*path, name), part, depth - 1)
