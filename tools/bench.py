"""Measure speed: python -m tools.bench play|record|soak|runtime|reading|loading ... --json."""

from __future__ import annotations

import json
from collections.abc import Mapping

import tyro

from base.errors import run_main
from base.terminal import say
from tools.options.bench import (
    Bench,
    LoadingBench,
    PlayBench,
    ReadingBench,
    RecordBench,
    RuntimeBench,
    SoakBench,
)

FLOORS = {"record_steps_per_s": 600.0, "low_ratio": 20.0, "full_ratio": 20.0}  # at least
CEILINGS = {  # at most; of cartridges, for the Breakout that ships
    "model_median_ms": 20.0,
    "model_p95_ms": 30.0,
    "first_start_s": 6.0,
    "start_s": 6.0,
    "memory_mb": 1200.0,
    "reading_growth_mb": 10.0,
}


def main() -> None:
    """Parse the command line, measure, print."""
    bench: PlayBench | RecordBench | SoakBench | RuntimeBench | ReadingBench | LoadingBench = (
        tyro.cli(Bench, prog="python -m tools.bench")
    )
    figures = measure(bench)
    if bench.json:
        say(json.dumps(figures))
    elif isinstance(bench, RuntimeBench):
        from tools.benchmarks.runtime import table as runtime_table

        say(runtime_table(figures))
    else:
        say(table(figures))


def measure(
    bench: PlayBench | RecordBench | SoakBench | RuntimeBench | ReadingBench | LoadingBench,
) -> dict[str, object]:
    """Return the figures of a benchmark by name. Only its own modules are imported."""
    match bench:
        case PlayBench():
            from tools.benchmarks.play import bench_play

            return bench_play(bench)
        case RecordBench():
            from tools.benchmarks.recording import bench_record

            return bench_record(bench)
        case SoakBench():
            from tools.benchmarks.soak import bench_soak

            return bench_soak(bench)
        case ReadingBench():
            from tools.benchmarks.reading import bench_reading

            return bench_reading(bench)
        case LoadingBench():
            from tools.benchmarks.loading import bench_loading

            return bench_loading(bench)
        case RuntimeBench():
            from tools.benchmarks.runtime import bench_runtime

            return bench_runtime(bench)


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
