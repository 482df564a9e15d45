"""A world small enough to know by heart: a square that the player moves over dim noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.contracts import ActionVector, DiscreteActions, Frame, Snapshot, Step

ACTIONS = DiscreteActions(
    names=("NOOP", "FIRE", "RIGHT", "LEFT"),
    buttons=((), ("fire",), ("right",), ("left",)),
    keys={"left": ("a", "left"), "right": ("d", "right"), "fire": ("space",)},
)


class ToyWorld:
    """Deterministic: the square goes left and right, firing turns it and pays 1.

    The ground is drawn from a generator whose state is part of the snapshot, so that a restore
    which forgot it would show. The game ends after `length` steps.

    before_step: called first in every step, to make the world slow in a test's own way.
    """

    name = "toy"
    actions = ACTIONS
    rate_fps = 15.0
    starts = 3

    def __init__(
        self,
        length: int = 1_000_000,
        shape: tuple[int, int] = (16, 16),
        before_step: Callable[[], None] = lambda: None,
    ) -> None:
        self.frame_shape = (*shape, 3)
        self.length = length
        self.closed = False
        self._before_step = before_step
        self._rng = np.random.default_rng(0)
        self._x = self._turns = self._steps = 0
        self._frame = np.zeros(self.frame_shape, np.uint8)

    def reset(self, seed: int, start: int = 0) -> Frame:
        self._rng = np.random.default_rng(seed)
        self._x = 3 * (start % self.starts)
        self._turns = self._steps = 0
        return self._draw()

    def step(self, action: ActionVector) -> Step:
        self._before_step()
        name = self.actions.describe(action)
        self._x = (self._x + {"LEFT": -1, "RIGHT": 1}.get(name, 0)) % (self.frame_shape[1] - 1)
        self._turns += name == "FIRE"
        self._steps += 1
        reward = 1.0 if name == "FIRE" else 0.0
        return Step(self._draw(), reward=reward, ended=self._steps >= self.length)

    def _draw(self) -> Frame:
        frame = self._rng.integers(0, 40, self.frame_shape, dtype=np.uint8)
        colour = (255, 80, 80) if self._turns % 2 else (80, 255, 80)
        middle = self.frame_shape[0] // 2
        frame[middle : middle + 2, self._x : self._x + 2] = colour
        self._frame = frame
        return frame.copy()

    def snapshot(self) -> Snapshot:
        whole, low = self._rng.bit_generator.state, 2**64 - 1
        state = whole["state"]
        words = [state[key] >> shift & low for key in ("state", "inc") for shift in (0, 64)]
        words += [whole["has_uint32"], whole["uinteger"]]  # half a draw may be left over
        return {
            "rng": np.array(words, np.uint64),
            "where": np.array([self._x, self._turns, self._steps], np.int64),
            "frame": self._frame.copy(),
        }

    def restore(self, snapshot: Snapshot) -> Frame:
        low, high, inc_low, inc_high, *left_over = (int(word) for word in snapshot["rng"])
        state = self._rng.bit_generator.state
        state["state"] = {"state": low | high << 64, "inc": inc_low | inc_high << 64}
        state["has_uint32"], state["uinteger"] = left_over
        self._rng.bit_generator.state = state
        self._x, self._turns, self._steps = (int(value) for value in snapshot["where"])
        self._frame = snapshot["frame"].copy()
        return self._frame.copy()

    def close(self) -> None:
        self.closed = True


def square_x(frame: Frame) -> int:
    """The column of the square's left edge."""
    return int(np.argmax(frame.max(axis=(0, 2)) >= 255))
