"""Settings of the C library's allocator for the large, short-lived blocks of networks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

# mallopt's parameter numbers, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Let freed blocks stay with the process, where the C library is glibc.

    By default glibc maps every large tensor afresh and hands it back when it is freed, and the
    system fills each page with zeros again: measured on two cores, a training update spent half
    its time there. Memory use stays at its highest point instead.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 2**28)


def hand_back_freed_memory() -> None:
    """Give what is free between blocks back to the system, where the C library is glibc."""
    if (trim := _of_glibc("malloc_trim")) is not None:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    """One of the C library's functions; None where it is another library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return function
