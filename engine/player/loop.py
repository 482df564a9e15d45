"""The loop: poll → act → step → present, on one thread, at the game's own pace.

Every turn waits in `window.poll`, answers events, takes what the worker has finished and starts
what is due. The world steps on the worker, so the window answers however long a step takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from base.errors import UserError
from base.folders import data_folder
from engine.contracts import DENOISING_STEPS, Report, World
from engine.input.player_keys import OwnKeys
from engine.player.commands import Commands
from engine.player.course import Course
from engine.player.game import Game
from engine.player.governor import Governor
from engine.player.history import Moment
from engine.player.observer import Observer, Observers, Recorder
from engine.player.pacing import Clock, Timings, steady
from engine.player.replay_file import Log, Replay
from engine.player.session import Advance, Arrival, Session
from engine.player.worker import Job, Worker
from engine.settings import SettingsFile
from engine.ui.borrowed_window import LentWindow
from engine.ui.display import Display
from engine.ui.screen import Window

ANSWER_S = 0.02  # longest wait for events while the world steps
LONGEST_HELD_MS = 10.0  # at most so long does a picture wait for a step that is due
IDLE_S = 0.5  # longest wait while nothing moves
QUIETLY_S = 0.3  # how long leaving waits for a job without a word


def play(
    open_world: Callable[[Report], World],
    window: Window,
    *,
    title: str = "",
    seed: int = 0,
    start: int = 0,
    steps: int | None = None,
    sensitivity: float = 1.0,
    settings: SettingsFile | None = None,
    auto: bool = False,
    interpolate: bool = False,
    observers: Sequence[Observer] = (),
    recorder: Recorder | None = None,
    replay: Replay | None = None,
    log: Log | None = None,
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
    sensitivity: of the mouse, in the game's counts per pixel, times that of the settings.
    settings:   keys and sensitivity as the player set them; the user's file if None.
    auto:       choose the denoising steps so that the machine holds the world's natural rate.
    interpolate: show motion between two frames; the newer one is whole up to a period later.
    recorder:   an observer too, that the player lets record and stop.
    replay:     a session to show again before the player plays on; it says where to begin.
    log:        is told of the session, to save it as a replay.
    folder:     for saved moments and screenshots; the user's data folder if None.
    clock:      the window's clock.
    Returns milliseconds per stage: jitter (how late a step starts), model, snapshot, present,
    input to display.
    Raises UserError if the world cannot be opened, and what a world or an observer raises.
    """
    worker = worker or Worker(on_done=window.wake)
    folder = folder or data_folder()
    session = Session(
        open_world,
        seed=seed,
        start=start,
        folder=folder,
        clock=clock,
        replay=replay,
        log=log,
    )
    settings = settings or SettingsFile()
    own_keys = OwnKeys(settings.now)
    display = Display(window, clock, title, own_keys, interpolate=interpolate, recorder=recorder)
    observer = Observers(observers if recorder is None else (*observers, recorder))
    course = Course(session, window, display, settings, own_keys, sensitivity, observer, clock)
    commands = Commands(session, window, display, course, own_keys, folder, recorder)
    loop = Loop(session, window, worker, display, course, commands, steps, auto, clock)
    try:
        loop.run()
    finally:
        window.close()
        loop.close()
    return display.timings


class Loop:
    """Turns of waiting, answering, taking and starting. `play` is the way to run one."""

    def __init__(
        self,
        session: Session,
        window: Window,
        worker: Worker,
        display: Display,
        course: Course,
        commands: Commands,
        steps_left: int | None,
        auto: bool,
        clock: Clock,
    ) -> None:
        self._session, self._window, self._worker = session, window, worker
        self._display, self._course, self._commands = display, course, commands
        self._steps_left, self._auto, self._clock = steps_left, auto, clock
        self._job: Job | None = None  # under way on the worker
        self._at_the_end = ExitStack()

    def run(self) -> None:
        """Open the world and play until the player leaves."""
        self._display.present(None)  # something to look at before anything is loaded
        self._begin(Job(partial(self._session.open, self._display.report), self._opened))
        with self._at_the_end:
            while not self._commands.leaving:
                if self._job is not None and self._worker.done:
                    self._finish()
                # What is due goes first: the model works while the window draws.
                if self._job is None:
                    self._start_what_is_due()
                self._display.expire()
                if self._display.stale and not self._due_before_drawn():
                    self._display.present(self._course.game)
                for event in self._window.poll(self._patience_s()):
                    self._commands.handle(event)
        if isinstance(self._window, LentWindow):
            self._let_finish(self._window)

    def _let_finish(self, window: LentWindow) -> None:
        """Wait for the job under way: whoever lent the window goes on with it, and would load the
        next world beside this one. Only its close button does not wait."""
        says_at = self._clock() + QUIETLY_S
        while self._job is not None and not (self._worker.done or window.close_asked):
            if self._clock() >= says_at:
                self._display.say("leaving ...")
                self._display.present(self._course.game)
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

    def _opened(self, moment: Moment) -> None:
        self._at_the_end.enter_context(steady())  # all that the world needs is loaded
        self._course.opened(moment)
        game = self._course.game
        if self._auto and game is not None:
            if game.denoising is None:
                self._display.say("this world has no denoising steps to choose from")
            else:
                game.governor = Governor(game.pacer.period_s)

    def _patience_s(self) -> float:
        """How long nothing will need doing, if no event comes."""
        game = self._course.game
        if self._display.stale and not self._due_before_drawn():
            return 0.0
        if self._job is not None:
            patience = ANSWER_S
        elif game is not None and game.ticking:
            patience = game.pacer.wait_s(self._clock())
        else:
            patience = IDLE_S
        return min(patience, self._display.wait_s())

    def _due_before_drawn(self) -> bool:
        """A step is due so soon that drawing now would make it late."""
        game = self._course.game
        if self._job is not None or game is None or not game.ticking:
            return False
        wait_s, drawn = game.pacer.wait_s(self._clock()), self._display.timings.recent("present")
        return drawn is not None and wait_s * 1e3 < min(drawn.median_ms, LONGEST_HELD_MS)

    # What is due

    def _start_what_is_due(self) -> None:
        game = self._course.game
        if (job := self._commands.next_job()) is not None:
            self._begin(job)
        elif game is not None and game.ticking and game.pacer.wait_s(self._clock()) == 0:
            late_s = game.pacer.begin(self._clock())
            if game.motion.backwards:
                self._course.step_back()
            elif game.motion.rewound:
                self._begin(self._course.follow())
            else:
                self._begin(self._step(game, late_s))

    def _step(self, game: Game, late_s: float | None) -> Job:
        action, waited = game.controls.sample()
        if game.motion.replaying:
            waited = []  # the game's keys have no effect
        if game.motion.paused:
            game.motion.single_step = False
        else:
            self._display.expect_effects(waited)
            game.rate.tick(self._clock())
            if late_s is not None:
                self._display.timings.add("jitter", late_s * 1e3)
        if game.motion.replaying:
            return Job(partial(self._session.follow, game.moment), self._followed, forgiving=True)
        vector = self._session.world.actions.encode(action)
        return Job(partial(self._session.advance, vector, game.moment), self._advanced)

    def _followed(self, result: Advance | Arrival) -> None:
        if isinstance(result, Advance):
            self._advanced(result)
        else:
            self._course.arrived(result)

    def _advanced(self, result: Advance) -> None:
        self._course.advanced(result)
        if self._steps_left is not None:
            self._steps_left -= 1
            self._commands.leaving = self._steps_left <= 0
        self._govern(result.model_ms + result.snapshot_ms)

    def _govern(self, step_ms: float) -> None:
        game = self._course.game
        if game is None or game.motion.replaying:
            return
        if by := game.govern(step_ms):
            adjust = partial(self._session.adjust, DENOISING_STEPS, by, game.moment)
            self._begin(Job(adjust, self._governed, forgiving=True))

    def _governed(self, result: tuple[str, Moment]) -> None:
        notice, moment = result
        self._course.switched((f"auto: {notice}", moment))

    def _begin(self, job: Job) -> None:
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
        if notice := self._session.take_notice():
            self._display.say(notice)
        if self._course.game is not None:
            self._course.game.motion.replaying = self._session.replaying
        self._display.stale = True
