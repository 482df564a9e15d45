"""Names of keys and mouse buttons in other programs, and ours for the same keys."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.input.keyboard import KEYS
from engine.ui.screen import MOUSE_BUTTONS

_MODIFIERS = {
    "ctrl": ("ctrl", "control", "ctl"),
    "shift": ("shift",),
    "alt": ("alt", "option"),
    "meta": ("meta", "win", "windows", "super", "cmd", "command", "gui"),
}
# Ours: theirs, in small letters and without whatever is no letter or digit.
_ALSO: Mapping[str, tuple[str, ...]] = {
    "left button": (
        *("mouseleft", "leftmouse", "leftmousebutton", "mouseleftbutton", "mousebuttonleft"),
        *("buttonleft", "btnleft", "leftclick", "click", "lmb", "mouse1", "lbutton"),
    ),
    "right button": (
        *("mouseright", "rightmouse", "rightmousebutton", "mouserightbutton", "mousebuttonright"),
        *("buttonright", "btnright", "rightclick", "rmb", "mouse2", "rbutton"),
    ),
    "return": ("enter",),
    "escape": ("esc",),
    "space": ("spacebar", "spc", "blank"),
    "backspace": ("back", "bksp", "bs"),
    "delete": ("del",),
    "insert": ("ins",),
    "page up": ("pageup", "pgup", "prior"),
    "page down": ("pagedown", "pgdn", "pgdown", "next"),
    "caps lock": ("capslock", "caps"),
    "print screen": ("prtsc", "prtscn", "snapshot", "sysrq"),
    "break": ("pause",),
    "application": ("apps", "contextmenu", "menu"),
    "keypad enter": ("numpadenter", "kpenter"),
    "keypad equals": ("keypadequal", "numpadequal", "kpequal"),
    **{
        f"[{sign}]": tuple(pad + name for pad in ("keypad", "numpad", "kp") for name in names)
        for sign, names in (
            *((digit, (digit,)) for digit in "0123456789"),
            *(("+", ("add", "plus")), ("-", ("subtract", "minus")), (".", ("decimal", "period"))),
            *(("*", ("multiply",)), ("/", ("divide",))),
        )
    },
    "alt gr": ("altgr", "altgraph"),
    **{way: (f"arrow{way}", f"{way}arrow", f"key{way}") for way in ("up", "down", "left", "right")},
    ",": ("comma",),
    ".": ("period", "dot", "point"),
    ";": ("semicolon",),
    "'": ("apostrophe", "quote"),
    "/": ("slash",),
    "\\": ("backslash",),
    "-": ("minus", "hyphen", "dash"),
    "=": ("equal", "equals"),
    "[": ("leftbracket", "bracketleft", "lbracket"),
    "]": ("rightbracket", "bracketright", "rbracket"),
    "`": ("graveaccent", "grave", "backquote", "backtick"),
    **{sign: (f"key{sign}",) for sign in "abcdefghijklmnopqrstuvwxyz"},
    **{digit: (f"digit{digit}", f"key{digit}", f"d{digit}") for digit in "0123456789"},
    **{f"f{n}": (f"keyf{n}",) for n in range(1, 13)},
}


def meant_key(name: str) -> str | None:
    """Return our name of a key or mouse button that another program calls `name`, if it is clear.

    Such names are "Key.ctrl_l" (pynput), "ShiftLeft" and "KeyW" (browsers), "mouse_left",
    "key.keyboard.left.shift" (Minecraft), "VK_SPACE" (Windows).
    """
    written = name.strip().lower()
    if written in KEYS:
        return written
    written = written.strip("'\"")
    if len(written) == 1:
        return written
    return _OURS.get(_squeeze(_PREFIX.sub("", written)))


def _squeeze(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name)


def _ours() -> dict[str, str]:
    """Theirs -> ours."""
    ours = {_squeeze(name): name for name in (*KEYS, *MOUSE_BUTTONS) if name[0] != "["}
    ours |= {_squeeze(theirs): own for own, names in _ALSO.items() for theirs in names}
    for own, words in _MODIFIERS.items():
        for word in words:
            ours[word] = f"left {own}"
            for side in ("left", "right"):
                for mark in (side, side[0]):
                    ours[mark + word] = ours[word + mark] = f"{side} {own}"
    del ours[""]  # of signs
    return ours


_PREFIX = re.compile(
    r"^(key\.keyboard\.|key\.(?=mouse)|keyboard[._ ]|key[._ ]|vk_|sdlk_|glfw_key_|k_)"
)
_OURS = _ours()
