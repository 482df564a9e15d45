"""A dream and its real game, played side by side with the same actions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.psnr import mean_error, psnr_db
from engine.contracts import (
    BESIDE,
    PILOT,
    PLAYING,
    SHOW,
    ActionVector,
    AdjustableWorld,
    Frame,
    Knob,
    Notes,
    Snapshot,
    Step,
    SwitchableWorld,
    Switched,
    World,
    knobs_of,
    provenance_of,
    switches_of,
)
from engine.players import Autopilot

# (frames uint8 (T, H, W, 3), actions float32 (T-1, A) between them, seed) -> the frame shown.
Enter = Callable[[NDArray[np.uint8], NDArray[np.float32], int], Frame]

DREAM, REAL = 0, 1
NAMES = ("dream", "emulator")
GAP_PX, GAP_LEVEL = 2, 96  # between two frames side by side

PLAYERS = ("you", "agent")


class PairWorld:
    """Two worlds with the same actions and frames, as `engine.contracts.SwitchableWorld`
    and AdjustableWorld.

    A game begins in the real world, whose first frames the dream takes as its context; from then
    on both answer every action. One of them is shown and counts: its rewards, and its end. If the
    other ends first, it stands still until then. Side by side, the display of figures says by how
    many dB the dream's frame is off (peak signal-to-noise ratio).

    enter:   puts the dream at a context of real frames and the actions between them, and returns
             the frame that it shows then; what it does not need of a long context it leaves out.
    opening: actions (A,) of the real game's first steps, which make that context.
    pilot:   can be put at the controls; it sees the frame of the world that counts.

    Switches and knobs of the dream itself are offered as well. Raises UserError for two worlds
    that do not fit together, and for a game that ends within its opening.
    """

    def __init__(
        self,
        dream: World,
        real: World,
        enter: Enter,
        opening: Sequence[ActionVector],
        pilot: Autopilot | None = None,
    ) -> None:
        for what, one, other in (
            ("actions", dream.actions.names, real.actions.names),
            ("frames", dream.frame_shape, real.frame_shape),
            ("steps per second", dream.rate_fps, real.rate_fps),
        ):
            if one != other:
                raise UserError(
                    f"the dream '{dream.name}' and the game '{real.name}' differ in their {what}"
                )
        self.name, self.rate_fps, self.starts = dream.name, real.rate_fps, real.starts
        self.actions = real.actions
        self._worlds = (dream, real)
        self._enter, self._opening, self._pilot = enter, list(opening), pilot
        own = (SHOW, BESIDE, PILOT) if pilot else (SHOW, BESIDE)
        keys = {switch.key for switch in own}
        self.switches = (*own, *(s for s in switches_of(dream) if s.key not in keys))
        self._shown = DREAM
        self._beside = self._piloted = False
        self.reset(seed=0)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, 3), twice as wide and a gap while both are shown."""
        height, width, colours = self._worlds[REAL].frame_shape
        return (height, 2 * width + GAP_PX if self._beside else width, colours)

    @property
    def runtime(self) -> str:
        """Runtime of the dream."""
        return str(getattr(self._worlds[DREAM], "runtime", ""))

    @property
    def provenance(self) -> Mapping[str, str]:
        """Provenance of the dream's frames."""
        return provenance_of(self._worlds[DREAM])

    @property
    def shown_provenance(self) -> Mapping[str, str]:
        """Provenance of the frames on screen."""
        return provenance_of(self._worlds[self._shown])

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Begin a real game, and put the dream where that is after its opening."""
        real = self._worlds[REAL]
        frames = [real.reset(seed, start)]
        for action in self._opening:
            step = real.step(action)
            if step.ended or step.truncated:
                raise UserError(f"{real.name} ends within the steps that the dream begins from")
            frames.append(step.frame)
        actions = np.array(self._opening, np.float32).reshape(-1, self.actions.size)
        self._frames = [self._enter(np.stack(frames), actions, seed), frames[-1]]
        self._over = [False, False]
        self._dream_notes: Notes = ()
        self._seed = seed % 2**63
        if self._pilot is not None:
            self._pilot.begin(seed)
        return self._picture()

    def step(self, action: ActionVector) -> Step:
        """Advance both, by the pilot's action if it is at the controls."""
        done = None
        if self._piloted and self._pilot is not None:
            action = done = self._pilot.act(self._frames[self._shown].copy())
        shown = Step(self._frames[self._shown], ended=True)  # what has ended stays as it is
        for which, world in enumerate(self._worlds):
            if self._over[which]:
                continue
            step = world.step(action)
            self._frames[which] = step.frame
            self._over[which] = step.ended or step.truncated
            if which == DREAM:
                self._dream_notes = step.notes
            if which == self._shown:
                shown = step
        return replace(
            shown,
            frame=self._picture(),
            action=done,
            piloted=done is not None,
            notes=self._notes(),
        )

    def switch(self, key: str) -> Switched:
        """Turn one of the pair's own switches, or one of the dream's."""
        if key == SHOW.key:
            self._shown = 1 - self._shown
            notice = f"the {NAMES[self._shown]}"
        elif key == BESIDE.key:
            self._beside = not self._beside
            notice = "left the dream, right the emulator" if self._beside else ""
        elif key == PILOT.key and self._pilot is not None:
            notice = self._pilot_plays(self._pilot, not self._piloted)
        else:
            dream = self._worlds[DREAM]
            assert isinstance(dream, SwitchableWorld), f"no switch has the key {key}"
            notice = self._changed(dream.switch(key))
        return Switched(notice, self._picture(), self._over[self._shown], self._notes())

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Knob for who plays, if there is a pilot, and the dream's own knobs."""
        own = (Knob(PLAYING, PLAYERS[self._piloted], PLAYERS),) if self._pilot else ()
        names = {knob.name for knob in own}
        return (*own, *(k for k in knobs_of(self._worlds[DREAM]) if k.name not in names))

    def turn(self, name: str, by: int) -> Switched:
        """Move one of the knobs."""
        (knob,) = (knob for knob in self.knobs if knob.name == name)
        if name == PLAYING and self._pilot is not None:
            notice = self._pilot_plays(self._pilot, knob.moved(by) == PLAYERS[True])
        else:
            dream = self._worlds[DREAM]
            assert isinstance(dream, AdjustableWorld)
            notice = self._changed(dream.turn(name, by))
        return Switched(notice, self._picture(), self._over[self._shown], self._notes())

    def _pilot_plays(self, pilot: Autopilot, plays: bool) -> str:
        if plays and not self._piloted:
            pilot.begin(self._seed)  # what it remembers is long past
        self._piloted = plays
        return "the agent plays" if plays else "you play"

    def _changed(self, switched: Switched) -> str:
        """Apply a change of the dream and return its notice."""
        self._frames[DREAM], self._dream_notes = switched.frame, switched.notes
        if switched.ended is not None:
            self._over[DREAM] = switched.ended
        return switched.notice

    def snapshot(self) -> Snapshot:
        """Both worlds, the pilot's memory, and how the switches stand."""
        parts: dict[str, Snapshot] = {
            name: world.snapshot() for name, world in zip(NAMES, self._worlds, strict=True)
        }
        if self._pilot is not None:
            parts["pilot"] = self._pilot.snapshot()
        own = [self._shown, self._beside, self._piloted, *self._over, self._seed]
        return {
            "pair": np.array(own, np.int64),
            **{f"{part}.{name}": array for part in parts for name, array in parts[part].items()},
        }

    def restore(self, snapshot: Snapshot) -> Frame:
        """Go back to a snapshot of the same pair."""
        shown, beside, piloted, *over, seed = (int(value) for value in snapshot["pair"])
        self._frames = [
            world.restore(_part(snapshot, name))
            for name, world in zip(NAMES, self._worlds, strict=True)
        ]
        if self._pilot is not None:
            self._pilot.restore(_part(snapshot, "pilot"))
        self._shown, self._seed = int(shown != DREAM), seed
        self._beside, self._piloted = bool(beside), bool(piloted)
        self._over = [bool(flag) for flag in over]
        return self._picture()

    def close(self) -> None:
        """Close both worlds."""
        for world in self._worlds:
            world.close()

    def _picture(self) -> Frame:
        if not self._beside:
            return self._frames[self._shown].copy()
        dream, real = self._frames
        gap = np.full((len(real), GAP_PX, 3), GAP_LEVEL, np.uint8)
        return np.concatenate([dream, gap, real], axis=1)

    def _notes(self) -> Notes:
        """Return the cells for the display of figures."""
        notes: list[tuple[str, str]] = [("shown", NAMES[self._shown])]
        if self._pilot is not None:
            notes.append(("playing", "agent" if self._piloted else "you"))
        if self._beside:
            off_db = float(psnr_db(mean_error(*self._frames), math.inf))
            notes.append(("divergence", f"{off_db:.1f} dB" if off_db < math.inf else "none"))
        other = 1 - self._shown
        if self._over[other]:
            notes.append((NAMES[other], "over"))
        return (*notes, *self._dream_notes)


def _part(snapshot: Snapshot, part: str) -> Snapshot:
    """The arrays of one part, by their names there."""
    prefix = f"{part}."
    return {n.removeprefix(prefix): a for n, a in snapshot.items() if n.startswith(prefix)}
