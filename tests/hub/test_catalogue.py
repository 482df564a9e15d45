"""The catalogue: what it holds, how names find worlds, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from base.cartridges import shipped_names
from base.errors import UserError
from base.sizes import in_words
from engine.games.atari_games import GAMES
from hub.catalogue import CATALOGUE, atari, find_world, read_catalogue
from hub.downloads import HubFile
from models.diamond.config import atari_actor_critic, atari_denoiser, atari_reward_model
from models.networks.actor_critic import ActorCritic
from models.networks.denoiser import Denoiser
from models.networks.reward_model import RewardModel

WORLDS = read_catalogue()
LEAST = """
repo = "some/one"
revision = "0123456789012345678901234567890123456789"
licence = "MIT"
[[worlds]]
name = "pong"
title = "Pong"
game = "pong"
checkpoint = { path = "pong.pt", about_bytes = 51 }
agent = { path = "agent.yaml", bytes = 819 }
env = { path = "env.yaml", bytes = 215 }
"""


def test_it_holds_all_released_worlds() -> None:
    assert len(WORLDS) == 27
    assert sorted(world.game for world in atari(WORLDS)) == sorted(GAMES)
    assert all(world.licence == "none stated by its authors" for world in WORLDS)
    csgo = find_world("csgo", WORLDS)
    assert (csgo.checkpoint.bytes, len(csgo.spawns), csgo.exact) == (1_526_844_223, 35, True)
    assert all(file.sha256 for file in csgo.files)
    pong = find_world("pong", WORLDS)
    assert pong.checkpoint == HubFile("atari_100k/models/Pong.pt", about_bytes=54_200_000)
    assert not pong.exact and pong.bytes == 54_200_000 + 819 + 215


def test_sizes_are_counted_in_millions_of_bytes() -> None:
    """They were said in MB and counted in MiB, as the Hub's pages do not."""
    with torch.device("meta"):
        networks = (
            Denoiser(atari_denoiser(6)),
            RewardModel(atari_reward_model(6)),
            ActorCritic(atari_actor_critic(6)),
        )
    weights = sum(4 * part.numel() for one in networks for part in one.parameters())
    assert find_world("pong", WORLDS).bytes == pytest.approx(weights, rel=0.005)
    words = [in_words(size) for size in (999, 999_500, 54_200_000, 54_200_000 << 5)]
    assert words == ["999 B", "1 MB", "54.2 MB", "1.73 GB"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("pong", "pong"),
        ("PONG", "pong"),
        ("diamond:pong", "pong"),
        ("MsPacman", "ms_pacman"),
        ("ms-pacman", "ms_pacman"),
        ("Diamond:Up n' Down", "up_n_down"),
        ("diamond:csgo", "csgo"),
        # The short name is that of the cartridge that ships; here both names find the released one.
        ("diamond-breakout", "diamond-breakout"),
        ("diamond:breakout", "diamond-breakout"),
        ("breakout", "diamond-breakout"),
    ],
)
def test_any_spelling_of_a_name_finds_its_world(typed: str, name: str) -> None:
    assert find_world(typed, WORLDS).name == name


def test_no_released_world_has_the_name_of_one_that_ships() -> None:
    assert "breakout" in shipped_names()
    assert not set(shipped_names()) & {world.name for world in WORLDS}


@pytest.mark.parametrize("typed", ["", "diamond:", "_"])
def test_nothing_is_no_name(typed: str) -> None:
    with pytest.raises(UserError, match="unknown world"):
        find_world(typed, WORLDS)


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UserError, match="unknown world 'seaqest'; did you mean 'seaquest'"):
        find_world("seaqest", WORLDS)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"Pong"', '"Pong"\ncolour = "white"', "not known here: 'colour'"),
        ('"MIT"', '"MIT"\nmirror = "else.where"', "not known here: 'mirror'"),
        ('env = { path = "env.yaml", bytes = 215 }', "", "lacks 'env'"),
        ("pong.pt", "../../.bashrc", r"a file at '\.\./\.\./\.bashrc'"),
        ("pong.pt", "/etc/passwd", "a file at '/etc/passwd'"),
        ("pong.pt", "a//b", "a file at 'a//b'"),
        ("pong.pt", "a/../b", r"a file at 'a/\.\./b'"),
        ("about_bytes = 51", "about_bytes = 51, bytes = 51", "needs either"),
        ("about_bytes = 51", "about_bytes = -1", "needs either"),
        ("about_bytes = 51", "sha256 = 'ff', bytes = 1", "the SHA-256 'ff'"),
        ("about_bytes = 51", "bytes = 1.5", "a value that it cannot have: 1.5"),
        ("0123456789012345678901234567890123456789", "main", "'main', which is no revision"),
        ("some/one", "some/one/else", "a repository called 'some/one/else'"),
        ('"MIT"', '""', "without a name, a title or a licence"),
        ("[[worlds]]", "[worlds]", "a value that it cannot have"),
        ("[[worlds]]", "worlds = [1]\n[[more]]", "not known here: 'more'"),
        ("env.yaml", "env.yaml\\ud800", "is not TOML"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_said(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    file = tmp_path / "catalogue.toml"
    assert old in LEAST
    file.write_text(LEAST)
    assert [world.name for world in read_catalogue(file)] == ["pong"]
    file.write_text(LEAST.replace(old, new, 1))
    with pytest.raises(UserError, match=rf"catalogue\.toml.*{says}"):
        read_catalogue(file)


def test_two_worlds_do_not_answer_to_one_name(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    again = LEAST[LEAST.index("[[worlds]]") :].replace('name = "pong"', 'name = "other"')
    file.write_text(LEAST + again)
    with pytest.raises(UserError, match="two worlds answer to 'pong'"):
        read_catalogue(file)


def test_a_catalogue_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*absent\.toml"):
        read_catalogue(tmp_path / "absent.toml")


@given(st.data())
def test_damage_never_does_worse_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(LEAST)))
    length = data.draw(st.integers(0, 40))
    text = LEAST[:start] + data.draw(st.text(max_size=20)) + LEAST[start + length :]
    file = tmp_path_factory.mktemp("damaged") / CATALOGUE.name
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        worlds = read_catalogue(file)
    except UserError as error:
        assert file.name in str(error)
    else:
        assert all(world.files for world in worlds)
