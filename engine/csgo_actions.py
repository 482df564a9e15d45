"""The action space of recorded Counter-Strike: keys, both mouse buttons, and snapped mouse motion.

A vector (51,) holds 0 or 1: eleven keys, two mouse buttons, and one of 23 horizontal and one of 15
vertical motions, in the game's counts per step, all as in engine/held_actions.py. As text:

    w+space+mouse(30,-4)     run, jump and turn right and a little up
    s+ctrl+click             crouch backwards, firing
    mouse(-60,0)             look left
    idle                     nothing at all
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from engine.held_actions import HeldActions

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


class CsgoActions(HeldActions):
    """Multi-hot actions (51,) of Counter-Strike, as `engine.actions.ActionSpace`."""

    words: ClassVar[Mapping[str, str]] = {button: word for word, button, _ in BUTTONS}
    exclusive: ClassVar[tuple[frozenset[str], ...]] = EXCLUSIVE
    turns: ClassVar[Mapping[str, tuple[int, int]]] = CAMERA

    def __init__(self) -> None:
        keys = {button: (key,) for _, button, key in BUTTONS}
        camera = {button: (button.removeprefix("look "),) for button in CAMERA}
        super().__init__("Counter-Strike", {**keys, **camera}, MOUSE_X, MOUSE_Y)

    def to_json(self) -> dict[str, Any]:
        """Plain data: there is one such space only."""
        return {"kind": "csgo"}
