"""Following a replay: its actions one by one, and its frames compared with the recorded ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from base.errors import UserError
from engine.contracts import Frame, World, knobs_of, provenance_of, switches_of
from engine.player.replay_file import Acted, Adjusted, Began, Moved, Replay, SwitchTurned, checksum

Tick = Began | SwitchTurned | Adjusted | Moved | str  # a string describes an action


@dataclass
class Compared:
    """Counts of the frames that were compared with recorded ones, and of those that differed."""

    frames: int = 0
    differing: int = 0


class Follower:
    """Goes through a replay, one thing after another, for a world that does the same.

    done:  nothing is left.
    compared: counts of frames so far.
    notice: a line to say next; empty for none.

    Raises UserError for a replay of a world with other actions or switches.
    """

    def __init__(self, replay: Replay, world: World) -> None:
        self._length = replay.steps
        self._ticks = _ticks(replay)
        self._next = next(self._ticks, None)
        self._check: int | None = None
        self._steps = 0
        self.compared = Compared()
        _check_fit(replay, world)
        self._changed = _changes(replay, world)
        self.notice = ""
        if "weights" in self._changed:
            self.notice = "other weights than in the replay: the frames will differ"

    @property
    def done(self) -> bool:
        return self._next is None

    def next(self) -> Tick:
        """Return what is to be done now; `compare` the frame that it leads to."""
        assert self._next is not None, "the replay is over"
        tick, self._check = self._next
        self._next = next(self._ticks, None)
        self._steps += isinstance(tick, str)
        return tick

    def compare(self, frame: Frame) -> None:
        """Compare the frame that `next` led to with the recorded one, if there is one."""
        if self._check is not None:
            self.compared.frames += 1
            if checksum(frame) != self._check:
                self.compared.differing += 1
                if self.compared.differing == 1:
                    self.notice = f"{self._differs()} at step {self._steps} of {self._length}"
        if self.done:
            self.notice = f"the replay is over{self._verdict()} - you play"

    def leave(self) -> None:
        """End the replay: the player takes over."""
        self._next = None
        self.notice = f"you play - the replay was left at step {self._steps} of {self._length}"

    def _verdict(self) -> str:
        compared = self.compared
        if compared.differing:
            return f": {compared.differing} of {compared.frames} compared frames differ"
        return f": {compared.frames} compared frames are as recorded"

    def _differs(self) -> str:
        known = self._changed
        why = ", ".join(
            "other weights" if what == "weights" else f"{what} was {then}, is {now}"
            for what, (then, now) in known.items()
            if what not in ("device", "precision") or "runtime" not in known
        )
        return f"the frames differ from the recorded ones ({why or 'another machine?'})"


def _ticks(replay: Replay) -> Iterator[tuple[Tick, int | None]]:
    """Yield everything in a replay one by one, with the frame's checksum where there is one."""
    for event, check in replay.events:
        if isinstance(event, Acted):
            yield from ((action, None) for action in event.actions[:-1])
            yield event.actions[-1], check
        else:
            yield event, check


def _check_fit(replay: Replay, world: World) -> None:
    """Raise UserError unless the world can do everything that is in the replay."""
    if replay.world != world.name:
        raise UserError(f"the replay is of the world {replay.world}, and this is {world.name}")
    switches = {switch.key for switch in switches_of(world)}
    knobs = {knob.name for knob in knobs_of(world)}
    known: set[str] = set()  # actions
    for event, _ in replay.events:
        match event:
            case Acted(actions):
                for action in set(actions) - known:
                    world.actions.named(action)
                known.update(actions)
            case SwitchTurned(key) if key not in switches:
                raise UserError(f"the replay turns a switch that {world.name} has not: {key}")
            case Adjusted(name) if name not in knobs:
                raise UserError(f"the replay adjusts what {world.name} has not: {name}")


def _changes(replay: Replay, world: World) -> dict[str, tuple[str, str]]:
    """Return (then, now) of each part of the provenance of frames that is not as in the replay."""
    now = provenance_of(world)
    return {
        what: (then, now.get(what, "unknown"))
        for what, then in replay.provenance.items()
        if now.get(what) != then
    }
