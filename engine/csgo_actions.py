"""The action space of recorded Counter-Strike: keys, both mouse buttons, and snapped mouse motion.

A vector (51,) holds 0 or 1: eleven keys, two mouse buttons, and one of 23 horizontal and one of 15
vertical motions, in the game's counts per step. As text it is what is held, joined by '+', and the
motion of the mouse, right and down:

    w+space+mouse(30,-4)     run, jump and turn right and a little up
    s+ctrl+click             crouch backwards, firing
    mouse(-60,0)             look left
    idle                     nothing at all

Text goes by the rules of the keyboard: motion is snapped to the nearest there is, and of keys that
exclude one another the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError, unknown
from engine.actions import Action, ActionVector

# One table: how it is written, what the button does, the key bound to it; in the vector's order.
BUTTONS: tuple[tuple[str, str, str], ...] = (
    ("w", "forward", "w"),
    ("a", "left", "a"),
    ("s", "back", "s"),
    ("d", "right", "d"),
    ("space", "jump", "space"),
    ("ctrl", "crouch", "left ctrl"),
    ("shift", "walk", "left shift"),
    ("1", "first weapon", "1"),
    ("2", "second weapon", "2"),
    ("3", "knife", "3"),
    ("r", "reload", "r"),
    ("click", "fire", "left button"),
    ("rightclick", "zoom", "right button"),
)
MOUSE_X = (-1000, -500, -300, -200, -100, -60, -30, -20, -10, -4, -2, 0,
           2, 4, 10, 20, 30, 60, 100, 200, 300, 500, 1000)  # fmt: skip
MOUSE_Y = (-200, -100, -50, -20, -10, -4, -2, 0, 2, 4, 10, 20, 50, 100, 200)

# Arrow keys turn the camera: the axis of the mouse that they stand for, and its counts a step.
CAMERA: Mapping[str, tuple[int, int]] = {
    "look left": (0, -60),
    "look right": (0, 60),
    "look up": (1, -50),
    "look down": (1, 50),
}
EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset({"forward", "back"}),
    frozenset({"left", "right"}),
    frozenset({"first weapon", "second weapon", "knife"}),
    frozenset({"look left", "look right"}),
    frozenset({"look up", "look down"}),
)

IDLE = "idle"
_MOUSE = re.compile(
    r"mouse\(\s*(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*,\s*(-?[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*\)"
)
_INDEX = {button: i for i, (_, button, _) in enumerate(BUTTONS)}
_BUTTON_OF_WORD = {word: button for word, button, _ in BUTTONS}
_X_AT = len(BUTTONS)
_Y_AT = _X_AT + len(MOUSE_X)
_SIZE = _Y_AT + len(MOUSE_Y)
_STILL = (_X_AT + MOUSE_X.index(0), _Y_AT + MOUSE_Y.index(0))

RANDOM_HELD = 0.15  # chance of each button in a random action
RANDOM_TURN_COUNTS = (40.0, 8.0)  # standard deviation of its mouse motion


@dataclass(frozen=True)
class CsgoActions:
    """Multi-hot actions (51,) of Counter-Strike, as `engine.actions.ActionSpace`."""

    names: ClassVar[tuple[str, ...]] = (
        *(word for word, _, _ in BUTTONS),
        *(f"x{counts:+d}" for counts in MOUSE_X),
        *(f"y{counts:+d}" for counts in MOUSE_Y),
    )
    keys: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **{button: (key,) for _, button, key in BUTTONS},
        **{button: (button.removeprefix("look "),) for button in CAMERA},
    }
    mouse: ClassVar[bool] = True
    size: ClassVar[int] = _SIZE

    def idle(self) -> ActionVector:
        """Nothing held, no motion."""
        return self.encode(Action())

    def random(self, rng: np.random.Generator) -> ActionVector:
        """Each button now and then, in any order, and a turn that is mostly small."""
        held = [button for _, button, _ in BUTTONS if rng.random() < RANDOM_HELD]
        right, down = rng.normal(0, RANDOM_TURN_COUNTS)
        return self.encode(Action(tuple(rng.permutation(held)), (float(right), float(down))))

    def encode(self, action: Action) -> ActionVector:
        """Multi-hot (51,): what is held, and the listed motion nearest to the mouse's.

        Of buttons that exclude one another the one pressed first counts. A camera button takes
        the place of the mouse on its axis. Of two motions equally near the first listed counts.
        """
        held: list[str] = []
        for button in action.buttons:
            if not any(button in pair and not pair.isdisjoint(held) for pair in EXCLUSIVE):
                held.append(button)
        motion = list(action.mouse)
        vector = np.zeros(_SIZE, np.float32)
        for button in held:
            if button in CAMERA:
                axis, counts = CAMERA[button]
                motion[axis] = counts
            elif button in _INDEX:
                vector[_INDEX[button]] = 1
        vector[_X_AT + _nearest(MOUSE_X, motion[0])] = 1
        vector[_Y_AT + _nearest(MOUSE_Y, motion[1])] = 1
        return vector

    def named(self, name: str) -> ActionVector:
        """The vector (51,) of a text such as "w+space+mouse(30,-4)"; UserError if it is none."""
        text = name.strip().lower()
        if text == IDLE:
            return self.idle()
        buttons: list[str] = []
        motion: tuple[float, float] | None = None
        for word in text.split("+"):
            word = word.strip()
            match = _MOUSE.fullmatch(word)
            if match is not None and motion is None:
                motion = float(match[1]), float(match[2])
            elif match is not None:
                raise UserError("an action has one mouse(RIGHT,DOWN) at most")
            elif word.startswith("mouse"):
                raise UserError(f"'{word}' is not of the form mouse(RIGHT,DOWN)")
            elif word in _BUTTON_OF_WORD:
                buttons.append(_BUTTON_OF_WORD[word])
            else:
                raise unknown("action", word, (*_BUTTON_OF_WORD, IDLE, "mouse(RIGHT,DOWN)"))
        return self.encode(Action(tuple(buttons), motion or (0.0, 0.0)))

    def describe(self, vector: ActionVector) -> str:
        """What is held, and the mouse's motion if there is any: "w+space+mouse(30,-4)"."""
        words = [word for i, (word, _, _) in enumerate(BUTTONS) if vector[i] > 0.5]
        right = _counts(MOUSE_X, vector[_X_AT:_Y_AT])
        down = _counts(MOUSE_Y, vector[_Y_AT:])
        if right or down:
            words.append(f"mouse({right},{down})")
        return "+".join(words) or IDLE

    def pressed(self, vectors: NDArray[np.float32]) -> dict[str, int]:
        """In how many of some vectors (N, 51) each button is held, and the mouse moved."""
        held = vectors > 0.5
        counts = {word: int(held[:, i].sum()) for i, (word, _, _) in enumerate(BUTTONS)}
        moved = np.delete(held, _STILL, axis=1)[:, _X_AT:].any(axis=1)
        return {**counts, "mouse": int(moved.sum())}

    def to_json(self) -> dict[str, Any]:
        """Plain data: there is one such space only."""
        return {"kind": "csgo"}


def _nearest(listed: Sequence[int], counts: float) -> int:
    """Index of the listed motion nearest to `counts`; the first of two equally near."""
    clipped = min(max(counts, listed[0]), listed[-1])
    return min(range(len(listed)), key=lambda i: abs(listed[i] - clipped))


def _counts(listed: Sequence[int], one_hot: ActionVector) -> int:
    """The listed motion that is set; 0 in a vector of another make that has none."""
    return listed[int(one_hot.argmax())] if one_hot.max() > 0.5 else 0
