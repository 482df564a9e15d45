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


def test_what_the_system_refuses_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A name that is too long, or a folder that is closed, ended in a traceback."""
    name = tmp_path / ("a" * 300)
    with pytest.raises(SystemExit) as ended:
        run_main(lambda: (name / "card").is_file() or len(name.read_bytes()))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: cannot use /") and said.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full here")
def test_a_full_disk_is_one_line_and_no_output_at_all_is_none() -> None:
    for output, code, said in (("/dev/full", 2, "error: cannot write the output: "), ("&-", 0, "")):
        command = f'"{sys.executable}" -c "{TALKATIVE}" >{output}'.replace("100_000", "10")
        command = command.replace('"a line of text"', "1")
        ran = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
        assert ran.returncode == code
        assert ran.stderr.startswith(said) and ran.stderr.count("\n") == bool(said)
