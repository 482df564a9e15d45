"""What the keys of any keyboard are called."""

from __future__ import annotations

import string

import pygame

from engine.keyboard import SIGNS

# What a key writes on an American keyboard, by where it is.
PLACES = {
    **{
        getattr(pygame, f"KSCAN_{sign.upper()}"): sign
        for sign in string.ascii_lowercase + string.digits
    },
    pygame.KSCAN_MINUS: "-",
    pygame.KSCAN_EQUALS: "=",
    pygame.KSCAN_LEFTBRACKET: "[",
    pygame.KSCAN_RIGHTBRACKET: "]",
    pygame.KSCAN_BACKSLASH: "\\",
    pygame.KSCAN_SEMICOLON: ";",
    pygame.KSCAN_APOSTROPHE: "'",
    pygame.KSCAN_GRAVE: "`",
    pygame.KSCAN_COMMA: ",",
    pygame.KSCAN_PERIOD: ".",
    pygame.KSCAN_SLASH: "/",
}


class Keys:
    """Names keys by what they write, as engine.keyboard does, or else by where they are.

    So a Russian or a Greek keyboard has W, A, S and D where others have them. A key that was
    pressed is let go under the same name, although the layout may have changed meanwhile.
    """

    def __init__(self) -> None:
        self._down: dict[int, str] = {}  # scancode → name

    def pressed(self, raw: pygame.event.Event) -> str:
        """The name of the key of a KEYDOWN."""
        name = self._down[raw.scancode] = _name(raw)
        return name

    def let_go(self, raw: pygame.event.Event) -> str:
        """The name of the key of a KEYUP."""
        return self._down.pop(raw.scancode, "") or _name(raw)


def _name(raw: pygame.event.Event) -> str:
    # The names that bindings use are those of old, which few keys beyond ASCII have.
    name = (pygame.key.name(raw.key) or pygame.key.name(raw.key, use_compat=False)).lower()
    if len(name) > 1 or name in SIGNS:
        return name
    return PLACES.get(raw.scancode, name)
