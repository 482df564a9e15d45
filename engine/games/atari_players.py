"""Players that read the emulator's memory, for recordings that cover more than chance would."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from base.errors import UserError
from engine.contracts import ActionVector, Frame
from engine.games.atari import AtariWorld

# What one step of holding a direction does to a paddle, in its own pixels: part of the way now,
# the rest in the next step, whatever is held then.
PUSH_NOW_PX = 12
PUSH_LATER_PX = 11

# Steps that a way of playing lasts on average. A lost ball ends the inattentive ones early, so that
# tracking makes up three quarters of a recording. Serving blindly goes on through losses: people
# hold or hammer the key while they wait for a ball, and a dream has to know what comes of it.
TRACKING_STEPS = 105
OTHER_STEPS = {"holding keys": 150, "idling": 150, "serving blindly": 40}
INATTENTIVE = ("holding keys", "idling")

MAX_BALL_STEP_PX = 20  # no ball is faster
MAX_ERROR_WIDTH_PX = 6.0  # standard deviation; half a paddle is 8

MAX_SERVE_DELAY = 12  # steps
MAX_HOLD = 12  # steps that a random key stays down
MAX_SERVE_EVERY = 4  # steps between two presses of one who serves blindly; 1 holds the key

HOLD_STEPS = {"random": 1, "holding keys": 10, "holding keys long": 60}  # the longest hold
STYLE_STEPS = 60  # how long a style lasts, on average


class RandomPlayer:
    """Draws every action anew, all of them equally likely."""

    def __init__(self, world: AtariWorld, seed: int) -> None:
        self.mixture: Counter[str] = Counter()
        self._choices = [world.actions.one_hot(i) for i in range(world.actions.size)]
        self._rng = np.random.default_rng([seed, 1])

    def act(self, frame: Frame) -> ActionVector:
        self.mixture["random"] += 1
        return self._choices[self._rng.integers(len(self._choices))]


class HoldingPlayer:
    """Holds random keys, some for a moment and some for seconds; at times draws every action anew.

    Gets to places that chance alone does not: over Freeway's road, say.
    """

    def __init__(self, world: AtariWorld, seed: int) -> None:
        self.mixture: Counter[str] = Counter()
        self._choices = [world.actions.one_hot(i) for i in range(world.actions.size)]
        self._rng = np.random.default_rng([seed, 1])
        self._style, self._style_left = "", 0  # steps
        self._held, self._hold_left = 0, 0  # index of an action, steps

    def act(self, frame: Frame) -> ActionVector:
        if self._style_left == 0:
            self._style = str(self._rng.choice(list(HOLD_STEPS)))
            self._style_left = 1 + int(self._rng.exponential(STYLE_STEPS))
            self._hold_left = 0
        if self._hold_left == 0:
            self._held = int(self._rng.integers(len(self._choices)))
            self._hold_left = int(self._rng.integers(1, HOLD_STEPS[self._style] + 1))
        self._style_left -= 1
        self._hold_left -= 1
        self.mixture[self._style] += 1
        return self._choices[self._held]


@dataclass(frozen=True)
class PaddleGame:
    """Memory addresses of a paddle game's positions, and the actions that steer it.

    ball, paddle: positions along the paddle's track; `offset_px` is ball minus paddle when the
                  ball would meet the paddle's middle.
    in_play:      0 while there is no ball.
    less, more:   the actions that make the paddle's number smaller and larger.
    serve:        the action that brings a ball into play, if the game waits for one.
    """

    ball: int
    paddle: int
    offset_px: float
    in_play: int
    less: str
    more: str
    serve: str | None


PADDLE_GAMES = {
    "breakout": PaddleGame(99, 72, 9.5, 101, "LEFT", "RIGHT", "FIRE"),
    "pong": PaddleGame(54, 51, 3.0, 54, "RIGHT", "LEFT", None),
}


class ScriptedPlayer:
    """Mostly follows the ball, not quite accurately; at times holds random keys, idles, or presses
    the key that serves whether there is a ball or not.

    The way of playing changes at random moments. How badly the ball is followed changes slowly,
    so that it lands all over the paddle, and sometimes beside it. Raises UserError for a game
    that there is no script for.
    """

    def __init__(self, world: AtariWorld, seed: int) -> None:
        if world.name not in PADDLE_GAMES:
            games = ", ".join(sorted(PADDLE_GAMES))
            raise UserError(f"there is no scripted player for {world.name}; only for {games}")
        self.mixture: Counter[str] = Counter()
        self._world = world
        self._game = PADDLE_GAMES[world.name]
        self._rng = np.random.default_rng([seed, 1])
        self._mode = ""
        self._mode_left = 0  # steps
        self._others = [name for name in OTHER_STEPS if self._game.serve or name in INATTENTIVE]
        self._serve_every = 1  # steps
        self._ball_was_in_play = False
        self._held = world.actions.names[0]
        self._hold_left = 0  # steps
        self._serve_in: int | None = None  # steps
        self._error_px = 0.0
        self._error_width_px = 0.0
        self._pushing = 0  # direction of the step before: -1, 0 or 1
        self._ball = 0  # where it was a step before

    def act(self, frame: Frame) -> ActionVector:
        ram = self._world.ram()
        ball_in_play = bool(ram[self._game.in_play])
        self._choose_mode(ball_in_play)
        self.mixture[self._mode] += 1
        if self._mode == "serving blindly":
            name = str(self._game.serve) if self._mode_left % self._serve_every == 0 else "NOOP"
        elif self._serves(ball_in_play):
            name = str(self._game.serve)
        elif self._mode == "tracking" and ball_in_play:
            name = self._follow(int(ram[self._game.ball]), int(ram[self._game.paddle]))
        elif self._mode == "holding keys":
            name = self._hold()
        else:
            name = "NOOP"
        self._pushing = (name == self._game.more) - (name == self._game.less)
        return self._world.actions.named(name)

    def _choose_mode(self, ball_in_play: bool) -> None:
        """Now and then another way of playing, and with it another accuracy."""
        # Losing a ball ends inattention: else one bout of it loses several.
        lost = self._ball_was_in_play and not ball_in_play
        attentive = lost and self._mode in INATTENTIVE
        self._ball_was_in_play = ball_in_play
        self._mode_left -= 1
        if self._mode_left > 0 and not attentive:
            return
        tracked = self._mode == "tracking"
        self._mode = str(self._rng.choice(self._others)) if tracked else "tracking"
        mean = OTHER_STEPS.get(self._mode, TRACKING_STEPS)
        self._mode_left = 1 + int(self._rng.exponential(mean))
        self._error_width_px = self._rng.uniform(0, MAX_ERROR_WIDTH_PX)
        if self._mode == "serving blindly":
            self._serve_every = int(self._rng.integers(1, MAX_SERVE_EVERY + 1))

    def _serves(self, ball_in_play: bool) -> bool:
        """Whether to serve now: some steps after the ball went."""
        if ball_in_play or self._game.serve is None:
            self._serve_in = None
            return False
        if self._serve_in is None:
            self._serve_in = int(self._rng.integers(1, MAX_SERVE_DELAY + 1))
        self._serve_in -= 1
        return self._serve_in <= 0

    def _hold(self) -> str:
        """A random key, held for a while."""
        self._hold_left -= 1
        if self._hold_left <= 0:
            self._held = str(self._rng.choice(self._world.actions.names))
            self._hold_left = int(self._rng.integers(1, MAX_HOLD + 1))
        return self._held

    def _follow(self, ball: int, paddle: int) -> str:
        """The action that brings the paddle nearest to where it wants to meet the ball."""
        # A first-order random walk around 0 whose spread is the width.
        self._error_px += -0.05 * self._error_px + self._error_width_px * 0.31 * self._rng.normal()
        moved = ball - self._ball
        self._ball = ball
        if abs(moved) > MAX_BALL_STEP_PX:  # a new ball, not a fast one
            moved = 0
        target = ball + moved - self._game.offset_px + self._error_px
        coasting = paddle + PUSH_LATER_PX * self._pushing
        names = {"NOOP": 0, self._game.less: -1, self._game.more: 1}
        return min(names, key=lambda name: abs(target - coasting - PUSH_NOW_PX * names[name]))
