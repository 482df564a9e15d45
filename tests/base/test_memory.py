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

SCATTERED = """
import psutil
from base.memory import hand_back_freed_memory

blocks = [bytearray(b"x") * 100_000 for _ in range(500)]
last = bytearray(b"x") * 100_000
del blocks
before = psutil.Process().memory_info().rss
hand_back_freed_memory()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc's allocator")
def test_freed_memory_stays_with_the_process_only_when_asked() -> None:
    kept, returned = (
        int(subprocess.check_output([sys.executable, "-c", PROGRAM, word]))
        for word in ("keep", "leave")
    )
    assert kept > 18_000_000
    assert returned < 5_000_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="tells glibc's allocator")
def test_what_is_free_below_something_kept_is_handed_back() -> None:
    assert int(subprocess.check_output([sys.executable, "-c", SCATTERED])) > 40_000_000
