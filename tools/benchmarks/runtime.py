"""Every way to run a step of play on this machine, timed beside plain eager float32."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from base.cartridges import find_cartridge
from base.errors import UserError
from base.sizes import GB, MB
from base.terminal import say
from models.cartridge.reader import load
from models.diamond import config as diamond
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.reward_model import RewardModel
from models.runtime.frame_step import EnlargingStep, PlayStep, RecurrentStep
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import INT8, NEAR_LEVELS, Choice, Inputs, Runner, candidates, prepare
from tools.benchmarks.roofline import Work, conv_rate, copy_rate, count
from tools.options.bench import RuntimeBench

FRAMES_A_ROUND = 3
ACTIONS = 6  # of the Atari world: Pong's and Breakout's are about as many
FLOORS = {  # how many times as fast as eager float32 the best way has to be
    ("atari", "cpu"): 4.5,
    ("csgo", "cpu"): 2.5,
    ("atari", "cuda"): 10.0,
    ("csgo", "cuda"): 6.0,
}

Network = TypeVar("Network", bound=nn.Module)


def bench_runtime(bench: RuntimeBench) -> dict[str, object]:
    """The figures that RuntimeBench describes, by world and way."""
    rates = Rates()
    worlds = {}
    for name in bench.worlds:
        say(f"{name}: preparing", error=True)
        worlds[name] = time_world(name, bench, rates)
        gc.collect()
    return {"frames": bench.frames, "worlds": worlds}


def time_world(name: str, bench: RuntimeBench, rates: Rates) -> dict[str, object]:
    """The figures of one world."""
    step, example = make(name)
    ways = ways_here(bench)
    plain = Choice("torch", ways[0].device, "float32")
    work = count(step, example)
    runners, refused = {}, {}
    for choice in (plain, *ways):
        try:
            runners[choice] = prepare(step, choice, example)
            runners[choice].run(example)  # the first frame of all packs, compiles and allocates
        except (UserError, RuntimeError) as error:
            refused[choice.describe()] = str(error).splitlines()[0]
    expected = runners[plain].run(example)[0].astype(np.int16)
    times = in_rounds(runners, example, bench.frames)
    figures: dict[str, Any] = {}
    for choice, runner in runners.items():
        off = np.abs(runner.run(example)[0] - expected)
        median_ms = statistics.median(times[choice])
        limit_ms = rates.limit_ms(choice, work)
        figures[choice.describe()] = {
            "median_ms": round(median_ms, 3),
            "min_ms": round(min(times[choice]), 3),
            "max_ms": round(max(times[choice]), 3),
            "ratio": round(statistics.median(times[plain]) / median_ms, 2),
            "off_levels": int(off.max()),
            "near_share": round(float((off <= NEAR_LEVELS).mean()), 5),
            "limit_ms": round(limit_ms, 3),
            "reached": round(limit_ms / median_ms, 3),
            "mbytes": round(work.bytes_in(choice.precision) / MB, 1),
            **rates.figures(choice),
        }
    return {
        "gflop": round(work.flop / 1e9, 2),
        "best_ratio": max(figure["ratio"] for figure in figures.values()),
        "floor": FLOORS.get((name, plain.device)),
        "ways": figures,
        "refused": refused,
    }


def ways_here(bench: RuntimeBench) -> list[Choice]:
    """Return all ways but plain eager float32, of small worlds and large ones."""
    found = [
        *candidates(bench.device, compiled=bench.compile),
        *candidates(bench.device, compiled="off"),
        *candidates(bench.device, large=True, compiled="off"),
    ]
    plain = Choice("torch", found[0].device, "float32")
    unrated = set() if torch.backends.mkldnn.is_available() else {INT8}  # see conv_rate
    ways = [way for way in found if way != plain and way.precision not in unrated]
    return list(dict.fromkeys(ways)) or [plain]


def in_rounds(
    runners: Mapping[Choice, Runner], example: Inputs, rounds: int
) -> dict[Choice, list[float]]:
    """Milliseconds of a frame by each runner in each round: a slow moment is slow for all.

    In play one way runs alone, with its weights in the caches and no other way's threads still
    spinning, so in each round a runner makes a frame that is not counted first.
    """
    times: dict[Choice, list[float]] = {choice: [] for choice in runners}
    for _ in range(rounds):
        for choice, runner in runners.items():
            runner.run(example)
            for _ in range(FRAMES_A_ROUND):
                started = time.perf_counter()
                runner.run(example)
                times[choice].append((time.perf_counter() - started) * 1e3)
    return times


class Rates:
    """Peak rates of this machine, each measured on first use."""

    def __init__(self) -> None:
        self._known: dict[tuple[Callable[..., float], tuple[str, ...]], float] = {}

    def conv(self, choice: Choice) -> float:
        """FLOP/s of convolutions."""
        return self._measured(conv_rate, choice.device, choice.precision)

    def copy(self, choice: Choice) -> float:
        """Bytes/s, read and written."""
        return self._measured(copy_rate, choice.device)

    def limit_ms(self, choice: Choice, work: Work) -> float:
        """The least time that such work takes: all of its convolving, or all of its moving."""
        moved = work.bytes_in(choice.precision) / self.copy(choice)
        return max(work.flop / self.conv(choice), moved) * 1e3

    def figures(self, choice: Choice) -> dict[str, float]:
        return {
            "conv_gflops": round(self.conv(choice) / 1e9, 1),
            "copy_gbytes_s": round(self.copy(choice) / GB, 1),
        }

    def _measured(self, rate: Callable[..., float], *of: str) -> float:
        key = (rate, of)
        if key not in self._known:
            self._known[key] = rate(*of)
        return self._known[key]


def make(name: str) -> tuple[PlayStep, Inputs]:
    """A world's step with float32 weights, and inputs for it."""
    if name == "atari":
        denoiser = awake(Denoiser(diamond.atari_denoiser(ACTIONS)))
        rewards = awake(RewardModel(diamond.atari_reward_model(ACTIONS)))
        step: PlayStep = RecurrentStep(denoiser, rewards, diamond.ATARI)
    elif name == "csgo":
        denoiser = awake(Denoiser(diamond.csgo_denoiser()))
        upsampler, preset = awake(Upsampler(diamond.csgo_upsampler())), diamond.CSGO["fast"]
        assert preset.upsampling is not None
        step = EnlargingStep(denoiser, upsampler, preset.frame, preset.upsampling)
    else:
        samplers = SamplerCache(load(find_cartridge(name)), compiled="off")
        step = samplers.prepared(samplers.standard).step
        return step, samplers.example(step)
    return step, random_inputs(step, denoiser)


def random_inputs(step: PlayStep, denoiser: Denoiser) -> Inputs:
    """Noise wherever a start would be."""
    rng, config = np.random.default_rng(0), denoiser.config
    shape = (config.context, config.height, config.width, 3)
    inputs: dict[str, Any] = {
        "frames": rng.integers(0, 256, shape, dtype=np.uint8),
        "actions": np.eye(config.actions, dtype=np.float32)[:1].repeat(config.context, 0),
    }
    for name, noise in step.noises.items():
        inputs[name] = rng.standard_normal(noise, np.float32)
    if isinstance(step, EnlargingStep):
        large = step.upsampler.config
        inputs["large"] = rng.integers(0, 256, (large.height, large.width, 3), dtype=np.uint8)
    return {**inputs, **step.begin(inputs["frames"], inputs["actions"])}


def awake(network: Network) -> Network:
    """The network with random weights where it starts with zeros, whose products cost nothing."""
    network.eval().requires_grad_(False)
    for weight in network.parameters():
        if weight.ndim > 1 and not weight.any():
            weight.normal_(std=0.5 / weight[0].numel() ** 0.5)
    return network


def table(figures: Mapping[str, Any]) -> str:
    """A few lines for each world."""
    lines = []
    for name, world in figures["worlds"].items():
        asked = f", at least {world['floor']:g} asked" if world["floor"] else ""
        lines.append(
            f"{name}: {world['gflop']:g} GFLOP a frame, {world['best_ratio']:g} times as fast as "
            f"eager float32{asked}"
        )
        for way, of in world["ways"].items():
            lines += [
                f"  {way}",
                f"    {of['median_ms']:.2f} ms ({of['min_ms']:.2f} to {of['max_ms']:.2f}), "
                f"ratio {of['ratio']:g}; at most {of['off_levels']} levels off, "
                f"{of['near_share']:.2%} within {NEAR_LEVELS}",
                f"    limit {of['limit_ms']:.2f} ms: {of['reached']:.0%} reached; "
                f"{of['mbytes']:g} MB a frame; the machine convolves {of['conv_gflops']:g} "
                f"GFLOP/s, copies {of['copy_gbytes_s']:g} GB/s",
            ]
        lines += [f"  {way}: {why}" for way, why in world["refused"].items()]
    return "\n".join(lines)
