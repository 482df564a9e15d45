"""Players that see only the picture, so they can play a dream: scripts, restless, by eye."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from engine.contracts import ActionSpace, ActionVector, Frame, Snapshot, World


class Player(Protocol):
    """Someone who looks at a frame (H, W, 3) and decides what to do in the next step."""

    def act(self, frame: Frame) -> ActionVector:
        """The action (A,) for the step after `frame`."""
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


class BreakoutPlayer:
    """Plays Breakout from its 64 × 64 picture: finds ball and paddle by their red, and meets it.

    The paddle moves on for a step after its key is let go, which is reckoned with. The aim
    wanders over the paddle, so that the ball leaves it at all angles.
    """

    ACTIONS = frozenset({"NOOP", "FIRE", "LEFT", "RIGHT"})
    FRAME_SHAPE = (64, 64, 3)

    # The picture, in pixels: red things between the walls, below the bricks.
    LEFT_WALL, RIGHT_WALL = 3, 60
    BALL_ROWS, PADDLE_ROWS = slice(29, 57), slice(57, 60)
    PADDLE_ROW = 57.0
    DUST = 13.0  # R − (G + B)/2 of what a dream leaves lying about
    LEAST_RED = 60.0  # the same, summed, of a ball that is there

    PUSH_NOW_PX, PUSH_LATER_PX = 4.8, 4.4  # what one step of a key does, now and a step later
    AIM_WIDTH_PX = 1.6
    PATIENCE = 8  # steps without a ball before serving, and before trying again

    def __init__(self, space: ActionSpace, seed: int) -> None:
        self._space = space
        self._rng = np.random.default_rng([seed, 3])
        self._ball: tuple[float, float] | None = None
        self._unseen = 0
        self._pushing = 0
        self._aim_px = 0.0

    @classmethod
    def can_play(cls, world: World) -> bool:
        """Whether a world looks like Breakout from outside."""
        named = "breakout" in world.name.lower()
        shaped = world.frame_shape == cls.FRAME_SHAPE
        return named and shaped and set(world.actions.names) >= cls.ACTIONS

    def act(self, frame: Frame) -> ActionVector:
        red = frame[..., 0] - frame[..., 1:].mean(axis=-1)
        red[red < self.DUST] = 0
        red[:, : self.LEFT_WALL] = red[:, self.RIGHT_WALL :] = 0
        before, self._ball = self._ball, self._find(red, self.BALL_ROWS)
        paddle = self._find(red, self.PADDLE_ROWS)
        name = "NOOP"
        if self._ball is None or paddle is None:
            self._unseen += 1
            # A tap, not a held key: a dream's recordings never show a key held and no ball.
            if self._unseen % self.PATIENCE == 0:
                name = "FIRE"
        else:
            self._unseen = 0
            name = self._follow(self._meeting_point(before, self._ball), paddle[0])
        self._pushing = (name == "RIGHT") - (name == "LEFT")
        return self._space.named(name)

    def _find(self, red: np.ndarray, rows: slice) -> tuple[float, float] | None:
        """(column, row) of the middle of what is red in `rows`."""
        part = red[rows]
        total = part.sum()
        if total < self.LEAST_RED:
            return None
        columns, heights = np.arange(part.shape[1]), np.arange(rows.start, rows.stop)
        return float(part.sum(axis=0) @ columns / total), float(part.sum(axis=1) @ heights / total)

    def _meeting_point(
        self, before: tuple[float, float] | None, ball: tuple[float, float]
    ) -> float:
        """The column where a falling ball reaches the paddle; where it is, if it rises."""
        if before is None or ball[1] <= before[1] + 0.2:
            return ball[0]
        steps = (self.PADDLE_ROW - ball[1]) / (ball[1] - before[1])
        width = self.RIGHT_WALL - self.LEFT_WALL
        unfolded = ball[0] + (ball[0] - before[0]) * steps - self.LEFT_WALL
        return self.LEFT_WALL + width - abs(unfolded % (2 * width) - width)

    def _follow(self, target: float, paddle: float) -> str:
        """The key that brings the paddle nearest to where it should meet the ball."""
        self._aim_px += -0.1 * self._aim_px + self.AIM_WIDTH_PX * 0.44 * self._rng.normal()
        coasting = paddle + self.PUSH_LATER_PX * self._pushing
        away = target + self._aim_px - coasting
        pushes = {"NOOP": 0, "LEFT": -1, "RIGHT": 1}
        return min(pushes, key=lambda name: abs(away - self.PUSH_NOW_PX * pushes[name]))


def choose_player(world: World, seed: int) -> Player:
    """The best player there is for a world."""
    if BreakoutPlayer.can_play(world):
        return BreakoutPlayer(world.actions, seed)
    return RestlessPlayer(world.actions, seed)
