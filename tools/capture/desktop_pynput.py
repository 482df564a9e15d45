"""Keys and mouse where X11 is not: what pynput hears of them, whatever window they go to."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from base.errors import UserError
from engine.input.keyboard import (
    KEY_OF_CODE,
    KEY_OF_MACOS,
    KEY_OF_PYNPUT,
    KEY_OF_WINDOWS,
    KEYPAD,
    SIGNS,
    note_sign,
)
from engine.ui.screen import MOUSE_BUTTONS, Event, KeyDown, KeyUp, MouseMoved
from tools.capture.desktop import missing

LETTERS = 26
_KEYPAD = {place.name for place in KEYPAD}


class PynputListener:
    """Hears keys, the mouse's buttons and the pointer's motion, on threads of its own.

    A game that holds the pointer still hides the mouse's motion from it. Raises UserError where
    pynput is not installed or has nothing to listen to.
    """

    def __init__(self) -> None:
        try:
            from pynput import keyboard, mouse
        except ModuleNotFoundError as error:
            raise missing("pynput") from error
        except ImportError as error:
            raise UserError(f"keys and mouse cannot be heard here: {error}") from error
        self._events: deque[Event] = deque()  # appended to by the threads
        self._pointer: tuple[float, float] | None = None
        self._listeners: list[Any] = [
            keyboard.Listener(on_press=self._press, on_release=self._release),
            mouse.Listener(on_move=self._move, on_click=self._click),
        ]
        for listener in self._listeners:
            listener.start()
            listener.wait()

    def events(self) -> list[Event]:
        """Return the keyboard and mouse events since the last call."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.stop()

    def _press(self, key: Any) -> None:
        if name := key_name(key):
            if (sign := _sign(key)) in SIGNS:
                note_sign(name, sign)  # for bindings that call it by that
            self._events.append(KeyDown(name))

    def _release(self, key: Any) -> None:
        if name := key_name(key):
            self._events.append(KeyUp(name))

    def _move(self, x: float, y: float) -> None:
        if self._pointer is not None:
            self._events.append(MouseMoved(x - self._pointer[0], y - self._pointer[1]))
        self._pointer = x, y

    def _click(self, x: float, y: float, button: Any, pressed: bool) -> None:
        name = f"{button.name} button"
        if name in MOUSE_BUTTONS:
            self._events.append(KeyDown(name) if pressed else KeyUp(name))


def key_name(key: Any) -> str | None:
    """Our name for a key as pynput tells of it: by its place, whatever Shift, Ctrl and AltGr make
    of its sign."""
    name = getattr(key, "name", None)
    if name is not None:
        return KEY_OF_PYNPUT.get(name.removesuffix("_l"))
    return _by_place(getattr(key, "vk", None), getattr(key, "_scan", None)) or _by_sign(_sign(key))


def _by_place(virtual: int | None, scan: int | None) -> str | None:
    """virtual: the key's number to programs. On macOS that is its place; on Windows it goes with
    the layout, but for the keypad's, and the scan code, where pynput tells it, is the place."""
    if virtual is None:
        return None
    if sys.platform == "darwin":
        return KEY_OF_MACOS.get(virtual)
    usual = KEY_OF_WINDOWS.get(virtual)
    if usual in _KEYPAD:
        return usual
    return KEY_OF_CODE.get(scan or 0, usual)


def _sign(key: Any) -> str:
    """Return what a key writes; for a control character, its letter."""
    sign = (getattr(key, "char", None) or "").lower()
    if len(sign) == 1 and 1 <= ord(sign) <= LETTERS:
        return chr(ord(sign) + ord("a") - 1)
    return sign


def _by_sign(sign: str) -> str | None:
    return sign if sign in SIGNS else None
