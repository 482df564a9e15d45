"""Full-size released worlds, with random weights, from a Hub cache laid out by hand and no network.
Checkpoints are saved as DIAMOND's trainer saves them.

Slow: CS:GO's checkpoint has 382 million weights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from hub.catalogue import World, find_world, read_catalogue
from hub.transfer import snapshot_folder
from models.diamond import config as diamond
from models.diamond.weights import AtariNetworks, CsgoNetworks, to_checkpoint
from models.networks.actor_critic import ActorCritic
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.reward_model import RewardModel
from tests.support.parity import save_as_trainer
from tests.support.released_files import SPAWN_SHAPES
from tools.benchmarks.runtime import awake

ROOT = Path(__file__).resolve().parents[3]
PONG_ACTIONS = 6
pytestmark = pytest.mark.slow


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, of the Hub and of our own, with the network off."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    monkeypatch.setattr("hub.transfer.cache_folder", lambda: tmp_path / "hf" / "hub")
    return tmp_path


def lay_out(world: World) -> Path:
    """Put a world's files, made up, where the Hub's cache has them; the checkpoint's path."""
    folder, rng = snapshot_folder(world.repo, world.revision), np.random.default_rng(0)
    for file in world.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in SPAWN_SHAPES:
            most = 2 if "act" in path.name else 256
            np.save(path, rng.integers(0, most, SPAWN_SHAPES[path.name], dtype=np.uint8))
        elif path.suffix != ".pt":
            path.write_text("{}".ljust(file.bytes))
    return save_as_trainer(to_checkpoint(networks(world)), folder / world.checkpoint.path)


def networks(world: World) -> AtariNetworks | CsgoNetworks:
    """Networks of the published sizes in which no weight stays zero."""
    torch.manual_seed(0)
    if not world.game:
        return CsgoNetworks(
            awake(Denoiser(diamond.csgo_denoiser())), awake(Upsampler(diamond.csgo_upsampler()))
        )
    return AtariNetworks(
        awake(Denoiser(diamond.atari_denoiser(PONG_ACTIONS))),
        awake(RewardModel(diamond.atari_reward_model(PONG_ACTIONS))),
        awake(ActorCritic(diamond.atari_actor_critic(PONG_ACTIONS))),
    )


def play(name: str, folder: Path) -> dict[str, object]:
    """Two steps without a window: the report. Of CS:GO the hashes of the real files are known."""
    words = ["--headless", "--steps", "2", "--frames", str(folder / "out.npz")]
    words += ["--unverified"] if name == "csgo" else []
    done = subprocess.run(
        [sys.executable, "play.py", name, *words],
        cwd=ROOT, env=dict(os.environ), text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize(("name", "shape"), [("pong", (64, 64, 3)), ("csgo", (150, 280, 3))])
def test_it_plays_from_the_cache_and_needs_the_checkpoint_once(
    name: str, shape: tuple[int, ...], cache: Path
) -> None:
    checkpoint = lay_out(find_world(name, read_catalogue()))
    assert checkpoint.is_relative_to(cache)
    saved = torch.load(checkpoint, mmap=True)
    assert isinstance(saved, OrderedDict) and hasattr(saved, "_metadata")
    play(name, cache)
    first = np.load(cache / "out.npz")["frames"]
    assert first.shape == (2, *shape) and first.std() > 5
    # Of the same size and time, so that it counts as the same file; nothing else of it is left.
    before = checkpoint.stat()
    checkpoint.write_bytes(b"")
    os.truncate(checkpoint, before.st_size)
    os.utime(checkpoint, ns=(before.st_atime_ns, before.st_mtime_ns))
    play(name, cache)
    np.testing.assert_array_equal(np.load(cache / "out.npz")["frames"], first)


def test_csgo_takes_at_most_three_gigabytes(cache: Path) -> None:
    lay_out(find_world("csgo", read_catalogue()))
    play("csgo", cache)  # the first start converts the weights
    program = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    words = ["play.py", "csgo", "--headless", "--steps", "2", "--unverified"]
    done = subprocess.run(
        [sys.executable, "-c", program, sys.executable, *words],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) * 1024 <= 3e9
