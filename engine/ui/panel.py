"""The panel over a game: the world's knobs, turned by the arrow keys or a pad."""

from __future__ import annotations

from engine.contracts import Knob
from engine.input.keymap import DIRECTIONS
from engine.ui.screen import Event, KeyDown


class Panel:
    """Rows of knobs, one of them chosen. While it is shown the keys of DIRECTIONS are its
    own.

    shown: whether it is.
    """

    def __init__(self) -> None:
        self.shown = False
        self._knobs: tuple[Knob, ...] = ()
        self._chosen = 0

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of each knob while it is shown; marks say which, and where it can go."""
        return tuple(map(_row, self._knobs, self._marks)) if self.shown else ()

    @property
    def _marks(self) -> list[bool]:
        return [place == self._chosen for place in range(len(self._knobs))]

    def stand(self, knobs: tuple[Knob, ...]) -> bool:
        """Update the knobs; returns True if any has changed."""
        news = knobs != self._knobs
        self._knobs = knobs
        self._chosen = max(0, min(self._chosen, len(knobs) - 1))
        return news

    def takes(self, event: Event) -> bool:
        """Tell whether an event belongs to the panel, not to the game."""
        return self.shown and isinstance(event, KeyDown) and event.key in DIRECTIONS

    def handle(self, event: Event) -> tuple[str, int] | None:
        """Mark another knob, or return the knob to turn and by how much."""
        if not (self.takes(event) and isinstance(event, KeyDown) and self._knobs):
            return None
        match DIRECTIONS[event.key]:
            case "up" | "down" as way:
                by = 1 if way == "down" else -1
                self._chosen = max(0, min(self._chosen + by, len(self._knobs) - 1))
                return None
            case way:
                return self._knobs[self._chosen].name, 1 if way == "right" else -1


def _row(knob: Knob, chosen: bool) -> tuple[str, str]:
    lower = not knob.choices or knob.value != knob.choices[0]
    higher = not knob.choices or knob.value != knob.choices[-1]
    value = f"{'<' if lower else ' '} {knob.value} {'>' if higher else ' '}"
    return f"{'>' if chosen else ' '} {knob.name}", value
