"""Encoding of a player's input as the vector that a world takes: the action space protocol, and the
spaces of named choices.

Shapes: A is the width of an action vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError, unknown

ActionVector = NDArray[np.float32]  # (A,)

# The keys of games with a joystick and one button.
ARCADE_KEYS: Mapping[str, tuple[str, ...]] = {
    "up": ("w", "up"),
    "down": ("s", "down"),
    "left": ("a", "left"),
    "right": ("d", "right"),
    "fire": ("space",),
}


@dataclass(frozen=True)
class Action:
    """Input of a player in one step, before a world encodes it.

    buttons: logical buttons held, in the order they were pressed ("left", "fire", ...).
    mouse:   summed motion over the step, in the game's counts (x right, y down).
    """

    buttons: tuple[str, ...] = ()
    mouse: tuple[float, float] = (0.0, 0.0)


@runtime_checkable
class ActionSpace(Protocol):
    """Actions of a world, and their encoding as vectors (A,).

    names: one name for each entry of the vector.
    keys:  logical button -> names of the keys (of engine.input.keyboard, and "left button" and
           "right button" of the mouse) bound to it by default.
    mouse: True if mouse motion is part of the actions.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def keys(self) -> Mapping[str, tuple[str, ...]]: ...

    @property
    def mouse(self) -> bool: ...

    @property
    def size(self) -> int:
        """A, the width of an action vector."""
        ...

    def idle(self) -> ActionVector:
        """Return the vector of doing nothing."""
        ...

    def random(self, rng: np.random.Generator) -> ActionVector:
        """Draw the vector of an action that a player might take."""
        ...

    def encode(self, action: Action) -> ActionVector:
        """Encode a player's input (A,); buttons that the space does not have are ignored."""
        ...

    def named(self, name: str) -> ActionVector:
        """Return the vector that `describe` gives this name, in any case. Raises UserError."""
        ...

    def describe(self, vector: ActionVector) -> str:
        """Return a short name of the action that a vector stands for."""
        ...

    def pressed(self, vectors: NDArray[np.float32]) -> dict[str, int]:
        """Count for each action that a player can choose the vectors (N, A) that contain it."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data for cartridge.json and recordings; `contracts.actions_from_json` reads it."""
        ...


@dataclass(frozen=True)
class DiscreteActions:
    """An action space of named choices, one-hot encoded.

    names:   one name a choice; index 0 is what happens when nothing is held.
    buttons: for each choice the set of logical buttons that selects it.
    keys:    as in `ActionSpace`.
    """

    names: tuple[str, ...]
    buttons: tuple[tuple[str, ...], ...]
    keys: Mapping[str, tuple[str, ...]]
    mouse: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise UserError("an action space needs one or more distinct action names")
        if len(self.names) != len(self.buttons):
            raise UserError("an action space needs one set of buttons for each action name")
        needed = {button for choice in self.buttons for button in choice}
        missing = needed - set(self.keys)
        if missing:
            raise UserError(f"no key is bound to: {', '.join(sorted(missing))}")

    @property
    def size(self) -> int:
        """A, the width of an action vector."""
        return len(self.names)

    def idle(self) -> ActionVector:
        """The first choice."""
        return self.one_hot(0)

    def random(self, rng: np.random.Generator) -> ActionVector:
        """Any choice, all of them equally likely."""
        return self.one_hot(int(rng.integers(self.size)))

    def encode(self, action: Action) -> ActionVector:
        """One-hot (A,) of the choice whose buttons are all held; the largest such choice wins.

        Between choices of one size, and of opposite directions, the one pressed later wins.
        """
        held = set(action.buttons)
        for first, second in (("left", "right"), ("up", "down")):
            if first in held and second in held:
                earlier = min((first, second), key=action.buttons.index)
                held.discard(earlier)
        order = {button: i for i, button in enumerate(action.buttons)}
        fitting = [i for i, choice in enumerate(self.buttons) if held.issuperset(choice)]

        def rank(index: int) -> tuple[int, list[int]]:
            choice = self.buttons[index]
            return len(choice), sorted((order[button] for button in choice), reverse=True)

        return self.one_hot(max(fitting, key=rank, default=0))

    def one_hot(self, index: int) -> ActionVector:
        """The vector (A,) of choice `index`."""
        vector = np.zeros(self.size, np.float32)
        vector[index] = 1
        return vector

    def named(self, name: str) -> ActionVector:
        """The vector (A,) of the choice called `name` (any case); UserError if there is none."""
        for i, known in enumerate(self.names):
            if known.lower() == name.strip().lower():
                return self.one_hot(i)
        raise unknown("action", name.strip(), self.names)

    def describe(self, vector: ActionVector) -> str:
        """The name of the choice a vector stands for."""
        return self.names[int(np.argmax(vector))]

    def pressed(self, vectors: NDArray[np.float32]) -> dict[str, int]:
        """Count the vectors (N, A) that stand for each choice."""
        counts = np.bincount(vectors.argmax(axis=1), minlength=self.size)
        return dict(zip(self.names, counts.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain data for cartridge.json and recordings; `discrete_from_json` reads it."""
        return {
            "kind": "discrete",
            "names": list(self.names),
            "buttons": [list(choice) for choice in self.buttons],
            "keys": {button: list(keys) for button, keys in self.keys.items()},
        }


def discrete_from_json(data: Mapping[str, Any]) -> DiscreteActions:
    """Read what `DiscreteActions.to_json` wrote. Raises UserError on anything else."""
    names, buttons, keys = data.get("names"), data.get("buttons"), data.get("keys")
    if not (isinstance(buttons, list) and isinstance(keys, dict)):
        raise UserError("the action space needs 'names', 'buttons' and 'keys'")
    return DiscreteActions(
        _strings(names, "names"),
        tuple(_strings(choice, "buttons") for choice in buttons),
        {str(button): _strings(bound, "keys") for button, bound in keys.items()},
    )


def _strings(value: Any, field: str) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise UserError(f"the action space's '{field}' must hold lists of names")
    return tuple(value)
