"""Action spaces of games in which several buttons are held at once, and a mouse may move as well.

A vector (A,) holds 0 or 1: an entry for each button, and with a mouse one of the listed motions to
the right and one of those down, in the game's counts per step. As text it is what is held, joined
by '+', and the motion of the mouse, right and down:

    jump+fire                two buttons
    forward+mouse(30,-4)     run and turn right and a little up
    idle                     nothing at all

Text goes by the rules of the keyboard: motion is snapped to the nearest there is, and of buttons
that exclude one another the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError, unknown
from engine.actions import Action, ActionVector

IDLE = "idle"
MOST_BUTTONS, MOST_MOTIONS = 64, 64  # far beyond any game, and no file can ask for all memory
LARGEST_COUNTS = 100_000  # of a motion in a step
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_ -]{0,38}[a-z0-9_])?")
_MOUSE = re.compile(
    r"mouse\(\s*(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*,\s*(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*\)"
)

RANDOM_HELD = 0.15  # chance of each button in a random action
RANDOM_TURN = 1 / 25  # standard deviation of its mouse motion, of the largest listed


@dataclass(frozen=True)
class HeldActions:
    """Multi-hot actions, as `engine.actions.ActionSpace`.

    game:    its name for people; a player's own keys are kept under it.
    keys:    as in `ActionSpace`, in the order of the vector's entries.
    mouse_x: motions to the right that are told apart, in counts a step, rising, 0 among them;
    mouse_y: and down. Both empty in a game without a mouse.

    A kind of game may have more, as class attributes:
    words:     how buttons are written, where not by their own names.
    exclusive: sets of buttons of which one alone counts, the one pressed first.
    turns:     buttons without an entry, that take the place of the mouse on an axis: that, and
               the counts a step.

    Raises UserError for what no game can have.
    """

    game: str
    keys: Mapping[str, tuple[str, ...]]
    mouse_x: tuple[int, ...] = ()
    mouse_y: tuple[int, ...] = ()

    words: ClassVar[Mapping[str, str]] = {}
    exclusive: ClassVar[tuple[frozenset[str], ...]] = ()
    turns: ClassVar[Mapping[str, tuple[int, int]]] = {}

    def __post_init__(self) -> None:
        if not 0 < len(self.game) <= 80 or not self.game.isprintable():
            raise UserError("a game's name needs 1 to 80 letters, on one line")
        if not 0 < len(self.buttons) <= MOST_BUTTONS:
            raise UserError(f"a game needs 1 to {MOST_BUTTONS} buttons, not {len(self.buttons)}")
        for button in self.keys:
            if not _NAME.fullmatch(button) or button == IDLE or button.startswith("mouse"):
                raise UserError(
                    f"no button can be called '{button}': small letters, digits, _, - and blanks "
                    f"make a name, other than '{IDLE}' and 'mouse...'"
                )
        if bool(self.mouse_x) != bool(self.mouse_y):
            raise UserError("a mouse moves right and down: both motions are listed, or none")
        for axis, listed in (("to the right", self.mouse_x), ("down", self.mouse_y)):
            _check_motions(axis, listed)

    @cached_property
    def buttons(self) -> tuple[str, ...]:
        """The buttons that have an entry, in the vector's order."""
        return tuple(button for button in self.keys if button not in self.turns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """One name for each entry of the vector."""
        return (
            *(self.words.get(button, button) for button in self.buttons),
            *(f"x{counts:+d}" for counts in self.mouse_x),
            *(f"y{counts:+d}" for counts in self.mouse_y),
        )

    @property
    def mouse(self) -> bool:
        """True if mouse motion is part of the actions."""
        return bool(self.mouse_x)

    @property
    def size(self) -> int:
        """A, the width of an action vector."""
        return len(self.names)

    def idle(self) -> ActionVector:
        """Nothing held, no motion."""
        return self.encode(Action())

    def random(self, rng: np.random.Generator) -> ActionVector:
        """Draw each button with a small probability, in any order, and a mostly small turn."""
        held = [button for button in self.buttons if rng.random() < RANDOM_HELD]
        motion = (0.0, 0.0)
        if self.mouse:
            right, down = rng.normal(0, (self.mouse_x[-1], self.mouse_y[-1])) * RANDOM_TURN
            motion = float(right), float(down)
        return self.encode(Action(tuple(rng.permutation(held)), motion))

    def encode(self, action: Action) -> ActionVector:
        """Multi-hot (A,): what is held, and the listed motion nearest to the mouse's.

        Of buttons that exclude one another the one pressed first counts. A button that turns
        takes the place of the mouse on its axis. Of two motions equally near the first listed
        counts.
        """
        held: list[str] = []
        for button in action.buttons:
            if not any(button in pair and not pair.isdisjoint(held) for pair in self.exclusive):
                held.append(button)
        motion = list(action.mouse)
        vector = np.zeros(self.size, np.float32)
        for button in held:
            if button in self.turns:
                axis, counts = self.turns[button]
                motion[axis] = counts
            elif button in self._index:
                vector[self._index[button]] = 1
        if self.mouse:
            vector[self._x_at + _nearest(self.mouse_x, motion[0])] = 1
            vector[self._y_at + _nearest(self.mouse_y, motion[1])] = 1
        return vector

    def named(self, name: str) -> ActionVector:
        """Parse a text such as "forward+mouse(30,-4)" to a vector (A,). Raises UserError."""
        text = name.strip().lower()
        if text == IDLE:
            return self.idle()
        button_of = {self.words.get(button, button): button for button in self.buttons}
        buttons: list[str] = []
        motion: tuple[float, float] | None = None
        for word in text.split("+"):
            word = word.strip()
            match = _MOUSE.fullmatch(word) if self.mouse else None
            if match is not None and motion is None:
                motion = float(match[1]), float(match[2])
            elif match is not None:
                raise UserError("an action has one mouse(RIGHT,DOWN) at most")
            elif word.startswith("mouse") and self.mouse:
                raise UserError(f"'{word}' is not of the form mouse(RIGHT,DOWN)")
            elif word in button_of:
                buttons.append(button_of[word])
            else:
                moving = ("mouse(RIGHT,DOWN)",) if self.mouse else ()
                raise unknown("action", word, (*button_of, IDLE, *moving))
        return self.encode(Action(tuple(buttons), motion or (0.0, 0.0)))

    def describe(self, vector: ActionVector) -> str:
        """Name the held buttons, and the mouse motion if any: "forward+mouse(30,-4)"."""
        words = [self.names[i] for i in range(self._x_at) if vector[i] > 0.5]
        right = _counts(self.mouse_x, vector[self._x_at : self._y_at])
        down = _counts(self.mouse_y, vector[self._y_at :])
        if right or down:
            words.append(f"mouse({right},{down})")
        return "+".join(words) or IDLE

    def pressed(self, vectors: NDArray[np.float32]) -> dict[str, int]:
        """Count the vectors (N, A) in which each button is held, and the mouse moves."""
        held = vectors > 0.5
        counts = {self.names[i]: int(held[:, i].sum()) for i in range(self._x_at)}
        if not self.mouse:
            return counts
        still = (self._x_at + self.mouse_x.index(0), self._y_at + self.mouse_y.index(0))
        moved = np.delete(held, still, axis=1)[:, self._x_at :].any(axis=1)
        return {**counts, "mouse": int(moved.sum())}

    def to_json(self) -> dict[str, Any]:
        """Plain data for cartridge.json and recordings; `held_from_json` reads it."""
        return {
            "kind": "held",
            "game": self.game,
            "keys": {button: list(keys) for button, keys in self.keys.items()},
            "mouse_x": list(self.mouse_x),
            "mouse_y": list(self.mouse_y),
        }

    @cached_property
    def _index(self) -> dict[str, int]:
        return {button: i for i, button in enumerate(self.buttons)}

    @property
    def _x_at(self) -> int:
        """Index of the first motion to the right in a vector."""
        return len(self.buttons)

    @property
    def _y_at(self) -> int:
        """Index of the first motion down in a vector."""
        return len(self.buttons) + len(self.mouse_x)


def held_from_json(data: Mapping[str, Any]) -> HeldActions:
    """Read what `HeldActions.to_json` wrote. Raises UserError on anything else."""
    game, keys = data.get("game"), data.get("keys")
    if not (isinstance(game, str) and isinstance(keys, dict)):
        raise UserError("the action space needs 'game' and 'keys'")
    for bound in keys.values():
        if not (isinstance(bound, list) and all(isinstance(key, str) for key in bound)):
            raise UserError("the action space's 'keys' must hold lists of names")
    motions = (data.get("mouse_x"), data.get("mouse_y"))
    for listed in motions:
        if not (isinstance(listed, list) and all(type(counts) is int for counts in listed)):
            raise UserError("the action space's 'mouse_x' and 'mouse_y' must hold whole numbers")
    right, down = (tuple(listed or ()) for listed in motions)
    return HeldActions(game, {b: tuple(bound) for b, bound in keys.items()}, right, down)


def _check_motions(axis: str, listed: Sequence[int]) -> None:
    """Raise UserError unless the motions of an axis, if any, are distinct and include 0."""
    if not listed:
        return
    if list(listed) != sorted(set(listed)) or 0 not in listed:
        raise UserError(f"the mouse's motions {axis} must rise, and 0 be one of them")
    if len(listed) > MOST_MOTIONS or max(-listed[0], listed[-1]) > LARGEST_COUNTS:
        raise UserError(
            f"the mouse's motions {axis} can be {MOST_MOTIONS} at most, up to {LARGEST_COUNTS}"
        )
    if listed[-1] <= 0 or listed[0] >= 0:
        raise UserError(f"the mouse's motions {axis} must go both ways")


def _nearest(listed: Sequence[int], counts: float) -> int:
    """Index of the listed motion nearest to `counts`; the first of two equally near."""
    clipped = min(max(counts, listed[0]), listed[-1])
    return min(range(len(listed)), key=lambda i: abs(listed[i] - clipped))


def _counts(listed: Sequence[int], one_hot: ActionVector) -> int:
    """The listed motion that is set; 0 in a vector of another make that has none."""
    return listed[int(one_hot.argmax())] if len(listed) and one_hot.max() > 0.5 else 0
