"""The loop: poll → act → step → present, on one thread, at the game's own pace.

Every turn waits in `window.poll`, answers events, takes what the worker has finished and starts
what is due. The world steps on the worker, so the window answers however long a step takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from base.errors import UserError
from base.folders import data_folder
from engine.contracts import Report, World
from engine.input.game_input import GameInput
from engine.player.commands import Commands
from engine.player.game import Game
from engine.player.governor import Governor
from engine.player.history import Moment
from engine.player.observer import Observers
from engine.player.options import GameStart, Outputs, PlayOptions
from engine.player.pacing import Clock, Timings, steady
from engine.player.presenter import Presenter
from engine.player.session import Advance, Session
from engine.player.state import Playback, PlayEvent, PlayState
from engine.player.worker import Job, Worker
from engine.settings import SettingsFile
from engine.ui.borrowed_window import BorrowedWindow
from engine.ui.screen import Window

ANSWER_S = 0.02  # longest wait for events while the world steps
LONGEST_HELD_MS = 10.0  # longest time that a picture waits for a step that is due
IDLE_S = 0.5  # longest wait while nothing moves
QUIETLY_S = 0.3  # time that leaving waits for a job without a word


def play(
    open_world: Callable[[Report], World],
    window: Window,
    *,
    start: GameStart | None = None,
    options: PlayOptions | None = None,
    outputs: Outputs | None = None,
    settings: SettingsFile | None = None,
    clock: Clock = time.perf_counter,
    worker: Worker | None = None,
) -> Timings:
    """Play a world in a window until the player leaves; then close both.

    open_world: loads the world; called on the worker's thread while the window says so. Its
                argument takes a line on how far loading has come, such as "downloading 34 %".
    settings:   keys and sensitivity as the player set them; the user's file if None.
    clock:      the window's clock.
    Returns milliseconds per stage: jitter (how late a step starts), model, snapshot, present,
    input to display.
    Raises UserError if the world cannot be opened, and what a world or an observer raises.
    """
    options, outputs = options or PlayOptions(), outputs or Outputs()
    settings, folder = settings or SettingsFile(), outputs.folder or data_folder()
    session = Session(open_world, start or GameStart(), folder=folder, clock=clock, log=outputs.log)
    recorder = outputs.recorder
    presenter = Presenter(
        window, clock, options.title, interpolate=options.interpolate, recorder=recorder
    )
    playback = Playback()
    commands = Commands(session, window, presenter, playback, settings, folder, recorder, clock)
    observer = Observers((*outputs.observers, *((recorder,) if recorder is not None else ())))

    def open_game(moment: Moment) -> Game:
        input = GameInput(session.world, window, settings.now, options.sensitivity)
        return Game(session, moment, input, playback, presenter, observer)

    worker = worker or Worker(on_done=window.wake)
    loop = Loop(session, window, worker, presenter, playback, commands, options, clock)
    try:
        loop.run(open_game)
    finally:
        window.close()
        loop.close()
    return presenter.timings


class Loop:
    """Turns of waiting, answering, taking and starting. `play` is the way to run one."""

    def __init__(
        self,
        session: Session,
        window: Window,
        worker: Worker,
        presenter: Presenter,
        playback: Playback,
        commands: Commands,
        options: PlayOptions,
        clock: Clock,
    ) -> None:
        self._session, self._window, self._worker = session, window, worker
        self._presenter, self._playback, self._commands = presenter, playback, commands
        self._steps_left, self._auto, self._clock = options.steps, options.auto, clock
        self._job: Job | None = None  # under way on the worker
        self._at_the_end = ExitStack()

    def run(self, open_game: Callable[[Moment], Game]) -> None:
        """Open the world and play until the player leaves.

        open_game: makes the game of the world that is open by then, at its first moment.
        """
        self._present()  # something to look at before anything is loaded
        load = partial(self._session.open, self._presenter.report)
        self._begin(Job(load, partial(self._opened, open_game)))
        with self._at_the_end:
            while not self._leaving:
                self._turn()
                if not self._leaving:
                    for event in self._window.poll(self._patience_s()):
                        self._commands.handle(event)
        if isinstance(self._window, BorrowedWindow):
            self._let_finish(self._window)

    def _turn(self) -> None:
        if self._job is not None and self._worker.done:
            self._finish()
        # What is due goes first: the model works while the window draws.
        if self._job is None and (job := self._due_job()) is not None:
            self._begin(job)
        self._presenter.expire()
        if self._presenter.stale and not self._due_before_drawn():
            self._present()

    @property
    def _leaving(self) -> bool:
        return self._playback.state is PlayState.LEAVING

    def _let_finish(self, window: BorrowedWindow) -> None:
        """Wait for the job under way: the lender of the window goes on with it, and would load the
        next world beside this one. Only its close button does not wait."""
        says_at = self._clock() + QUIETLY_S
        while self._job is not None and not (self._worker.done or window.close_asked):
            if self._clock() >= says_at:
                self._presenter.say("leaving ...")
                self._present()
                says_at = math.inf
            window.poll(ANSWER_S)

    def close(self) -> None:
        """Release the world, after the job under way; raise what that raised, unless forgiving."""
        # A job knows its loop, which knows the world: together they would stay in memory.
        job, self._job = self._job, None
        try:
            self._worker.close(self._session.close)
        except UserError:
            if job is None or not job.forgiving:
                raise

    def _opened(self, open_game: Callable[[Moment], Game], moment: Moment) -> None:
        self._at_the_end.enter_context(steady())  # all that the world needs is loaded
        game = self._commands.game = open_game(moment)
        if self._auto and game.denoising is not None:
            game.governor = Governor(game.pacer.period_s)
        elif self._auto:
            self._presenter.say("this world has no denoising steps to choose from")

    def _present(self) -> None:
        game = self._commands.game
        self._presenter.present(self._commands.keymap, None if game is None else game.view())

    # Time

    def _patience_s(self) -> float:
        """Return for how long nothing will need doing, if no event comes."""
        if self._presenter.stale and not self._due_before_drawn():
            return 0.0
        due_s = self._due_s()
        patience = ANSWER_S if self._job is not None else IDLE_S if due_s is None else due_s
        return min(patience, self._presenter.wait_s())

    def _due_s(self) -> float | None:
        """Return the seconds until the next tick; None if nothing happens then, or not yet."""
        game = self._commands.game
        if self._job is not None or game is None or not self._playback.state.ticking:
            return None
        return game.pacer.wait_s(self._clock())

    def _due_before_drawn(self) -> bool:
        """A tick is due so soon that drawing now would make its step late."""
        due_s, drawn = self._due_s(), self._presenter.timings.recent("present")
        if due_s is None or drawn is None:
            return False
        return due_s * 1e3 < min(drawn.median_ms, LONGEST_HELD_MS)

    # Jobs

    def _due_job(self) -> Job | None:
        """Return what the player asked for, or else what the game's clock wants, if it is due."""
        if (job := self._commands.next_job()) is not None:
            return job
        game = self._commands.game
        return game.tick(self._clock()) if game is not None and self._due_s() == 0 else None

    def _begin(self, job: Job) -> None:
        self._job = job
        self._worker.submit(job.work)

    def _finish(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        next_job = None
        try:
            result = self._worker.take()
        except UserError as error:
            if not job.forgiving:
                raise
            self._presenter.say(str(error))
        else:
            next_job = job.then(result)
            self._count(result)
        if notice := self._session.take_notice():
            self._presenter.say(notice)
        if self._commands.game is not None:
            self._commands.game.settle()
        self._presenter.stale = True
        if next_job is not None:
            self._begin(next_job)

    def _count(self, result: object) -> None:
        """Leave after the last of the steps that are to be made."""
        if isinstance(result, Advance) and self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left <= 0:
                self._playback.handle(PlayEvent.LEAVE)
