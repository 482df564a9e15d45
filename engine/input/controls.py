"""Controls: from keys and mouse to the action of a step."""

from __future__ import annotations

from collections.abc import Mapping

from engine.contracts import Action
from engine.input.keyboard import names_of
from engine.ui.screen import Event, FocusLost, KeyDown, KeyUp, MouseMoved, Tilted

LOOK_COUNTS = (200.0, 100.0)  # right and down in a step, with a pad's stick tilted all the way


class Controls:
    """Collects a player's input between steps.

    A key that is pressed and released between two samples still counts for one sample; mouse
    motion adds up. A tilt counts as motion in every sample, however often it is reported.

    keys: logical button -> names of the keys bound to it.
    sensitivity: the game's counts per pixel of mouse motion; a tilt's are multiplied by it.
    """

    def __init__(self, keys: Mapping[str, tuple[str, ...]], sensitivity: float = 1.0) -> None:
        self._sensitivity = sensitivity
        self._button_of = {key: button for button, bound in keys.items() for key in bound}
        self._pressed: dict[str, str] = {}  # keys and buttons, in the order pressed
        self._fresh: set[str] = set()  # went down since the last sample
        self._let_go: set[str] = set()  # fresh and already up again
        self._mouse = [0.0, 0.0]
        self._tilt = (0.0, 0.0)
        self._waiting: list[float] = []

    def handle(self, event: Event) -> None:
        """Take an event; those that are not input to the game are ignored."""
        if isinstance(event, KeyDown) and (button := self._button(event.key)) is not None:
            self._pressed.pop(event.key, None)
            self._pressed[event.key] = button
            self._fresh.add(event.key)
            self._let_go.discard(event.key)
            self._waiting.append(event.at)
        elif isinstance(event, KeyUp) and event.key in self._pressed:
            if event.key in self._fresh:
                self._let_go.add(event.key)
            else:
                del self._pressed[event.key]
                self._waiting.append(event.at)
        elif isinstance(event, FocusLost):
            self._let_go.update(self._fresh)
            self._pressed = {k: b for k, b in self._pressed.items() if k in self._fresh}
            self._tilt = (0.0, 0.0)
        elif isinstance(event, MouseMoved):
            self._mouse[0] += event.right * self._sensitivity
            self._mouse[1] += event.down * self._sensitivity
        elif isinstance(event, Tilted):
            self._tilt = (event.right, event.down)

    def sample(self) -> tuple[Action, list[float]]:
        """Return the action of this step, and the times of the key events that are new in it."""
        buttons = tuple(dict.fromkeys(self._pressed.values()))
        right, down = (
            moved + tilt * abs(tilt) * counts * self._sensitivity  # squared, to aim finely
            for moved, tilt, counts in zip(self._mouse, self._tilt, LOOK_COUNTS, strict=True)
        )
        action = Action(buttons, (right, down))
        waited = self._waiting
        self._pressed = {k: b for k, b in self._pressed.items() if k not in self._let_go}
        self._fresh, self._let_go = set(), set()
        self._mouse, self._waiting = [0.0, 0.0], []
        return action, waited

    def _button(self, key: str) -> str | None:
        """Return the button that a key is bound to, by any of its names."""
        return next(filter(None, map(self._button_of.get, names_of(key))), None)

    def forget(self) -> None:
        """Drop taps and motion from when the game stood still; held keys stay held."""
        self.sample()
