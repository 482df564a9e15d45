"""A game on screen: what the loop keeps for an open world, and the picture it makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts import (
    DENOISING_STEPS,
    ActionVector,
    Knob,
    World,
    knobs_of,
    switches_of,
    thumbnails_of,
)
from engine.input.bindings import layout_of, layout_of_switches
from engine.input.command_table import Command
from engine.input.controls import Controls
from engine.input.player_keys import OwnKeys, help_rows
from engine.input.pointer import Pointer
from engine.player.governor import Governor
from engine.player.history import History, Moment
from engine.player.motion import Motion
from engine.player.pacing import Pacer, RateMeter, Timings
from engine.settings import Settings
from engine.ui import hud
from engine.ui.panel import Panel
from engine.ui.screen import Event, Picture, Thumbnail, Window

HINT_S = 4.0
TAKING_OVER = (Command.RESTART, Command.REWIND)  # of what does, what is named
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
    notice: str = ""
    status: str = ""
    row: tuple[Thumbnail, ...] = ()
    interpolating: bool = False


class Game:
    """An open world with its history, clock and controls.

    moment:      the one on screen, the latest of `history`.
    motion:      what the player asked of its clock.
    last_action: what led to it, if a step did.
    layouts:     the keys that it comes with, of its actions and, if it has any, of its switches;
                 controls has those that the player set.
    own_keys:    those of the player's own commands; the game gets what they leave.
    switches:    what the world lets its player change, of what both leave: which switch, by the
                 key that it comes with, a key is for.
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
        own_keys: OwnKeys,
        sensitivity: float = 1.0,
    ) -> None:
        self.world, self.own_keys = world, own_keys
        self.history = History(world.rate_fps)
        self.history.add(moment)
        self.pacer = Pacer(world.rate_fps)
        self.rate = RateMeter()
        self.motion = Motion()
        self._layout = layout_of(world.actions)
        self._switch_layout = layout_of_switches(switches_of(world))
        switched = (self._switch_layout,) if self._switch_layout.keys else ()
        self.layouts = (self._layout, *switched)
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
        self._keys = {
            button: tuple(key for key in keys if key not in self.own_keys.keys)
            for button, keys in self._layout.bound(settings).items()
        }
        self.controls = Controls(self._keys, sensitivity * settings.sensitivity)
        taken = {*self.own_keys.keys, *(key for keys in self._keys.values() for key in keys)}
        self.switches: dict[str, str] = {}
        for switch, keys in self._switch_layout.bound(settings).items():
            for key in keys:
                if key not in taken:
                    self.switches.setdefault(key, switch)
        taken |= set(self.switches)
        self.spare_keys = {k: c for k, c in self.own_keys.spare.items() if k not in taken}

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
            panel=self.panel.rows,
        )

    @property
    def help(self) -> tuple[tuple[str, str], ...]:
        """All keys as they are bound now, and what they do."""
        switches = {
            switch.meaning: tuple(key for key, of in self.switches.items() if of == switch.key)
            for switch in switches_of(self.world)
        }
        mouse = self.world.actions.mouse
        return help_rows(self.own_keys, self._keys, switches, mouse, self.spare_keys)

    def _line(self, mode: Mode) -> str:
        natural_fps, own = self.world.rate_fps, self.own_keys
        if mode.notice:
            return mode.notice
        if self.motion.rewinding:
            return "rewinding" if len(self.history) > 1 else "as far back as memory goes"
        if self.moment.over and not self.motion.replaying:
            return _joined("game over", own.hint(Command.RESTART, "restarts"))
        if self.motion.paused:
            on, step = (
                own.hint(Command.PAUSE, "plays on"),
                own.hint(Command.SINGLE_STEP, "makes one step"),
            )
            return _joined("paused", ", ".join(filter(None, (on, step))))
        slow = hud.slow_motion(self.rate.rate_fps, natural_fps)
        hint = self.pointer.hint
        if self.motion.replaying:
            keys = " or ".join(filter(None, map(own.written, TAKING_OVER)))
            hint = _joined("a replay", f"{keys} takes over" if keys else "")
        if hint:
            return _joined(slow, hint)
        return slow or ("F1 lists the keys" if self.moment.steps < HINT_S * natural_fps else "")


def _joined(*parts: str) -> str:
    """Parts of a line that are not empty."""
    return " - ".join(filter(None, parts))
