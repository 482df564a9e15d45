"""Progress bars on a terminal, and in a log."""

from __future__ import annotations

import io
import sys
import time

import pytest

from base import progress
from base.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_has_a_line_now_and_then() -> None:
    """Thousands of states of one bar were written over one another, which in a log they are not."""
    log, now = io.StringIO(), 0.0
    with ProgressBar(total=3600, unit="step", file=log) as bar:
        bar._time = lambda: now
        bar.last_print_t = bar.start_t = now
        for _ in range(3600):  # an hour, a step each second
            now += 1
            bar.update()
        bar.write("half way", file=log)
    lines = log.getvalue().splitlines()
    assert "\r" not in log.getvalue() and "" not in lines
    assert 60 <= len(lines) <= 3600 / progress.NOW_AND_THEN_S + 4
    assert lines[0].startswith("0%") and lines[-1].startswith("100%") and "half way" in lines


def test_losses_behind_a_bar_wait_for_its_next_line() -> None:
    """A training told its loss with every update, and its log grew by a line each."""
    log, shown = io.StringIO(), Terminal()
    for file in (log, shown):
        with ProgressBar(total=50, file=file) as bar:
            for _ in range(50):
                bar.update()
                bar.set_postfix(loss="0.25")
    assert len(log.getvalue().splitlines()) <= 2 and "loss=0.25" in log.getvalue()
    assert "loss=0.25" in shown.getvalue()


def test_a_bar_that_leaves_nothing_leaves_no_end_in_a_log() -> None:
    log = io.StringIO()
    with ProgressBar(total=5, leave=False, file=log) as bar:
        bar.update(5)
    with ProgressBar(total=5, delay=60, file=log) as bar:
        bar.update(5)
    with ProgressBar(total=5, disable=True, file=log) as bar:
        bar.update(5)
    assert len(log.getvalue().splitlines()) == 1


def test_on_a_terminal_it_moves() -> None:
    shown = Terminal()
    with ProgressBar(total=3, file=shown, mininterval=0) as bar:
        for _ in range(3):
            time.sleep(0.001)
            bar.update()
    assert shown.getvalue().count("\r") >= 3 and shown.getvalue().count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_the_hubs_library_has_no_bars_in_a_log(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars

    # The library reads the variable of that name once, when it is imported.
    bars = sys.modules["huggingface_hub.utils.tqdm"]
    monkeypatch.setattr(bars, "HF_HUB_DISABLE_PROGRESS_BARS", None)
    monkeypatch.setattr("sys.stderr", Terminal() if terminal else io.StringIO())
    enable_progress_bars()
    progress.hush_hub()
    assert are_progress_bars_disabled() is not terminal
    enable_progress_bars()
