"""Gamepads as keys and a tilt: the buttons and directions of a pad are keys like a keyboard's.

Keys are "pad a", "pad left", "pad left shoulder" and so on for buttons, "pad left trigger" and
"pad right trigger", and "stick left", "stick right", "stick up" and "stick down" for the left
stick. The right stick is a tilt, as engine.ui.screen.Tilted.
"""

from __future__ import annotations

import math

from engine.ui.screen import Event, KeyDown, KeyUp, Tilted

PRESSED, RELEASED = 0.5, 0.35  # of the travel: where a key goes down, and up again
DEAD = 0.15  # of the right stick's travel: a worn stick may rest that far from its middle
TRIGGERS = ("left trigger", "right trigger")
STICK = {"left x": ("stick left", "stick right"), "left y": ("stick up", "stick down")}
TILT = ("right x", "right y")


class Pads:
    """All pads that are plugged in, as those of one player. A key held on two is held once.

    pad: any number that identifies a pad while it is plugged in.
    """

    def __init__(self) -> None:
        self._held: dict[int, set[str]] = {}
        self._tilts: dict[int, dict[str, float]] = {}
        self._sent: set[str] = set()
        self._sent_tilt = (0.0, 0.0)

    def press(self, pad: int, button: str, at: float) -> list[Event]:
        """Take a button that went down; return the events that follow."""
        self._held.setdefault(pad, set()).add(f"pad {button}")
        return self._changes(at)

    def let_go(self, pad: int, button: str, at: float) -> list[Event]:
        """Take a button that went up."""
        self._held.setdefault(pad, set()).discard(f"pad {button}")
        return self._changes(at)

    def move(self, pad: int, axis: str, value: float, at: float) -> list[Event]:
        """Take an axis of STICK or TILT at `value` in [-1, 1], or of TRIGGERS in [0, 1]."""
        if axis in TRIGGERS:
            self._towards(pad, f"pad {axis}", value)
        elif axis in STICK:
            before, after = STICK[axis]
            self._towards(pad, before, -value)
            self._towards(pad, after, value)
        elif axis in TILT:
            self._tilts.setdefault(pad, {})[axis] = value
        return self._changes(at)

    def unplug(self, pad: int, at: float) -> list[Event]:
        """Release all that a pad held, which is gone."""
        self._held.pop(pad, None)
        self._tilts.pop(pad, None)
        return self._changes(at)

    def _towards(self, pad: int, key: str, value: float) -> None:
        held = self._held.setdefault(pad, set())
        if value >= PRESSED:
            held.add(key)
        elif value < RELEASED:
            held.discard(key)

    def _changes(self, at: float) -> list[Event]:
        """Return events for all that changed since they were made last."""
        held: set[str] = set().union(*self._held.values())
        events: list[Event] = [KeyUp(key, at) for key in sorted(self._sent - held)]
        events += [KeyDown(key, at) for key in sorted(held - self._sent)]
        tilt = max(
            map(_tilt, self._tilts.values()), key=lambda t: math.hypot(*t), default=(0.0, 0.0)
        )
        if tilt != self._sent_tilt:
            events.append(Tilted(tilt[0], tilt[1], at))
        self._sent, self._sent_tilt = held, tilt
        return events


def _tilt(axes: dict[str, float]) -> tuple[float, float]:
    """Return (right, down) in the unit circle: 0 in the dead zone, and no jump at its edge."""
    right, down = (axes.get(axis, 0.0) for axis in TILT)
    length = math.hypot(right, down)
    if length <= DEAD:
        return 0.0, 0.0
    scale = (min(length, 1.0) - DEAD) / (1 - DEAD) / length
    return right * scale, down * scale
