"""Names of the keys of any keyboard."""

from __future__ import annotations

import pygame

from engine.input.keyboard import KEY_OF_USB, use_keyboard

SCANCODES = 512
SIGN_CODES = range(0x21, 0x2000)  # of all alphabets


class Keys:
    """Names of keys as in engine.input.keyboard: keys that write a character go by their place.

    Other keys go by what they do, which people change: a Caps Lock that is Esc is Esc. A key that
    was pressed is let go under the same name, although the layout may have changed meanwhile.
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


def look_at_keyboard() -> None:
    """Tell engine.input.keyboard which characters the keys write at present, for labels."""
    # pygame can only be asked where the key of a sign is: it looks that up to index what is held.
    scancode = pygame.key.ScancodeWrapper(range(SCANCODES))  # type: ignore[arg-type]
    places = {chr(code): KEY_OF_USB.get(int(scancode[code])) for code in SIGN_CODES}
    use_keyboard({key: sign for sign, key in places.items() if key is not None})


def _name(raw: pygame.event.Event) -> str:
    if raw.scancode in KEY_OF_USB:
        return KEY_OF_USB[raw.scancode]
    # The names that bindings use are those of old, which few keys beyond ASCII have.
    return (pygame.key.name(raw.key) or pygame.key.name(raw.key, use_compat=False)).lower()
