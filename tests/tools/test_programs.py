"""Every program as it is called: its help loads nothing heavy, and old names tell the new ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
HEAVY = ("torch", "openvino", "h5py", "cv2", "pygame")
RENAMED = {
    "download": "hub download",
    "push": "hub push",
    "pull_data": "hub pull-data",
    "push_data": "hub push-data",
    "import_csgo": "import csgo",
    "import_diamond": "import diamond",
    "import_minari": "import minari",
    "import_video": "import video",
}
PROGRAMS = sorted({path.stem for path in TOOLS.glob("*.py")} - {"__init__", *RENAMED})
ASK_FOR_HELP = """
import runpy, sys
name, heavy = sys.argv[1], sys.argv[2:]
sys.argv[1:] = ["--help"]
try:
    runpy.run_module(name, run_name="__main__", alter_sys=True)
finally:
    print("loaded:", *(name for name in heavy if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_loads_nothing_heavy(program: str) -> None:
    """It took four to five seconds, nearly all of which went into importing torch."""
    asked = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP, f"tools.{program}", *HEAVY],
        cwd=TOOLS.parent,
        capture_output=True,
        text=True,
    )
    assert asked.returncode == 0, asked.stderr
    assert f"usage: python -m tools.{program} " in asked.stdout
    assert asked.stderr.splitlines()[-1].strip() == "loaded:"


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_tells_the_new_one(old: str) -> None:
    called = subprocess.run(
        [sys.executable, "-m", f"tools.{old}", "some", "--flag"],
        cwd=TOOLS.parent,
        capture_output=True,
        text=True,
    )
    line = f"error: python -m tools.{old} is now python -m tools.{RENAMED[old]}\n"
    assert (called.returncode, called.stdout, called.stderr) == (2, "", line)
