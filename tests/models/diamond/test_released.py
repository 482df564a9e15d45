"""Released checkpoints as cartridges and back: every number arrives, and what does not fit is
named in one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from base.cartridges import CARD
from base.errors import UserError
from engine.contracts import CsgoActions
from engine.games.atari import AtariWorld
from models.cartridge.reader import Cartridge, load
from models.diamond import config as diamond
from models.diamond import released
from models.diamond.released import Released, check_numbers, read_spawn
from tests.support.released_files import (
    ATARI_PT,
    ATARI_YAML,
    CSGO_PT,
    CSGO_YAML,
    SPAWN_SHAPES,
    pong,
    shooter,
    write_cartridge,
    write_spawn,
)
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools.app.conversion import convert
from tools.options.convert import ConvertConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("released")


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, Released]:
    return {"pong": pong(), "csgo": shooter(folder / "spawns")}


@pytest.fixture(scope="module")
def paths(folder: Path, made: dict[str, Released]) -> dict[str, Path]:
    return {name: write_cartridge(world, folder / name) for name, world in made.items()}


def refused(src: Path, out: Path, **options: object) -> str:
    """The line that the tool says instead of converting."""
    with pytest.raises(UserError) as caught:
        convert(ConvertConfig(src, out, **options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert not out.exists()
    return str(caught.value)


def test_an_atari_checkpoint_is_a_world_that_the_emulator_begins(paths: dict[str, Path]) -> None:
    world = load(paths["pong"])
    manifest = world.manifest
    assert (manifest.name, manifest.game, manifest.rate_fps) == ("pong", "pong", 15.0)
    assert manifest.actions == AtariWorld("pong").actions
    assert list(world.networks) == ["denoiser", "reward_end", "actor_critic"]
    assert [preset.frame for preset in manifest.presets.values()] == [diamond.ATARI]
    assert world.starts["frames"].shape == (0, 4, 64, 64, 3)


def test_csgo_has_its_spawns(folder: Path, paths: dict[str, Path]) -> None:
    world = load(paths["csgo"])
    assert world.manifest.actions == CsgoActions() and world.manifest.rate_fps == 16.0
    assert dict(world.manifest.presets) == diamond.CSGO
    assert next(iter(world.manifest.presets)) == "fast"
    assert list(world.networks) == ["denoiser", "upsampler"]
    for i in range(2):
        files = {name: np.load(folder / "spawns" / str(i) / name) for name in SPAWN_SHAPES}
        for t in range(4):
            np.testing.assert_array_equal(
                world.starts["frames"][i, t], np.moveaxis(files["low_res.npy"][t], 0, -1)
            )
        shown = np.moveaxis(files["full_res.npy"][-1], 0, -1)
        np.testing.assert_array_equal(world.starts["large"][i], shown)
        np.testing.assert_array_equal(world.starts["actions"][i], files["act.npy"])
        following = [files["act.npy"][-1], *files["next_act.npy"]]
        np.testing.assert_array_equal(world.starts["following"][i], following)


@pytest.mark.parametrize(("name", "file"), [("pong", ATARI_PT), ("csgo", CSGO_PT)])
def test_back_to_the_same_bits(
    paths: dict[str, Path], tmp_path: Path, name: str, file: Path
) -> None:
    convert(ConvertConfig(paths[name], tmp_path / "back.pt"))
    before, after = (torch.load(path, weights_only=True) for path in (file, tmp_path / "back.pt"))
    assert before.keys() == after.keys()
    for key, tensor in before.items():
        assert after[key].shape == tensor.shape and after[key].dtype == tensor.dtype
        assert after[key].numpy().tobytes() == tensor.numpy().tobytes(), key


def test_the_tool_makes_playable_cartridges(folder: Path, made: object, tmp_path: Path) -> None:
    convert(ConvertConfig(ATARI_PT, tmp_path / "a", game="Pong", licence="mine"))
    world = load(tmp_path / "a")
    assert (world.manifest.name, world.manifest.licence) == ("pong", "mine")
    assert world.networks["denoiser"].unet.conv_in.weight.dtype is torch.float32
    spawns = folder / "spawns"
    convert(ConvertConfig(CSGO_PT, tmp_path / "b", spawns=spawns, precision="float16"))
    assert len(load(tmp_path / "b").starts["frames"]) == 2
    assert (tmp_path / "b" / "denoiser.safetensors").stat().st_size < CSGO_PT.stat().st_size / 2


def test_a_cartridge_of_our_own_is_no_checkpoint(tmp_path: Path) -> None:
    own = write_tiny_cartridge(tmp_path / "tiny")
    assert "came from a DIAMOND checkpoint" in refused(own, tmp_path / "out.pt")
    assert "is not there" in refused(tmp_path / "nowhere", tmp_path / "out")


def test_networks_that_only_have_the_names_are_no_checkpoint(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    """Of Doom one was written, which could not be read again."""
    card = json.loads((paths["csgo"] / CARD).read_text("utf-8"))
    card["denoiser"]["sigma_data"] *= 2
    shutil.copytree(paths["csgo"], tmp_path / "other")
    (tmp_path / "other" / CARD).write_text(json.dumps(card))
    assert "can hold" in refused(tmp_path / "other", tmp_path / "out.pt")
    assert not list(tmp_path.glob("*.pt"))


def test_what_the_tool_is_not_told_right(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "--game pong" in refused(ATARI_PT, out)
    assert "6 actions, and Breakout has 4" in refused(ATARI_PT, out, game="breakout")
    assert "did you mean 'pong'" in refused(ATARI_PT, out, game="ponk")
    assert "float32, bfloat16" in refused(ATARI_PT, out, game="pong", precision="int4")
    assert "nowhere.pt" in refused(tmp_path / "nowhere.pt", out, game="pong")
    assert "nowhere" in refused(CSGO_PT, out, spawns=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "no spawn folders" in refused(CSGO_PT, out, spawns=tmp_path / "empty")
    assert "Not a directory" in refused(CSGO_PT, out, spawns=ATARI_PT)


@pytest.mark.parametrize(("pt", "kind"), [(ATARI_PT, "game"), (CSGO_PT, "spawns")])
def test_a_checkpoint_with_a_flipped_bit_is_not_converted(
    folder: Path, made: object, tmp_path: Path, pt: Path, kind: str
) -> None:
    whole = bytearray(pt.read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "agent.pt").write_bytes(whole)
    torch.load(tmp_path / "agent.pt")  # torch itself sees nothing
    told = {"game": "pong"} if kind == "game" else {"spawns": folder / "spawns"}
    line = refused(tmp_path / "agent.pt", tmp_path / "out", **told)
    assert "agent.pt is damaged (Bad CRC-32" in line and "download it again" in line


def test_a_checkpoint_of_the_other_kind(folder: Path, made: object, tmp_path: Path) -> None:
    assert "not known here" in refused(CSGO_PT, tmp_path / "out", game="pong")
    assert "not known here" in refused(ATARI_PT, tmp_path / "out", spawns=folder / "spawns")


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def turned(path: Path) -> None:
    np.save(path, np.load(path).T)


def widened(path: Path) -> None:
    np.save(path, np.load(path).astype(np.int64))


def pickled(path: Path) -> None:
    np.save(path, np.array([{}], object), allow_pickle=True)


@pytest.mark.parametrize("name", SPAWN_SHAPES)
@pytest.mark.parametrize("damage", [Path.unlink, shortened, turned, widened, pickled])
def test_a_damaged_spawn_is_named(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    spawn = write_spawn(tmp_path / "0", seed=0)
    damage(spawn / name)
    with pytest.raises(UserError) as caught:
        read_spawn(spawn)
    assert str(spawn / name) in str(caught.value) and "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def spawn(folder: Path) -> Path:
    return write_spawn(folder / "altered", seed=0)


def header(shape: Sequence[int]) -> bytes:
    """The beginning of a file that claims to hold bytes of any shape."""
    words = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + words.encode().ljust(117) + b"\n"


@pytest.mark.filterwarnings("ignore:overflow")
@example(header((2**32, 2**32)))
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda rest: b"\x93NUMPY\x01\x00\x76\x00" + rest),
        st.lists(st.integers(0, 2**62), max_size=4).map(header),
    )
)
def test_any_bytes_in_the_place_of_an_array(spawn: Path, content: bytes) -> None:
    whole = (spawn / "act.npy").read_bytes()
    try:
        (spawn / "act.npy").write_bytes(content)
        with pytest.raises(UserError, match=r"act\.npy"):
            read_spawn(spawn)
    finally:
        (spawn / "act.npy").write_bytes(whole)


@pytest.mark.parametrize(("name", "text"), [("pong", ATARI_YAML), ("csgo", CSGO_YAML)])
def test_the_numbers_of_the_released_agent_are_ours(
    made: dict[str, Released], tmp_path: Path, name: str, text: str
) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(text)
    check_numbers(agent, made[name].networks)
    agent.write_text("_target_: agent.AgentConfig\n")  # what it does not say is not compared
    check_numbers(agent, made[name].networks)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("sigma_data: 0.5", "sigma_data: 0.4", "sigma_data is 0.4, and .* with 0.5"),
        ("sigma_offset_noise: 0.1", "sigma_offset_noise: 0.3", "sigma_offset_noise is 0.3"),
        ("cond_channels: 64", "cond_channels: 128", "denoiser's cond_channels is 128"),
        ("depths: [2, 2, 2, 2]", "depths: [2, 2, 2]", "denoiser's depths"),
        ("- 64", "- 96", "denoiser's channels"),
        ("channels: [32, 32, 32, 64]", "channels: [64, 32, 32, 64]", "upsampler's channels"),
    ],
)
def test_other_numbers_are_refused(
    made: dict[str, Released], tmp_path: Path, before: str, after: str, says: str
) -> None:
    agent = tmp_path / "agent.yaml"
    assert before in CSGO_YAML
    agent.write_text(CSGO_YAML.replace(before, after, 1))
    with pytest.raises(UserError, match=says) as caught:
        check_numbers(agent, made["csgo"].networks)
    assert "\n" not in str(caught.value)


def test_nothing_that_the_yaml_names_is_called(made: dict[str, Released], tmp_path: Path) -> None:
    agent, trap = tmp_path / "agent.yaml", tmp_path / "called"
    calls = f"_target_: pathlib.Path.touch\n_args_: ['{trap}']\n"
    agent.write_text(calls + ATARI_YAML.replace("_target_: agent.AgentConfig\n", ""))
    check_numbers(agent, made["pong"].networks)
    agent.write_text(f"x: !!python/object/apply:os.mkdir ['{trap}']\n{ATARI_YAML}")
    with pytest.raises(UserError):
        check_numbers(agent, made["pong"].networks)
    assert not trap.exists()


def test_the_networks_of_a_cartridge_know_their_kind(paths: dict[str, Path]) -> None:
    cartridges: dict[str, Cartridge] = {name: load(path) for name, path in paths.items()}
    for name, world in cartridges.items():
        kept = released.back(world.networks)
        assert list(vars(kept).values()) == list(world.networks.values()), name
    networks = dict(cartridges["pong"].networks)
    del networks["actor_critic"]
    with pytest.raises(UserError, match="DIAMOND"):
        released.back(networks)
