"""A user's own game, described in one TOML file: its keys, its steps per second and the size of
its frames are.

    name = "Pong"
    rate_fps = 15               # steps a second: of the recording, the training and the dream
    size_px = [84, 84]          # width and height of the frames that are recorded and dreamed

    [keys]                      # what can be held in the game, and its key or keys
    up = ["w", "up"]
    down = ["s", "down"]
    serve = "space"

    [pads]                      # what of that is on a pad, for playing the dream; may be left out
    up = ["pad up", "stick up"]
    down = ["pad down", "stick down"]
    serve = "pad a"

    [mouse]                     # only where the motion of the mouse means something
    right = 300                 # told apart up to so many pixels a step, finely where it is slow
    down = [-40, -10, 0, 10, 40]    # or the motions that are told apart

Keys are named as pygame names them on an American keyboard: "w" is the key in its place on any
other, and "ü" the one that writes it. "left button" and "right button" are the mouse's. What a game
has on a key that steers the player, such as P, needs a second key, for playing the dream.
Recordings and cartridges contain all of it: the file is needed only to record.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base.errors import UserError, unknown
from base.files import decode_text
from engine.contracts import HeldActions
from engine.input.key_meanings import meant_key
from engine.input.keyboard import KEYS
from engine.input.keymap import COMMANDS
from engine.input.pads import STICK, TRIGGERS
from engine.ui.screen import MOUSE_BUTTONS

MOST_BYTES = 1 << 16
FASTEST_FPS = 120
SIDES_PX = (8, 512)  # what a cartridge can hold
LARGEST_MOTION = 10_000
_DIRECTIONS = ("up", "down", "left", "right")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")
_PAD_BUTTONS = (
    "a",
    "b",
    "x",
    "y",
    "left shoulder",
    "right shoulder",
    "up",
    "down",
    "left",
    "right",
)
PAD_KEYS = (
    *(f"pad {name}" for name in (*_PAD_BUTTONS, *TRIGGERS)),
    *(key for pair in STICK.values() for key in pair),
)
OF_PLAYER = {key: does for _, keys, does in COMMANDS for key in keys}


@dataclass(frozen=True)
class Profile:
    """Description of a game that is needed to record it, train on it and play its dream.

    name:     of the game. actions: what can be done in it.
    rate_fps: steps per second.
    width_px, height_px: of the frames that are recorded.
    """

    name: str
    actions: HeldActions
    rate_fps: float
    width_px: int
    height_px: int


def read_profile(path: Path) -> Profile:
    """Read a profile from a file. UserError names the file that is not one."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return parse_profile(data, str(path))


def parse_profile(data: bytes, source: str) -> Profile:
    """Parse a profile; `source` is named in errors.

    UserError names the entry that is missing, unknown or impossible.
    """
    try:
        if len(data) > MOST_BYTES:
            raise UserError(f"it is larger than {MOST_BYTES} bytes")
        return _profile(tomllib.loads(decode_text(data)))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{source} is not a TOML file: {reason}") from error
    except UserError as error:
        raise UserError(f"{source}: {error}") from error


def _profile(data: Mapping[str, Any]) -> Profile:
    _check_entries(data, ("name", "rate_fps", "size_px", "keys"), ("pads", "mouse"))
    name, rate, size = data["name"], data["rate_fps"], data["size_px"]
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise UserError("'name' must be 1 to 40 letters, digits, blanks, _ and -")
    if type(rate) not in (int, float) or not 1 <= rate <= FASTEST_FPS:
        raise UserError(f"'rate_fps' must be a number from 1 to {FASTEST_FPS}")
    low, high = SIDES_PX
    if not (
        isinstance(size, list)
        and len(size) == 2
        and all(type(side) is int and low <= side <= high for side in size)
    ):
        raise UserError(f"'size_px' must be [width, height], each from {low} to {high}")
    keys = _bound(_table(data, "keys"), "keys", {*KEYS, *MOUSE_BUTTONS})
    pads = _bound(_table(data, "pads"), "pads", PAD_KEYS)
    for button in pads:
        if button not in keys:
            raise unknown("button in [pads]", button, keys)
    mouse_x, mouse_y = _mouse(_table(data, "mouse"))
    joined = {button: (*bound, *pads.get(button, ())) for button, bound in keys.items()}
    actions = HeldActions(name, joined, mouse_x, mouse_y)
    return Profile(name, actions, float(rate), size[0], size[1])


def _bound(
    table: Mapping[str, Any], where: str, known: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Button -> keys. UserError for a key that there is not or that is bound twice, and for a
    button that has only keys of the player."""
    taken: dict[str, str] = {}
    bound: dict[str, tuple[str, ...]] = {}
    for button, value in table.items():
        keys = [value] if isinstance(value, str) else value
        if not (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)):
            raise UserError(f"'{where}.{button}' must be a key's name, or a list of them")
        for key in keys:
            if key not in known:
                raise UserError(f"'{where}.{button}': {unknown('key', key, known, meant_key(key))}")
            if key in taken:
                raise UserError(f"'{where}.{button}': '{key}' is bound to '{taken[key]}' already")
            taken[key] = button
        if OF_PLAYER.keys() >= set(keys):
            raise UserError(
                f"'{where}.{button}' needs a second key: '{keys[0]}' is the player's own, for "
                f"'{OF_PLAYER[keys[0]]}'"
            )
        bound[button] = tuple(keys)
    return bound


def _mouse(table: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The motions that are told apart, to the right and down; none without a mouse."""
    if not table:
        return (), ()
    _check_entries(table, ("right", "down"), (), "mouse.")
    return _motions(table["right"], "mouse.right"), _motions(table["down"], "mouse.down")


def _motions(value: Any, name: str) -> tuple[int, ...]:
    """As listed, or spread up to the largest: finely where the mouse is slow."""
    if type(value) is int and 1 <= value <= LARGEST_MOTION:
        steps = (digit * 10**power for power in range(5) for digit in (1, 2, 5))
        ways = [counts for counts in steps if 1 < counts < value] + [value]
        return (*(-counts for counts in reversed(ways)), 0, *ways)
    if isinstance(value, list) and value and all(type(counts) is int for counts in value):
        return tuple(value)
    raise UserError(
        f"'{name}' must be the largest motion, from 1 to {LARGEST_MOTION}, or a list of motions"
    )


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict) or (name in data and not table):
        raise UserError(f"'{name}' must be a table with one entry or more")
    return table


def _check_entries(
    data: Mapping[str, Any], needed: tuple[str, ...], others: tuple[str, ...], inside: str = ""
) -> None:
    """UserError for an entry that is missing or that nobody knows."""
    for name in data:
        if name not in needed + others:
            raise unknown("entry", f"{inside}{name}", (f"{inside}{n}" for n in needed + others))
    for name in needed:
        if name not in data:
            raise UserError(f"'{inside}{name}' is missing")
