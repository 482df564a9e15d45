"""What the loop shows: the game with figures and one line, drawn again when that has changed."""

from __future__ import annotations

from engine.controls import help_rows
from engine.game import Game, Mode
from engine.pacing import Clock, Timings
from engine.screen import Picture, Thumbnail, Window

NOTICE_S = 4.0
ROW_S = 3.0


class Display:
    """Keeps notices, pictures of starts, figures and the list of keys; presents them in a window.

    stale:     something changed since the last picture.
    show_hud, show_help: whether figures and the list of keys are shown.
    timings:   milliseconds of all stages; those of "present" and "input to display" from here.
    title:     what is being loaded, until there is a game.
    """

    def __init__(self, window: Window, clock: Clock, title: str) -> None:
        self._window, self._clock = window, clock
        self.timings = Timings()
        self.stale = True
        self.show_hud, self.show_help = True, False
        self._loading = f"loading {title} ..." if title else "loading ..."
        self._notice, self._notice_until = "", 0.0
        self._row: tuple[Thumbnail, ...] = ()
        self._row_until = 0.0
        self._effects_of: list[float] = []

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
        """Take away a notice and a row of pictures whose time is over."""
        if self._notice and self._clock() >= self._notice_until:
            self._notice = ""
            self.stale = True
        if self._row and self._clock() >= self._row_until:
            self.show_row(())

    def expect_effects(self, pressed: list[float]) -> None:
        """The step that starts now uses key events of these times."""
        self._effects_of = pressed

    def present(self, game: Game | None, *, settled: bool) -> None:
        """Draw what there is to see.

        settled: no step is under way, so the effects that were expected show in this picture.
        """
        self.stale = False
        started = self._clock()
        if game is None:
            keys = help_rows({}) if self.show_help else ()
            picture = Picture(line=self._loading, help=keys)
        else:
            mode = Mode(self.show_hud, self.show_help, self._notice, self._row)
            picture = game.picture(mode, self.timings)
        self._window.present(picture)
        shown = self._clock()
        self.timings.add("present", (shown - started) * 1e3)
        if settled:
            for pressed in self._effects_of:
                self.timings.add("input to display", (shown - pressed) * 1e3)
            self._effects_of = []
