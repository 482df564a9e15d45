"""The mouse in a game that is steered by it: taken by a click, let go by Esc."""

from __future__ import annotations

from engine.ui.screen import MOUSE_BUTTONS, Event, FocusLost, KeyDown, MouseMoved, Window


class Pointer:
    """The mouse's pointer: hidden and kept in the window while the mouse steers the game.

    wanted: the game uses the mouse. If not, the pointer stays free.
    held:   the mouse is the game's now.
    """

    HINT = "click to look around - Esc lets go"

    def __init__(self, window: Window, wanted: bool) -> None:
        self._window, self._wanted = window, wanted
        self.held = False

    @property
    def hint(self) -> str:
        """A line for a player who may not know how to take the mouse; else empty."""
        return self.HINT if self._wanted and not self.held else ""

    def passes(self, event: Event) -> bool:
        """Return whether an event is input to the game; the click that takes the mouse is not."""
        if isinstance(event, FocusLost):
            self.let_go()
        pressed = isinstance(event, KeyDown) and event.key in MOUSE_BUTTONS
        if self.held or not (pressed or isinstance(event, MouseMoved)):
            return True  # a button that goes up always passes, or it would be held for ever
        if not self._wanted:
            return pressed  # a game that is not steered by the mouse may have its buttons
        if pressed:
            self._hold(True)
        return False

    def let_go(self) -> None:
        """Give the mouse back to the desktop."""
        if self.held:
            self._hold(False)

    def _hold(self, held: bool) -> None:
        self.held = held
        self._window.hold_pointer(held)
