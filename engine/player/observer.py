"""Observers of a game as it is played: recorders, counters."""

from __future__ import annotations

from collections.abc import Sequence

from engine.contracts import ActionVector, Frame, Step, World


class Observer:
    """Base of observers, told what happens in a game on the loop's thread; override what you need.

    An exception raised here ends the game and reaches the caller of `engine.player.loop.play`.
    """

    def opened(self, world: World) -> None:
        """The world is open; its first game begins next."""

    def began(self, frame: Frame, seed: int, start: int) -> None:
        """A game begins: the world was reset with `seed` and `start`, and shows `frame`."""

    def stepped(self, action: ActionVector, step: Step) -> None:
        """The world answered `action` with `step`."""

    def jumped(self, frame: Frame) -> None:
        """The player rewound, loaded or turned a switch: `frame` does not follow from the last."""


class Observers(Observer):
    """Several observers as one, told in their order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def opened(self, world: World) -> None:
        for observer in self._observers:
            observer.opened(world)

    def began(self, frame: Frame, seed: int, start: int) -> None:
        for observer in self._observers:
            observer.began(frame, seed, start)

    def stepped(self, action: ActionVector, step: Step) -> None:
        for observer in self._observers:
            observer.stepped(action, step)

    def jumped(self, frame: Frame) -> None:
        for observer in self._observers:
            observer.jumped(frame)


class Recorder(Observer):
    """An observer that records while the player wants it to.

    status: of the recording, for the line of the window; mostly empty.
    """

    @property
    def status(self) -> str:
        raise NotImplementedError

    def toggle(self) -> str:
        """Begin to record, or stop; return a line that says so."""
        raise NotImplementedError
