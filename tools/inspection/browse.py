"""Walking through recorded episodes in a window: frame by frame, by seconds, at their own pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.store import Store
from engine.contracts import Frame
from engine.player.pacing import Clock, Pacer
from engine.ui.screen import (
    CloseAsked,
    Event,
    FocusLost,
    KeyDown,
    KeyUp,
    Picture,
    Uncovered,
    Window,
)
from tools.inspection.browse_picture import Moment, draw

IDLE_S = 0.5  # longest wait while nothing moves
FIRST_S, AGAIN_S = 0.4, 0.05  # an arrow that is held steps again after these
BLOCK_BYTES = 16_000_000  # of frames, at most, that are read at a time
BLOCK = 64  # frames, at most, that are read at a time
HINT = "Space plays, arrows step, Page up and down change the episode, F1 lists the keys"
HELP = (
    ("Right, Left", "a step on, or back; hold to go on"),
    ("Up, Down", "a second on, or back"),
    ("Page down, Page up", "the next episode, or the one before"),
    ("Home, End", "its first frame, its last"),
    ("Space", "play at its own pace, stop"),
    ("F11", "full screen"),
    ("F1", "this list"),
    ("Esc", "leave"),
)


def browse(store: Store, window: Window, clock: Clock = time.perf_counter) -> None:
    """Show a store's episodes in a window until the person leaves; then close it.

    clock: the window's clock.
    """
    try:
        browser = Browser(store, window, clock)
        while not browser.leaving:
            browser.follow(clock())
            if browser.stale:
                window.present(browser.picture())
            for event in window.poll(browser.patience_s(clock())):
                browser.handle(event)
    finally:
        window.close()


class Browser:
    """Position in a store's episodes, moved by events.

    episode: by its position in the store. at: the frame that is shown.
    playing: it goes on by itself.
    leaving: the person wants to be out of here.
    stale:   something changed since the last picture.
    """

    def __init__(self, store: Store, window: Window, clock: Clock) -> None:
        self._store, self._window, self._clock = store, window, clock
        self._pacer = Pacer(store.info.rate_fps)
        self._block = max(1, min(BLOCK, BLOCK_BYTES // int(np.prod(store.frame_shape))))
        self._read: tuple[int, int, NDArray[np.uint8]] | None = None  # episode, number, frames
        self._help = False
        self._held, self._again_at = "", 0.0  # an arrow, and when it counts again
        self._moves: Mapping[str, Callable[[], None]] = {
            "right": lambda: self._go(self.at + 1),
            "left": lambda: self._go(self.at - 1),
            "up": lambda: self._go(self.at + self._second),
            "down": lambda: self._go(self.at - self._second),
            "home": lambda: self._go(0),
            "end": lambda: self._go(self._last),
            "page down": lambda: self._turn(1),
            "page up": lambda: self._turn(-1),
        }
        self.leaving, self.playing, self.stale = False, False, True
        self._open(0)

    # What is to be seen

    def picture(self) -> Picture:
        """Picture of the present position."""
        self.stale = False
        frame, error = self._frame()
        moment = Moment(
            frame=frame,
            at=self.at,
            space=self._store.info.actions,
            steps=self._steps,
            rate_fps=self._store.info.rate_fps,
        )
        info = self._store.episode_info(self.episode)
        number, count = self._store.numbers[self.episode], len(self._store)
        about = (
            ("episode", f"{number} ({self.episode + 1} of {count})"),
            ("player", info.player),
            ("seed", str(info.seed)),
        )
        line = error or moment.event or ("" if self.playing else HINT)
        hud = (*moment.cells, about)
        return Picture(draw(moment), hud=hud, line=line, help=HELP if self._help else ())

    def _frame(self) -> tuple[Frame, str]:
        """The frame that is shown, black with the reason if it cannot be read."""
        number = self.at // self._block
        if self._read is None or self._read[:2] != (self.episode, number):
            start = number * self._block
            stop = min(start + self._block, self._last + 1)
            try:
                frames = self._store.read(self.episode, start, stop).frames
            except UserError as error:
                return np.zeros(self._store.frame_shape, np.uint8), str(error)
            self._read = (self.episode, number, frames)
        return self._read[2][self.at - number * self._block], ""

    @property
    def _last(self) -> int:
        return len(self._steps)

    @property
    def _second(self) -> int:
        return max(1, round(self._store.info.rate_fps))

    # What happens

    def patience_s(self, now: float) -> float:
        """Return the seconds until something is due, if no event comes."""
        if self.stale:
            return 0.0
        waits = [IDLE_S]
        if self.playing:
            waits.append(self._pacer.wait_s(now))
        if self._held:
            waits.append(max(0.0, self._again_at - now))
        return min(waits)

    def follow(self, now: float) -> None:
        """Do what time brings: play on, and step again while an arrow is held."""
        if self.playing and self._pacer.wait_s(now) == 0:
            self._pacer.begin(now)
            self._go(self.at + 1)
            self.playing = self.at < self._last
        if self._held and now >= self._again_at:
            self._again_at = now + AGAIN_S
            self._moves[self._held]()

    def handle(self, event: Event) -> None:
        """Do what an event asks for."""
        match event:
            case CloseAsked() | KeyDown(key="escape"):
                self.leaving = True
            case Uncovered():
                self.stale = True
            case FocusLost():
                self._held = ""
            case KeyUp(key=key) if key == self._held:
                self._held = ""
            case KeyDown(key="space"):
                self._toggle()
            case KeyDown(key="f1"):
                self._help, self.stale = not self._help, True
            case KeyDown(key="f11"):
                self._window.toggle_fullscreen()
                self.stale = True
            case KeyDown(key=key, at=at) if key in self._moves:
                if not key.startswith("page"):
                    self.playing = False
                self._held, self._again_at = key, at + FIRST_S
                self._moves[key]()

    def _toggle(self) -> None:
        """Play, from the beginning where the end is shown, or stop."""
        self.playing, self.stale = not self.playing, True
        if self.playing:
            self._pacer = Pacer(self._store.info.rate_fps)
            self._pacer.begin(self._clock())  # this frame is seen for a step, too
            if self.at == self._last:
                self._go(0)

    def _turn(self, by: int) -> None:
        episode = max(0, min(self.episode + by, len(self._store) - 1))
        if episode != self.episode:
            self._open(episode)

    def _open(self, episode: int) -> None:
        self.episode, self.at = episode, 0
        self._steps = self._store.steps(episode)
        self.stale = True

    def _go(self, at: int) -> None:
        self.at = max(0, min(at, self._last))
        self.stale = True
