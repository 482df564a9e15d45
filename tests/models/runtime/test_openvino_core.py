"""What comes with OpenVINO and is not wanted."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import multiprocessing.process, sys
def start(process): sys.exit("OpenVINO forks this process")
multiprocessing.process.BaseProcess.start = start
from models.runtime.openvino_core import core
core()
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules)
"""


def test_openvino_tells_nobody_that_it_is_used() -> None:
    """It did, from a fork that took our signal handlers along: without a network the program hung
    at its end, since the fork could not be ended either."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
