"""A game on screen: what the loop keeps for an open world, and the picture it makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from engine import hud
from engine.bindings import layout_of
from engine.contracts import (
    DENOISING_STEPS,
    ActionVector,
    Knob,
    Switch,
    World,
    knobs_of,
    switches_of,
    thumbnails_of,
)
from engine.controls import COMMAND_OF_KEY, SPARE_KEYS, Controls, help_rows
from engine.governor import Governor
from engine.history import History, Moment
from engine.motion import Motion
from engine.pacing import Pacer, RateMeter, Timings
from engine.panel import Panel
from engine.pointer import Pointer
from engine.screen import Event, Picture, Thumbnail, Window
from engine.settings import Settings

HINT_S = 4.0
REPLAY = "a replay - Enter or Backspace takes over"
AUTO = (("target", "auto"),)
INTERPOLATED = (("display", "interpolated"),)


@dataclass(frozen=True)
class Mode:
    """How the player is looking at the game.

    notice: a line that goes before all others, such as "saved"; empty for none.
    status: what goes on beside the game, such as a recording; it goes before any line.
    row:    pictures of the starting points, right after one was gone to.
    interpolating: there are pictures between those that the world made.
    """

    show_hud: bool = True
    show_help: bool = False
    notice: str = ""
    status: str = ""
    row: tuple[Thumbnail, ...] = ()
    interpolating: bool = False


class Game:
    """An open world with its history, clock and controls.

    moment:      the one on screen, the latest of `history`.
    motion:      what the player asked of its clock.
    last_action: what led to it, if a step did.
    layout:      the keys that it comes with; controls has those that the player set.
    switches:    what the world lets its player change, by key.
    spare_keys:  commands of the player on keys that the game has no use for.
    panel:       where its knobs are moved.
    thumbnails:  pictures of its starting points; empty for none.
    governor:    who chooses the denoising steps; None leaves that to the player.
    """

    def __init__(
        self,
        world: World,
        moment: Moment,
        window: Window,
        settings: Settings,
        sensitivity: float = 1.0,
    ) -> None:
        self.world = world
        self.history = History(world.rate_fps)
        self.history.add(moment)
        self.pacer = Pacer(world.rate_fps)
        self.rate = RateMeter()
        self.motion = Motion()
        self.layout = layout_of(world.actions)
        self.panel = Panel()
        self.pointer = Pointer(window, world.actions.mouse)
        self.bind(settings, sensitivity)
        self.thumbnails = thumbnails_of(world)
        self.governor: Governor | None = None
        self.last_action: ActionVector | None = None

    def bind(self, settings: Settings, sensitivity: float) -> None:
        """Take the keys and the mouse as the player set them; keys that are held count no more.

        sensitivity: as asked for this time, in the game's counts per pixel.
        """
        self._keys = self.layout.bound(settings)
        self.controls = Controls(self._keys, sensitivity * settings.sensitivity)
        # The player's own keys go first, then those of the game.
        taken = {*COMMAND_OF_KEY, *(key for keys in self._keys.values() for key in keys)}
        self.switches: dict[str, Switch] = {
            s.key: s for s in switches_of(self.world) if s.key not in taken
        }
        self.spare_keys = {k: command for k, command in SPARE_KEYS.items() if k not in taken}

    @property
    def moment(self) -> Moment:
        return self.history.latest

    @property
    def ticking(self) -> bool:
        """Something happens at the next tick of the game's clock."""
        motion, over = self.motion, self.moment.over
        on = motion.replaying or not over  # the replay may restart, or go back
        return motion.backwards or motion.rewound or (motion.forwards and on)

    def handle(self, event: Event) -> None:
        """Take an event as input to the game, unless the mouse is not the game's yet."""
        if self.pointer.passes(event):
            self.controls.handle(event)

    def interrupt(self) -> None:
        """The game stood still or went elsewhere: drop input and rates from before."""
        self.controls.forget()
        self.rate.interrupt()
        self.pacer.interrupt()

    @property
    def denoising(self) -> Knob | None:
        """How many denoising steps the world takes and may take; None if that is no matter."""
        return next((k for k in knobs_of(self.world) if k.name == DENOISING_STEPS), None)

    def govern(self, step_ms: float) -> int:
        """How far to move the number of denoising steps after a step that took `step_ms`."""
        knob = self.denoising
        if self.governor is None or knob is None:
            return 0
        counts, count = [int(choice) for choice in knob.choices], int(knob.value)
        wanted = self.governor.stepped(count, step_ms, counts)
        return counts.index(wanted) - counts.index(count)

    def picture(self, mode: Mode, timings: Timings) -> Picture:
        """What the window should show now."""
        world, moment = self.world, self.moment
        line = "   ".join(part for part in (mode.status, self._line(mode)) if part)
        notes = moment.notes + (AUTO if self.governor else ())
        notes += INTERPOLATED if mode.interpolating else ()
        figures = hud.Figures(
            rate_fps=self.rate.rate_fps,
            model=timings.recent("model"),
            input=timings.recent("input to display"),
            action="" if self.last_action is None else world.actions.describe(self.last_action),
            reward=moment.reward,
            total=moment.total,
            notes=notes,
            runtime="" if line and notes else str(getattr(world, "runtime", "")),
        )
        return Picture(
            frame=moment.frame,
            hud=hud.rows(figures) if mode.show_hud else (),
            line=line,
            row=() if self.motion.rewinding else mode.row,
            help=self._help() if mode.show_help else (),
            panel=self.panel.rows,
        )

    def _help(self) -> tuple[tuple[str, str], ...]:
        return help_rows(self._keys, self.switches.values(), self.world.actions.mouse)

    def _line(self, mode: Mode) -> str:
        natural_fps = self.world.rate_fps
        if mode.notice:
            return mode.notice
        if self.motion.rewinding:
            return "rewinding" if len(self.history) > 1 else "as far back as memory goes"
        if self.moment.over and not self.motion.replaying:
            return "game over - Enter restarts"
        if self.motion.paused:
            return "paused - P plays on, '.' makes one step"
        slow = hud.slow_motion(self.rate.rate_fps, natural_fps)
        hint = REPLAY if self.motion.replaying else self.pointer.hint
        if hint:
            return f"{slow} - {hint}" if slow else hint
        return slow or ("F1 lists the keys" if self.moment.steps < HINT_S * natural_fps else "")
