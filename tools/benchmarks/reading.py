"""Speed of reading windows of the CS:GO dataset, from the import and from the originals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import psutil

from base.errors import UserError
from base.sizes import MB
from datasets.importers.csgo import FULL, LOW, parse_name
from datasets.importers.csgo_layout import CsgoFileError
from datasets.segments import Segments
from datasets.store import Store
from tools.options.bench import ReadingBench

LOW_FRAMES = 8  # four that are known and four that are learnt, as the low resolution is trained
FULL_FRAMES = 2  # the frame before and the frame that is learnt, as the upsampler is trained
ROUNDS = 10  # each way takes turns, so that what else the machine does meets all alike


def bench_reading(bench: ReadingBench) -> dict[str, object]:
    """The figures that ReadingBench describes, by name."""
    ways = _ways(bench)
    spent_s, counts, growth_mb = _in_turns(ways, bench.seconds)
    rates = {name: counts[name] / spent_s[name] for name in ways}
    figures: dict[str, object] = {
        f"{name}_windows_per_s": round(rate, 1) for name, rate in rates.items()
    }
    for name in (LOW, FULL):
        if name in rates:
            figures[f"{name}_ratio"] = round(rates[name] / rates[f"original_{name}"], 1)
    return {**figures, "reading_growth_mb": round(growth_mb, 1)}


def _ways(bench: ReadingBench) -> dict[str, Callable[[], object]]:
    """Return functions that read a random window, by name, of the import and of the originals."""
    rng = np.random.default_rng(0)
    ways: dict[str, Callable[[], object]] = {}
    files = _originals(bench.source)
    for name, frames in ((LOW, LOW_FRAMES), (FULL, FULL_FRAMES)):
        if name == FULL and not (bench.data / FULL).is_dir():
            continue
        store = Store(bench.data / name)
        episodes = [i for i, number in enumerate(store.numbers) if number in files]
        if not episodes:
            raise UserError(f"{bench.data / name} holds no episode of the files in {bench.source}")
        segments = Segments(store, episodes, frames)
        ways[name] = _windows(segments, rng)
        ways[f"original_{name}"] = _original_windows(segments, files, rng)
    return ways


def _in_turns(
    ways: Mapping[str, Callable[[], object]], seconds: float
) -> tuple[dict[str, float], dict[str, int], float]:
    """Return the time spent in each way, its calls, and the memory gained after the first round."""
    counts = dict.fromkeys(ways, 0)
    spent_s = dict.fromkeys(ways, 0.0)
    process = psutil.Process()
    settled = 0
    for i in range(ROUNDS):
        for name, read in ways.items():
            started = time.perf_counter()
            until = started + seconds / ROUNDS / len(ways)
            while (now := time.perf_counter()) < until:
                read()
                counts[name] += 1
            spent_s[name] += now - started
        if i == 0:
            settled = process.memory_info().rss
    return spent_s, counts, (process.memory_info().rss - settled) / MB


def _windows(segments: Segments, rng: np.random.Generator) -> Callable[[], object]:
    """Return a function that reads a random window of an import."""
    return lambda: segments.sample(rng)


def _original_windows(
    segments: Segments, files: dict[int, Path], rng: np.random.Generator
) -> Callable[[], object]:
    """Return a function that reads a random window of the original files."""

    def read() -> object:
        episode, start = segments.place(int(rng.integers(len(segments))))
        rows = range(start, start + segments.length)
        with h5py.File(files[segments.store.numbers[episode]], "r") as file:
            frames = np.stack([file[f"frame_{i}_x"][()][..., ::-1] for i in rows])
            actions = np.stack([file[f"frame_{i}_y"][()] for i in rows])
        return frames, actions

    return read


def _originals(folder: Path) -> dict[int, Path]:
    """The original files of a folder by the numbers of their episodes."""
    files = {}
    for path in sorted(folder.rglob("*.hdf5")):
        try:
            files[parse_name(path.name).episode] = path
        except CsgoFileError:
            continue
    return files
