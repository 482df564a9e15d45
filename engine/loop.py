"""The loop: poll → act → step → present, on one thread, at the game's own pace.

Every turn waits in `window.poll`, answers events, takes what the worker has finished and starts
what is due. The world steps on the worker, so the window answers however long a step takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import UserError
from engine.contracts import Report, World
from engine.controls import COMMAND_OF_KEY, Command
from engine.display import Display
from engine.game import Game
from engine.history import Moment
from engine.observer import Observer
from engine.pacing import Clock, Timings
from engine.saves import data_folder, file_stem
from engine.screen import CloseAsked, Event, FocusLost, KeyDown, KeyUp, Uncovered, Window
from engine.session import Advance, Session
from engine.starts_row import starts_row
from engine.video import write_png
from engine.worker import Worker

ANSWER_S = 0.02  # longest wait for events while the world steps
IDLE_S = 0.5  # longest wait while nothing moves


def play(
    open_world: Callable[[Report], World],
    window: Window,
    *,
    title: str = "",
    seed: int = 0,
    start: int = 0,
    steps: int | None = None,
    sensitivity: float = 1.0,
    observers: Sequence[Observer] = (),
    folder: Path | None = None,
    clock: Clock = time.perf_counter,
    worker: Worker | None = None,
) -> Timings:
    """Play a world in a window until the player leaves; then close both.

    open_world: loads the world; called on the worker's thread while the window says so. What it
                is given takes a line on how far it has come, such as "downloading 34 %".
    title:      what is being loaded, until there is such a line.
    seed, start: of the first game; every restart adds one to the seed and goes to the next start,
                or to the one before.
    steps:      leave after this many steps; None plays on.
    sensitivity: of the mouse, in the game's counts per pixel.
    folder:     for saved moments and screenshots; the user's data folder if None.
    clock:      the window's clock.
    Returns milliseconds per stage: model, snapshot, present, input to display.
    Raises UserError if the world cannot be opened, and what a world or an observer raises.
    """
    worker = worker or Worker(on_done=window.wake)
    folder = folder or data_folder()
    session = Session(open_world, seed=seed, start=start, folder=folder, clock=clock)
    display = Display(window, clock, title)
    loop = Loop(session, window, worker, display, steps, sensitivity, observers, folder, clock)
    try:
        loop.run()
    finally:
        window.close()
        worker.close(session.close)
    return display.timings


@dataclass(frozen=True)
class _Job:
    """Something for the worker, and what the loop does with its result."""

    work: Callable[[], Any]
    then: Callable[[Any], None]
    forgiving: bool = False  # a UserError becomes a line in the window instead of the end


class Loop:
    """The state of a game on screen. `play` is the way to run one."""

    def __init__(
        self,
        session: Session,
        window: Window,
        worker: Worker,
        display: Display,
        steps_left: int | None,
        sensitivity: float,
        observers: Sequence[Observer],
        folder: Path,
        clock: Clock,
    ) -> None:
        self._session, self._window, self._worker = session, window, worker
        self._display = display
        self._observers, self._folder, self._clock = observers, folder, clock
        self._steps_left, self._sensitivity = steps_left, sensitivity

        self._job: _Job | None = None  # under way on the worker
        # Asked for by the player, each once, done before the next step.
        self._asked: dict[Command, Callable[[], _Job]] = {}
        self._turned: list[str] = []  # keys of the world's switches, pressed and not yet answered
        self._game: Game | None = None  # None until the world is open

        self._leaving = self._paused = self._single_step = False
        self._rewind_held = self._rewind_tapped = False
        self._rewound = False  # the screen went back, the world has not followed yet

    def run(self) -> None:
        """Open the world and play until the player leaves."""
        self._present()  # something to look at before anything is loaded
        self._begin(_Job(partial(self._session.open, self._display.report), self._opened))
        while not self._leaving:
            if self._job is not None and self._worker.done:
                self._finish()
            self._display.expire()
            if self._display.stale:
                self._present()
            if self._job is None:
                self._start_what_is_due()
            for event in self._window.poll(self._patience_s()):
                self._handle(event)

    # What is due

    def _patience_s(self) -> float:
        """How long nothing will need doing, if no event comes."""
        if self._display.stale:
            return 0.0
        if self._job is not None:
            return ANSWER_S
        if self._game is not None and self._ticking():
            return self._game.pacer.wait_s(self._clock())
        return IDLE_S

    def _ticking(self) -> bool:
        """Something happens at the next tick of the game's clock."""
        assert self._game is not None
        rewinding = self._rewind_held or self._rewind_tapped or self._rewound
        over = self._game.moment.over
        return rewinding or (not over and (self._single_step or not self._paused))

    def _start_what_is_due(self) -> None:
        game = self._game
        if self._asked:
            first = next(iter(self._asked))
            self._begin(self._asked.pop(first)())
        elif game is not None and self._turned:
            self._begin(self._follow(game) if self._rewound else self._turn(game))
        elif game is not None and self._ticking() and game.pacer.wait_s(self._clock()) == 0:
            game.pacer.begin(self._clock())
            if self._rewind_held or self._rewind_tapped:
                self._step_back(game)
            elif self._rewound:
                self._begin(self._follow(game))
            else:
                self._step(game)

    def _step(self, game: Game) -> None:
        action, waited = game.controls.sample()
        vector = self._session.world.actions.encode(action)
        if self._paused:
            self._single_step = False
        else:
            self._display.expect_effects(waited)
            game.rate.tick(self._clock())
        advance = partial(self._session.advance, vector, game.moment)
        self._begin(_Job(advance, self._advanced))

    def _turn(self, game: Game) -> _Job:
        turn = partial(self._session.switch, self._turned.pop(0), game.moment)
        return _Job(turn, self._switched, forgiving=True)

    def _follow(self, game: Game) -> _Job:
        """The screen went back: put the world there as well."""
        return _Job(partial(self._session.go_to, game.moment), self._jumped)

    def _step_back(self, game: Game) -> None:
        self._rewind_tapped = self._single_step = False
        game.rate.interrupt()
        if game.history.back():
            self._rewound = True
            self._display.stale = True

    # What the worker has finished

    def _begin(self, job: _Job) -> None:
        self._job = job
        self._worker.submit(job.work)

    def _finish(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        try:
            result = self._worker.take()
        except UserError as error:
            if not job.forgiving:
                raise
            self._display.say(str(error))
        else:
            job.then(result)
        self._display.stale = True

    def _opened(self, moment: Moment) -> None:
        self._game = Game(self._session.world, moment, self._window, self._sensitivity)
        self._began(self._game)

    def _restarted(self, moment: Moment) -> None:
        assert self._game is not None
        self._go_on_from(moment)
        self._began(self._game)

    def _began(self, game: Game) -> None:
        self._display.show_row(starts_row(game.thumbnails, self._session.start))
        for observer in self._observers:
            observer.began(game.moment.frame, self._session.seed, self._session.start)

    def _jumped(self, moment: Moment) -> None:
        assert self._game is not None
        if self._game.moment is not moment:
            self._go_on_from(moment)
        self._rewound = False
        self._game.controls.forget()
        self._display.show_row(())  # who knows which start this game came from
        for observer in self._observers:
            observer.jumped(moment.frame)

    def _go_on_from(self, moment: Moment) -> None:
        assert self._game is not None
        self._game.history.add(moment)
        self._game.interrupt()
        self._rewound = self._single_step = False

    def _advanced(self, result: Advance) -> None:
        assert self._game is not None
        self._game.history.add(result.moment)
        self._game.last_action = result.action
        self._display.timings.add("model", result.model_ms)
        self._display.timings.add("snapshot", result.snapshot_ms)
        for observer in self._observers:
            observer.stepped(result.action, result.step)
        if self._steps_left is not None:
            self._steps_left -= 1
            self._leaving = self._steps_left <= 0

    def _switched(self, result: tuple[str, Moment]) -> None:
        assert self._game is not None
        notice, moment = result
        before = self._game.moment.frame
        self._game.history.replace(moment)
        if not np.array_equal(before, moment.frame):
            for observer in self._observers:
                observer.jumped(moment.frame)
        if notice:
            self._display.say(notice)

    # What the player asks for

    def _handle(self, event: Event) -> None:
        if isinstance(event, CloseAsked):
            self._leaving = True
        elif isinstance(event, Uncovered):
            self._display.stale = True
        elif isinstance(event, KeyDown) and event.key in COMMAND_OF_KEY:
            self._obey(COMMAND_OF_KEY[event.key])
        elif isinstance(event, KeyUp) and COMMAND_OF_KEY.get(event.key) is Command.REWIND:
            self._rewind_held = False
            self._display.stale = True
        elif self._game is not None:
            self._handle_in_game(event, self._game)

    def _handle_in_game(self, event: Event, game: Game) -> None:
        if isinstance(event, KeyDown) and event.key in game.switches:
            self._turned.append(event.key)
            return
        pointer_was_held = game.pointer.held
        game.handle(event)
        if isinstance(event, FocusLost):
            self._rewind_held = False
        if isinstance(event, FocusLost) or game.pointer.held != pointer_was_held:
            self._display.stale = True

    def _obey(self, command: Command) -> None:
        self._display.stale = True
        match command:
            case Command.LEAVE if self._game is not None and self._game.pointer.held:
                self._game.pointer.let_go()
            case Command.LEAVE:
                self._leaving = True
            case Command.HELP:
                self._display.show_help = not self._display.show_help
            case Command.HUD:
                self._display.show_hud = not self._display.show_hud
            case Command.FULLSCREEN:
                self._window.toggle_fullscreen()
            case _ if self._game is not None:
                self._obey_in_game(command, self._game)

    def _obey_in_game(self, command: Command, game: Game) -> None:
        session = self._session
        match command:
            case Command.PAUSE:
                self._paused = not self._paused
                self._stand_still(game)
            case Command.SINGLE_STEP:
                if not self._paused:
                    self._paused = True
                    self._stand_still(game)
                self._single_step = True
            case Command.REWIND:
                self._rewind_held = self._rewind_tapped = True
            case Command.RESTART:
                self._asked[command] = lambda: _Job(session.restart, self._restarted)
            case Command.PREVIOUS:
                previous = partial(session.restart, -1)
                self._asked[command] = lambda: _Job(previous, self._restarted)
            case Command.SAVE:
                save = partial(session.save, game.moment)
                self._asked[command] = lambda: _Job(save, self._display.say)
            case Command.LOAD:
                self._asked[command] = lambda: _Job(
                    partial(session.load, game.moment), self._jumped, forgiving=True
                )
            case Command.SCREENSHOT:
                write = partial(write_png, self._screenshot_path(), self._window.capture())
                self._asked[command] = lambda: _Job(write, self._pictured, forgiving=True)

    def _stand_still(self, game: Game) -> None:
        """A pause begins or ends: what was pressed or timed before it says nothing now."""
        game.interrupt()
        self._display.expect_effects([])
        self._single_step = False

    def _screenshot_path(self) -> Path:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
        return self._folder / f"{file_stem(self._session.world.name)}-{stamp}.png"

    def _pictured(self, path: Path) -> None:
        self._display.say(f"screenshot: {path}")

    def _present(self) -> None:
        self._display.present(
            self._game,
            paused=self._paused,
            rewinding=self._rewind_held or self._rewound,
            settled=self._job is None,
        )
