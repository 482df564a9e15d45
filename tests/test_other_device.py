"""What runs on a GPU keeps all that it works with there: tested in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# torch counts devices at the first backward pass of a process, so this one must not have had any.
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "--numprocesses",
    "0",
    "tests/programs/on_other_device.py",
    "-k",
]


@pytest.mark.parametrize("which", ["trained", "not trained"])
def test_on_a_device_that_is_none(which: str) -> None:
    ran = subprocess.run([*PYTEST, which], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-3000:]
