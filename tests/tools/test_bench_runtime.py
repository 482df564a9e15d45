"""The benchmark of the runtime: its figures, and what it measures them against."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from base.errors import UserError
from models.runtime import choice as runtime_choice
from models.runtime import selection as runtime
from models.runtime.selection import Choice
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools import bench
from tools.benchmarks import roofline
from tools.benchmarks import runtime as bench_runtime
from tools.benchmarks.roofline import Work, conv_rate, convolution_of_int8, count
from tools.benchmarks.runtime import Rates, RuntimeBench

PLAIN = Choice("torch", "cpu", "float32")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_choice, "cpu_threads", lambda: 1)
    monkeypatch.setattr(roofline, "CONVOLUTIONS", ((8, 8, 8),))
    monkeypatch.setattr(roofline, "COPIED_BYTES", 1 << 16)
    monkeypatch.setattr(roofline, "MEASURED_S", 0.0)


def test_every_way_is_timed_beside_the_plain_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = str(write_tiny_cartridge(tmp_path / "tiny"))
    words = ["bench", "runtime", "--worlds", tiny, "--frames", "2", "--device", "cpu"]

    def run(*more: str) -> str:
        monkeypatch.setattr(sys, "argv", [*words, *more])
        bench.main()
        return capsys.readouterr().out

    world = json.loads(run("--json").splitlines()[-1])["worlds"][tiny]
    plain = world["ways"].pop(PLAIN.describe())
    assert (plain["ratio"], plain["off_levels"], plain["near_share"]) == (1.0, 0, 1.0)
    assert any(way.startswith("OpenVINO") for way in world["ways"]) and world["gflop"] > 0
    for way in world["ways"].values():
        assert way["min_ms"] <= way["median_ms"] <= way["max_ms"]
        assert way["near_share"] >= 0.99 and way["reached"] > 0
    assert "times as fast as eager float32" in run()


def test_a_way_that_this_machine_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Choice("openvino", "cpu", "bfloat16")

    def refuse(*_: object) -> None:
        raise RuntimeError("no such instruction\nand a page of details")

    monkeypatch.setattr(bench_runtime, "ways_here", lambda bench: [PLAIN, gone])
    monkeypatch.setattr(runtime, "OpenVinoRunner", refuse)
    tiny = str(write_tiny_cartridge(tmp_path / "tiny"))
    world: Any = bench_runtime.time_world(tiny, RuntimeBench(worlds=(tiny,), frames=1), Rates())
    assert list(world["ways"]) == [PLAIN.describe()]
    assert world["refused"][gone.describe()].endswith("no such instruction")


class Products(nn.Module):
    """A convolution of 3 channels into 5, then a product of 20 numbers into 7."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 5, 3, padding=1), nn.Linear(20, 7, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.linear(self.conv(x).flatten(1)),)


def test_work_is_counted() -> None:
    work = count(Products(), {"x": np.zeros((3, 2, 2), np.float32)})
    assert work.flop == 2 * (5 * 3 * 9 * 4 + 20 * 7)
    convolving = (5 * 3 * 9 + 5) + 3 * 4 + 5 * 4
    assert work.values == convolving + 20 * 7 + 20 + 7
    assert work.bytes_in("bfloat16") * 2 == work.bytes_in("float32") == 4 * work.values


def test_the_limit_is_whichever_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_runtime, "conv_rate", lambda device, precision: 1e9)
    monkeypatch.setattr(bench_runtime, "copy_rate", lambda device: 4e9)
    assert Rates().limit_ms(PLAIN, Work(flop=10**9, values=10**6)) == pytest.approx(1000)
    assert Rates().limit_ms(PLAIN, Work(flop=10**6, values=10**9)) == pytest.approx(1000)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs oneDNN")
def test_what_is_timed_in_int8_is_the_convolution() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 4, (1, 64, 8, 8), generator=rng) / 32
    weight = torch.randint(-3, 4, (64, 64, 3, 3), generator=rng) / 32
    made: Any = convolution_of_int8(x, weight)()
    torch.testing.assert_close(made, F.conv2d(32 * x, 32 * weight, padding=1))
    assert conv_rate("cpu", "int8") > 0


def test_nothing_to_time_is_refused() -> None:
    with pytest.raises(UserError, match="--frames must be 1 or more"):
        RuntimeBench(frames=0)
    with pytest.raises(UserError, match="--worlds needs a world"):
        RuntimeBench(worlds=())


def test_a_world_in_full_size_is_as_heavy_as_it_is_in_play() -> None:
    step, example = bench_runtime.make("atari")
    assert count(step, example).flop / 1e9 == pytest.approx(18.7, abs=0.1)
