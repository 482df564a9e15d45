"""Speed and memory growth of the training's loader over a long time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import cycle
from pathlib import Path

import psutil

from base.progress import ProgressBar
from base.sizes import MB
from datasets.batches import Batches, prefetch
from datasets.segments import Segments
from datasets.store import Store
from tools.benchmarks.memory_growth import MOST_GROWTH_MB, growth, too_much
from tools.benchmarks.reading import FULL_FRAMES, LOW_FRAMES
from tools.options.bench import LoadingBench
from training.data import in_two_sizes, low_folder
from training.pairs import FULL, LargeFrames, PairBatches, PairedSegments

BATCH = 32  # windows
LOOK_EVERY_S = 1.0
MOST = {"memory_growth_mb": MOST_GROWTH_MB}


def bench_loading(
    bench: LoadingBench, clock: Callable[[], float] = time.perf_counter
) -> dict[str, object]:
    """The figures that LoadingBench describes, by name."""
    with ExitStack() as stack:
        loaders = _loaders(bench.data, stack)
        looks: list[tuple[float, float]] = []
        counts = dict.fromkeys(loaders, 0)
        process = psutil.Process()
        begun = clock() + bench.warm_up_seconds
        bar = stack.enter_context(ProgressBar(unit="batch", disable=bench.json))
        for name in cycle(loaders):
            next(loaders[name])
            bar.update()
            now_s = clock() - begun
            if now_s < 0:
                continue
            counts[name] += BATCH
            if not looks or now_s >= looks[-1][0] + LOOK_EVERY_S:
                looks.append((now_s, process.memory_info().rss / MB))
            if now_s >= bench.minutes * 60:
                break
    numbers = growth(looks)
    figures = {
        "minutes": now_s / 60,
        **{f"{name}_per_s": count / now_s for name, count in counts.items()},
        **numbers,
    }
    return {
        "data": str(bench.data),
        **{name: round(number, 3) for name, number in figures.items()},
        "verdict": "; ".join(too_much(numbers, MOST)) or "ok",
    }


def _loaders(folder: Path, stack: ExitStack) -> dict[str, Iterator[object]]:
    """Return iterators over batches, by what they are of; the stack closes them."""
    store = Store(low_folder(folder))
    large = LargeFrames(folder / FULL, store, 0.0) if in_two_sizes(folder) else None
    episodes = [i for i in range(len(store)) if large is None or i not in large.missing]
    windows = prefetch(Batches(Segments(store, episodes, LOW_FRAMES), BATCH, seed=0), 0)
    loaders: dict[str, Iterator[object]] = {"windows": stack.enter_context(closing(windows))}
    if large:
        segments = PairedSegments(Segments(store, episodes, FULL_FRAMES), large)
        pairs = prefetch(PairBatches(segments, BATCH, seed=1), 0)
        loaders["pairs"] = stack.enter_context(closing(pairs))
    return loaders
