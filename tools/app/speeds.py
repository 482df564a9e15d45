"""Speeds of worlds when they were last played on this machine."""

from __future__ import annotations

import contextlib
import json
import math
import platform
from pathlib import Path
from typing import Any

from base.errors import UserError
from base.files import write_text
from base.folders import cache_folder
from engine.player.pacing import Timings

FILE = "speeds.json"
FEWEST_STEPS = 30  # that say something: the first ones of a world are slow


def keep_speed(world: str, timings: Timings, path: Path | None = None) -> None:
    """Keep the median milliseconds of a world's steps, if enough of them were played.

    path: of the file; in the cache folder if None. A disk that refuses costs the figure, no more.
    """
    steps = timings.summary().get("model")
    if steps is None or steps["count"] < FEWEST_STEPS:
        return
    kept = _read(path) | {_key(world): steps["median_ms"]}
    with contextlib.suppress(UserError):
        write_text(path or cache_folder() / FILE, json.dumps(kept, indent=1) + "\n")


def kept_speeds(path: Path | None = None) -> dict[str, float]:
    """World -> milliseconds of a step, of the worlds that were played on this machine."""
    own = _key("")
    return {key.removeprefix(own): ms for key, ms in _read(path).items() if key.startswith(own)}


def _key(world: str) -> str:
    return f"{platform.node()} {world}"  # a home folder may be that of several machines


def _read(path: Path | None) -> dict[str, float]:
    """Return what was kept; a file that cannot be read counts as empty."""
    try:
        data: Any = json.loads((path or cache_folder() / FILE).read_text("utf-8"))
        return {
            str(key): float(ms)
            for key, ms in data.items()
            if isinstance(ms, int | float) and math.isfinite(ms) and ms > 0
        }
    except (OSError, ValueError, AttributeError, RecursionError, OverflowError):
        return {}
