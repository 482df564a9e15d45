"""Progress bars: one that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tqdm import tqdm

from base.terminal import printable

NOW_AND_THEN_S = 30.0  # between two lines in a log


class ProgressBar(tqdm):
    """tqdm's bar, which in a file or a pipe becomes a line every half a minute, and one at the end.

    There a bar that is drawn over itself ten times a second would be thousands of lines.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if not _is_terminal(options.get("file") or sys.stderr):
            # A least number of steps would be guessed from the first, which may be the quick ones.
            options = {"mininterval": NOW_AND_THEN_S, "miniters": 1, "ascii": True, **options}
        super().__init__(*arguments, **options)

    @staticmethod
    def status_printer(file: Any) -> Callable[[str], None]:
        """Return the function that draws the bar, given its text."""
        drawn = tqdm.status_printer(file)

        def draw(text: str) -> None:
            if _is_terminal(file):
                drawn(printable(text))
            elif text.strip():  # it is not to be wiped out
                file.write(printable(text.strip()) + "\n")
                file.flush()

        return draw

    def clear(self, nolock: bool = False) -> None:
        """Make room for a line above the bar."""
        if _is_terminal(self.fp):
            super().clear(nolock)

    def set_postfix(
        self,
        ordered_dict: Mapping[str, Any] | None = None,
        refresh: bool | None = True,
        **more: Any,
    ) -> None:
        """Say something behind the bar; elsewhere than on a terminal when its next line is due."""
        super().set_postfix(ordered_dict, bool(refresh) and _is_terminal(self.fp), **more)

    @classmethod
    def write(cls, s: str, file: Any = None, end: str = "\n", nolock: bool = False) -> None:
        """Say a line above the bar."""
        super().write(printable(s), file, end, nolock)

    def close(self) -> None:
        """Draw it once more and be done."""
        if not (self.disable or _is_terminal(self.fp)):
            if self.leave and self.last_print_t >= self.start_t + (self.delay or 0):
                self.display()
            self.delay = math.inf  # of a bar that was never due tqdm clears nothing away
        super().close()


def hush_hub() -> None:
    """Keep huggingface_hub from bars of its own where there is no terminal to draw them on."""
    from huggingface_hub.utils import disable_progress_bars

    if not _is_terminal(sys.stderr):
        disable_progress_bars()


def _is_terminal(file: Any) -> bool:
    return file is not None and bool(getattr(file, "isatty", bool)())
