"""The keys that a keyboard has, by the names that bindings use, and what others call them."""

from __future__ import annotations

from collections.abc import Mapping

# One table: our name (pygame.key.name spelling), X11's number of the key, pynput's name for it.
NAMED_KEYS: tuple[tuple[str, int, str], ...] = (
    ("space", 0x20, "space"),
    ("backspace", 0xFF08, "backspace"),
    ("tab", 0xFF09, "tab"),
    ("return", 0xFF0D, "enter"),
    ("escape", 0xFF1B, "esc"),
    ("home", 0xFF50, "home"),
    ("left", 0xFF51, "left"),
    ("up", 0xFF52, "up"),
    ("right", 0xFF53, "right"),
    ("down", 0xFF54, "down"),
    ("page up", 0xFF55, "page_up"),
    ("page down", 0xFF56, "page_down"),
    ("end", 0xFF57, "end"),
    ("insert", 0xFF63, "insert"),
    ("delete", 0xFFFF, "delete"),
    ("caps lock", 0xFFE5, "caps_lock"),
    ("left shift", 0xFFE1, "shift"),
    ("right shift", 0xFFE2, "shift_r"),
    ("left ctrl", 0xFFE3, "ctrl"),
    ("right ctrl", 0xFFE4, "ctrl_r"),
    ("left alt", 0xFFE9, "alt"),
    ("right alt", 0xFFEA, "alt_r"),
    ("alt gr", 0xFE03, "alt_gr"),
    ("left meta", 0xFFEB, "cmd"),
    ("right meta", 0xFFEC, "cmd_r"),
    *((f"f{n}", 0xFFBD + n, f"f{n}") for n in range(1, 13)),
)
# Keys with one sign: what they write without Shift, on any keyboard whose signs are Latin.
SIGNS = frozenset(
    sign for code in (*range(0x21, 0x7F), *range(0xDF, 0x100)) if not (sign := chr(code)).isupper()
)
KEYS = SIGNS | {name for name, _, _ in NAMED_KEYS}
KEY_OF_X11: Mapping[int, str] = {
    **{ord(sign): sign for sign in SIGNS},
    **{number: name for name, number, _ in NAMED_KEYS},
}
KEY_OF_PYNPUT: Mapping[str, str] = {theirs: name for name, _, theirs in NAMED_KEYS}
