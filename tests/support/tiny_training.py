"""A recipe small enough to train in a test, and recordings of the toy world to train it on."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch

from tests.support.recordings import record_toys
from training import checkpoint
from training.beginning import build
from training.data import Data, open_data
from training.learners.rollout_learner import RolloutLearner
from training.recipes.presets import Recipe
from training.recipes.two_sizes import SequenceConfig, UpsamplerConfig
from training.recipes.world import TrainConfig, flag

ROOT = Path(__file__).resolve().parents[2]
PLAINLY = ["--precision", "fp32", "--compile", "off"]

Train = Callable[..., int]

TINY = TrainConfig(
    updates=6,
    batch=4,
    energy_from=0.1,
    rollouts=2,
    rollouts_from=0.0,
    rollout_steps=5,
    lags=(0, 1, 3),
    channels=(8, 16),
    depths=(1, 1),
    cond=16,
    head_channels=8,
    prior_channels=(8, 16),
    patch=2,
    warmup=3,
    cooldown=0.25,
)

TWO_SIZES: dict[str, Any] = {
    "updates": 4,
    "batch": 2,
    "accumulate": 2,
    "channels": (8, 16),
    "depths": (1, 1),
    "attention": (False, True),
    "cond": 16,
    "warmup": 2,
}
TINY_SEQUENCE = SequenceConfig(**TWO_SIZES, context=2, sequence_length=3)
TINY_UPSAMPLER = UpsamplerConfig(**TWO_SIZES)


def flags_of(config: Recipe) -> list[str]:
    """The command line's words for what differs from the defaults of its kind."""
    words: list[str] = []
    for name, value in dataclasses.asdict(config).items():
        if value != getattr(type(config)(), name):
            values = value if isinstance(value, tuple) else (value,)
            words += [flag(name), *map(str, values)]
    return words


def record_enough(folder: Path) -> Path:
    """Record just enough to train on. The second episode, a short one, is held out."""
    record_toys(folder, 600, 12, 400)
    return folder


def tiny_data(folder: Path, config: TrainConfig = TINY) -> Data:
    """Recordings that `record_enough` made, opened for training."""
    return open_data(folder, config, memory_gb=1)


def tiny_learner(data: Data, config: TrainConfig = TINY) -> RolloutLearner:
    """Networks of a few thousand weights on the CPU, ready to learn."""
    return cast(RolloutLearner, build(config, data, torch.device("cpu")))


def program(*words: str) -> list[str]:
    return [sys.executable, "-m", "tools.train", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the tool as people do."""
    return subprocess.run(
        program(*words), cwd=ROOT, env=environment(), text=True, capture_output=True
    )


def same(one: Any, other: Any) -> bool:
    """Whether two checkpoints hold the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def checkpoints_are_the_same(one: Path, other: Path) -> bool:
    ours, theirs = checkpoint.load(one), checkpoint.load(other)
    assert ours is not None and theirs is not None
    return same(ours, theirs)
