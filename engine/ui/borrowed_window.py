"""A window on loan to a game, which stays open after it."""

from __future__ import annotations

from engine.contracts import Frame
from engine.ui.screen import CloseAsked, Event, Picture, Window


class BorrowedWindow:
    """Wrapper around a window: closing it only gives the window back.

    close_asked: whether its close button was pressed meanwhile, which is meant for the lender too.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self.close_asked = False

    @property
    def size(self) -> tuple[int, int]:
        return self._window.size

    @property
    def refresh_fps(self) -> float:
        return self._window.refresh_fps

    def poll(self, timeout_s: float) -> list[Event]:
        """Return the window's events, and note a press of its close button."""
        events = self._window.poll(timeout_s)
        self.close_asked |= any(isinstance(event, CloseAsked) for event in events)
        return events

    def wake(self) -> None:
        self._window.wake()

    def present(self, picture: Picture) -> None:
        self._window.present(picture)

    def capture(self) -> Frame:
        return self._window.capture()

    def toggle_fullscreen(self) -> None:
        self._window.toggle_fullscreen()

    def hold_pointer(self, held: bool) -> None:
        self._window.hold_pointer(held)

    def close(self) -> None:
        """Give the window back: release the pointer, and leave it open."""
        self._window.hold_pointer(False)
