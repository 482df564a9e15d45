"""Benchmarks: what they report, and that they end in one line of JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from base.errors import UserError
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools import bench
from tools.benchmarks import play as play_bench
from tools.options.bench import PlayBench, RecordBench


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    bench.main()
    return capsys.readouterr().out


def test_playing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, asked = write_tiny_cartridge(tmp_path / "tiny"), []

    def play(path: Path, steps: int, caches: Path) -> play_bench.Played:
        kept = caches / "kept"
        asked.append((steps, kept.exists()))
        kept.touch()
        model = {"median_ms": 2.0, "p95_ms": 3.0}
        report = {"runtime": "some", "steps_per_s": 444.0, "stages": {"model": model}}
        return play_bench.Played(report, seconds=len(asked), memory_mb=250.4)

    monkeypatch.setattr(play_bench, "play", play)
    monkeypatch.setattr(play_bench, "time_eager", lambda path: 9.0)
    figures = json.loads(run(monkeypatch, capsys, "play", str(tiny), "--json").splitlines()[-1])
    assert asked == [(1, False), (1, True), (400, True)], "the first start has an empty cache"
    assert figures == {
        "cartridge": "tiny", "runtime": "some", "frames": 400, "memory_mb": 250,
        "model_median_ms": 2.0, "model_p95_ms": 3.0, "first_start_s": 1, "start_s": 2,
        "eager_median_ms": 9.0, "eager_ratio": 4.5, "steps_per_s": 444.0, "rate_fps": 15.0,
    }  # fmt: skip
    said = run(monkeypatch, capsys, "play", str(tiny))
    assert "at most" not in said and "444.0  at least 15" in said
    tiny.rename(tmp_path / "breakout")
    assert "2.0  at most 20" in run(monkeypatch, capsys, "play", str(tmp_path / "breakout"))


def test_eager_frames_take_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play_bench, "EAGER_FRAMES", 3)
    assert play_bench.time_eager(write_tiny_cartridge(tmp_path / "tiny")) > 0


def test_the_player_itself_is_run_and_watched(tmp_path: Path) -> None:
    played = play_bench.play(write_tiny_cartridge(tmp_path / "tiny"), 3, tmp_path)
    assert played.report["cartridge"] == "tiny"
    assert played.report["stages"]["model"]["count"] == 3
    assert 50 < played.memory_mb < 4000 and played.seconds > 0.1
    assert (tmp_path / "dreamcart" / "runtime.json").exists(), "its cache is the one given"


def test_a_player_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"play\.py failed: error: unknown world"):
        play_bench.play(tmp_path / "none", 1, tmp_path)


def test_recording(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(monkeypatch, capsys, "record", "--steps", "60", "--json")
    figures = json.loads(out.splitlines()[-1])
    assert figures["game"] == "breakout" and figures["record_steps_per_s"] > 0


def test_nothing_to_time_is_refused() -> None:
    for make in (PlayBench, RecordBench):
        with pytest.raises(UserError, match="--steps must be 1 or more"):
            make(steps=0)
