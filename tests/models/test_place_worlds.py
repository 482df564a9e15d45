"""Worlds with a place memory: as cartridges, and played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from base.errors import UserError
from models.cartridge import reader
from models.cartridge.manifest import Preset
from models.cartridge.reader import KEYFRAMES, check_keyframes, check_starts, load
from models.cartridge.writer import save
from models.dream import DiffusionWorld
from models.runtime.place_step import PlaceStep
from models.runtime.sampler_cache import SamplerCache
from models.sampler import Sampler
from tests.support.tiny_cartridge import (
    keyframes,
    manifest,
    starts,
    with_places,
    write_tiny_cartridge,
)
from tests.support.toy_world import ACTIONS

WORLD = with_places(manifest())


@pytest.fixture(scope="module")
def cartridge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_cartridge(tmp_path_factory.mktemp("places") / "tiny", WORLD)


def world_of(path: Path) -> DiffusionWorld:
    return DiffusionWorld(load(path), SamplerCache(load(path), "cpu", "float32"))


def test_a_place_memory_comes_back_from_its_cartridge(cartridge: Path) -> None:
    loaded, given = load(cartridge), keyframes(WORLD)
    assert loaded.manifest == WORLD
    assert set(loaded.networks) == {"denoiser", "reward_end", "place_memory", "pose"}
    assert given is not None and loaded.keyframes is not None
    assert loaded.keyframes.frames.equal(given.frames)
    assert loaded.keyframes.poses.equal(given.poses)
    plain = load(write_tiny_cartridge(cartridge.parent / "plain"))
    assert plain.keyframes is None
    assert len(loaded.weights.split("-")) == len(plain.weights.split("-")) + 3


def test_keyframes_that_were_altered_are_refused(cartridge: Path, tmp_path: Path) -> None:
    path = write_tiny_cartridge(tmp_path / "tiny", WORLD)
    data = bytearray((path / KEYFRAMES).read_bytes())
    data[-1] ^= 1
    (path / KEYFRAMES).write_bytes(data)
    with pytest.raises(UserError, match="was altered"):
        load(path)
    (path / KEYFRAMES).unlink()
    with pytest.raises(UserError, match="keyframes"):
        load(path)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pose": None}, "come together or not at all"),
        ({"place_memory": None, "pose": None}, "a denoiser sees one recalled view"),
        ({"denoiser": replace(WORLD.denoiser, recalled=0)}, "a denoiser sees one recalled view"),
        ({"denoiser": replace(WORLD.denoiser, recalled=2)}, "a denoiser sees one recalled view"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        replace(WORLD, **wrong)  # type: ignore[arg-type]


def test_a_pose_for_other_actions_or_views_of_another_size_are_refused() -> None:
    assert WORLD.pose is not None and WORLD.place_memory is not None
    with pytest.raises(UserError, match="different numbers of actions"):
        replace(WORLD, pose=replace(WORLD.pose, buttons=99))
    with pytest.raises(UserError, match="different sizes"):
        replace(WORLD, place_memory=replace(WORLD.place_memory, height=8))


def test_starts_say_where_they_are() -> None:
    given = starts(WORLD)
    check_starts(given, WORLD)
    for name in ("pose", "moved"):
        with pytest.raises(KeyError):
            check_starts({k: v for k, v in given.items() if k != name}, WORLD)
        with pytest.raises(ValueError, match=name):
            check_starts({**given, name: given[name] * np.float32(np.nan)}, WORLD)
    with pytest.raises(ValueError, match="moved"):
        check_starts({**starts(manifest()), "moved": given["moved"]}, manifest())


def test_a_bank_fits_its_world(cartridge: Path, tmp_path: Path) -> None:
    few, world = keyframes(WORLD, 1), load(cartridge)
    for bank in (few, None):
        with pytest.raises(ValueError, match="keyframes"):
            check_keyframes(bank, WORLD)
        with pytest.raises(ValueError, match="keyframes"):
            save(tmp_path / "x", WORLD, world.networks, world.starts, b"", "", keyframes=bank)
    with pytest.raises(ValueError, match="no other has any"):
        check_keyframes(keyframes(WORLD), manifest())


def test_what_is_no_bank_on_disk_is_refused(cartridge: Path) -> None:
    path = cartridge.parent / "bank.safetensors"
    path.write_bytes(safetensors.numpy.save({"frames": np.zeros((2, 16, 16, 3), np.uint8)}))
    with pytest.raises(UserError, match="does not hold keyframes"):
        reader._read_keyframes(path, WORLD)


def test_play_carries_the_pose_on(cartridge: Path) -> None:
    world = world_of(cartridge)
    world.reset(seed=3, start=1)
    begun = world.snapshot()
    assert begun["pose"].tolist() == [8, 0, 20, 0]
    first = [world.step(ACTIONS.idle()).frame for _ in range(3)]
    assert not np.array_equal(world.snapshot()["pose"], begun["pose"])
    world.restore(begun)
    again = [world.step(ACTIONS.idle()).frame for _ in range(3)]
    assert all(map(np.array_equal, first, again))


def test_what_is_recalled_shows_in_the_dream(cartridge: Path) -> None:
    world = world_of(cartridge)
    frames = []
    for heading in (0.0, 60.0):
        world.reset(seed=3)
        moment = world.snapshot()
        moment["pose"][2] = heading
        world.restore(moment)
        frames.append(world.step(ACTIONS.idle()).frame)
    assert not np.array_equal(*frames)


def test_a_context_with_noise_counts_the_recalled_view(cartridge: Path) -> None:
    cache = SamplerCache(load(cartridge), "cpu", "float32")
    step = cache.prepared(1, context_noise=0.02).step
    assert isinstance(step, PlaceStep)
    assert step.noises["context_noise"][0] == WORLD.denoiser.context + 1
    made = cache.prepared(1, context_noise=0.02).runner.run(cache.example(step))
    assert len(made) == len(step.outputs)


def test_a_world_in_two_sizes_recalls_its_small_frames(tmp_path: Path) -> None:
    small = WORLD.denoiser
    large = replace(small, height=32, width=32, context=2, actions=0, recalled=0)
    once = Preset(Sampler((2.0,)), Sampler((2.0,)))
    of = replace(WORLD, reward_end=None, sampler=None, upsampler=large, presets={"fast": once})
    world = world_of(write_tiny_cartridge(tmp_path / "large", of))
    world.reset(seed=0)
    begun = world.snapshot()
    assert world.step(ACTIONS.idle()).frame.shape == (32, 32, 3)
    assert not np.array_equal(world.snapshot()["pose"], begun["pose"])
