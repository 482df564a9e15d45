"""The presenter: what is shown for how long, and pictures of it in a window when it changes."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.contracts import Frame
from engine.input.keymap import Keymap
from engine.player.interpolation import Interpolation
from engine.player.observer import Recorder
from engine.player.pacing import Clock, Timings
from engine.ui.display import GameView, View, picture
from engine.ui.help_pages import Pairs, help_page, help_rows
from engine.ui.screen import Thumbnail, Window

NOTICE_S = 4.0
ROW_S = 3.0


class Presenter:
    """Keeps notices, rows of small pictures and what is switched on; draws when it is `stale`.

    stale:     something changed since the last picture.
    show_hud:  figures are shown.
    help_page: the page of the list of keys that is shown, from 1; 0 for none.
    timings:   milliseconds of all stages; those of "present" and "input to display" from here.

    title:       of the world that is loading.
    recorder:    has a status to show.
    interpolate: show motion between two frames, at the rate of the display.
    """

    def __init__(
        self,
        window: Window,
        clock: Clock,
        title: str = "",
        *,
        interpolate: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self._window, self._clock, self._recorder = window, clock, recorder
        self.timings = Timings()
        self.stale = True
        self.show_hud, self.help_page = True, 0
        self._loading = f"loading {title} ..." if title else "loading ..."
        self._notice, self._notice_until = "", 0.0
        self._row: tuple[Thumbnail, ...] = ()
        self._row_until = 0.0
        # Times of key events: those in the step under way, and in frames not shown yet.
        self._expected: list[float] = []
        self._made: list[float] = []
        self._interpolate = interpolate
        self._motion: Interpolation | None = None  # to the latest frame, until that is shown
        self._redraw_at = math.inf

    def report(self, line: str) -> None:
        """Say how far loading has come. May be called on any thread."""
        self._loading = line
        self.stale = True  # last: `present` clears it first, so no line is missed

    def say(self, notice: str) -> None:
        """Show a line before all others, for a while."""
        self._notice, self._notice_until = notice, self._clock() + NOTICE_S
        self.stale = True

    def show_row(self, row: tuple[Thumbnail, ...]) -> None:
        """Show small pictures for a while; none takes away those that are shown."""
        self._row, self._row_until = row, self._clock() + ROW_S
        self.stale = True

    def expire(self) -> None:
        """Take away what was shown for long enough, and go on with motion."""
        now = self._clock()
        if now >= self._redraw_at:
            self.stale = True
        if self._notice and now >= self._notice_until:
            self._notice = ""
            self.stale = True
        if self._row and now >= self._row_until:
            self.show_row(())

    def expect_effects(self, pressed: list[float]) -> None:
        """Note the times of the key events that the step which starts now uses."""
        self._expected = pressed

    def stepped(self, before: Frame, after: Frame, period_s: float) -> None:
        """Note that the step led from one frame to another, which shows the effects."""
        self._made += self._expected
        self._expected = []
        pictures = round(period_s * self._window.refresh_fps)
        if self._interpolate and pictures > 1 and before.shape == after.shape:
            self._motion = Interpolation(before, after, self._clock(), period_s, pictures)

    def wait_s(self) -> float:
        """Return the seconds until something is to be drawn although nothing has happened."""
        return max(0.0, self._redraw_at - self._clock())

    def present(self, keymap: Keymap, game: GameView | None) -> None:
        """Draw what there is to see; `game` is None while the world is loading."""
        self.stale = False
        started = self._clock()
        if game is not None:
            game = replace(game, frame=self._on_the_way(game.frame, started))
        self._window.present(picture(self._view(keymap, game)))
        shown = self._clock()
        self.timings.add("present", (shown - started) * 1e3)
        if self._motion is None:
            for pressed in self._made:
                self.timings.add("input to display", (shown - pressed) * 1e3)
            self._made = []

    def _view(self, keymap: Keymap, game: GameView | None) -> View:
        return View(
            keymap,
            game,
            loading=self._loading,
            notice=self._notice,
            status="" if self._recorder is None else self._recorder.status,
            row=self._row,
            help=self._help(keymap),
            show_hud=self.show_hud,
            model=self.timings.recent("model"),
            input=self.timings.recent("input to display"),
            interpolated=self._interpolate,
        )

    def _help(self, keymap: Keymap) -> Pairs:
        """Return the page of the list of keys that is shown."""
        if not self.help_page:
            return ()
        page = help_page(help_rows(keymap), self.help_page, self._window.size)
        if not page:  # the one before was the last, in a window of this size
            self.help_page = 0
        return page

    def _on_the_way(self, frame: Frame, now: float) -> Frame:
        """Return the picture that is due of the motion to `frame`, the one the game is at."""
        motion, self._motion, self._redraw_at = self._motion, None, math.inf
        if motion is None or motion.after is not frame:
            return frame  # no motion leads there: it was rewound or loaded
        number = motion.number(now)
        if number < motion.pictures - 1:
            self._motion, self._redraw_at = motion, motion.due(number + 1)
        return motion.picture(number)
