"""The course of a game: what the worker's results make of it, and who is told."""

from __future__ import annotations

from functools import partial

import numpy as np

from engine.input.player_keys import OwnKeys
from engine.player.game import Game
from engine.player.history import Moment
from engine.player.observer import Observer
from engine.player.pacing import Clock
from engine.player.session import Advance, Arrival, Session
from engine.player.worker import Job
from engine.settings import SettingsFile
from engine.ui.display import Display
from engine.ui.screen import Window
from engine.ui.screens.settings_screen import show_settings
from engine.ui.starts_row import starts_row


class Course:
    """Takes a game from moment to moment. Its methods in the past tense take a job's result.

    game: None until the world is open.
    """

    def __init__(
        self,
        session: Session,
        window: Window,
        display: Display,
        settings: SettingsFile,
        own_keys: OwnKeys,
        sensitivity: float,
        observer: Observer,
        clock: Clock,
    ) -> None:
        self.game: Game | None = None
        self._session, self._window, self._display = session, window, display
        self._settings, self._own_keys, self._sensitivity = settings, own_keys, sensitivity
        self._observer, self._clock = observer, clock

    def opened(self, moment: Moment) -> None:
        """The world is loaded and its first game begins."""
        self.game = Game(
            self._session.world,
            moment,
            self._window,
            self._settings.now,
            self._own_keys,
            self._sensitivity,
        )
        self._observer.opened(self._session.world)
        self._began(self.game)

    def set_up(self) -> bool:
        """Let the player set keys and mouse for this game; whether the window was closed."""
        assert self.game is not None
        self.game.pointer.let_go()
        closed = show_settings(self._window, self._settings, self.game.layouts, self._clock)
        self._own_keys.bind(self._settings.now)
        self.game.bind(self._settings.now, self._sensitivity)
        return closed

    def restarted(self, moment: Moment) -> None:
        """Another game begins."""
        game = self._go_on_from(moment)
        self._began(game)

    def _began(self, game: Game) -> None:
        self._display.show_row(starts_row(game.thumbnails, self._session.start))
        self._observer.began(game.moment.frame, self._session.seed, self._session.start)

    def advanced(self, result: Advance) -> None:
        """The world made a step."""
        assert self.game is not None
        before = self.game.moment.frame
        self.game.history.add(result.moment)
        self._display.stepped(before, result.moment.frame, self.game.pacer.period_s)
        self.game.last_action = result.action
        self._display.timings.add("model", result.model_ms)
        self._display.timings.add("snapshot", result.snapshot_ms)
        self._observer.stepped(result.action, result.step)

    def arrived(self, result: Arrival) -> None:
        """A replay did something else than a step."""
        match result.how:
            case "began":
                self.restarted(result.moment)
            case "moved":
                self.jumped(result.moment)
            case "switched":
                self.switched((result.notice, result.moment))

    def step_back(self) -> None:
        """Show the moment before; the world follows later."""
        assert self.game is not None
        game, motion = self.game, self.game.motion
        motion.rewind_tapped = motion.single_step = False
        game.rate.interrupt()
        if game.history.back():
            motion.rewound = True
            self._display.stale = True

    def follow(self) -> Job:
        """Put the world where the screen went back to."""
        assert self.game is not None
        return Job(partial(self._session.go_to, self.game.moment), self.jumped)

    def jumped(self, moment: Moment) -> None:
        """The world was put to a moment from before: that on screen, or a saved one."""
        assert self.game is not None
        game = self.game
        if game.moment is not moment:
            self._go_on_from(moment)
        game.motion.rewound = False
        game.controls.forget()
        self._display.show_row(())  # who knows which start this game came from
        self._observer.jumped(moment.frame)

    def _go_on_from(self, moment: Moment) -> Game:
        assert self.game is not None
        self.game.history.add(moment)
        self.game.interrupt()
        self.game.motion.rewound = self.game.motion.single_step = False
        return self.game

    def switched(self, result: tuple[str, Moment]) -> None:
        """A switch of the world was turned, with a notice for the player."""
        assert self.game is not None
        notice, moment = result
        before = self.game.moment
        self.game.history.replace(moment)
        if before.over and not moment.over:
            self.game.interrupt()  # it stood still until now
        if not np.array_equal(before.frame, moment.frame):
            self._observer.jumped(moment.frame)
        if notice:
            self._display.say(notice)
