"""Replays on disk: the actions of a player, as lines of JSON, only ever appended to.

The first line is the header: format, version, the cartridge, and how its frames were made. Each
other line is an event and `frame`, the CRC-32 of the frame that it led to:

    {"began": [SEED, START], "frame": 2774...}     a game began
    {"steps": ["NOOP", "LEFT", ...], "frame": ...}  up to a second of actions, one a step
    {"switched": "f2", "frame": ...}               a switch of the world was turned
    {"adjusted": ["seed", 1], "frame": ...}        one of its knobs was moved so far
    {"moved": "UEsDB...", "frame": ...}            the player rewound or loaded: the moment, as
                                                   engine.player.saves has it, in base64

A kill tears at most the last line, which is left out when the file is read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from base.errors import UserError
from base.files import open_regular, read_bytes, write_bytes, write_text
from base.plain import is_name
from engine.contracts import ActionVector, Frame, World, provenance_of
from engine.player.history import Moment
from engine.player.saves import LARGEST_BYTES, moment_bytes

FORMAT, VERSION = "dreamcart replay", 1
BATCH_S = 1.0  # of play in a line, which is also the most that can be lost
SUFFIX = ".replay"
LONGEST_HEADER = 1 << 16
LONGEST_TEXT = 4096  # in a header: a path
MOST_AT_ONCE = 1000  # steps in a line
LARGEST_SEED = 10**18  # of the first game: each further game adds one


@dataclass(frozen=True)
class Began:
    """The world was reset."""

    seed: int
    start: int


@dataclass(frozen=True)
class Acted:
    """Actions, one a step, as the action space describes them."""

    actions: tuple[str, ...]


@dataclass(frozen=True)
class SwitchTurned:
    """The switch that comes with this key was turned."""

    key: str


@dataclass(frozen=True)
class Adjusted:
    """The knob of this name was moved by so many choices."""

    name: str
    by: int


@dataclass(frozen=True)
class Moved:
    """The world was put at a moment, kept as the content of its file."""

    moment: bytes


Event = Began | Acted | SwitchTurned | Adjusted | Moved


@dataclass(frozen=True)
class Replay:
    """A recorded session.

    cartridge: the name that it was played by, such as "breakout".
    asked:     its run options, by the names of the fields in tools.app.resolver.
    world:     the world's own name.
    provenance: of its frames, as `engine.contracts.provenance_of` returned it.
    events:    each with the checksum of the frame that it led to; the first is a `Began`.
    """

    cartridge: str
    asked: Mapping[str, str]
    world: str
    provenance: Mapping[str, str]
    events: tuple[tuple[Event, int], ...]

    @property
    def steps(self) -> int:
        """The number of steps."""
        return sum(len(event.actions) for event, _ in self.events if isinstance(event, Acted))


def checksum(frame: Frame) -> int:
    """Return the checksum that a replay keeps of a frame."""
    return zlib.crc32(frame.tobytes())


class Log:
    """Log of everything that the world of a session does; this one keeps nothing.

    problem: the reason why nothing more is kept, to be said once; mostly empty.
    """

    problem = ""

    def open(self, world: World) -> None:
        """A session in `world` begins."""

    def began(self, seed: int, start: int, frame: Frame) -> None:
        """The world was reset."""

    def stepped(self, action: ActionVector, frame: Frame) -> None:
        """The world made a step."""

    def switched(self, key: str, frame: Frame) -> None:
        """A switch was turned."""

    def adjusted(self, name: str, by: int, frame: Frame) -> None:
        """A knob was moved."""

    def moved(self, moment: Moment) -> None:
        """The world was put at a moment."""

    def save(self, path: Path) -> None:
        """Write the session so far to a file of its own. UserError if that cannot be."""
        raise UserError("nothing is kept of this session")

    def close(self) -> None:
        """The session is over. Closing twice is harmless."""


class ReplayWriter(Log):
    """Log that writes a session to a file as it is played, in the place of what was at `path`.

    When the disk refuses later on, nothing more is written and `problem` says why; what was
    written stays a whole replay.

    path: None keeps the session only until it is over, for `save`; then a disk that refuses does
          not keep it from beginning.
    """

    def __init__(
        self, path: Path | None, cartridge: str, asked: Mapping[str, str] | None = None
    ) -> None:
        self._path, self._cartridge, self._asked = path, cartridge, dict(asked or {})
        self._file: IO[bytes] | None = None
        self._writes = False
        self._describe: Callable[[ActionVector], str] = str
        self._world = ""
        self._batch = 1
        self._actions: list[str] = []
        self._frame: Frame | None = None  # that the last of them led to

    def open(self, world: World) -> None:
        """Begin the file of a session in `world`. UserError if that cannot be written."""
        header = {
            "format": FORMAT,
            "version": VERSION,
            "cartridge": self._cartridge,
            "asked": self._asked,
            "world": world.name,
            "provenance": dict(provenance_of(world)),
        }
        self._describe, self._world = world.actions.describe, world.name
        self._batch = min(MOST_AT_ONCE, max(1, round(BATCH_S * world.rate_fps)))
        if self._path is None:
            with contextlib.suppress(OSError):  # `save` says so, if it is ever wanted
                self._file, self._writes = tempfile.TemporaryFile(buffering=0), True  # noqa: SIM115
                self._append(header)
            return
        write_text(self._path, json.dumps(header) + "\n")
        try:
            self._file, self._writes = open(self._path, "ab+", buffering=0), True  # noqa: SIM115
        except OSError as error:
            raise UserError(f"cannot write {self._path}: {error.strerror or error}") from error

    def began(self, seed: int, start: int, frame: Frame) -> None:
        self._write({"began": [seed, start]}, checksum(frame))

    def stepped(self, action: ActionVector, frame: Frame) -> None:
        self._actions.append(self._describe(action))
        self._frame = frame
        if len(self._actions) >= self._batch:
            self._write_steps()

    def switched(self, key: str, frame: Frame) -> None:
        self._write({"switched": key}, checksum(frame))

    def adjusted(self, name: str, by: int, frame: Frame) -> None:
        self._write({"adjusted": [name, by]}, checksum(frame))

    def moved(self, moment: Moment) -> None:
        data = base64.b64encode(moment_bytes(self._world, moment)).decode()
        self._write({"moved": data}, checksum(moment.frame))

    def save(self, path: Path) -> None:
        if self._file is None:
            return super().save(path)
        self._write_steps()
        try:
            self._file.seek(0)
            data = self._file.read()
            self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise UserError(f"the session cannot be read again: {error.strerror}") from error
        write_bytes(path, data)

    def close(self) -> None:
        """Write what is left."""
        self._write_steps()
        if self._file is not None:
            self._file.close()
            self._file, self._writes = None, False

    def _write_steps(self) -> None:
        actions, self._actions = self._actions, []
        if actions and self._frame is not None:
            self._append({"steps": actions, "frame": checksum(self._frame)})

    def _write(self, event: Mapping[str, Any], check: int) -> None:
        self._write_steps()
        self._append({**event, "frame": check})

    def _append(self, line: Mapping[str, Any]) -> None:
        if self._file is None or not self._writes:
            return
        data = (json.dumps(line) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._file.fileno(), data) :]
        except OSError as error:
            where = self._path or "a temporary file"
            self.problem = f"the replay ends here: cannot write {where}: {error.strerror}"
            self._writes = False


def cartridge_of(path: Path) -> str:
    """Read the name that the world of a file was played by, and not the rest of the file.

    Raises UserError for a file that is no replay; one that `read_replay` refuses may pass.
    """
    try:
        with open_regular(path) as file:
            line = file.readline(LONGEST_HEADER)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    header = _parsed(line)
    name = _typed(header.get("cartridge"), str)
    if header.get("format") != FORMAT or not is_name(name):
        raise UserError(f"{path} is not a replay")
    return str(name)


def read_replay(path: Path) -> Replay:
    """Read the replay in a file. Raises UserError, with the reason, for a file that holds none."""
    try:
        data = read_bytes(path, LARGEST_BYTES)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    *lines, _torn = data.split(b"\n")
    try:
        header = _parsed(lines[0]) if lines else {}
        if header.get("format") != FORMAT:
            raise UserError("it is not a replay")
        if header.get("version") != VERSION:
            raise UserError(f"its version is not {VERSION}, the one that this program plays")
        events = tuple(_event(_parsed(line)) for line in lines[1:])
        if not events or not isinstance(events[0][0], Began):
            raise UserError("it does not begin with a game")
        return Replay(
            cartridge=_text(header.get("cartridge")),
            world=_text(header.get("world")),
            asked=_texts(header.get("asked")),
            provenance=_texts(header.get("provenance", header.get("making"))),
            events=events,
        )
    except UserError as error:
        raise UserError(f"{path} cannot be replayed: {error}") from error


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        return _typed(json.loads(line), dict)
    except (ValueError, RecursionError) as error:
        raise UserError("it is damaged: one of its lines is no JSON") from error


def _event(line: Mapping[str, Any]) -> tuple[Event, int]:
    check = _whole(line.get("frame"), 2**32)
    match line:
        case {"began": [seed, start]}:
            return Began(_whole(seed, 2**63), _whole(start, 2**31)), check
        case {"steps": [*actions]} if 0 < len(actions) <= MOST_AT_ONCE:
            return Acted(tuple(_typed(action, str) for action in actions)), check
        case {"switched": str(key)}:
            return SwitchTurned(key), check
        case {"adjusted": [str(name), int(by)]} if abs(by) <= MOST_AT_ONCE:
            return Adjusted(name, int(by)), check
        case {"moved": str(text)}:
            try:
                return Moved(base64.b64decode(text, validate=True)), check
            except (binascii.Error, ValueError) as error:
                raise UserError("it is damaged: a moment in it is no base64") from error
    raise UserError("it is damaged: one of its lines is no event")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise UserError("it is damaged: a text in its header is missing or too long")
    return value


def _texts(value: Any) -> dict[str, str]:
    return {_text(k): _text(v) for k, v in _typed(value, dict).items()}


def _whole(value: Any, limit: int) -> int:
    if type(value) is not int or not 0 <= value < limit:
        raise UserError("it is damaged: a number is missing or out of range")
    return value


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise UserError(f"it is damaged: there should be a {kind.__name__} somewhere")
    return value
