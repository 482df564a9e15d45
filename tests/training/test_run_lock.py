"""A run's folder belongs to one process at a time, for as long as that process lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from base.errors import UserError
from training.run_lock import alone_in

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from pathlib import Path
from training.run_lock import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_another_process_holds_is_refused_until_that_is_gone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, run], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        with pytest.raises(UserError, match=r"another process is training in .*run"), alone_in(run):
            raise AssertionError("both are in it")
        holder.kill()  # leaves the file, and nobody who holds it
    with alone_in(run):
        pass


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path):
        raise ZeroDivisionError
    with alone_in(tmp_path):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"cannot write .*file/run/run\.lock"),
        alone_in(tmp_path / "file" / "run"),
    ):
        pass
