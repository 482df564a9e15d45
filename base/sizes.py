"""Sizes in bytes: decimal units, as disks, drives and the Hub count them, and in words."""

from __future__ import annotations

KB, MB, GB = 10**3, 10**6, 10**9


def in_words(size: int) -> str:
    """A size in bytes for people: 819 B, 54.2 MB, 1.53 GB."""
    for unit, name in ((GB, "GB"), (MB, "MB"), (KB, "kB")):
        if size >= 0.9995 * unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"
