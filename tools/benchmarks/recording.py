"""Speed of recording a game."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from tools.capture.record_game import record
from tools.options.bench import RecordBench
from tools.options.record import RecordConfig


def bench_record(bench: RecordBench) -> dict[str, object]:
    """Steps recorded in a second, start and end of the recording included."""
    with tempfile.TemporaryDirectory() as folder:
        config = RecordConfig(bench.game, Path(folder) / "recording", "random", bench.steps)
        started = time.perf_counter()
        record(config)
        spent_s = time.perf_counter() - started
    return {
        "game": bench.game,
        "steps": bench.steps,
        "record_steps_per_s": round(bench.steps / spent_s, 1),
    }
