"""A world small enough to know by heart: a square that the player moves over dim noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from base.errors import UserError
from engine.contracts import (
    ActionVector,
    CsgoActions,
    DiscreteActions,
    Frame,
    Knob,
    Snapshot,
    Step,
    Switch,
    Switched,
)

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
        name = self._name(action)
        self._x = (self._x + {"LEFT": -1, "RIGHT": 1}.get(name, 0)) % (self.frame_shape[1] - 1)
        self._turns += name == "FIRE"
        self._steps += 1
        reward = 1.0 if name == "FIRE" else 0.0
        return Step(self._draw(), reward=reward, ended=self._steps >= self.length)

    def _name(self, action: ActionVector) -> str:
        return self.actions.describe(action)

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
        state = dict(self._rng.bit_generator.state)
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


class DreamtToy(ToyWorld):
    """A toy that can go on from the frames of another, over noise of its own."""

    def begin(self, frames: Frame, actions: ActionVector, seed: int) -> Frame:
        """Go on from the last of some frames (T, H, W, 3) with T - 1 actions between them."""
        assert len(frames) == len(actions) + 1
        self.reset(seed + 1_000_000)
        self._x = square_x(frames[-1])
        self._frame = frames[-1].copy()
        return self._frame.copy()


class ToyPilot:
    """Runs towards column 8 and turns the square now and then; remembers when."""

    def __init__(self) -> None:
        self.begun = 0
        self._steps = np.array(0)

    def begin(self, seed: int) -> None:
        self.begun += 1
        self._steps = np.array(seed % 3)

    def act(self, frame: Frame) -> ActionVector:
        self._steps = self._steps + 1
        if self._steps % 3 == 0:
            return ACTIONS.named("FIRE")
        return ACTIONS.named("RIGHT" if square_x(frame) < 8 else "LEFT")

    def snapshot(self) -> Snapshot:
        return {"steps": self._steps}

    def restore(self, snapshot: Snapshot) -> None:
        self._steps = snapshot["steps"]


class SwitchingToy:
    """A toy with switches: it can be shown twice as wide, and play itself."""

    switches = (
        Switch("f2", "twice as wide"),
        Switch("m", "plays itself"),
        Switch("]", "more of it"),
    )
    name, actions, rate_fps, starts = "toy", ACTIONS, ToyWorld.rate_fps, ToyWorld.starts

    def __init__(self, toy: ToyWorld) -> None:
        self._toy = toy
        self._wide = self._by_itself = False

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        height, width, colours = self._toy.frame_shape
        return height, width * (1 + self._wide), colours

    def _seen(self, frame: Frame) -> Frame:
        return frame.repeat(1 + self._wide, axis=1)

    def _notes(self) -> tuple[tuple[str, str], ...]:
        return (("playing", "itself" if self._by_itself else "you"),)

    def reset(self, seed: int, start: int = 0) -> Frame:
        return self._seen(self._toy.reset(seed, start))

    def step(self, action: ActionVector) -> Step:
        done = ACTIONS.named("RIGHT") if self._by_itself else None
        step = self._toy.step(action if done is None else done)
        seen, piloted = self._seen(step.frame), done is not None
        return replace(step, frame=seen, action=done, piloted=piloted, notes=self._notes())

    def switch(self, key: str) -> Switched:
        if key == "]":
            raise UserError("there is no more of it")
        if key == "f2":
            self._wide = not self._wide
        else:
            self._by_itself = not self._by_itself
        notice = "it plays itself" if self._by_itself else ""
        frame = self._toy.restore(self._toy.snapshot())
        return Switched(notice, self._seen(frame), notes=self._notes())

    def snapshot(self) -> Snapshot:
        return {**self._toy.snapshot(), "switches": np.array([self._wide, self._by_itself])}

    def restore(self, snapshot: Snapshot) -> Frame:
        self._wide, self._by_itself = (bool(flag) for flag in snapshot["switches"])
        return self._seen(self._toy.restore(snapshot))

    def close(self) -> None:
        self._toy.close()


class AdjustableToy(ToyWorld):
    """A toy with knobs: how bright its square is, and a seed that draws its ground anew."""

    LEVELS = ("dim", "plain", "bright")

    def __init__(self, length: int = 1_000_000, **more: Any) -> None:
        super().__init__(length, **more)
        self._level, self._salt = 1, 0

    @property
    def knobs(self) -> tuple[Knob, ...]:
        level = Knob("square", self.LEVELS[self._level], self.LEVELS)
        return level, Knob("seed", str(self._salt))

    def turn(self, name: str, by: int) -> Switched:
        if name == "seed":
            self._salt += by
            return Switched(f"seed {self._salt}", self._frame.copy())
        square, _ = self.knobs
        self._level = self.LEVELS.index(square.moved(by))
        return Switched("", self._frame.copy())

    def _draw(self) -> Frame:
        frame = super()._draw()
        square = frame >= 80
        ground = np.random.default_rng([abs(self._salt), self._steps]).integers(0, 9, frame.shape)
        self._frame = np.where(square, frame - 20 * (1 - self._level) * (frame > 200), frame)
        self._frame = (self._frame + ~square * ground).astype(np.uint8)
        return self._frame.copy()

    def snapshot(self) -> Snapshot:
        return {**super().snapshot(), "knobs": np.array([self._level, self._salt])}

    def restore(self, snapshot: Snapshot) -> Frame:
        self._level, self._salt = (int(value) for value in snapshot["knobs"])
        return super().restore(snapshot)


class MouseToy(ToyWorld):
    """A toy with the actions of Counter-Strike; the square only follows A and D."""

    actions = CsgoActions()  # type: ignore[assignment]

    def _name(self, action: ActionVector) -> str:
        held = self.actions.describe(action).split("+")
        return "LEFT" if "a" in held else "RIGHT" if "d" in held else "NOOP"
