"""The names of keys for people, and the device that a key belongs to."""

from __future__ import annotations

from engine.input.keyboard import KEYPAD, sign_of
from engine.ui.screen import MOUSE_BUTTONS

NO_KEY = "no key"
SHORT_NAMES = {
    "escape": "Esc",
    "return": "Enter",
    **{key.name: f"Keypad {key.name.strip('[]').capitalize()}" for key in KEYPAD},
}


def device_of(key: str) -> str:
    """Return the device that has a key: "pad", "mouse" or "keyboard"."""
    if key.startswith(("pad ", "stick ")):
        return "pad"
    return "mouse" if key in MOUSE_BUTTONS else "keyboard"


def written(key: str) -> str:
    """Return a key's name for people: the sign that it writes on their keyboard, if it does."""
    if key in SHORT_NAMES:
        return SHORT_NAMES[key]
    device, _, rest = key.partition(" ")
    if device == "pad" and len(rest) == 1:
        return f"Pad {rest.upper()}"
    sign = sign_of(key)
    if len(sign) > 1:
        return sign.capitalize()
    return sign.upper() if len(sign.upper()) == 1 else sign  # ß has no large letter
