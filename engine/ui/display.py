"""What the loop shows: the game with figures and one line, drawn again when that has changed."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.contracts import Frame
from engine.input.player_keys import OwnKeys, help_rows
from engine.player.game import Game, Mode
from engine.player.interpolation import Glide
from engine.player.observer import Recorder
from engine.player.pacing import Clock, Timings
from engine.ui.help_pages import Pairs, help_page
from engine.ui.screen import Picture, Thumbnail, Window

NOTICE_S = 4.0
ROW_S = 3.0


class Display:
    """Keeps notices, pictures of starts, figures and the list of keys; presents them in a window.

    stale:     something changed since the last picture.
    show_hud:  whether figures are shown.
    help_page: which page of the list of keys is, from 1; 0 for none.
    timings:   milliseconds of all stages; those of "present" and "input to display" from here.
    title:     what is being loaded, until there is a game.
    own_keys:  listed until then.
    recorder:  has a status to show.
    interpolate: whether to show motion between two frames, at the rate of the display.
    """

    def __init__(
        self,
        window: Window,
        clock: Clock,
        title: str,
        own_keys: OwnKeys,
        *,
        interpolate: bool = False,
        recorder: Recorder | None = None,
    ) -> None:
        self._window, self._clock, self._recorder = window, clock, recorder
        self._own_keys = own_keys
        self.timings = Timings()
        self.stale = True
        self.show_hud, self.help_page = True, 0
        self._loading = f"loading {title} ..." if title else "loading ..."
        self._notice, self._notice_until = "", 0.0
        self._row: tuple[Thumbnail, ...] = ()
        self._row_until = 0.0
        # When keys were pressed: those in the step under way, and in frames not shown yet.
        self._expected: list[float] = []
        self._made: list[float] = []
        self._interpolate = interpolate
        self._glide: Glide | None = None  # to the latest frame, until that is shown
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
        """See to what time alone changes: motion, and what was shown for long enough."""
        if self._clock() >= self._redraw_at:
            self.stale = True
        if self._notice and self._clock() >= self._notice_until:
            self._notice = ""
            self.stale = True
        if self._row and self._clock() >= self._row_until:
            self.show_row(())

    def expect_effects(self, pressed: list[float]) -> None:
        """The step that starts now uses key events of these times."""
        self._expected = pressed

    def stepped(self, before: Frame, after: Frame, period_s: float) -> None:
        """The step led from one frame to another, where the effects expected of it are seen."""
        self._made += self._expected
        self._expected = []
        pictures = round(period_s * self._window.refresh_fps)
        if self._interpolate and pictures > 1 and before.shape == after.shape:
            self._glide = Glide(before, after, self._clock(), period_s, pictures)

    def wait_s(self) -> float:
        """Seconds until the display will want to draw although nothing has happened."""
        return max(0.0, self._redraw_at - self._clock())

    def present(self, game: Game | None) -> None:
        """Draw what there is to see."""
        self.stale = False
        started = self._clock()
        if game is None:
            picture = Picture(line=self._notice or self._loading)
        else:
            status = "" if self._recorder is None else self._recorder.status
            mode = Mode(
                self.show_hud,
                self._notice,
                status,
                self._row,
                self._interpolate,
            )
            picture = game.picture(mode, self.timings)
            picture = replace(picture, frame=self._between(game.moment.frame, started))
        self._window.present(replace(picture, help=self._help(game)))
        shown = self._clock()
        self.timings.add("present", (shown - started) * 1e3)
        if self._glide is None:
            for pressed in self._made:
                self.timings.add("input to display", (shown - pressed) * 1e3)
            self._made = []

    def _help(self, game: Game | None) -> Pairs:
        """The page of the list of keys that is shown."""
        if not self.help_page:
            return ()
        pairs = help_rows(self._own_keys, {}) if game is None else game.help
        page = help_page(pairs, self.help_page, self._window.size)
        if not page:  # the one before was the last, in a window of this size
            self.help_page = 0
        return page

    def _between(self, frame: Frame, now: float) -> Frame:
        """What to show of the way to `frame`, the one the game is at."""
        glide, self._glide, self._redraw_at = self._glide, None, math.inf
        if glide is None or glide.after is not frame:
            return frame  # no way leads there: it was rewound or loaded
        number = glide.number(now)
        if number < glide.pictures - 1:
            self._glide, self._redraw_at = glide, glide.due(number + 1)
        return glide.picture(number)
