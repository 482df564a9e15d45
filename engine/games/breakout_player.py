"""Breakout, played from its 64 × 64 frames by a script."""

from __future__ import annotations

import numpy as np

from engine.contracts import ActionSpace, ActionVector, Frame, World


class BreakoutPlayer:
    """A script that finds ball and paddle by their red, and moves the paddle below the ball.

    The paddle coasts for a step after its key is released; the script allows for that. The point
    it aims at wanders over the paddle, so that the ball leaves at all angles.
    """

    ACTIONS = frozenset({"NOOP", "FIRE", "LEFT", "RIGHT"})
    FRAME_SHAPE = (64, 64, 3)

    # Regions of the frame, in pixels: ball and paddle move between the walls, below the bricks.
    LEFT_WALL, RIGHT_WALL = 3, 60
    BALL_ROWS, PADDLE_ROWS = slice(29, 57), slice(57, 60)
    PADDLE_ROW = 57.0
    DUST = 13.0  # R − (G + B)/2 of faint red specks in a dream; less counts as none
    LEAST_RED = 60.0  # the same, summed over the ball: with less there is no ball

    PUSH_NOW_PX, PUSH_LATER_PX = (
        4.8,
        4.4,
    )  # motion by one step of a key, at once and in the next step
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
        """Tell by name, frame size and actions whether a world is Breakout, or a dream of it."""
        named = "breakout" in world.name.lower()
        shaped = world.frame_shape == cls.FRAME_SHAPE
        return named and shaped and set(world.actions.names) >= cls.ACTIONS

    def act(self, frame: Frame) -> ActionVector:
        """Return the action (A,) for the step after `frame`, uint8 (64, 64, 3)."""
        red = frame[..., 0] - frame[..., 1:].mean(axis=-1)
        red[red < self.DUST] = 0
        red[:, : self.LEFT_WALL] = red[:, self.RIGHT_WALL :] = 0
        before, self._ball = self._ball, self._find(red, self.BALL_ROWS)
        paddle = self._find(red, self.PADDLE_ROWS)
        name = "NOOP"
        if self._ball is None or paddle is None:
            self._unseen += 1
            # A tap, not a held key: no recording shows a held key without a ball.
            if self._unseen % self.PATIENCE == 0:
                name = "FIRE"
        else:
            self._unseen = 0
            name = self._follow(self._meeting_point(before, self._ball), paddle[0])
        self._pushing = (name == "RIGHT") - (name == "LEFT")
        return self._space.named(name)

    def _find(self, red: np.ndarray, rows: slice) -> tuple[float, float] | None:
        """Return (column, row) of the centre of the red in `rows`; None if there is too little."""
        part = red[rows]
        total = part.sum()
        if total < self.LEAST_RED:
            return None
        columns, heights = np.arange(part.shape[1]), np.arange(rows.start, rows.stop)
        return float(part.sum(axis=0) @ columns / total), float(part.sum(axis=1) @ heights / total)

    def _meeting_point(
        self, before: tuple[float, float] | None, ball: tuple[float, float]
    ) -> float:
        """Return the column where a falling ball reaches the paddle; of a rising one, its own."""
        if before is None or ball[1] <= before[1] + 0.2:
            return ball[0]
        steps = (self.PADDLE_ROW - ball[1]) / (ball[1] - before[1])
        width = self.RIGHT_WALL - self.LEFT_WALL
        unfolded = ball[0] + (ball[0] - before[0]) * steps - self.LEFT_WALL
        return self.LEFT_WALL + width - abs(unfolded % (2 * width) - width)

    def _follow(self, target: float, paddle: float) -> str:
        """Return the action that brings the paddle nearest to its aim below the ball."""
        self._aim_px += -0.1 * self._aim_px + self.AIM_WIDTH_PX * 0.44 * self._rng.normal()
        coasting = paddle + self.PUSH_LATER_PX * self._pushing
        away = target + self._aim_px - coasting
        pushes = {"NOOP": 0, "LEFT": -1, "RIGHT": 1}
        return min(pushes, key=lambda name: abs(away - self.PUSH_NOW_PX * pushes[name]))
