"""Protocol between loop and window: events one way, pictures the other.

Times are seconds on the clock that the window was given (monotonic, any origin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.contracts import Frame
from engine.ui.page import Page

MOUSE_BUTTONS = ("left button", "right button")


@dataclass(frozen=True)
class KeyDown:
    """A key went down. at: when, in seconds.

    key: as engine.input.keyboard names it, or one of `MOUSE_BUTTONS`, or a pad's as in
         engine.input.pads: they are keys like others.
    """

    key: str
    at: float = 0.0


@dataclass(frozen=True)
class KeyUp:
    """A key was let go."""

    key: str
    at: float = 0.0


@dataclass(frozen=True)
class MouseMoved:
    """The mouse moved by (right, down) pixels."""

    right: float
    down: float
    at: float = 0.0


@dataclass(frozen=True)
class Tilted:
    """A pad's right stick is now held (right, down) from its middle, in the unit circle."""

    right: float
    down: float
    at: float = 0.0


@dataclass(frozen=True)
class Pointed:
    """The mouse is over an item of the page, by its number.

    pressed: its left button was pressed there. right: its right one was.
    """

    item: int
    pressed: bool = False
    at: float = 0.0
    right: bool = False


@dataclass(frozen=True)
class Scrolled:
    """The mouse's wheel was turned over a page, by so many notches; down is positive."""

    notches: int
    at: float = 0.0


@dataclass(frozen=True)
class FocusLost:
    """The window no longer gets keys: whatever was held counts as let go."""

    at: float = 0.0


@dataclass(frozen=True)
class Uncovered:
    """The window was resized or shown again and needs its picture drawn anew."""

    at: float = 0.0


@dataclass(frozen=True)
class Notice:
    """A message for the player, in a line."""

    line: str
    at: float = 0.0


@dataclass(frozen=True)
class CloseAsked:
    """The window's close button was pressed."""

    at: float = 0.0


Event = (
    KeyDown
    | KeyUp
    | MouseMoved
    | Tilted
    | Pointed
    | Scrolled
    | FocusLost
    | Uncovered
    | Notice
    | CloseAsked
)


@dataclass(frozen=True)
class Thumbnail:
    """A small picture in a row. label: a word or two under it.

    marked: it is the one that is meant, and must be told from the others without colours.
    """

    frame: Frame
    label: str
    marked: bool = False


@dataclass(frozen=True)
class Picture:
    """Everything a window shows at once.

    frame: uint8 (H, W, 3), drawn with square pixels; None before there is one.
    hud:   rows of (label, value) cells under the playfield.
    line:  one line of what is going on: loading, paused, game over, saved.
    row:   small pictures of one size, drawn over the top of the playfield; empty for none.
    help:  (keys, what they do) pairs, drawn over the playfield; empty for none.
    panel: (what, how it stands) pairs, in a corner of the playfield; empty for none.
    page:  things to choose from, in the place of frame, hud and row; None while a game is shown.
    """

    frame: Frame | None = None
    hud: tuple[tuple[tuple[str, str], ...], ...] = ()
    line: str = ""
    row: tuple[Thumbnail, ...] = ()
    help: tuple[tuple[str, str], ...] = ()
    panel: tuple[tuple[str, str], ...] = ()
    page: Page | None = None


class Window(Protocol):
    """A display with its input. Only `wake` may be called from another thread."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, which say where the items of a page lie."""
        ...

    @property
    def refresh_fps(self) -> float:
        """Refresh rate of the display, in pictures per second."""
        ...

    def poll(self, timeout_s: float) -> list[Event]:
        """Every event since the last call; if there is none, wait for one up to `timeout_s`.

        Returns early, perhaps with an empty list, when `wake` is called. This is the only place
        where the loop ever waits.
        """
        ...

    def wake(self) -> None:
        """Make a `poll` that is waiting, or the next one, return at once."""
        ...

    def present(self, picture: Picture) -> None:
        """Draw `picture` and return when it has been handed to the display."""
        ...

    def capture(self) -> Frame:
        """Return a copy of what the window shows, uint8 (H, W, 3)."""
        ...

    def toggle_fullscreen(self) -> None:
        """Go to full screen, or back to the size from before."""
        ...

    def hold_pointer(self, held: bool) -> None:
        """Hide the mouse's pointer and keep it in the window, or let it go.

        While it is held, motion has no bounds. Clicks beside the playfield count only then.
        """
        ...

    def close(self) -> None:
        """Close the window. Closing twice is harmless."""
        ...
