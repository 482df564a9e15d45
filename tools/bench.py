"""Measure speed: python -m tools.bench play|record|soak|runtime|reading|loading ... --json."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import psutil
import tyro

from base.cartridges import find_cartridge
from base.errors import UserError, run_main
from base.sizes import MB
from base.terminal import say
from models.cartridge.reader import check, load
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, TorchRunner, frame_ms
from tools.benchmarks.loading import LoadingBench, bench_loading
from tools.benchmarks.reading import ReadingBench, bench_reading
from tools.benchmarks.runtime import RuntimeBench, bench_runtime
from tools.benchmarks.runtime import table as runtime_table
from tools.benchmarks.soak import SoakBench, bench_soak
from tools.record import RecordConfig, record

PLAYER = Path(__file__).resolve().parent.parent / "play.py"
WATCH_S = 0.01
EAGER_FRAMES = 60
FLOORS = {"record_steps_per_s": 600.0, "low_ratio": 20.0, "full_ratio": 20.0}  # at least
CEILINGS = {  # at most; of cartridges, for the Breakout that ships
    "model_median_ms": 20.0,
    "model_p95_ms": 30.0,
    "first_start_s": 6.0,
    "start_s": 6.0,
    "memory_mb": 1200.0,
    "reading_growth_mb": 10.0,
}


@dataclass(frozen=True)
class PlayBench:
    """Start and play a cartridge in processes of their own, and time it.

    first_start_s: from the start of play.py to its first dreamed frame, on a machine that never
    played this cartridge, so the runtime is chosen by measuring; start_s: every later start.
    steps_per_s: of play as fast as it goes, of which the world wants rate_fps.
    model_median_ms, model_p95_ms: the networks' time for a frame. memory_mb: most resident memory
    while playing. eager_median_ms: the same frames by PyTorch in float32 without compilation;
    eager_ratio: how many times slower that is.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")] = "breakout"
    """Folder of a cartridge, or the name of one in cartridges/."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    steps: int = 400
    """Frames to time."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")


@dataclass(frozen=True)
class RecordBench:
    """Record random play of a game for a while, and time it."""

    game: str = "breakout"
    """Which game."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    steps: int = 6000
    """Steps to record."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")


Bench = (
    Annotated[PlayBench, tyro.conf.subcommand("play")]
    | Annotated[RecordBench, tyro.conf.subcommand("record")]
    | Annotated[SoakBench, tyro.conf.subcommand("soak")]
    | Annotated[RuntimeBench, tyro.conf.subcommand("runtime")]
    | Annotated[ReadingBench, tyro.conf.subcommand("reading")]
    | Annotated[LoadingBench, tyro.conf.subcommand("loading")]
)


def main() -> None:
    """Parse the command line, measure, print."""
    bench: PlayBench | RecordBench | SoakBench | RuntimeBench | ReadingBench | LoadingBench = (
        tyro.cli(Bench, prog="python -m tools.bench")
    )
    shown = table
    match bench:
        case PlayBench():
            figures = bench_play(bench)
        case RecordBench():
            figures = bench_record(bench)
        case SoakBench():
            figures = bench_soak(bench)
        case ReadingBench():
            figures = bench_reading(bench)
        case LoadingBench():
            figures = bench_loading(bench)
        case RuntimeBench():
            figures, shown = bench_runtime(bench), runtime_table
    say(json.dumps(figures) if bench.json else shown(figures))


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


def table(figures: Mapping[str, object]) -> str:
    """A line for each figure, with what is asked of it."""
    lines, width = [], max(map(len, figures))
    floors = {**FLOORS, "steps_per_s": figures["rate_fps"]} if "rate_fps" in figures else FLOORS
    ceilings = CEILINGS if figures.get("cartridge", "breakout") == "breakout" else {}
    for name, value in figures.items():
        asked = f"  at least {floors[name]:g}" if name in floors else ""
        asked = f"  at most {ceilings[name]:g}" if name in ceilings else asked
        lines.append(f"{name:{width}} {value!s:>30}{asked}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
