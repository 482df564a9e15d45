"""What runs on a GPU keeps all that it works with there: shown on a device that is none. Run by
test_other_device.py."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from models.cartridge.reader import check, load
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, prepare
from models.runtime.torch_runner import GraphRunner, TorchRunner
from tests.support.other_device import NAME, OtherDevice
from tests.support.recordings import record_in_two_sizes
from tests.support.released_files import pong, shooter, write_cartridge
from tests.support.tiny_cartridge import manifest, tiny_prior, write_tiny_cartridge
from tests.support.tiny_training import (
    PLAINLY,
    TINY,
    TINY_SEQUENCE,
    TINY_UPSAMPLER,
    flags_of,
    record_enough,
)
from tools import train as tool
from training import speed
from training.recipes.presets import Recipe


@pytest.fixture
def other() -> Iterator[OtherDevice]:
    with OtherDevice() as device:
        yield device


@pytest.fixture
def learnt_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "device", lambda _: torch.device(NAME))
    monkeypatch.setattr(tool, "keep_freed_memory", lambda: None)  # it cannot be taken back


def test_it_computes_as_the_cpu_does(other: OtherDevice) -> None:
    torch.manual_seed(0)
    network, x = torch.nn.Linear(3, 2), torch.randn(4, 3)
    expected = network(x)
    there = network.to(NAME)(x.to(NAME))
    assert there.device.type == NAME
    torch.testing.assert_close(there.cpu(), expected, rtol=0, atol=0)
    there.sum().backward()
    assert network.weight.grad is not None and network.weight.grad.device.type == NAME
    assert network.bias.grad is not None and network.bias.grad.cpu().tolist() == [4, 4]


@pytest.mark.parametrize(
    "work",
    [
        lambda here, there: here + there,
        lambda here, there: torch.cat((there, here)),
        lambda here, there: here[there.long()],
    ],
)
def test_it_refuses_what_a_gpu_would(
    other: OtherDevice, work: Callable[[torch.Tensor, torch.Tensor], object]
) -> None:
    with pytest.raises(RuntimeError, match="cannot be done"):
        work(torch.zeros(2), torch.zeros(2, device=NAME))


@pytest.mark.parametrize(
    "work",
    [
        lambda here, there: there.copy_(here),
        lambda here, there: there.cpu(),
        lambda here, there: here.to(NAME),
        lambda here, there: there.sum().item(),
        lambda here, there: there[here.long()],
        lambda here, there: there.nonzero(),
    ],
)
def test_captured_work_stays_where_it_is(
    other: OtherDevice, work: Callable[[torch.Tensor, torch.Tensor], object]
) -> None:
    here, there = torch.zeros(2), torch.zeros(2, device=NAME)
    work(here, there)
    with pytest.raises(RuntimeError, match="cannot be done"):
        other.capture(partial(work, here, there))


@pytest.mark.parametrize("kind", ["mended", "moved", "atari", "csgo"])
def test_every_kind_of_world_is_played_there(kind: str, tmp_path: Path) -> None:
    path, of = tmp_path / "world", manifest()
    special = {
        "mended": {"frame_prior": tiny_prior(sigma=0.5)},
        "moved": {"denoiser": dataclasses.replace(of.denoiser, target="warp")},
    }
    if kind in special:
        write_tiny_cartridge(path, dataclasses.replace(of, **special[kind]))  # type: ignore[arg-type]
    else:
        write_cartridge(pong() if kind == "atari" else shooter(tmp_path, 1), path)
    samplers = SamplerCache(check(path).load(torch.float32), "cpu", "float32")
    step = samplers.prepared(samplers.standard).step
    inputs = samplers.example(step)
    expected = prepare(step, Choice("torch", "cpu", "float32"), inputs).run(inputs)
    choice = Choice("torch", NAME, "bfloat16")
    with OtherDevice() as other:
        for runner in (TorchRunner(step, choice), GraphRunner(step, choice, inputs, other.capture)):
            made = runner.run(inputs)
            assert (np.abs(made[0].astype(int) - expected[0]) <= 2).mean() >= 0.99
            assert [array.shape for array in made] == [array.shape for array in expected]


@pytest.mark.usefixtures("learnt_there", "other")
def test_a_world_is_trained_there(tmp_path: Path) -> None:
    data, out = record_enough(tmp_path / "toys"), tmp_path / "run"
    words = ["--out", str(out), "--data", str(data), *PLAINLY]
    assert tool.main([*words, *flags_of(TINY)]) == 0
    made = load(out / "cartridge")
    assert str(made.manifest.source["trained_on"]).startswith(NAME)


@pytest.mark.usefixtures("learnt_there", "other")
def test_a_world_in_two_sizes_is_trained_there(tmp_path: Path) -> None:
    record_in_two_sizes(tmp_path / "shooter", 990, 30, 20)
    world = tmp_path / "low" / "cartridge"
    recipes: dict[str, tuple[Recipe, list[str]]] = {
        "csgo": (TINY_SEQUENCE, []),
        "csgo-upsampler": (TINY_UPSAMPLER, ["--world", str(world)]),
    }
    for preset, (recipe, onto) in recipes.items():
        out = world.parent if preset == "csgo" else tmp_path / "both"
        words = ["--out", str(out), "--data", str(tmp_path / "shooter"), "--preset", preset]
        assert tool.main([*words, *flags_of(recipe), *PLAINLY, *onto]) == 0
    assert load(tmp_path / "both" / "cartridge").networks.keys() == {"denoiser", "upsampler"}
