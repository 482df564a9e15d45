"""Contracts of a playable world, which all other parts of the engine build on.

Shapes: H W are a frame's height and width in pixels, A is the width of an action vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from engine.actions import Action, ActionSpace, ActionVector, DiscreteActions, discrete_from_json
from engine.csgo_actions import CsgoActions
from engine.held_actions import HeldActions, held_from_json

__all__ = [
    "BESIDE",
    "DENOISING_STEPS",
    "FEWER",
    "INSET",
    "MORE",
    "PILOT",
    "PLAYING",
    "SHOW",
    "SWITCHES",
    "Action",
    "ActionSpace",
    "ActionVector",
    "AdjustableWorld",
    "CsgoActions",
    "DiscreteActions",
    "Frame",
    "HeldActions",
    "Knob",
    "Notes",
    "PicturedWorld",
    "Report",
    "Snapshot",
    "State",
    "StatefulWorld",
    "Step",
    "Switch",
    "SwitchableWorld",
    "Switched",
    "World",
    "actions_from_json",
    "knobs_of",
    "provenance_of",
    "shown_provenance_of",
    "state_names_of",
    "state_of",
    "switches_of",
    "thumbnails_of",
]

Frame = NDArray[np.uint8]  # (H, W, 3) RGB
State = NDArray[np.float32]  # (S,) values of a game's state, such as a pose
Snapshot = Mapping[str, NDArray[Any]]  # plain arrays only, so it can be written without pickle
Notes = tuple[tuple[str, str], ...]  # (label, value) cells for the display of figures
DENOISING_STEPS, PLAYING = "denoising steps", "playing"  # names of knobs, of worlds that have them
Report = Callable[[str], None]  # told, in a line, how far loading a world has come


def actions_from_json(data: Any) -> ActionSpace:
    """Read what an action space's `to_json` wrote. Raises UserError on anything else."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "discrete":
        return discrete_from_json(data)
    if kind == "csgo":
        return CsgoActions()
    if kind == "held":
        return held_from_json(data)
    raise UserError("the action space is not of a kind this version knows (discrete, csgo, held)")


@dataclass(frozen=True)
class Step:
    """Result of one action.

    frame:     uint8 (H, W, 3), the frame just made.
    ended:     the game is over (the world cannot be stepped further without a reset).
    truncated: cut off from outside, the game itself is not over.
    life_lost: a life went with this step; games without lives leave it False.
    action:    (A,) the action that was taken, if it is not the one that was given.
    piloted:   an autopilot chose the action.
    notes:     further cells for the display of figures, a few words each.
    state:     (S,) the state of the game after the step, of a `StatefulWorld`.
    """

    frame: Frame
    reward: float = 0.0
    ended: bool = False
    truncated: bool = False
    life_lost: bool = False
    action: ActionVector | None = None
    piloted: bool = False
    notes: Notes = ()
    state: State | None = None


@runtime_checkable
class World(Protocol):
    """A playable environment: an emulator, a dream, a toy.

    name:      short, for titles and file names.
    actions:   the space `step` takes vectors of.
    rate_fps:  natural steps per second.
    frame_shape: (H, W, 3) of every frame; only a switch may change it.
    starts:    how many different starting points `reset` offers.
    """

    name: str
    rate_fps: float
    starts: int

    @property
    def actions(self) -> ActionSpace: ...

    @property
    def frame_shape(self) -> tuple[int, int, int]: ...

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


@dataclass(frozen=True)
class Switch:
    """A setting of a world that the player changes during play by a key.

    key:     the key that it comes with, as engine.input.keyboard names it; whatever key the player
             sets, the switch goes by this one in replays and settings.
    meaning: what it does, for the list of keys.
    """

    key: str
    meaning: str


# Those that the worlds of this program have, so that their keys can be set without such a world.
SHOW = Switch("tab", "dream or emulator")
BESIDE = Switch("f2", "dream beside emulator")
PILOT = Switch("m", "agent, recording or you play")
INSET = Switch("f3", "the small frame, in a corner")
FEWER = Switch("[", "fewer denoising steps")
MORE = Switch("]", "more denoising steps")
SWITCHES = (SHOW, BESIDE, PILOT, INSET, FEWER, MORE)


@dataclass(frozen=True)
class Switched:
    """Result of a switch, or of a knob.

    notice: a line for the player, such as "3 denoising steps"; empty for none.
    frame:  uint8 (H, W, 3), what to show now; it may be of another size than before.
    ended:  whether what is shown now has ended; None if that is as it was.
    notes:  as in `Step`.
    """

    notice: str
    frame: Frame
    ended: bool | None = None
    notes: Notes = ()


@runtime_checkable
class SwitchableWorld(World, Protocol):
    """A world with switches. They outlast `reset`, and are part of every snapshot."""

    @property
    def switches(self) -> tuple[Switch, ...]: ...

    def switch(self, key: str) -> Switched:
        """Turn the switch that comes with this key, between two steps.

        UserError if it cannot be turned now.
        """
        ...


def switches_of(world: World) -> tuple[Switch, ...]:
    """Return the switches of a world; most have none."""
    return world.switches if isinstance(world, SwitchableWorld) else ()


@dataclass(frozen=True)
class Knob:
    """A setting of a world that the player adjusts during play in a panel.

    name:    what it is; `turn` is told it.
    value:   how it stands.
    choices: all that it can be, in order, `value` among them; empty for numbers without an end.
    """

    name: str
    value: str
    choices: tuple[str, ...] = ()

    def moved(self, by: int) -> str:
        """Return the choice `by` places on, or back. UserError beyond the first and the last."""
        place = self.choices.index(self.value) + by
        if not 0 <= place < len(self.choices):
            ends = f"{self.choices[0]} to {self.choices[-1]}"
            raise UserError(f"this world takes {ends} {self.name}")
        return self.choices[place]


@runtime_checkable
class AdjustableWorld(World, Protocol):
    """A world with knobs. They outlast `reset`, and are part of every snapshot."""

    @property
    def knobs(self) -> tuple[Knob, ...]: ...

    def turn(self, name: str, by: int) -> Switched:
        """Move a knob so many choices on, or back if negative, between two steps.

        UserError if it cannot be moved so far, or not now; then nothing has changed.
        """
        ...


def knobs_of(world: World) -> tuple[Knob, ...]:
    """Return the knobs of a world as they stand; most have none."""
    return world.knobs if isinstance(world, AdjustableWorld) else ()


@runtime_checkable
class PicturedWorld(World, Protocol):
    """A world with thumbnails of its starting points."""

    @property
    def thumbnails(self) -> tuple[Frame, ...]:
        """One for each start, uint8 (h, w, 3), all of one size of at most some 100 pixels."""
        ...


def thumbnails_of(world: World) -> tuple[Frame, ...]:
    """Return the thumbnails of a world's starting points; none if it has only one."""
    if world.starts < 2 or not isinstance(world, PicturedWorld):
        return ()
    return world.thumbnails


@runtime_checkable
class StatefulWorld(World, Protocol):
    """A world that knows its state in numbers, such as where the player stands and looks.

    Its steps carry the state after them as `Step.state`. Units: datasets/FORMAT.md.
    """

    @property
    def state_names(self) -> tuple[str, ...]:
        """A name for each of the S values."""
        ...

    @property
    def state(self) -> State:
        """The state now, float32 (S,)."""
        ...


def state_names_of(world: World) -> tuple[str, ...]:
    """Names of the values in a world's state; none, for most."""
    return world.state_names if isinstance(world, StatefulWorld) else ()


def state_of(world: World) -> State | None:
    """The state of a world now; None, of a world that knows none."""
    return world.state if isinstance(world, StatefulWorld) else None


def provenance_of(world: World) -> Mapping[str, str]:
    """Return what decides a world's frames apart from seed, start and actions.

    Weights, preset, device, precision and so on, by name; empty if the world does not tell.
    """
    provenance: Mapping[str, str] = getattr(world, "provenance", {})
    return provenance


def shown_provenance_of(world: World) -> Mapping[str, str]:
    """Return the provenance of the frames on screen; in a pair, that of the world shown."""
    shown: Mapping[str, str] | None = getattr(world, "shown_provenance", None)
    return provenance_of(world) if shown is None else shown
