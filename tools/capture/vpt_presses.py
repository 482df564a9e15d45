"""Presses in VPT's films of Minecraft: a JSON object for each frame, on a line.

    {"mouse": {"dx": 4.0, "dy": -2.0, "buttons": [0], "newButtons": [], "dwheel": 0.0, ...},
     "keyboard": {"keys": ["key.keyboard.w"], ...}, "isGuiOpen": false, "tick": 0, ...}

Row n tells what was done on seeing frame n. Two things are known of these files, and minded here as
in VPT's own loader: a left button that is down in the first row may have stuck until it is pressed
anew, and while a menu is open the films lack its cursor, so these stretches are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from base.errors import UserError
from engine.input.key_meanings import meant_key
from engine.profile import Profile
from tools.capture.presses import FRAMES, Presses, PressList
from tools.capture.text_table import Records, naming_line

RATE_FPS = 20.0  # of Minecraft, and of VPT's films
BUTTONS = {0: "left button", 1: "right button"}
LARGEST = 1e6  # counts of the mouse in a row


def is_vpt(record: Mapping[str, Any]) -> bool:
    """Return True if an object is a row of such a list."""
    return isinstance(record.get("mouse"), dict) and isinstance(record.get("keyboard"), dict)


def vpt_presses(records: Records, profile: Profile, source: str) -> PressList:
    """The rows of a list. UserError, naming the line, for an object that is no such row."""
    rows: list[Presses] = []
    menus: list[int] = []
    stuck = wheel = was_stuck = False
    for number, (line, record) in enumerate(records):
        with naming_line(source, line):
            _check(record)
            pressed, fresh = (_numbers(record, name) for name in ("buttons", "newButtons"))
            stuck = fresh == [0] if number == 0 else stuck and 0 not in fresh
            was_stuck = was_stuck or stuck
            rows.append(Presses(number, _keys(record, pressed, stuck), _motion(record)))
            wheel = wheel or _counts(record, "dwheel") != 0
        if record.get("isGuiOpen") is True:
            menus.append(number)
    notes = ["turns of the mouse's wheel are left out: no profile can have them"] * wheel
    if was_stuck:
        notes.append(
            "the left button is down in the first row, as VPT's recorder leaves it by mistake: it "
            "counts from where it is pressed anew"
        )
    if not profile.actions.mouse and any(any(row.mouse) for row in rows):
        notes.append(f"the mouse's motion is left out: the profile of {profile.name} has no mouse")
    if menus:
        notes.append(f"{len(menus)} of the {len(rows)} frames show a menu, and are left out")
    return PressList(
        tuple(rows),
        "a row for each frame, as VPT has it",
        FRAMES,
        (*((n, n + 1) for n in menus), (len(rows), math.inf)),
        RATE_FPS,
        tuple(filter(None, notes)),
    )


def _check(record: Mapping[str, Any]) -> None:
    if not is_vpt(record):
        raise UserError("it has no 'mouse' and 'keyboard', as the first line has")


def _keys(record: Mapping[str, Any], pressed: Sequence[int], stuck: bool) -> tuple[str, ...]:
    """The keys and buttons that we have a name for: no profile can name others."""
    names = record["keyboard"].get("keys", [])
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError("'keyboard.keys' must be a list of names")
    buttons = [BUTTONS[one] for one in pressed if one in BUTTONS and not (stuck and one == 0)]
    return tuple(dict.fromkeys([*filter(None, map(meant_key, names)), *buttons]))


def _motion(record: Mapping[str, Any]) -> tuple[float, float]:
    return _counts(record, "dx"), _counts(record, "dy")


def _numbers(record: Mapping[str, Any], name: str) -> Sequence[int]:
    numbers = record["mouse"].get(name, [])
    if not (isinstance(numbers, list) and all(type(number) is int for number in numbers)):
        raise UserError(f"'mouse.{name}' must be a list of numbers")
    return numbers


def _counts(record: Mapping[str, Any], name: str) -> float:
    counts = record["mouse"].get(name, 0)
    if type(counts) not in (int, float) or not abs(counts) <= LARGEST:
        raise UserError(f"'mouse.{name}' must be a number up to {LARGEST:,.0f}")
    return float(counts)
