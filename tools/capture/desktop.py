"""A part of the screen as something to record: its picture, keys and mouse, and whether it has the
focus.

What reads the screen and listens to the keys are optional packages: requirements-capture.txt.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from base.errors import UserError
from engine.contracts import Frame
from engine.ui.screen import Event

INSTALL = "pip install -r requirements-capture.txt"


@dataclass(frozen=True)
class Region:
    """A rectangle of the screen, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise UserError(f"a region needs a width and a height, not {self.width}×{self.height}")

    def holds(self, other: Region) -> bool:
        """Return True if all of another region is in this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.left + other.width <= self.left + self.width
            and other.top + other.height <= self.top + self.height
        )

    @property
    def middle(self) -> Region:
        """The pixel in its middle."""
        return Region(self.left + self.width // 2, self.top + self.height // 2, 1, 1)


class Scene(Protocol):
    """A source of frames and events that is recorded."""

    title: str

    def frame(self) -> Frame | None:
        """The picture now, (H, W, 3); None while it is not to be recorded."""
        ...

    def events(self) -> list[Event]:
        """Return keyboard and mouse events since the last call, of this or any other window."""
        ...

    @property
    def gone(self) -> bool:
        """True once there will be no more pictures."""
        ...


class Place(Protocol):
    """Place of something on the screen."""

    title: str

    def region(self) -> Region | None:
        """Return the present region; None once it is closed."""
        ...

    def focused(self) -> bool:
        """Return True if it has the keyboard focus."""
        ...


class FixedPlace:
    """A region that nobody can close, on a desktop that does not say what has the focus."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.title = f"{region.width}×{region.height} pixels at {region.left}, {region.top}"

    def region(self) -> Region | None:
        return self._region

    def focused(self) -> bool:
        return False


class ScreenScene:
    """A place on the screen as a `Scene`.

    unfocused: record it whatever has the focus.
    """

    def __init__(
        self, place: Place, listen: Callable[[], list[Event]], unfocused: bool = False
    ) -> None:
        self.title = place.title
        self._place, self._listen, self._unfocused = place, listen, unfocused
        self._gone = False
        self._screen: Any = _open_screen()
        whole = self._screen.monitors[0]
        self._whole = Region(whole["left"], whole["top"], whole["width"], whole["height"])

    @property
    def gone(self) -> bool:
        return self._gone

    def frame(self) -> Frame | None:
        self._gone = self._place.region() is None
        # Asked before and after, so that no other window's picture is taken for this one's.
        if not self._watched():
            return None
        picture = self.picture()
        return picture if self._watched() else None

    def events(self) -> list[Event]:
        return self._listen()

    def picture(self) -> Frame | None:
        """The picture now, whatever has the focus; None unless all of it is on the screen."""
        region = self._place.region()
        if region is None or not self._whole.holds(region):
            return None
        box = {"left": region.left, "top": region.top}
        shot = self._screen.grab({**box, "width": region.width, "height": region.height})
        pixels = np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4)
        return np.ascontiguousarray(pixels[:, :, 2::-1])

    def close(self) -> None:
        """Let go of the screen."""
        self._screen.close()

    def _watched(self) -> bool:
        return self._unfocused or self._place.focused()


def check_desktop() -> None:
    """UserError on a desktop where one program cannot see another's pictures."""
    if sys.platform == "linux" and os.environ.get("XDG_SESSION_TYPE") == "wayland":
        raise UserError(
            "under Wayland no program sees another's pictures and keys: log in to an X11 session"
        )
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise UserError("there is no display to record from")


def missing(package: str) -> UserError:
    """The error for an optional package that is not installed."""
    return UserError(f"recording a screen needs {package}: {INSTALL}")


def _open_screen() -> Any:
    try:
        import mss
    except ModuleNotFoundError as error:
        raise missing("mss") from error
    try:
        return mss.MSS()
    except mss.ScreenShotError as error:
        raise UserError(f"the screen cannot be read: {error}") from error
