"""Sizes in words."""

from __future__ import annotations


def in_words(size: int) -> str:
    """A size in bytes for people: 819 B, 51.7 MB, 1.53 GB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= 0.9995 * unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} B"
