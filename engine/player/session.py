"""A session: a world that is played, each call made on the worker's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from base.errors import UserError
from engine.contracts import (
    ActionVector,
    AdjustableWorld,
    Report,
    Step,
    SwitchableWorld,
    Switched,
    World,
)
from engine.player.history import Moment
from engine.player.options import GameStart
from engine.player.pacing import Clock
from engine.player.replay import Compared, Follower
from engine.player.replay_file import Adjusted, Began, Log, Moved, SwitchTurned
from engine.player.saves import moment_from_file
from engine.player.slots import Slots
from engine.ui.screen import Thumbnail


@dataclass(frozen=True)
class Advance:
    """The result of a step, the moment to come back to, and milliseconds.

    action: (A,) that was really done.
    """

    action: ActionVector
    step: Step
    moment: Moment
    model_ms: float
    snapshot_ms: float


@dataclass(frozen=True)
class Arrival:
    """A moment that a replay came to otherwise than by a step.

    how: a game began there, the player had gone there, or a switch or a knob was turned.
    """

    how: Literal["began", "moved", "switched"]
    moment: Moment
    notice: str = ""


class Session:
    """Opens a world and carries it from moment to moment.

    open_world: loads the world and reports how far that has come; called once, by `open`.
    first:      the first game. A replay is gone through, with `follow`, until it is over or the
                player does something else.
    folder:     of the saved moments of each world.
    log:        told everything that the world does.
    """

    def __init__(
        self,
        open_world: Callable[[Report], World],
        first: GameStart,
        *,
        folder: Path,
        clock: Clock,
        log: Log | None = None,
    ) -> None:
        self._open_world = open_world
        self._folder = folder
        self._clock = clock
        self._replay, self._log = first.replay, log or Log()
        self._follower: Follower | None = None
        self._slots: Slots | None = None
        self._opened: World | None = None
        self.seed, self.start = first.seed, first.start

    @property
    def world(self) -> World:
        """The opened world."""
        assert self._opened is not None, "the world is not open yet"
        return self._opened

    @property
    def slots(self) -> Slots:
        """The save slots of the world."""
        assert self._slots is not None, "the world is not open yet"
        return self._slots

    @property
    def replaying(self) -> bool:
        """The replay goes on: `follow` does what comes next in it."""
        return self._follower is not None and not self._follower.done

    @property
    def compared(self) -> Compared:
        """Counts of the replay's frames that were compared with recorded ones so far."""
        return Compared() if self._follower is None else self._follower.compared

    def take_notice(self) -> str:
        """Return a line about replays for the player, once; mostly empty."""
        notice = ""
        if self._follower is not None:
            notice, self._follower.notice = self._follower.notice, ""
        if self._log.problem:
            notice, self._log.problem = self._log.problem, ""
        return notice

    def open(self, report: Report) -> Moment:
        """Load the world and begin its first game."""
        self._opened = self._open_world(report)
        self._slots = Slots(self._folder, self._opened.name)
        self._log.open(self._opened)
        if self._replay is None:
            self.start %= self._opened.starts
            return self._begin()
        self._follower = Follower(self._replay, self._opened)
        first = self._follower.next()
        assert isinstance(first, Began), "a replay begins with a game"
        return self._replayed_game(self._follower, first).moment

    def restart(self, by: int = 1) -> Moment:
        """Begin the next game: another seed, and the starting point `by` further on."""
        self._leave_replay()
        self.seed, self.start = self.seed + 1, (self.start + by) % self.world.starts
        return self._begin()

    def _begin(self) -> Moment:
        frame = self.world.reset(self.seed, self.start)
        self._log.began(self.seed, self.start, frame)
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
        self._log.stepped(action, step.frame)
        done = action if step.action is None else step.action
        return Advance(done, step, moment, (stepped - started) * 1e3, (kept - stepped) * 1e3)

    def switch(self, key: str, at: Moment) -> tuple[str, Moment]:
        """Turn the switch of this default key at `at`, the moment that the world is at.

        Returns a notice, and the moment as it is then.
        """
        self._leave_replay()
        return self._switch(key, at)

    def adjust(self, name: str, by: int, at: Moment) -> tuple[str, Moment]:
        """Move a knob at `at`, like `switch`."""
        self._leave_replay()
        return self._adjust(name, by, at)

    def _switch(self, key: str, at: Moment) -> tuple[str, Moment]:
        assert isinstance(self.world, SwitchableWorld)
        switched = self.world.switch(key)
        self._log.switched(key, switched.frame)
        return switched.notice, self._changed(at, switched)

    def _adjust(self, name: str, by: int, at: Moment) -> tuple[str, Moment]:
        assert isinstance(self.world, AdjustableWorld)
        switched = self.world.turn(name, by)
        self._log.adjusted(name, by, switched.frame)
        return switched.notice, self._changed(at, switched)

    def _changed(self, at: Moment, switched: Switched) -> Moment:
        return replace(
            at,
            frame=switched.frame,
            snapshot=self.world.snapshot(),
            over=at.over if switched.ended is None else switched.ended,
            notes=switched.notes,
        )

    def go_to(self, moment: Moment) -> Moment:
        """Put the world back to `moment`."""
        self._leave_replay()
        self.world.restore(moment.snapshot)
        self._log.moved(moment)
        return moment

    def save(self, slot: int, moment: Moment) -> str:
        """Keep `moment` in a slot, in memory and on disk; return a line that says so."""
        return self.slots.save(slot, moment)

    def save_replay(self, path: Path) -> str:
        """Write the session so far to a file, as a replay; return a line that says so."""
        self._log.save(path)
        return f"replay: {path}"

    def show_slots(self, chosen: int, current: Moment) -> tuple[str, bool, tuple[Thumbnail, ...]]:
        """Return a line about the chosen slot, if it holds a moment, and pictures of all slots."""
        return self.slots.row(chosen, current)

    def load(self, slot: int, current: Moment) -> Moment:
        """Put the world at the moment in a slot. UserError leaves it at `current`."""
        moment = self.slots.moment(slot, current)
        try:
            self._put(moment, current)
        except UserError as error:
            raise UserError(
                f"what slot {slot} holds does not fit this world; saving replaces it"
            ) from error
        self._leave_replay()
        return moment

    def _put(self, moment: Moment, current: Moment) -> None:
        """Put the world at a moment from disk. UserError leaves it at `current`."""
        try:
            shown = self.world.restore(moment.snapshot)
            if shown.shape != moment.frame.shape:
                raise ValueError(f"the world shows {shown.shape}, not {moment.frame.shape}")
        except Exception as error:
            # A snapshot from disk is foreign data: worlds fail on its values in many ways.
            self.world.restore(current.snapshot)
            raise UserError("does not fit this world") from error
        self._log.moved(moment)

    def follow(self, before: Moment) -> Advance | Arrival:
        """Do what comes next in the replay at `before`, the moment that the world is at.

        UserError, if it cannot be done, ends the replay and leaves the world at `before`.
        """
        follower = self._follower
        assert follower is not None and self.replaying
        try:
            match follower.next():
                case Began() as began:
                    return self._replayed_game(follower, began)
                case SwitchTurned(key):
                    notice, moment = self._switch(key, before)
                    result: Advance | Arrival = Arrival("switched", moment, notice)
                case Adjusted(name, by):
                    notice, moment = self._adjust(name, by, before)
                    result = Arrival("switched", moment, notice)
                case Moved(data):
                    result = Arrival("moved", self._replayed_moment(data, before))
                case str(action):
                    result = self.advance(self.world.actions.named(action), before)
        except UserError as error:
            follower.leave()
            follower.notice = ""
            raise UserError(f"the replay ends here, you play: {error}") from error
        follower.compare(result.moment.frame)
        return result

    def _replayed_game(self, follower: Follower, began: Began) -> Arrival:
        self.seed, self.start = began.seed, began.start % self.world.starts
        moment = self._begin()
        follower.compare(moment.frame)
        return Arrival("began", moment)

    def _replayed_moment(self, data: bytes, before: Moment) -> Moment:
        try:
            moment = moment_from_file(BytesIO(data), self.world.name, before)
            self._put(moment, before)
        except UserError as error:
            raise UserError(f"a moment in it {error}") from error
        return moment

    def _leave_replay(self) -> None:
        """End the replay: the player does something else."""
        if self._follower is not None and self.replaying:
            self._follower.leave()

    def close(self) -> None:
        """Release the world, if it was opened, and finish the log."""
        self._log.close()
        if self._opened is not None:
            self._opened.close()
