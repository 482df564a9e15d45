"""A window without a display: scripted events in, pictures kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import numpy as np

from engine.contracts import Frame
from engine.player.pacing import Clock
from engine.ui.screen import CloseAsked, Event, Picture


class VirtualClock:
    """A clock that only moves when told to, so that a scripted game is exact and instant."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self.now += seconds


class NullWindow:
    """Delivers events at their times (`at`, on its clock) and keeps every picture presented.

    On a VirtualClock waiting takes no real time. After the last event it closes itself.

    pictures: what was presented, oldest first.  polls: how often the loop asked for events.
    size:     as if it were drawn: pages are laid out for it.
    pointer:  every time the pointer was held (True) or let go (False), oldest first.
    """

    def __init__(self, events: Iterable[Event], clock: Clock = time.perf_counter) -> None:
        self._events = sorted(events, key=lambda event: event.at)
        self._clock = clock
        self._woken = threading.Event()
        self.pictures: list[Picture] = []
        self.polls = 0
        self.size = (640, 480)
        self.refresh_fps = 60.0
        self.pointer: list[bool] = []
        self.fullscreen = False
        self.closed = False

    @property
    def frames(self) -> list[Frame]:
        """The frames of all pictures that had one."""
        return [picture.frame for picture in self.pictures if picture.frame is not None]

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for the next event, at most `timeout_s` seconds, and return those that are due."""
        self.polls += 1
        if not self._events:
            return [CloseAsked(self._clock())]
        wait = max(0.0, min(timeout_s, self._events[0].at - self._clock()))
        if isinstance(self._clock, VirtualClock):
            if not self._woken.is_set():
                self._clock.advance(wait)
        else:
            self._woken.wait(wait)
        self._woken.clear()
        now = self._clock()
        due = [event for event in self._events if event.at <= now]
        self._events = self._events[len(due) :]
        return due

    def wake(self) -> None:
        """End the wait of `poll`."""
        self._woken.set()

    def present(self, picture: Picture) -> None:
        """Keep a picture."""
        self.pictures.append(picture)

    def capture(self) -> Frame:
        """Return a copy of the latest frame; a black pixel if it had none."""
        latest = self.pictures[-1].frame
        return np.zeros((1, 1, 3), np.uint8) if latest is None else latest.copy()

    def toggle_fullscreen(self) -> None:
        """Note the change."""
        self.fullscreen = not self.fullscreen

    def hold_pointer(self, held: bool) -> None:
        """Note whether the pointer is held."""
        self.pointer.append(held)

    def close(self) -> None:
        """Note that the window was closed."""
        self.closed = True
