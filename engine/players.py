"""Players that see only frames, so that they can play dreams as well, for any game."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.contracts import ActionSpace, ActionVector, Frame, Snapshot


class Player(Protocol):
    """A policy: chooses an action from a frame uint8 (H, W, 3)."""

    def act(self, frame: Frame) -> ActionVector:
        """Return the action (A,) for the step after `frame`."""
        ...


class CountingPlayer(Player, Protocol):
    """A player of one episode that tells how it was played.

    mixture: how many steps were played in each way so far, by its name.
    """

    mixture: Counter[str]


class Autopilot(Player, Protocol):
    """A player that can take over in the middle of a game, and whose memory is part of a moment."""

    def begin(self, seed: int) -> None:
        """Forget everything; from here on the seed and the frames decide what it does."""
        ...

    def snapshot(self) -> Snapshot:
        """Everything `act` depends on apart from the frame, copied, as plain arrays."""
        ...

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot exactly."""
        ...


class ScriptPlayer:
    """Plays a list of actions whatever happens, then does nothing."""

    def __init__(self, space: ActionSpace, script: Sequence[ActionVector]) -> None:
        self._script = iter(script)
        self._nothing = space.idle()

    def act(self, frame: Frame) -> ActionVector:
        return next(self._script, self._nothing)


class RestlessPlayer:
    """Holds one random action after another for a third of a second or so."""

    LONGEST_HOLD = 10  # steps

    def __init__(self, space: ActionSpace, seed: int) -> None:
        self._space = space
        self._rng = np.random.default_rng([seed, 2])
        self._held = space.idle()
        self._left = 0

    def act(self, frame: Frame) -> ActionVector:
        if self._left == 0:
            self._held = self._space.random(self._rng)
            self._left = int(self._rng.integers(1, self.LONGEST_HOLD + 1))
        self._left -= 1
        return self._held.copy()
