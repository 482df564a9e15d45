"""How programs end: well, on a mistake, and where nobody reads on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from base.errors import UserError, run_main, unknown

ROOT = Path(__file__).resolve().parent.parent
TALKATIVE = """
from base.errors import run_main
run_main(lambda: [print("a line of text") for _ in range(100_000)] and 0)
"""


def test_nobody_reading_on_is_no_error() -> None:
    """A list piped into `head` once ended in a traceback."""
    talking = subprocess.Popen(
        [sys.executable, "-c", TALKATIVE],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert talking.stdout is not None and talking.stderr is not None
    assert talking.stdout.readline() == "a line of text\n"
    talking.stdout.close()
    assert talking.stderr.read() == ""
    assert talking.wait() == 141


@pytest.mark.parametrize("code", [0, 3, None])
def test_a_program_ends_with_the_code_it_gives(code: int | None) -> None:
    with pytest.raises(SystemExit) as ended:
        run_main(lambda: code)
    assert ended.value.code == (code or 0)


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def mistaken() -> int:
        raise unknown("game", "pongg", ["pong", "breakout"])

    with pytest.raises(SystemExit) as ended:
        run_main(mistaken)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: unknown game 'pongg'; did you mean 'pong'")
    assert isinstance(unknown("game", "x", ["y"]), UserError)
