"""A game that is played in an open world: where it has been, its clock, and what follows of steps.

Everything here runs on the loop's thread; `Job`s take what touches the world to the worker's.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from engine.contracts import DENOISING_STEPS, ActionVector, Knob, knobs_of, thumbnails_of
from engine.input.game_input import GameInput
from engine.player.governor import Governor
from engine.player.history import History, Moment
from engine.player.observer import Observer
from engine.player.pacing import Pacer, RateMeter
from engine.player.presenter import Presenter
from engine.player.session import Advance, Arrival, Session
from engine.player.state import Playback, PlayEvent, PlayState
from engine.player.worker import Job
from engine.ui.display import GameView
from engine.ui.starts_row import starts_row


class Game:
    """Takes a game from moment to moment. Methods in the past tense take the result of a job.

    moment:    the one on screen, the latest of `history`.
    replaying: the steps come from a replay. Other than the session's, it stays as it is while a
               job is under way.
    governor:  chooses the denoising steps; None leaves that to the player.
    """

    def __init__(
        self,
        session: Session,
        moment: Moment,
        input: GameInput,
        playback: Playback,
        presenter: Presenter,
        observer: Observer,
    ) -> None:
        self._session, self._world = session, session.world
        self.input, self._playback = input, playback
        self._presenter, self._observer = presenter, observer
        self.history = History(self._world.rate_fps, moment)
        self.pacer = Pacer(self._world.rate_fps)
        self._rate = RateMeter()
        self.replaying = session.replaying
        self.governor: Governor | None = None
        self._last_action: ActionVector | None = None
        self._thumbnails = thumbnails_of(self._world)
        observer.opened(self._world)
        self.happens(PlayEvent.OPENED)
        self._began()

    @property
    def moment(self) -> Moment:
        return self.history.latest

    @property
    def _over(self) -> bool:
        """The game has ended, and no replay restarts it or goes back."""
        return self.moment.over and not self.replaying

    @property
    def denoising(self) -> Knob | None:
        """The knob of the denoising steps; None in a world without."""
        return next((k for k in knobs_of(self._world) if k.name == DENOISING_STEPS), None)

    def happens(self, event: PlayEvent) -> None:
        """Let an event change the state of the player."""
        self._playback.handle(event, away=self.history.away, over=self._over)

    def interrupt(self) -> None:
        """Drop input and rates from before: the game stood still or went elsewhere."""
        self.input.controls.forget()
        self._rate.interrupt()
        self.pacer.interrupt()

    def settle(self) -> None:
        """Take note of what the job that is done has changed."""
        self.replaying = self._session.replaying
        self.happens(PlayEvent.CHANGED)

    # Ticks

    def tick(self, now: float) -> Job | None:
        """Do what is due at a tick of the game's clock; return what the worker has to do for it."""
        late_s = self.pacer.begin(now)
        if self._playback.state.backwards:
            self._step_back()
            return None
        if self._playback.state is PlayState.RETURNING:
            return self.follow()
        return self._step(now, late_s)

    def _step(self, now: float, late_s: float | None) -> Job:
        action, pressed = self.input.controls.sample()
        if self._playback.state is PlayState.PLAYING:
            # During a replay the game's keys have no effect.
            self._presenter.expect_effects([] if self.replaying else pressed)
            self._rate.tick(now)
            if late_s is not None:
                self._presenter.timings.add("jitter", late_s * 1e3)
        self.happens(PlayEvent.TICK)
        if self.replaying:
            follow = partial(self._session.follow, self.moment)
            return Job(follow, self._followed, forgiving=True)
        vector = self._world.actions.encode(action)
        return Job(partial(self._session.advance, vector, self.moment), self._advanced)

    def _step_back(self) -> None:
        """Show the moment before; the world follows later."""
        self._rate.interrupt()
        self._presenter.stale |= self.history.back()
        self.happens(PlayEvent.TICK)

    def follow(self) -> Job:
        """Put the world where the screen went back to."""
        return Job(partial(self._session.go_to, self.moment), self.jumped)

    # Results

    def _advanced(self, result: Advance) -> Job | None:
        """The world made a step: the denoising steps may have to be others for the next."""
        self._stepped(result)
        knob, governor = self.denoising, self.governor
        if governor is None or knob is None:
            return None
        by = governor.move(knob, result.model_ms + result.snapshot_ms)
        adjust = partial(self._session.adjust, DENOISING_STEPS, by, self.moment)
        return Job(adjust, self._governed, forgiving=True) if by else None

    def _stepped(self, result: Advance) -> None:
        before = self.moment.frame
        self.history.add(result.moment)
        self._presenter.stepped(before, result.moment.frame, self.pacer.period_s)
        self._last_action = result.action
        self._presenter.timings.add("model", result.model_ms)
        self._presenter.timings.add("snapshot", result.snapshot_ms)
        self._observer.stepped(result.action, result.step)

    def _governed(self, result: tuple[str, Moment]) -> None:
        notice, moment = result
        self.switched((f"auto: {notice}", moment))

    def _followed(self, result: Advance | Arrival) -> None:
        """The replay made a step, or did something else."""
        match result:
            case Advance():
                self._stepped(result)
            case Arrival("began", moment):
                self.restarted(moment)
            case Arrival("moved", moment):
                self.jumped(moment)
            case Arrival("switched", moment, notice):
                self.switched((notice, moment))

    def restarted(self, moment: Moment) -> None:
        """Another game begins."""
        self._go_on_from(moment)
        self._began()

    def _began(self) -> None:
        self._presenter.show_row(starts_row(self._thumbnails, self._session.start))
        self._observer.began(self.moment.frame, self._session.seed, self._session.start)

    def jumped(self, moment: Moment) -> None:
        """The world was put to a moment from before: that on screen, or a saved one."""
        if self.moment is not moment:
            self._go_on_from(moment)
        self.history.reach()
        self.input.controls.forget()
        self._presenter.show_row(())  # the start that this game came from is not known
        self._observer.jumped(moment.frame)

    def _go_on_from(self, moment: Moment) -> None:
        self.history.add(moment)
        self.interrupt()
        self.happens(PlayEvent.MOVED)

    def switched(self, result: tuple[str, Moment]) -> None:
        """A switch of the world was turned, with a notice for the player."""
        notice, moment = result
        before = self.moment
        self.history.replace(moment)
        if before.over and not moment.over:
            self.interrupt()  # it stood still until now
        if not np.array_equal(before.frame, moment.frame):
            self._observer.jumped(moment.frame)
        if notice:
            self._presenter.say(notice)

    # What is to be seen

    def view(self) -> GameView:
        """Return the game as it stands, to be shown."""
        action = self._last_action
        return GameView(
            self._shown_state(),
            self.moment,
            self.moment.frame,
            natural_fps=self._world.rate_fps,
            rate_fps=self._rate.rate_fps,
            oldest=len(self.history) == 1,
            replaying=self.replaying,
            action="" if action is None else self._world.actions.describe(action),
            runtime=str(getattr(self._world, "runtime", "")),
            hint=self.input.pointer.hint,
            auto=self.governor is not None,
            panel=self.input.panel.rows,
        )

    def _shown_state(self) -> PlayState:
        """Return the state that the player knows of: a tap on a key is seen at the next tick."""
        state, beneath = self._playback.state, self._playback.beneath
        if self.history.away or state in (PlayState.REWIND_PRESSED, PlayState.REWINDING):
            return PlayState.REWINDING
        if state is PlayState.STEPPING_BACK:
            state = PlayState.OVER if self._over else beneath
        return PlayState.PAUSED if state is PlayState.STEPPING else state
