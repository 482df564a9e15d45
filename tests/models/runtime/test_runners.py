"""What runs a step: each way gives the frames of the plain one, and goes back exactly."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.cartridge.reader import Cartridge, check
from models.dream import DiffusionWorld
from models.runtime import choice as runtime_choice
from models.runtime import sampler_cache as cache_module
from models.runtime.frame_step import RecurrentStep
from models.runtime.network_runners import PackedConv2d, fit
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, Decision, Inputs, Runner, prepare
from models.runtime.torch_runner import ALIGNED, GraphRunner, pack
from tests.support.processor import cpu_way, openvino
from tests.support.released_files import pong, shooter, write_cartridge
from tests.support.tiny_cartridge import manifest, tiny_prior, write_tiny_cartridge

PLAIN = Choice("torch", "cpu", "float32")
HALF = Choice("torch", "cpu", "bfloat16")
CPU_WAYS = [
    PLAIN,
    cpu_way("torch", "bfloat16"),
    Choice("openvino", "cpu", "float32"),
    cpu_way("openvino", "bfloat16"),
]
GPU_WAYS = [Choice("torch", "cuda", "bfloat16", graph=graph) for graph in (False, True)]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that wait for each other are slow where other programs are at work."""
    monkeypatch.setattr(runtime_choice, "cpu_threads", lambda: 1)


@pytest.fixture(scope="module", params=["tiny", "mended", "lagging", "atari", "csgo"])
def cartridge(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Cartridge:
    """The three kinds of worlds, small; one with a frame prior, and one with lags."""
    path: Path = tmp_path_factory.mktemp(request.param) / "world"
    if request.param in ("tiny", "mended", "lagging"):
        world = manifest()
        if request.param == "mended":
            world = replace(world, frame_prior=tiny_prior(sigma=0.5))
        elif request.param == "lagging":
            world = replace(world, denoiser=replace(world.denoiser, lags=(0, 2)))
        write_tiny_cartridge(path, world)
    else:
        write_cartridge(pong() if request.param == "atari" else shooter(path.parent, 1), path)
    return check(path).load(torch.float32)


@pytest.fixture(scope="module")
def samplers(cartridge: Cartridge) -> SamplerCache:
    return SamplerCache(cartridge, "cpu", "float32")


def inputs_of(samplers: SamplerCache, seed: int) -> Inputs:
    """As those of play, with other noise for each seed."""
    step = samplers.prepared(samplers.standard).step
    rng = np.random.default_rng(seed)
    noises = {n: rng.standard_normal(shape, np.float32) for n, shape in step.noises.items()}
    return {**samplers.example(step), **noises}


def runner_of(samplers: SamplerCache, choice: Choice) -> Runner:
    return prepare(samplers.prepared(samplers.standard).step, choice, inputs_of(samplers, 0))


def assert_near(runner: Runner, plain: Runner, inputs: Inputs) -> None:
    made, expected = runner.run(inputs), plain.run(inputs)
    off = np.abs(made[0].astype(int) - expected[0])
    assert (off <= 2).mean() >= 0.99
    for array, like in zip(made, expected, strict=True):
        assert array.shape == like.shape and array.dtype == like.dtype
    assert expected[0].std() > 5, "a picture of one colour proves nothing"


@pytest.mark.parametrize("choice", CPU_WAYS[1:], ids=Choice.describe)
def test_every_way_makes_the_frames_of_the_plain_one(
    choice: Choice, samplers: SamplerCache
) -> None:
    runner, plain = runner_of(samplers, choice), runner_of(samplers, PLAIN)
    for seed in (0, 1):
        assert_near(runner, plain, inputs_of(samplers, seed))


def check_going_back(cartridge: Cartridge, choice: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a moment, the same five actions make the same five frames and the same moment."""
    monkeypatch.setattr(
        cache_module,
        "choose",
        lambda step, example, *_, **__: (prepare(step, choice, example), Decision(choice)),
    )
    world = DiffusionWorld(cartridge, SamplerCache(cartridge))
    config, rng = cartridge.manifest.denoiser, np.random.default_rng(0)
    if world.game:
        shape = (config.context, config.height, config.width, 3)
        idle = np.stack([world.actions.idle()] * (config.context - 1))
        world.enter(rng.integers(0, 256, shape, dtype=np.uint8), idle, seed=3)
    else:
        world.reset(seed=3)
    actions = rng.integers(0, 2, (5, config.actions)).astype(np.float32)
    world.step(actions[4])
    moment = world.snapshot()
    first = [world.step(action) for action in actions]
    then = world.snapshot()
    world.restore(moment)
    again = [world.step(action) for action in actions]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        assert (one.reward, one.ended, one.life_lost) == (
            other.reward,
            other.ended,
            other.life_lost,
        )
    for name, array in world.snapshot().items():
        np.testing.assert_array_equal(array, then[name], name)
    assert not np.array_equal(first[0].frame, first[-1].frame)


@pytest.mark.parametrize("choice", CPU_WAYS, ids=Choice.describe)
def test_going_back_is_exact(
    choice: Choice, cartridge: Cartridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_going_back(cartridge, choice, monkeypatch)


@pytest.mark.gpu
@pytest.mark.parametrize("choice", GPU_WAYS, ids=Choice.describe)
def test_going_back_is_exact_on_cuda(
    choice: Choice, cartridge: Cartridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_going_back(cartridge, choice, monkeypatch)


@pytest.mark.gpu
@pytest.mark.parametrize("choice", GPU_WAYS, ids=Choice.describe)
def test_cuda_makes_the_frames_of_every_kind_of_world(
    choice: Choice, samplers: SamplerCache
) -> None:
    runner, plain = runner_of(samplers, choice), runner_of(samplers, PLAIN)
    for seed in (0, 1, 0):
        assert_near(runner, plain, inputs_of(samplers, seed))


@pytest.mark.parametrize("precision", [openvino("float32"), openvino("bfloat16")])
def test_a_captured_step_answers_to_what_is_put_in(precision: str, samplers: SamplerCache) -> None:
    """What a replay reads is what the last frame's inputs were written to, not those it was
    captured with; and what it gave stays as it was."""
    captured = []

    def capture(work: Callable[[], None]) -> Callable[[], None]:
        captured.append(work)
        return work

    choice = Choice("torch", "cpu", precision)
    step = samplers.prepared(samplers.standard).step
    runner = GraphRunner(step, choice, inputs_of(samplers, 0), capture)
    usual = runner_of(samplers, choice)
    first = runner.run(inputs_of(samplers, 1))
    kept = [array.copy() for array in first]
    for seed in (2, 1):
        for made, expected in zip(
            runner.run(inputs_of(samplers, seed)), usual.run(inputs_of(samplers, seed)), strict=True
        ):
            np.testing.assert_array_equal(made, expected)
    for array, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(array, before)
    assert len(captured) == 1


def test_one_copy_moves_all_that_is_packed() -> None:
    tensors = {
        "frames": torch.arange(7, dtype=torch.uint8),
        "noise": torch.randn(2, 3),
        "nothing": torch.zeros(0, 4),
        "memory": torch.randn(65),
    }
    layout = pack(tensors)
    memory, target = (torch.zeros(layout.size, dtype=torch.uint8) for _ in range(2))
    for view, tensor in zip(layout.views(memory), tensors.values(), strict=True):
        view.copy_(tensor)
        assert view.storage_offset() * view.itemsize % ALIGNED == 0
    target.copy_(memory)
    for view, tensor in zip(layout.views(target), tensors.values(), strict=True):
        torch.testing.assert_close(view, tensor, rtol=0, atol=0)


def test_a_step_keeps_its_own_networks(samplers: SamplerCache) -> None:
    step = samplers.prepared(samplers.standard).step
    before = {name: weight.clone() for name, weight in step.state_dict().items()}
    half = fit(step, HALF)
    assert next(iter(half.children())) is not next(iter(step.children()))
    for name, weight in step.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)
    again = fit(samplers.prepared(1).step, HALF)
    assert next(iter(again.children())) is next(iter(half.children())), (
        "one copy for all numbers of steps"
    )
    copies = [weakref.ref(n) for n in fit(step, replace(HALF, precision="float16")).children()]
    assert not any(copy() for copy in copies), "and none once nothing runs them"


def test_weights_that_are_as_wanted_are_not_copied(samplers: SamplerCache) -> None:
    """A large world is loaded in the precision it is worked with, and has room for that once."""
    step = samplers.prepared(samplers.standard).step
    mine = {weight.data_ptr() for weight in step.parameters()}
    assert {weight.data_ptr() for weight in fit(step, PLAIN).parameters()} == mine


def test_numbers_that_are_carried_stay_in_float32(samplers: SamplerCache) -> None:
    """The memory of a recurrent step would lose what happened long ago."""
    step = samplers.prepared(samplers.standard).step
    if not isinstance(step, RecurrentStep):
        pytest.skip("it carries no numbers")
    given = [torch.from_numpy(array)[None] for array in inputs_of(samplers, 0).values()]
    with torch.no_grad():
        *_, h, c = fit(step, HALF)(*given)
    assert h.dtype is c.dtype is torch.float32


@torch.no_grad()
@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has no bfloat16"
)
def test_a_packed_convolution_is_the_convolution() -> None:
    torch.manual_seed(0)
    for options in ({"padding": 1}, {"padding": 1, "stride": 2}, {"bias": False}):
        conv = torch.nn.Conv2d(64, 32, 3, **options)  # type: ignore[arg-type]
        x = torch.randn(1, 64, 9, 14).to(memory_format=torch.channels_last)
        packed = PackedConv2d(conv, torch.bfloat16)
        for _ in range(2):
            made = packed(x)
            assert made.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(made.float(), conv(x), atol=0.02, rtol=0.02)
