"""Keys and mouse where X11 is not: what pynput hears of them, whatever window they go to."""

from __future__ import annotations

from collections import deque
from typing import Any

from base.errors import UserError
from engine.keyboard import KEY_OF_PYNPUT, SIGNS
from engine.screen import MOUSE_BUTTONS, Event, KeyDown, KeyUp, MouseMoved
from tools.desktop import missing


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
        """What keys and mouse did since the last call."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def close(self) -> None:
        """Stop listening."""
        for listener in self._listeners:
            listener.stop()

    def _press(self, key: Any) -> None:
        if name := key_name(key):
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
    """Our name for a key as pynput tells of it."""
    name = getattr(key, "name", None)
    if name is not None:
        return KEY_OF_PYNPUT.get(name.removesuffix("_l"))
    sign = (getattr(key, "char", None) or "").lower()
    return sign if sign in SIGNS else None
