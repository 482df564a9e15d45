"""What was pressed while a film was made elsewhere, as CSV.

    time_s,keys,mouse_right,mouse_down
    0.00,,,
    0.53,w+space,12,-3
    0.61,w,4,0

A row tells what is held from its time on, until the next row's: `keys` by the names of the
profile's keys, joined by '+' ("left button" is the mouse's, "plus" the key '+'), or else `action`
by the names of its buttons. Keys that the profile does not name are ignored. `mouse_right` and
`mouse_down`, where the profile has a mouse, are how far it moved at that time, in counts; a step's
add up. Times are seconds since the film's first frame, and never fall; several rows may have one
time.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from base.errors import UserError, unknown
from base.files import read_text
from engine.bindings import device_of
from engine.keyboard import KEYS
from engine.profile import Profile
from engine.screen import MOUSE_BUTTONS, Event, KeyDown, KeyUp, MouseMoved

LATEST_S = 1e6
FARTHEST_COUNTS = 1e6  # that a mouse moves in a row
MOUSE_COLUMNS = ("mouse_right", "mouse_down")


@dataclass(frozen=True)
class Presses:
    """A row: from when on (seconds) these keys are held, and how far the mouse moved then."""

    time_s: float
    keys: tuple[str, ...]
    mouse: tuple[float, float] = (0.0, 0.0)


def read_presses(path: Path, profile: Profile) -> list[Presses]:
    """The rows of a file. UserError, naming the line, for what is wrong with it."""
    return parse_presses(read_text(path), profile, str(path))


def parse_presses(text: str, profile: Profile, source: str) -> list[Presses]:
    """The rows in a text; `source` is named in errors."""
    lines = csv.reader(text.splitlines(), strict=True, skipinitialspace=True)
    rows: list[Presses] = []
    try:
        columns = _columns(next(lines, []), profile)
        for cells in lines:
            if any(cell.strip() for cell in cells):
                rows.append(_row(cells, columns, profile, rows[-1].time_s if rows else 0.0))
    except (csv.Error, UserError) as error:
        raise UserError(f"{source}, line {max(lines.line_num, 1)}: {error}") from error
    if not rows:
        raise UserError(f"{source} has no row that says what was pressed")
    return rows


def events_of(rows: Sequence[Presses]) -> Iterator[tuple[float, Event]]:
    """What keys and mouse did, and when: the differences between rows."""
    held: tuple[str, ...] = ()
    for row in rows:
        for key in held:
            if key not in row.keys:
                yield row.time_s, KeyUp(key)
        for key in row.keys:
            if key not in held:
                yield row.time_s, KeyDown(key)
        if any(row.mouse):
            yield row.time_s, MouseMoved(*row.mouse)
        held = row.keys


def _columns(header: Sequence[str], profile: Profile) -> list[str]:
    """The names of the columns. UserError for those that are missing or that nobody knows."""
    columns = [name.strip() for name in header]
    for name in columns:
        if name not in ("time_s", "keys", "action", *MOUSE_COLUMNS):
            raise unknown("column", name, ("time_s", "keys", "action", *MOUSE_COLUMNS))
    if len(set(columns)) != len(columns):
        raise UserError("two columns have one name")
    if "time_s" not in columns:
        raise UserError("there is no column 'time_s'")
    if ("keys" in columns) == ("action" in columns):
        raise UserError("there must be a column 'keys' or one 'action', and not both")
    moving = [name for name in MOUSE_COLUMNS if name in columns]
    if len(moving) == 1:
        raise UserError("'mouse_right' and 'mouse_down' come together")
    if moving and not profile.actions.mouse:
        raise UserError(f"the profile of {profile.name} has no mouse, and there are its columns")
    return columns


def _row(
    cells: Sequence[str], columns: Sequence[str], profile: Profile, earliest_s: float
) -> Presses:
    if len(cells) != len(columns):
        raise UserError(f"there are {len(cells)} cells, and {len(columns)} columns")
    told = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    time_s = _number(told["time_s"], "time_s", LATEST_S)
    if time_s < earliest_s:
        raise UserError(f"the time {told['time_s']} is before the one above it, or before 0")
    right, down = (_number(told.get(name) or "0", name, FARTHEST_COUNTS) for name in MOUSE_COLUMNS)
    keys = _keys(told["keys"]) if "keys" in told else _keys_of(told["action"], profile)
    return Presses(time_s, keys, (right, down))


def _number(text: str, name: str, largest: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= largest:
        raise UserError(f"'{name}' must be a number up to {largest:,.0f}, not '{text[:40]}'")
    return number


def _keys(text: str) -> tuple[str, ...]:
    """The keys of "w+left button"."""
    names = (name.strip() for name in text.lower().split("+")) if text else ()
    keys = tuple("+" if name == "plus" else name for name in names)
    for key in keys:
        if key not in KEYS and key not in MOUSE_BUTTONS:
            raise unknown("key", key[:40], (*KEYS, *MOUSE_BUTTONS))
    return tuple(dict.fromkeys(keys))


def _keys_of(text: str, profile: Profile) -> tuple[str, ...]:
    """A key for each button of "forward+fire"."""
    buttons = [name.strip() for name in text.lower().split("+")] if text else []
    keys = profile.actions.keys
    for button in buttons:
        if button not in keys:
            raise unknown("button", button[:40], keys)
    return tuple(
        next(key for key in keys[button] if device_of(key) != "pad")
        for button in dict.fromkeys(buttons)
    )
