"""The answers to events: what the player asks for, done at once or between two steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from engine.contracts import Knob, knobs_of
from engine.input.keymap import Command, Keymap
from engine.media.video import write_png
from engine.player.game import Game
from engine.player.history import Moment
from engine.player.observer import Recorder
from engine.player.pacing import Clock
from engine.player.presenter import Presenter
from engine.player.replay_file import SUFFIX
from engine.player.saves import file_stem, stamp
from engine.player.session import Session
from engine.player.slots import COUNT as SLOTS
from engine.player.state import Playback, PlayEvent
from engine.player.worker import Job
from engine.settings import SettingsFile
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
from engine.ui.screens.settings_screen import show_settings


class Commands:
    """Answers every event: commands and switches here, input to the game by its `GameInput`.

    game:   None until the world is open.
    keymap: of the game, or of the commands alone.
    folder: of screenshots and replays.
    """

    def __init__(
        self,
        session: Session,
        window: Window,
        presenter: Presenter,
        playback: Playback,
        settings: SettingsFile,
        folder: Path,
        recorder: Recorder | None,
        clock: Clock,
    ) -> None:
        self.game: Game | None = None
        self._session, self._window, self._presenter = session, window, presenter
        self._playback, self._settings = playback, settings
        self._folder, self._recorder, self._clock = folder, recorder, clock
        self._commands_alone = Keymap(settings.now.keys)
        # Asked for by the player, each once for a slot, done before the next step.
        self._asked: dict[tuple[Command, int], Callable[[], Job]] = {}
        self._slot = 1  # that moments are saved to and loaded from
        # Switches and knobs of the world, turned by the player and not yet by the world.
        self._turned: list[Callable[[Moment], tuple[str, Moment]]] = []

    @property
    def keymap(self) -> Keymap:
        return self._commands_alone if self.game is None else self.game.input.keymap

    # Events

    def handle(self, event: Event) -> None:
        """Do what an event asks for, or note it until it can be done."""
        match event:
            case CloseAsked():
                self._leave()
            case Uncovered():
                self._presenter.stale = True
            case Notice(line):
                self._presenter.say(line)
            case KeyDown(key) if (command := self.keymap.command(key)) is not None:
                self._obey(command)
            case _ if self.game is not None:
                self._handle_in_game(event, self.game)

    def _handle_in_game(self, event: Event, game: Game) -> None:
        input, switch = game.input, None
        match event:
            case KeyUp(key) if self.keymap.command(key) is Command.REWIND:
                self._presenter.stale = True
                game.happens(PlayEvent.RELEASE)
                return
            case KeyDown(key) if input.panel.takes(event):
                self._presenter.stale = True
                self._move_knob(input.panel.handle(event))
                return
            case KeyDown(key) if (switch := self.keymap.switch(key)) is not None:
                self._turned.append(partial(self._session.switch, switch))
                return
            case FocusLost():
                self._presenter.stale = True
                game.happens(PlayEvent.RELEASE)
        pointer_was_held = input.pointer.held
        input.handle(event)
        self._presenter.stale |= input.pointer.held != pointer_was_held

    def _move_knob(self, moved: tuple[str, int] | None) -> None:
        if moved is not None:
            name, by = moved
            self._turned.append(partial(self._session.adjust, name, by))
            self._presenter.say(f"{name} ...")  # some take a while

    # Commands

    def _obey(self, command: Command) -> None:
        presenter, game = self._presenter, self.game
        presenter.stale = True
        match command:
            case Command.LEAVE:
                self._go_back()
            case Command.HELP:
                presenter.help_page += 1
            case Command.HUD:
                presenter.show_hud = not presenter.show_hud
            case Command.FULLSCREEN:
                self._window.toggle_fullscreen()
            case _ if game is not None:
                _IN_GAME[command](self, game)

    def _go_back(self) -> None:
        """Close what is open over the game, or leave it."""
        input = None if self.game is None else self.game.input
        if self._presenter.help_page:
            self._presenter.help_page = 0
        elif input is not None and input.pointer.held:
            input.pointer.let_go()
        elif input is not None and input.panel.shown:
            input.panel.shown = False
        else:
            self._leave()

    def _leave(self) -> None:
        self._playback.handle(PlayEvent.LEAVE)

    def _rewind(self, game: Game) -> None:
        game.happens(PlayEvent.REWIND)

    def _pause(self, game: Game) -> None:
        game.happens(PlayEvent.PAUSE)
        self._stand_still(game)

    def _single_step(self, game: Game) -> None:
        if not self._playback.paused:
            self._stand_still(game)
        game.happens(PlayEvent.STEP)

    def _stand_still(self, game: Game) -> None:
        """Drop what was pressed and timed before: a pause begins or ends."""
        game.interrupt()
        self._presenter.expect_effects([])

    def _open_panel(self, game: Game) -> None:
        game.input.panel.shown = not game.input.panel.shown

    def _open_settings(self, game: Game) -> None:
        """Let the player set keys and mouse for this game."""
        game.input.pointer.let_go()
        layouts = game.input.layouts
        if show_settings(self._window, self._settings, layouts, self._clock):
            self._leave()
        game.input.bind(self._settings.now)
        game.happens(PlayEvent.INTERRUPTED)  # the page heard the keys go up
        self._stand_still(game)

    def _record(self, game: Game) -> None:
        if self._recorder is not None:
            self._presenter.say(self._recorder.toggle())

    # Jobs

    def next_job(self) -> Job | None:
        """Return what is to be done before the next step, if there is anything."""
        game = self.game
        if game is not None and game.input.panel.shown:
            self._look_at_knobs(game)
        if self._asked:
            first = next(iter(self._asked))
            return self._asked.pop(first)()
        if game is None or not self._turned:
            return None
        if game.history.away:
            return game.follow()
        turn = partial(self._turned.pop(0), game.moment)
        return Job(turn, partial(self._turned_by_hand, game, game.denoising), forgiving=True)

    def _look_at_knobs(self, game: Game) -> None:
        """Show the knobs as they stand; no job is under way that could change them."""
        knobs = knobs_of(self._session.world)
        self._presenter.stale |= game.input.panel.stand(knobs)
        if not knobs:
            game.input.panel.shown = False
            self._presenter.say("this world has nothing to adjust")

    def _turned_by_hand(
        self, game: Game, denoising: Knob | None, result: tuple[str, Moment]
    ) -> None:
        """Take what the player changed; denoising steps set by hand end their automatic choice.

        denoising: their knob before.
        """
        game.switched(result)
        if game.denoising != denoising:
            game.governor = None

    def _restart(self, game: Game) -> None:
        self._asked[Command.RESTART, 0] = lambda: Job(self._session.restart, game.restarted)

    def _restart_before(self, game: Game) -> None:
        restart = partial(self._session.restart, -1)
        self._asked[Command.PREVIOUS, 0] = lambda: Job(restart, game.restarted)

    def _save(self, game: Game) -> None:
        save = partial(self._session.save, self._slot, game.moment)
        self._asked[Command.SAVE, self._slot] = lambda: Job(save, self._saved)

    def _load(self, game: Game) -> None:
        slot, load = self._slot, self._session.load
        self._asked[Command.LOAD, slot] = lambda: Job(
            partial(load, slot, game.moment), game.jumped, forgiving=True
        )

    def _choose_slot(self, game: Game, by: int) -> None:
        self._slot = (self._slot - 1 + by) % SLOTS + 1
        show = partial(self._session.show_slots, self._slot, game.moment)
        self._asked[Command.SLOT_AFTER, 0] = lambda: Job(show, self._slots_shown)

    def _save_replay(self, game: Game) -> None:
        keep = partial(self._session.save_replay, self._new_path(SUFFIX))
        self._asked[Command.SAVE_REPLAY, 0] = lambda: Job(keep, self._presenter.say, forgiving=True)

    def _screenshot(self, game: Game) -> None:
        write = partial(write_png, self._new_path(".png"), self._window.capture())
        self._asked[Command.SCREENSHOT, 0] = lambda: Job(write, self._pictured, forgiving=True)

    def _slots_shown(self, result: tuple[str, bool, tuple[Thumbnail, ...]]) -> None:
        line, holds, row = result
        load = self.keymap.hint(Command.LOAD, "plays on from it") if holds else ""
        self._say(line, load, self.keymap.hint(Command.SAVE, "saves there"))
        self._presenter.show_row(row)

    def _saved(self, line: str) -> None:
        self._say(line, self.keymap.hint(Command.LOAD, "comes back here"))

    def _say(self, *parts: str) -> None:
        self._presenter.say(" - ".join(filter(None, parts)))

    def _new_path(self, suffix: str) -> Path:
        return self._folder / f"{file_stem(self._session.world.name)}-{stamp()}{suffix}"

    def _pictured(self, path: Path) -> None:
        self._presenter.say(f"screenshot: {path}")


_IN_GAME: Mapping[Command, Callable[[Commands, Game], None]] = {
    Command.RESTART: Commands._restart,
    Command.PREVIOUS: Commands._restart_before,
    Command.PAUSE: Commands._pause,
    Command.SINGLE_STEP: Commands._single_step,
    Command.REWIND: Commands._rewind,
    Command.SAVE: Commands._save,
    Command.SLOT_BEFORE: partial(Commands._choose_slot, by=-1),
    Command.SLOT_AFTER: partial(Commands._choose_slot, by=1),
    Command.RECORD: Commands._record,
    Command.LOAD: Commands._load,
    Command.SAVE_REPLAY: Commands._save_replay,
    Command.SCREENSHOT: Commands._screenshot,
    Command.PANEL: Commands._open_panel,
    Command.SETTINGS: Commands._open_settings,
}
