"""The allocator's settings, seen from outside: what the process keeps of freed memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy, psutil
from base.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
before = psutil.Process().memory_info().rss
block = numpy.ones(20_000_000, numpy.uint8)
del block
print(psutil.Process().memory_info().rss - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc's allocator")
def test_freed_memory_stays_with_the_process_only_when_asked() -> None:
    kept, returned = (
        int(subprocess.check_output([sys.executable, "-c", PROGRAM, word]))
        for word in ("keep", "leave")
    )
    assert kept > 18_000_000
    assert returned < 5_000_000
