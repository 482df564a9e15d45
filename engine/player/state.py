"""The state of the player: one at a time, and the events that lead from one to another."""

from __future__ import annotations

from enum import Enum, auto


class PlayState(Enum):
    """A state, named for what the player does at the next tick of the game's clock."""

    LOADING = auto()  # nothing: the world is not open yet
    PLAYING = auto()  # a step
    PAUSED = auto()  # nothing
    STEPPING = auto()  # a step, then PAUSED
    REWIND_PRESSED = auto()  # show the moment before; the rewind key went down since the last tick
    REWINDING = auto()  # show the moment before, for as long as the key is held
    STEPPING_BACK = auto()  # show the moment before; the key is up again
    RETURNING = auto()  # put the world at the moment that rewinding led to
    OVER = auto()  # nothing: the game has ended
    LEAVING = auto()  # nothing: the session ends

    @property
    def ticking(self) -> bool:
        """Something happens at the next tick."""
        return self not in _STILL

    @property
    def backwards(self) -> bool:
        """The next tick shows the moment before."""
        return self in _BACKWARDS


class PlayEvent(Enum):
    """An event that may change the state."""

    OPENED = auto()  # the world is open
    PAUSE = auto()  # the key to pause and to play on
    STEP = auto()  # the key for a single step
    REWIND = auto()  # the rewind key went down
    RELEASE = auto()  # it went up
    TICK = auto()  # the game's clock
    CHANGED = auto()  # the world, or the moment on screen, is another
    MOVED = auto()  # a restart or a loaded moment: another moment, from elsewhere
    INTERRUPTED = auto()  # something else had the keys: none is held any more
    LEAVE = auto()


_S, _E = PlayState, PlayEvent
_STILL = frozenset({_S.LOADING, _S.PAUSED, _S.OVER, _S.LEAVING})
_BACKWARDS = frozenset({_S.REWIND_PRESSED, _S.REWINDING, _S.STEPPING_BACK})
_FORWARDS = frozenset({_S.PLAYING, _S.PAUSED, _S.STEPPING})

# Events that are not listed leave a state as it is. LEAVE always leads to LEAVING.
TRANSITIONS: dict[tuple[PlayState, PlayEvent], PlayState] = {
    (_S.LOADING, _E.OPENED): _S.PLAYING,
    (_S.PLAYING, _E.PAUSE): _S.PAUSED,
    (_S.PAUSED, _E.PAUSE): _S.PLAYING,
    (_S.STEPPING, _E.PAUSE): _S.PLAYING,
    (_S.PLAYING, _E.STEP): _S.STEPPING,
    (_S.PAUSED, _E.STEP): _S.STEPPING,
    (_S.STEPPING, _E.TICK): _S.PAUSED,
    (_S.STEPPING, _E.MOVED): _S.PAUSED,
    (_S.STEPPING, _E.INTERRUPTED): _S.PAUSED,
    (_S.PLAYING, _E.REWIND): _S.REWIND_PRESSED,
    (_S.PAUSED, _E.REWIND): _S.REWIND_PRESSED,
    (_S.STEPPING, _E.REWIND): _S.REWIND_PRESSED,
    (_S.OVER, _E.REWIND): _S.REWIND_PRESSED,
    (_S.REWINDING, _E.REWIND): _S.REWIND_PRESSED,
    (_S.STEPPING_BACK, _E.REWIND): _S.REWIND_PRESSED,
    (_S.RETURNING, _E.REWIND): _S.REWIND_PRESSED,
    (_S.REWIND_PRESSED, _E.TICK): _S.REWINDING,
    (_S.STEPPING_BACK, _E.TICK): _S.RETURNING,
    (_S.REWIND_PRESSED, _E.RELEASE): _S.STEPPING_BACK,
    (_S.REWINDING, _E.RELEASE): _S.RETURNING,
    (_S.REWIND_PRESSED, _E.INTERRUPTED): _S.RETURNING,
    (_S.REWINDING, _E.INTERRUPTED): _S.RETURNING,
    (_S.STEPPING_BACK, _E.INTERRUPTED): _S.RETURNING,
}


class Playback:
    """The state, and the one that play goes on in after rewinding or the end of a game.

    state:   now.
    beneath: PLAYING, PAUSED or STEPPING. While the state is another, events that pause, step and
             play on change this one, so a game that was paused is so after a restart as well.
    """

    def __init__(self) -> None:
        self.state = PlayState.LOADING
        self.beneath = PlayState.PLAYING

    @property
    def paused(self) -> bool:
        """The game stands still, or would but for rewinding or its end."""
        state = self.state if self.state in _FORWARDS else self.beneath
        return state is not PlayState.PLAYING

    def handle(self, event: PlayEvent, *, away: bool = False, over: bool = False) -> None:
        """Go to the state that an event leads to.

        away: the screen shows a moment that the world is not at.
        over: the game has ended at the moment on screen, and nothing but the player goes on.
        """
        before = self.state
        if event is PlayEvent.LEAVE or before is PlayState.LEAVING:
            self.state = PlayState.LEAVING
            return
        if before is PlayState.LOADING and event is not PlayEvent.OPENED:
            return
        self.state = TRANSITIONS.get((before, event), before)
        if before in _FORWARDS:
            self.beneath = before
        if self.state not in _FORWARDS:
            beneath = TRANSITIONS.get((self.beneath, event), self.beneath)
            self.beneath = beneath if beneath in _FORWARDS else self.beneath
        if self.state is PlayState.RETURNING and not away:
            self.state = self.beneath
        if self.state is PlayState.OVER and not over:
            self.state = self.beneath
        elif self.state in _FORWARDS and over:
            self.beneath, self.state = self.state, PlayState.OVER
