"""The workshop: recordings, and the worlds that are trained on them, as its page knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.contracts import Frame
from engine.jobs import Watch
from engine.ui.screen import Window


@dataclass(frozen=True)
class Recorded:
    """Recordings of one game, in a folder of their own.

    name:    of the folder. title: of the game, for people.
    amount:  how much there is, in words. refused: why no world can be trained on them; empty if
             one can.
    world:   for people, what the world is called that was trained on them last or would be next.
    done:    share of that training that is done, from 0 to 1; None if it has not begun.
    picture: uint8 (H, W, 3), or None.
    advice:  what to know about the amount; empty if it will do.
    manner:  how a world is made of them, where that is to be known.
    """

    name: str
    title: str
    amount: str
    refused: str
    world: str
    done: float | None = None
    picture: Frame | None = None
    advice: str = ""
    manner: str = ""


@dataclass(frozen=True)
class RealGame:
    """A game that can be played and recorded. name: for `Workshop.play`. title: for people."""

    name: str
    title: str


class Workshop(Protocol):
    """Recordings on this machine, and the training of worlds on them.

    `recordings`, `measure` and `train` take their time: each is called on a thread of its own.
    """

    def games(self) -> Sequence[RealGame]:
        """Games that can be played and recorded."""
        ...

    def play(self, game: str, window: Window) -> None:
        """Play a game in a window until the player leaves, and close both.

        Raises UserError if it cannot be played.
        """
        ...

    def recordings(self) -> Sequence[Recorded]:
        """List the recordings."""
        ...

    def measure(self, name: str, watch: Watch) -> str:
        """Measure how long training on a recording would take here; returned in words.

        watch: is called every now and then; what it raises is passed on.
        Raises UserError if nothing can be trained on it.
        """
        ...

    def train(self, name: str, watch: Watch) -> None:
        """Train a world on a recording, or go on with one that is not done; returns once it is.

        watch: is told how many updates are made, of how many; what it raises is passed on, after
               the training was stopped in a way that lets it go on later.
        Raises UserError if it fails.
        """
        ...

    @property
    def part(self) -> str:
        """Current part of the training under way, such as "1 of 2"; empty if it has
        but one."""
        ...

    def begin_anew(self, name: str) -> None:
        """Let the next training on a recording begin another world."""
        ...


def time_in_words(seconds: float) -> str:
    """Format a duration roughly."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes else "less than a minute"
