"""A world being played: what the loop asks of it, each call made on the worker's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from base.errors import UserError
from engine.contracts import ActionVector, Report, Step, SwitchableWorld, World
from engine.history import Moment
from engine.pacing import Clock
from engine.screen import Thumbnail
from engine.slots import Slots


@dataclass(frozen=True)
class Advance:
    """What one step brought: its result, the moment to come back to, and milliseconds.

    action: (A,) what was really done.
    """

    action: ActionVector
    step: Step
    moment: Moment
    model_ms: float
    snapshot_ms: float


class Session:
    """Opens a world and carries it from moment to moment.

    open_world: loads the world and reports how far that has come; called once, by `open`.
    folder:     where the saved moments of each world lie.
    """

    def __init__(
        self,
        open_world: Callable[[Report], World],
        *,
        seed: int,
        start: int,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._open_world = open_world
        self._folder = folder
        self._clock = clock
        self._slots: Slots | None = None
        self._opened: World | None = None
        self.seed, self.start = seed, start

    @property
    def world(self) -> World:
        """The opened world."""
        assert self._opened is not None, "the world is not open yet"
        return self._opened

    @property
    def slots(self) -> Slots:
        """Where the world's moments are kept."""
        assert self._slots is not None, "the world is not open yet"
        return self._slots

    def open(self, report: Report) -> Moment:
        """Load the world and begin its first game."""
        self._opened = self._open_world(report)
        self._slots = Slots(self._folder, self._opened.name)
        return self._begin()

    def restart(self, by: int = 1) -> Moment:
        """Begin the next game: another seed, and the starting point `by` further on."""
        self.seed, self.start = self.seed + 1, (self.start + by) % self.world.starts
        return self._begin()

    def _begin(self) -> Moment:
        frame = self.world.reset(self.seed, self.start)
        return Moment(frame, self.world.snapshot())

    def advance(self, action: ActionVector, before: Moment) -> Advance:
        """Step the world from `before`, the moment it is at."""
        started = self._clock()
        step = self.world.step(action)
        stepped = self._clock()
        snapshot = self.world.snapshot()
        kept = self._clock()
        moment = Moment(
            frame=step.frame,
            snapshot=snapshot,
            reward=step.reward,
            total=before.total + step.reward,
            steps=before.steps + 1,
            over=step.ended or step.truncated,
            notes=step.notes,
        )
        done = action if step.action is None else step.action
        return Advance(done, step, moment, (stepped - started) * 1e3, (kept - stepped) * 1e3)

    def switch(self, key: str, at: Moment) -> tuple[str, Moment]:
        """Turn a switch at `at`, the moment the world is at; a notice, and what `at` is now."""
        world = self.world
        assert isinstance(world, SwitchableWorld)
        switched = world.switch(key)
        moment = replace(
            at,
            frame=switched.frame,
            snapshot=world.snapshot(),
            over=at.over if switched.ended is None else switched.ended,
            notes=switched.notes,
        )
        return switched.notice, moment

    def go_to(self, moment: Moment) -> Moment:
        """Put the world back to `moment`."""
        self.world.restore(moment.snapshot)
        return moment

    def save(self, slot: int, moment: Moment) -> str:
        """Keep `moment` in a slot, in memory and on disk; a line that says so."""
        return self.slots.save(slot, moment)

    def show_slots(self, chosen: int, current: Moment) -> tuple[str, tuple[Thumbnail, ...]]:
        """A line about the chosen slot, and pictures of all of them."""
        return self.slots.row(chosen, current)

    def load(self, slot: int, current: Moment) -> Moment:
        """Put the world at the moment in a slot. UserError leaves it at `current`."""
        moment = self.slots.moment(slot, current)
        try:
            shown = self.world.restore(moment.snapshot)
            if shown.shape != moment.frame.shape:
                raise ValueError(f"the world shows {shown.shape}, not {moment.frame.shape}")
        except Exception as error:
            # A snapshot from disk is foreign data: a world may fail on its values in any way.
            self.world.restore(current.snapshot)
            raise UserError(
                f"what slot {slot} holds does not fit this world; F5 saves over it"
            ) from error
        return moment

    def close(self) -> None:
        """Release the world, if it was opened."""
        if self._opened is not None:
            self._opened.close()
