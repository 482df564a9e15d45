"""What a playable world is: the words every other part of the engine speaks.

Shapes: H W are a frame's height and width in pixels, A is the width of an action vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError, unknown

Frame = NDArray[np.uint8]  # (H, W, 3) RGB
ActionVector = NDArray[np.float32]  # (A,)
Snapshot = Mapping[str, NDArray[Any]]  # plain arrays only, so it can be written without pickle


@dataclass(frozen=True)
class Action:
    """What a player did in one step, before any world has encoded it.

    buttons: logical buttons held, in the order they were pressed ("left", "fire", ...).
    mouse:   summed motion over the step, in the game's counts (x right, y down).
    """

    buttons: tuple[str, ...] = ()
    mouse: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Step:
    """What a world answers to one action.

    frame:     uint8 (H, W, 3), the frame just made.
    ended:     the game is over (the world cannot be stepped further without a reset).
    truncated: cut off from outside, the game itself is not over.
    life_lost: a life went with this step; games without lives leave it False.
    """

    frame: Frame
    reward: float = 0.0
    ended: bool = False
    truncated: bool = False
    life_lost: bool = False


@dataclass(frozen=True)
class DiscreteActions:
    """An action space of named choices, one-hot encoded.

    names:   one name a choice; index 0 is what happens when nothing is held.
    buttons: for each choice the set of logical buttons that selects it.
    keys:    logical button -> names of the keys (pygame.key.name spelling) bound to it by default.
    """

    names: tuple[str, ...]
    buttons: tuple[tuple[str, ...], ...]
    keys: Mapping[str, tuple[str, ...]]

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

    def to_json(self) -> dict[str, Any]:
        """Plain data for cartridge.json and recordings; `actions_from_json` reads it."""
        return {
            "kind": "discrete",
            "names": list(self.names),
            "buttons": [list(choice) for choice in self.buttons],
            "keys": {button: list(keys) for button, keys in self.keys.items()},
        }


ActionSpace = DiscreteActions


def actions_from_json(data: Any) -> ActionSpace:
    """Read what `to_json` wrote. Raises UserError on anything else."""
    if not isinstance(data, dict) or data.get("kind") != "discrete":
        raise UserError("the action space is not of a kind this version knows (discrete)")
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


@runtime_checkable
class World(Protocol):
    """Anything that can be played: an emulator, a dream, a toy.

    name:      short, for titles and file names.
    actions:   the space `step` takes vectors of.
    rate_fps:  natural steps per second.
    frame_shape: (H, W, 3) of every frame.
    starts:    how many different starting points `reset` offers.
    """

    name: str
    actions: ActionSpace
    rate_fps: float
    frame_shape: tuple[int, int, int]
    starts: int

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Begin again from starting point `start` (taken modulo `starts`); the first frame.

        The same seed, start and actions give the same frames.
        """
        ...

    def step(self, action: ActionVector) -> Step:
        """Advance one step. Frames are fresh arrays: a caller may keep them."""
        ...

    def snapshot(self) -> Snapshot:
        """Everything `step` depends on, copied, as plain arrays."""
        ...

    def restore(self, snapshot: Snapshot) -> Frame:
        """Go back to a snapshot exactly; returns the frame that was showing then."""
        ...

    def close(self) -> None:
        """Release what the world holds. Closing twice is harmless."""
        ...
