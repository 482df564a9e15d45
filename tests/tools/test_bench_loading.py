"""Reading recordings for a long time in the training's loader, and what is said of memory."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from base.errors import UserError
from tests.support.recordings import record_in_two_sizes, record_toys
from tools import bench
from tools.benchmarks import loading as bench_loading
from tools.benchmarks.loading import LoadingBench
from tools.benchmarks.memory_growth import growth


def test_both_sizes_are_read_in_turns(tmp_path: Path) -> None:
    record_in_two_sizes(tmp_path, 30, 30)
    ticks = count()  # a second passes with each look at the clock
    figures = bench_loading.bench_loading(
        LoadingBench(tmp_path, json=True, minutes=1, warm_up_seconds=4),
        clock=lambda: float(next(ticks)),
    )
    assert figures["minutes"] == 1
    assert figures["windows_per_s"] == pytest.approx(32 / 2, rel=0.05)
    assert figures["pairs_per_s"] == pytest.approx(32 / 2, rel=0.05)


def test_one_size_is_read_and_memory_that_grew_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record_toys(tmp_path, 30)
    monkeypatch.setattr(bench_loading, "growth", lambda looks: {"memory_growth_mb": 21.0})
    options = ["--json", "--minutes", "0.002", "--warm-up-seconds", "0.01"]
    monkeypatch.setattr("sys.argv", ["bench", "loading", str(tmp_path), *options])
    bench.main()
    figures = json.loads(capsys.readouterr().out)
    assert figures["windows_per_s"] > 0 and "pairs_per_s" not in figures
    assert figures["verdict"] == "memory_growth_mb is 21 and may be 20"
    with pytest.raises(UserError, match="--minutes must be more than 0, not 0"):
        LoadingBench(tmp_path, minutes=0)


def test_growth_is_between_the_first_and_the_last_tenth() -> None:
    told = growth([(float(i), 500.0 + i + (900 if i == 50 else 0)) for i in range(100)])
    assert (told["memory_start_mb"], told["memory_end_mb"]) == (504.5, 594.5)
    assert told["memory_growth_mb"] == 90
    assert growth([(0.0, 5.0)])["memory_slope_mb_per_hour"] == 0
