"""How the C library's allocator treats the large, short-lived blocks that networks are made of."""

from __future__ import annotations

import ctypes
import sys

# mallopt's parameter numbers, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Let freed blocks stay with the process, where the C library is glibc.

    By default glibc maps every large tensor afresh and hands it back when it is freed, and the
    system fills each page with zeros again: measured on two cores, a training update spent half
    its time there. Memory use stays at its highest point instead.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library: nothing to tell it
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 2**28)
