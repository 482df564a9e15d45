"""The keys of a keyboard: our names, which the keymap uses, and the numbers of other systems.

A key that writes something is named by its place: by the sign that an American keyboard writes
there. So "w", "a", "s" and "d" are a block on every keyboard; people are shown the signs of the
keyboard in use. All other keys are named by their function, as pygame.key.name spells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class KeyPlace:
    """A key by its place.

    name:    ours. usb: its HID usage, which is also SDL's scancode.
    code:    its number under Linux, 8 less than X11's keycode; on the main block, and on keypads
             but for two keys, also its scan code under Windows.
    windows: its virtual key there, on an American keyboard; 0 for none. macos: its virtual key.
    """

    name: str
    usb: int
    code: int
    windows: int
    macos: int


_ROWS = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./", 86: "<"}
_USB_OF_SIGNS = {45: "-=[]\\", 51: ";'`,./", 100: "<"}
_WINDOWS_OF_SIGNS = {0xBA: ";=,-./`", 0xDB: "[\\]'", 0xE2: "<"}
_MACOS = "asdfhgzxcv<bqweryt123465=97-80]ou[ip lj'k;\\,/nm.  `"  # by virtual keys, from 0


def _numbered(rows: Mapping[int, str]) -> dict[str, int]:
    return {sign: first + i for first, signs in rows.items() for i, sign in enumerate(signs)}


def _main_block() -> Iterator[KeyPlace]:
    usb = _numbered({4: "abcdefghijklmnopqrstuvwxyz", 30: "1234567890", **_USB_OF_SIGNS})
    windows = _numbered(_WINDOWS_OF_SIGNS)
    for sign, code in _numbered(_ROWS).items():
        virtual = ord(sign.upper()) if sign.isalnum() else windows[sign]
        yield KeyPlace(sign, usb[sign], code, virtual, _MACOS.index(sign))


KEYPAD: tuple[KeyPlace, ...] = (
    KeyPlace("[/]", 84, 98, 0x6F, 75),
    KeyPlace("[*]", 85, 55, 0x6A, 67),
    KeyPlace("[-]", 86, 74, 0x6D, 78),
    KeyPlace("[+]", 87, 78, 0x6B, 69),
    KeyPlace("enter", 88, 96, 0, 76),
    KeyPlace("[1]", 89, 79, 0x61, 83),
    KeyPlace("[2]", 90, 80, 0x62, 84),
    KeyPlace("[3]", 91, 81, 0x63, 85),
    KeyPlace("[4]", 92, 75, 0x64, 86),
    KeyPlace("[5]", 93, 76, 0x65, 87),
    KeyPlace("[6]", 94, 77, 0x66, 88),
    KeyPlace("[7]", 95, 71, 0x67, 89),
    KeyPlace("[8]", 96, 72, 0x68, 91),
    KeyPlace("[9]", 97, 73, 0x69, 92),
    KeyPlace("[0]", 98, 82, 0x60, 82),
    KeyPlace("[.]", 99, 83, 0x6E, 65),
    KeyPlace("equals", 103, 117, 0, 81),
)
# Keys of Japanese and Brazilian keyboards, beside the right Shift and the Backspace.
_FURTHER = (
    KeyPlace("international 1", 135, 89, 0xC1, 94),
    KeyPlace("international 3", 137, 124, 0, 93),
)
WRITING: tuple[KeyPlace, ...] = (*_main_block(), *_FURTHER)
PLACES: tuple[KeyPlace, ...] = (*WRITING, *KEYPAD)

# One table: our name (pygame.key.name spelling), X11's number of the key, pynput's name for it.
NAMED_KEYS: tuple[tuple[str, int, str], ...] = (
    ("space", 0x20, "space"),
    ("backspace", 0xFF08, "backspace"),
    ("tab", 0xFF09, "tab"),
    ("return", 0xFF0D, "enter"),
    ("break", 0xFF13, "pause"),
    ("scroll lock", 0xFF14, "scroll_lock"),
    ("escape", 0xFF1B, "esc"),
    ("home", 0xFF50, "home"),
    ("left", 0xFF51, "left"),
    ("up", 0xFF52, "up"),
    ("right", 0xFF53, "right"),
    ("down", 0xFF54, "down"),
    ("page up", 0xFF55, "page_up"),
    ("page down", 0xFF56, "page_down"),
    ("end", 0xFF57, "end"),
    ("print screen", 0xFF61, "print_screen"),
    ("insert", 0xFF63, "insert"),
    ("application", 0xFF67, "menu"),
    ("numlock", 0xFF7F, "num_lock"),
    ("delete", 0xFFFF, "delete"),
    ("caps lock", 0xFFE5, "caps_lock"),
    ("left shift", 0xFFE1, "shift"),
    ("right shift", 0xFFE2, "shift_r"),
    ("left ctrl", 0xFFE3, "ctrl"),
    ("right ctrl", 0xFFE4, "ctrl_r"),
    ("left alt", 0xFFE9, "alt"),
    ("right alt", 0xFFEA, "alt_r"),
    ("right alt", 0xFE03, "alt_gr"),  # the same key on keyboards that write more signs with it
    ("left meta", 0xFFEB, "cmd"),
    ("right meta", 0xFFEC, "cmd_r"),
    *((f"f{n}", 0xFFBD + n, f"f{n}") for n in range(1, 13)),
)
# Signs that keys write without Shift, on keyboards with Latin letters.
SIGNS = frozenset(
    sign for code in (*range(0x21, 0x7F), *range(0xDF, 0x100)) if not (sign := chr(code)).isupper()
)
# Other names under which keys may be bound: an old one, and clear ones where most people mean
# another key by ours.
OTHER_NAMES: Mapping[str, str] = {
    "alt gr": "right alt",
    "keypad enter": "enter",
    "keypad equals": "equals",
}
_BY_PLACE = frozenset(place.name for place in WRITING)
# All names that may be bound: "ü" is the key that writes it, wherever that is.
KEYS = (
    SIGNS
    | {place.name for place in PLACES}
    | {name for name, _, _ in NAMED_KEYS}
    | OTHER_NAMES.keys()
) - {"enter", "equals"}

USB_BACKSLASH_TOO = 50  # sent for that key by some keyboards
KEY_OF_USB: Mapping[int, str] = {
    **{place.usb: place.name for place in PLACES},
    USB_BACKSLASH_TOO: "\\",
    230: "right alt",  # whether or not it is AltGr
}
KEY_OF_CODE: Mapping[int, str] = {place.code: place.name for place in PLACES}
KEY_OF_WINDOWS: Mapping[int, str] = {place.windows: place.name for place in PLACES if place.windows}
KEY_OF_MACOS: Mapping[int, str] = {place.macos: place.name for place in PLACES}
KEY_OF_X11: Mapping[int, str] = {
    **{ord(sign): sign for sign in SIGNS},
    **{number: name for name, number, _ in NAMED_KEYS},
}
KEY_OF_PYNPUT: Mapping[str, str] = {theirs: name for name, _, theirs in NAMED_KEYS}

_in_use: dict[str, str] = {}  # our name → what the key writes on the keyboard in use


def use_keyboard(written: Mapping[str, str]) -> None:
    """Note the keyboard in use: the signs that its keys write without Shift, by our names."""
    _in_use.clear()
    for key, sign in written.items():
        note_sign(key, sign)


def note_sign(key: str, sign: str) -> None:
    """Note the sign that a key writes."""
    if key in _BY_PLACE:
        _in_use[key] = sign


def sign_of(key: str) -> str:
    """Return the sign that a key writes on the keyboard in use, or else its name.

    Keys of the row of digits are named by the digit even where that takes Shift, as in France.
    """
    return key if key.isdigit() else _in_use.get(key, key)


def letter_of(key: str) -> str:
    """Return the Latin letter that a key types; by its place on keyboards without such letters."""
    return sign if (sign := sign_of(key)) in SIGNS else key


def names_of(key: str) -> Iterator[str]:
    """Return the names under which a key may be bound: its own, other names of it, and the sign
    that it writes, unless that is another key's name."""
    yield key
    yield from (other for other, name in OTHER_NAMES.items() if name == key)
    if (sign := _in_use.get(key, key)) not in _BY_PLACE:
        yield sign


def key_writing(sign: str) -> str:
    """Return the key that writes a sign on the keyboard in use, or else the one of that name."""
    found = (key for key, written in _in_use.items() if written == sign)
    return next(found, OTHER_NAMES.get(sign, sign))
