"""Training worlds in two sizes from the command line: both networks, and one world of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from base.errors import UserError
from datasets.store import Store
from engine.contracts import CsgoActions
from models.cartridge.reader import load
from models.dream import DiffusionWorld
from models.runtime.sampler_cache import SamplerCache
from models.sampler import Sampler
from tests.support.recordings import record_in_two_sizes
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge
from tests.support.tiny_training import (
    TINY,
    TINY_SEQUENCE,
    TINY_UPSAMPLER,
    checkpoints_are_the_same,
    flags_of,
)
from tools import train as tool
from training.export import frame_sampler
from training.recipes import run_config
from training.recipes.presets import Preset, Recipe

RECIPES: dict[Preset, Recipe] = {
    "small": TINY,
    "csgo": TINY_SEQUENCE,
    "csgo-upsampler": TINY_UPSAMPLER,
}
PLAINLY = ["--precision", "fp32", "--compile", "off"]

Train = Callable[..., Path]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shooter")
    record_in_two_sizes(folder, 990, 30, 20)
    return folder


@pytest.fixture(scope="module")
def worlds(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs in folders that are named as their presets."""
    folder = tmp_path_factory.mktemp("worlds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "keep_freed_memory", lambda: None)
        for preset in RECIPES:
            world = folder / "csgo" / "cartridge" if preset == "csgo-upsampler" else None
            tool.main(words_of(preset, folder / preset, data, world))
    return folder


def words_of(preset: Preset, out: Path, data: Path, world: Path | None) -> list[str]:
    """The command line of a tiny run."""
    recipe = ["--preset", preset, *flags_of(RECIPES[preset])]
    onto = ["--world", str(world)] if world else []
    return ["--out", str(out), "--data", str(data), *recipe, *PLAINLY, *onto]


@pytest.fixture(autouse=True)
def process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What runs set for good is taken back: playing has threads of its own, and sums differ."""
    monkeypatch.setattr(tool, "keep_freed_memory", lambda: None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def played(path: Path, steps: int = 3) -> tuple[DiffusionWorld, np.ndarray]:
    """A cartridge's world, and what it shows under a turning mouse."""
    world = DiffusionWorld(load(path), SamplerCache(load(path), device="cpu", precision="float32"))
    world.reset(seed=0)
    action = CsgoActions().named("w+mouse(4,0)")
    return world, np.stack([world.step(action).frame for _ in range(steps)])


def test_both_trainings_make_one_world_that_plays(worlds: Path, data: Path) -> None:
    small, frames = played(worlds / "csgo" / "cartridge")
    assert frames.shape == (3, 10, 16, 3) and small.context == TINY_SEQUENCE.context
    both, frames = played(worlds / "csgo-upsampler" / "cartridge")
    assert frames.shape == (3, 20, 32, 3) and frames.std() > 1
    assert {knob.name for knob in both.knobs} >= {"denoising steps"}

    first, second = (load(worlds / name / "cartridge") for name in ("csgo", "csgo-upsampler"))
    assert set(first.networks) == {"denoiser"}
    assert set(second.networks) == {"denoiser", "upsampler"}
    for name, weight in first.networks["denoiser"].state_dict().items():
        assert torch.equal(second.networks["denoiser"].state_dict()[name], weight)
    assert list(second.manifest.presets) == ["fast", "quality"]
    assert second.manifest.presets["quality"].frame == first.manifest.presets["quality"].frame
    assert second.manifest.name == first.manifest.name == "shooter"
    assert second.manifest.metrics["updates"] == second.manifest.metrics["upsampler_updates"] == 4

    # Its places to begin are held-out moments, each with its own large frame.
    starts, context = second.starts, TINY_SEQUENCE.context
    held_out = Store(data / "low").read(1, 0, 31).frames
    for frames, large in zip(starts["frames"], starts["large"], strict=True):
        np.testing.assert_array_equal(large[1::2, 1::2], frames[-1])
        windows = (held_out[i : i + context] for i in range(len(held_out)))
        assert any(np.array_equal(frames, window) for window in windows)
    readme = (worlds / "csgo-upsampler" / "cartridge" / "README.md").read_text()
    assert "--preset csgo " in readme and "--preset csgo-upsampler " in readme
    assert "A second network enlarges it." in readme
    strip = cv2.imread(str(worlds / "csgo-upsampler" / "strips" / "000004.png"))
    assert strip is not None and strip.shape[0] == 4 * 2 * 22  # four windows, recorded and made


def test_a_world_of_few_levels_takes_an_upsampler_too(
    worlds: Path, data: Path, tmp_path: Path
) -> None:
    """Small frames of another recipe, here the default's: in 51 actions and any size."""
    small = load(worlds / "small" / "cartridge")
    assert small.manifest.denoiser.actions == 51 and small.manifest.denoiser.height == 10
    assert played(worlds / "small" / "cartridge")[1].shape == (3, 10, 16, 3)
    tool.main(words_of("csgo-upsampler", tmp_path, data, worlds / "small" / "cartridge"))
    both = load(tmp_path / "cartridge").manifest
    assert both.presets["fast"].frame.sigmas == (TINY.sigma,) and both.reward_end is None
    assert played(tmp_path / "cartridge")[1].shape == (3, 20, 32, 3)


def test_an_upsampler_leaves_a_world_the_levels_it_was_taught_at() -> None:
    sampler = Sampler((2.0, 1.9, 0.5))
    assert frame_sampler(replace(manifest(), sampler=sampler), "fast") == sampler


@pytest.mark.parametrize("preset", ["csgo", "csgo-upsampler"])
def test_stopped_and_resumed_a_run_is_as_if_it_had_not_been(
    worlds: Path, data: Path, tmp_path: Path, preset: Preset
) -> None:
    world = worlds / "csgo" / "cartridge" if preset == "csgo-upsampler" else None
    words = words_of(preset, tmp_path, data, world)
    assert tool.main([*words, "--updates", "2"]) == 0
    # It tries a part of an update, which once met the answers to a whole one.
    assert tool.main(["--out", str(tmp_path), "--resume", "--updates", "4", "--dry-run"]) == 0
    assert tool.main(["--out", str(tmp_path), "--resume", "--updates", "4"]) == 0
    assert checkpoints_are_the_same(worlds / preset, tmp_path)
    saved = run_config.load(tmp_path)
    assert saved.train == RECIPES[preset] and saved.preset == preset
    assert tool.main([*words, "--resume"]) == 0  # the same may be said again
    with pytest.raises(UserError, match="--accumulate cannot change when a run is resumed"):
        tool.main(["--out", str(tmp_path), "--resume", "--accumulate", "3"])
    with pytest.raises(UserError, match="--preset cannot change when a run is resumed"):
        tool.main(["--out", str(tmp_path), "--resume", "--preset", "small"])


@pytest.mark.parametrize("preset", list(RECIPES))
def test_a_dry_run_tells_of_every_preset(
    data: Path, tmp_path: Path, preset: Preset, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an upsampler too before there is a world that it enlarges."""
    assert tool.main([*words_of(preset, tmp_path / "run", data, None), "--dry-run"]) == 0
    said = capsys.readouterr().out
    network = "upsampler" if preset == "csgo-upsampler" else "denoiser"
    assert re.search(rf"parameters: {network} 0\.\d\d M", said)
    assert re.search(r"memory \d+\.\d GB, and up to 0\.0 GB more for decoded recordings", said)
    assert re.search(r"an update of 4 examples takes \d+\.\d\d s", said)
    assert not (tmp_path / "run").exists()


def test_a_run_may_start_from_both_networks_of_a_world(
    worlds: Path, data: Path, tmp_path: Path
) -> None:
    start = worlds / "csgo-upsampler" / "cartridge"
    words = words_of("csgo-upsampler", tmp_path, data, start)
    slowly = ["--start-from", str(start), "--updates", "1", "--learning-rate", "1e-12"]
    assert tool.main([*words, *slowly, "--ema", "0"]) == 0
    readme = (tmp_path / "cartridge" / "README.md").read_text()
    assert "--preset csgo " in readme, "what made the world is still told"
    before, after = (load(path).networks["upsampler"] for path in (start, tmp_path / "cartridge"))
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


def without_full(folder: Path) -> None:
    shutil.rmtree(folder / "full")


def without_like(folder: Path) -> None:
    (folder / "full" / "episode_000001.h5").unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_full, "needs recordings in two sizes: its folders low and full"),
        (without_like, "holds a single episode"),
    ],
)
def test_recordings_that_no_upsampler_can_learn_from_are_refused(
    worlds: Path, data: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    shutil.copytree(data, tmp_path / "data")
    spoil(tmp_path / "data")
    world = worlds / "csgo" / "cartridge"
    with pytest.raises(UserError, match=says):
        tool.main(words_of("csgo-upsampler", tmp_path / "run", tmp_path / "data", world))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("preset", "world", "says"),
    [
        ("csgo-upsampler", None, "--world is needed: the cartridge whose frames"),
        ("csgo", "csgo", "--world is for upsamplers"),
        ("csgo-upsampler", "nowhere", "unknown cartridge .*nowhere"),
        ("csgo-upsampler", "tiny", r"tiny makes frames of 16 x 16 pixels, and .* have 10 x 16"),
    ],
)
def test_worlds_that_no_upsampler_is_for_are_refused(
    worlds: Path, data: Path, tmp_path: Path, preset: Any, world: str | None, says: str
) -> None:
    write_tiny_cartridge(tmp_path / "tiny" / "cartridge")
    home = tmp_path if world == "tiny" else worlds
    path = home / world / "cartridge" if world else None
    with pytest.raises(UserError, match=says):
        tool.main(words_of(preset, tmp_path / "run", data, path))
    assert not (tmp_path / "run").exists()
