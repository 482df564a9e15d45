"""What the player asks for: some of it is done at once, the rest between two steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from engine.contracts import Knob, knobs_of
from engine.input.command_table import Command
from engine.input.player_keys import OwnKeys
from engine.media.video import write_png
from engine.player.course import Course
from engine.player.game import Game
from engine.player.history import Moment
from engine.player.observer import Recorder
from engine.player.replay_file import SUFFIX
from engine.player.saves import file_stem, stamp
from engine.player.session import Session
from engine.player.slots import COUNT as SLOTS
from engine.player.worker import Job
from engine.ui.display import Display
from engine.ui.screen import (
    CloseAsked,
    Event,
    FocusLost,
    KeyDown,
    KeyUp,
    Notice,
    Thumbnail,
    Uncovered,
    Window,
)


class Commands:
    """Answers every event: commands and switches here, input to the game by the game.

    leaving: the player wants to be out of here.
    """

    def __init__(
        self,
        session: Session,
        window: Window,
        display: Display,
        course: Course,
        own_keys: OwnKeys,
        folder: Path,
        recorder: Recorder | None,
    ) -> None:
        self.leaving = False
        self._session, self._window, self._display = session, window, display
        self._course, self._own_keys = course, own_keys
        self._folder, self._recorder = folder, recorder
        # Asked for by the player, each once for a slot, done before the next step.
        self._asked: dict[tuple[Command, int], Callable[[], Job]] = {}
        self._slot = 1  # that moments are saved to and loaded from
        # Switches and knobs of the world, turned by the player and not yet by the world.
        self._turned: list[Callable[[Moment], tuple[str, Moment]]] = []

    def next_job(self) -> Job | None:
        """What is to be done before the next step, if there is anything."""
        game = self._course.game
        if game is not None and game.panel.shown:
            self._look_at_knobs(game)
        if self._asked:
            first = next(iter(self._asked))
            return self._asked.pop(first)()
        if game is None or not self._turned:
            return None
        if game.motion.rewound:
            return self._course.follow()
        turn = partial(self._turned.pop(0), game.moment)
        return Job(turn, partial(self._turned_by_hand, game, game.denoising), forgiving=True)

    def _turned_by_hand(
        self, game: Game, denoising: Knob | None, result: tuple[str, Moment]
    ) -> None:
        """The player changed something: whoever chose the denoising steps before does so no more.

        denoising: how they stood.
        """
        self._course.switched(result)
        if game.denoising != denoising:
            game.governor = None

    def handle(self, event: Event) -> None:
        """Do what an event asks for, or note it until it can be done."""
        game = self._course.game
        if isinstance(event, CloseAsked):
            self.leaving = True
        elif isinstance(event, Uncovered):
            self._display.stale = True
        elif isinstance(event, Notice):
            self._display.say(event.line)
        elif isinstance(event, KeyDown) and (command := self._own_keys.command(event.key)):
            self._obey(command, game)
        elif game is None:
            return
        elif isinstance(event, KeyUp) and self._own_keys.command(event.key) is Command.REWIND:
            game.motion.rewind_held = False
            self._display.stale = True
        else:
            self._handle_in_game(event, game)

    def _look_at_knobs(self, game: Game) -> None:
        """Show them as they stand; nothing is under way that could change them meanwhile."""
        knobs = knobs_of(self._session.world)
        self._display.stale |= game.panel.stand(knobs)
        if not knobs:
            game.panel.shown = False
            self._display.say("this world has nothing to adjust")

    def _handle_in_game(self, event: Event, game: Game) -> None:
        if game.panel.takes(event):
            self._display.stale = True
            if (moved := game.panel.handle(event)) is not None:
                name, by = moved
                self._turned.append(partial(self._session.adjust, name, by))
                self._display.say(f"{name} ...")  # some take a while
            return
        if isinstance(event, KeyDown) and event.key in game.spare_keys:
            self._obey(game.spare_keys[event.key], game)
            return
        if isinstance(event, KeyDown) and event.key in game.switches:
            self._turned.append(partial(self._session.switch, game.switches[event.key]))
            return
        pointer_was_held = game.pointer.held
        game.handle(event)
        if isinstance(event, FocusLost):
            game.motion.rewind_held = False
        if isinstance(event, FocusLost) or game.pointer.held != pointer_was_held:
            self._display.stale = True

    def _obey(self, command: Command, game: Game | None) -> None:
        self._display.stale = True
        match command:
            case Command.LEAVE if self._display.help_page:
                self._display.help_page = 0
            case Command.LEAVE if game is not None and game.pointer.held:
                game.pointer.let_go()
            case Command.LEAVE if game is not None and game.panel.shown:
                game.panel.shown = False
            case Command.LEAVE:
                self.leaving = True
            case Command.HELP:
                self._display.help_page += 1
            case Command.HUD:
                self._display.show_hud = not self._display.show_hud
            case Command.FULLSCREEN:
                self._window.toggle_fullscreen()
            case _ if game is not None:
                self._obey_in_game(command, game)

    def _obey_in_game(self, command: Command, game: Game) -> None:
        session, course, motion, slot = self._session, self._course, game.motion, self._slot
        match command:
            case Command.PAUSE:
                motion.paused = not motion.paused
                self._stand_still(game)
            case Command.PANEL:
                game.panel.shown = not game.panel.shown
            case Command.SETTINGS:
                self.leaving |= course.set_up()
                motion.rewind_held = motion.rewind_tapped = False  # the page heard its key go up
                self._stand_still(game)
            case Command.SINGLE_STEP:
                if not motion.paused:
                    motion.paused = True
                    self._stand_still(game)
                motion.single_step = True
            case Command.REWIND:
                motion.rewind_held = motion.rewind_tapped = True
            case Command.RESTART:
                self._asked[command, 0] = lambda: Job(session.restart, course.restarted)
            case Command.PREVIOUS:
                previous = partial(session.restart, -1)
                self._asked[command, 0] = lambda: Job(previous, course.restarted)
            case Command.SAVE:
                save = partial(session.save, slot, game.moment)
                self._asked[command, slot] = lambda: Job(save, self._saved)
            case Command.LOAD:
                self._asked[command, slot] = lambda: Job(
                    partial(session.load, slot, game.moment), course.jumped, forgiving=True
                )
            case Command.SLOT_BEFORE | Command.SLOT_AFTER:
                by = 1 if command is Command.SLOT_AFTER else -1
                self._slot = (self._slot - 1 + by) % SLOTS + 1
                show = partial(session.show_slots, self._slot, game.moment)
                self._asked[Command.SLOT_AFTER, 0] = lambda: Job(show, self._slots_shown)
            case Command.RECORD if self._recorder is not None:
                self._display.say(self._recorder.toggle())
            case Command.SAVE_REPLAY:
                keep = partial(session.save_replay, self._new_path(SUFFIX))
                self._asked[command, 0] = lambda: Job(keep, self._display.say, forgiving=True)
            case Command.SCREENSHOT:
                write = partial(write_png, self._new_path(".png"), self._window.capture())
                self._asked[command, 0] = lambda: Job(write, self._pictured, forgiving=True)

    def _stand_still(self, game: Game) -> None:
        """A pause begins or ends: what was pressed or timed before it says nothing now."""
        game.interrupt()
        self._display.expect_effects([])
        game.motion.single_step = False

    def _slots_shown(self, result: tuple[str, bool, tuple[Thumbnail, ...]]) -> None:
        line, holds, row = result
        load = self._own_keys.hint(Command.LOAD, "plays on from it") if holds else ""
        self._say(line, load, self._own_keys.hint(Command.SAVE, "saves there"))
        self._display.show_row(row)

    def _saved(self, line: str) -> None:
        self._say(line, self._own_keys.hint(Command.LOAD, "comes back here"))

    def _say(self, *parts: str) -> None:
        self._display.say(" - ".join(filter(None, parts)))

    def _new_path(self, suffix: str) -> Path:
        return self._folder / f"{file_stem(self._session.world.name)}-{stamp()}{suffix}"

    def _pictured(self, path: Path) -> None:
        self._display.say(f"screenshot: {path}")
