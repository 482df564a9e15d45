"""Speed of play.py: start-up, frames and memory of a cartridge, in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from base.cartridges import find_cartridge
from base.errors import UserError
from base.sizes import MB
from models.cartridge.reader import check, load
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, TorchRunner, frame_ms
from tools.options.bench import PlayBench

PLAYER = Path(__file__).resolve().parents[2] / "play.py"
WATCH_S = 0.01
EAGER_FRAMES = 60


def bench_play(bench: PlayBench) -> dict[str, object]:
    """The figures that PlayBench describes, by name."""
    path = find_cartridge(bench.cartridge)
    rate_fps = check(path).manifest.rate_fps
    with tempfile.TemporaryDirectory() as caches:
        first = play(path, 1, Path(caches))
        again = play(path, 1, Path(caches))
        long = play(path, bench.steps, Path(caches))
    model = long.report["stages"]["model"]
    eager_ms = time_eager(path)
    return {
        "cartridge": path.resolve().name,
        "runtime": long.report["runtime"],
        "steps_per_s": long.report["steps_per_s"],
        "rate_fps": rate_fps,
        "model_median_ms": model["median_ms"],
        "model_p95_ms": model["p95_ms"],
        "frames": bench.steps,
        "first_start_s": round(first.seconds, 2),
        "start_s": round(again.seconds, 2),
        "memory_mb": round(long.memory_mb),
        "eager_median_ms": round(eager_ms, 2),
        "eager_ratio": round(eager_ms / model["median_ms"], 2),
    }


@dataclass(frozen=True)
class Played:
    """A run of play.py: its report, seconds from its start to the report, most memory used."""

    report: dict[str, Any]
    seconds: float
    memory_mb: float


def play(path: Path, steps: int, caches: Path) -> Played:
    """Run play.py without a window in a process of its own.

    caches: the folder that it takes for the user's caches. Raises UserError if it fails.
    """
    folders = ("XDG_CACHE_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA")
    environment = {**os.environ, **dict.fromkeys(folders, str(caches))}
    command = [sys.executable, str(PLAYER), str(path), "--headless", "--steps", str(steps)]
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process,
        ThreadPoolExecutor(1) as watch,
    ):
        memory_mb = watch.submit(most_memory_mb, process)
        assert process.stdout is not None
        said = process.stdout.readline()  # the report; closing down comes after it
        seconds = time.perf_counter() - started
        if process.wait():
            complaints.seek(0)
            lines = complaints.read().strip().splitlines() or ["without a word"]
            raise UserError(f"play.py failed: {lines[-1]}")
        return Played(json.loads(said), seconds, memory_mb.result())


def most_memory_mb(process: subprocess.Popen[str]) -> float:
    """Watch a process until it ends; the most resident memory it had."""
    most = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, watched.memory_info().rss)
            time.sleep(WATCH_S)
    return most / MB


def time_eager(path: Path) -> float:
    """Median milliseconds of a frame by PyTorch in float32, in this process."""
    samplers = SamplerCache(load(path))
    step = samplers.prepared(samplers.standard).step
    runner = TorchRunner(step, Choice("torch", "cpu", "float32"))
    return frame_ms(runner, samplers.example(step), EAGER_FRAMES)
