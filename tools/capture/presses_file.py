"""Tables of what was pressed while a film was made elsewhere.

    time_s,keys,mouse_right,mouse_down
    0.00,,,
    0.53,w+space,12,-3
    0.61,w,4,0

A row tells what is held from its time on, until the next row's: `keys` by the names of the
profile's keys, joined by '+' ("left button" is the mouse's, "plus" the key '+', "[+]" the keypad's
and "]+[" both brackets), or else `action`
by the names of its buttons. Keys that the profile does not name are ignored. `mouse_right` and
`mouse_down`, where the profile has a mouse, are how far it moved at that time, in counts; a step's
add up. Times are seconds since the film's first frame, and never fall; several rows may have one
time.

Others write such tables otherwise, and these are read as well: cells apart by semicolons (then with
decimal commas) or tabs; a JSON object a line; `time_ms`, `time_us`, `time_ns` or `frame` (counted
from 0) instead of `time_s`, or `time`, which tools/capture/press_times.py has a look at; a row for
each key that went `down` or `up`, in columns `event` and `key`; and VPT's lists
(tools/capture/vpt_presses.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from base.errors import UserError, unknown
from base.files import read_text
from engine.input.key_meanings import meant_key
from engine.input.key_names import device_of
from engine.input.keyboard import KEYS
from engine.profile import Profile
from engine.ui.screen import MOUSE_BUTTONS
from tools.capture.presses import FRAMES, Presses, PressList
from tools.capture.text_table import cells_of, decimal_commas, naming_line, read_cells, read_records
from tools.capture.vpt_presses import is_vpt, vpt_presses

LATEST = 1e19  # nanoseconds since 1970 are below it
FARTHEST_COUNTS = 1e6  # that a mouse moves in a row
TIME = "time"  # our name of the column of times, whatever its unit
MOUSE_COLUMNS = ("mouse_right", "mouse_down")
KNOWN = ("time_s", "time_ms", "time_us", "time_ns", "frame", "keys", "action", *MOUSE_COLUMNS)
MEANT = {"dx": "mouse_right", "mouse_dx": "mouse_right", "dy": "mouse_down",
         "mouse_dy": "mouse_down", "buttons": "action", "actions": "action"}  # fmt: skip
UNIT_WORDS = {
    "seconds": ("s", "sec", "secs", "second", "seconds"),
    "milliseconds": ("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"),
    "microseconds": ("us", "µs", "usec", "micros", "microsecond", "microseconds"),
    "nanoseconds": ("ns", "nsec", "nanos", "nanosecond", "nanoseconds"),
    FRAMES: ("frame", "frames"),
}
TIME_WORDS = ("time", "times", "timestamp", "timestamps", "t", "ts", "epoch", "unix")
OTHER_WORDS = ("number", "no", "nr", "num", "index", "idx", "id", "in")
EVENT_COLUMNS = ("event", "type", "state", "event_type", "action")
KEY_COLUMNS = ("key", "button")
_JOINT = re.compile(r"(?<!\[)\+|\+(?!\])")  # not the one in the keypad's "[+]"
DOWN = ("down", "press", "pressed", "keydown", "keypress", "mousedown", "buttondown", "1", "true")
UP = ("up", "release", "released", "keyup", "keyrelease", "mouseup", "buttonup", "0", "false")


def read_presses(path: Path, profile: Profile) -> PressList:
    """The rows of a file. UserError, naming the line, for what is wrong with it."""
    return parse_presses(read_text(path), profile, str(path))


def parse_presses(text: str, profile: Profile, source: str) -> PressList:
    """The rows in a text; `source` is named in errors."""
    apart = ","
    if text.lstrip().startswith("{"):
        records = read_records(text, source)
        if is_vpt(records[0][1]):
            return vpt_presses(records, profile, source)
        cells = cells_of(records, source)
    else:
        cells, apart = read_cells(text, source)
    line, header = cells[0] if cells else (1, [])
    with naming_line(source, line):
        columns = _columns(header, profile)
        table = _Table(columns, header[columns.index(TIME)], profile)
        numbers = [i for i, name in enumerate(columns) if name in (TIME, *MOUSE_COLUMNS)]
        table.commas = decimal_commas(
            [row[i] for _, row in cells[1:] for i in numbers if i < len(row)], apart
        )
    rows = []
    for line, row in cells[1:]:
        with naming_line(source, line):
            rows.append(table.row(row))
    if not rows:
        raise UserError(f"{source} has no row that says what was pressed")
    return PressList(tuple(rows), table.clock, unit_of(table.clock) or "")


def unit_of(column: str) -> str | None:
    """The unit of the times in a column; empty where its name leaves it open, None for no times."""
    words = [word.lower() for word in re.findall(r"[A-ZµΜ]?[a-zµμ]+|[A-Z]+", column)]
    units = [unit for unit, names in UNIT_WORDS.items() if not set(words).isdisjoint(names)]
    known = {*TIME_WORDS, *OTHER_WORDS, *(name for names in UNIT_WORDS.values() for name in names)}
    if not known.issuperset(words) or set(OTHER_WORDS).issuperset(words):
        return None
    return units[0] if units else ""


@dataclass
class _Table:
    """Makes presses of a table's rows, one after the other.

    columns: what each is, by our names. clock: what the file calls its times. commas: whether
    numbers have decimal commas.
    """

    columns: Sequence[str]
    clock: str
    profile: Profile
    commas: bool = False
    _held: dict[str, None] = field(default_factory=dict)  # by the events so far
    _latest: float = 0.0

    def row(self, cells: Sequence[str]) -> Presses:
        """A row's presses. UserError for one that there can't be."""
        if len(cells) != len(self.columns):
            raise UserError(f"there are {len(cells)} cells, and {len(self.columns)} columns")
        told = dict(zip(self.columns, cells, strict=True))
        at = self._number(told[TIME], self.clock, LATEST)
        if at < self._latest:
            raise UserError(f"the time {told[TIME]} is before the one above it, or before 0")
        self._latest = at
        right, down = (
            self._number(told.get(name) or "0", name, FARTHEST_COUNTS) for name in MOUSE_COLUMNS
        )
        return Presses(at, self._keys(told), (right, down))

    def _keys(self, told: dict[str, str]) -> tuple[str, ...]:
        if "keys" in told:
            return _keys(told["keys"])
        if "action" in told:
            return _keys_of(told["action"], self.profile)
        key, event = _key(told["key"].lower()), re.sub("[^a-z0-9]", "", told["event"].lower())
        if event in DOWN:
            self._held[key] = None
        elif event in UP:
            self._held.pop(key, None)
        else:
            raise UserError(f"the event '{told['event'][:40]}' is neither 'down' nor 'up'")
        return tuple(self._held)

    def _number(self, text: str, name: str, largest: float) -> float:
        try:
            number = float(text.replace(",", ".") if self.commas else text)
        except ValueError:
            number = math.nan
        if not abs(number) <= largest:
            raise UserError(f"'{name}' must be a number up to {largest:g}, not '{text[:40]}'")
        return number


def _columns(header: Sequence[str], profile: Profile) -> list[str]:
    """Return the columns by our names. Raises UserError for missing or unknown ones."""
    plain = [re.sub("[^a-z0-9]+", "_", name.lower()).strip("_") for name in header]
    of_events = not set(plain).isdisjoint(KEY_COLUMNS) and not set(plain).isdisjoint(EVENT_COLUMNS)
    columns = []
    for name, simple in zip(header, plain, strict=True):
        if unit_of(name) is not None:
            columns.append(TIME)
        elif of_events and simple in (*KEY_COLUMNS, *EVENT_COLUMNS):
            columns.append("key" if simple in KEY_COLUMNS else "event")
        elif simple in ("keys", "action", *MOUSE_COLUMNS):
            columns.append(simple)
        else:
            raise unknown("column", name[:40], KNOWN, MEANT.get(simple))
    if columns.count(TIME) > 1:
        times = (name for name, column in zip(header, columns, strict=True) if column == TIME)
        raise UserError(
            f"there are several columns of times, and one is enough: {', '.join(times)}"
        )
    if len(set(columns)) != len(columns):
        raise UserError("two columns have one name")
    if TIME not in columns:
        raise UserError("there is no column 'time_s'")
    if ("keys" in columns) + ("action" in columns) + of_events != 1:
        raise UserError("there must be a column 'keys' or one 'action', and not both")
    moving = [name for name in MOUSE_COLUMNS if name in columns]
    if len(moving) == 1:
        raise UserError("'mouse_right' and 'mouse_down' come together")
    if moving and not profile.actions.mouse:
        raise UserError(f"the profile of {profile.name} has no mouse, and there are its columns")
    return columns


def _keys(text: str) -> tuple[str, ...]:
    """The keys of "w+left button"."""
    names = (name.strip() for name in _JOINT.split(text.lower())) if text else ()
    return tuple(dict.fromkeys(_key(name) for name in names))


def _key(name: str) -> str:
    """The key of one name. UserError for one that nobody knows."""
    key = "+" if name == "plus" else name
    if key not in KEYS and key not in MOUSE_BUTTONS:
        raise unknown("key", key[:40], (*KEYS, *MOUSE_BUTTONS), meant_key(key))
    return key


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
