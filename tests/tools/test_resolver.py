"""From a name to a world: what is at hand, what is in the Hub's cache, and what is made of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from huggingface_hub import constants

from base.cartridges import CARD, SHIPPED
from base.errors import UserError
from base.files import sha256 as sha256_of
from hub import catalogue
from hub.catalogue import read_catalogue
from hub.transfer import DamagedError
from models.cartridge import reader as cartridge
from models.cartridge.reader import check, load
from tests.support.catalogues import REPO, REVISION, about, catalogue_of, known, world
from tests.support.hub_server import digest, sha256
from tests.support.released_files import ATARI_PT, ATARI_YAML, CSGO_PT, CSGO_YAML, write_spawn
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools.app.resolver import ResolvedWorld, RunOptions, open_world, resolve

ROOT = Path(__file__).resolve().parents[2]
# play.py as a command runs it, but for the worlds it knows.
PROGRAM = """
import sys
from pathlib import Path
import tyro
from hub import catalogue
worlds = catalogue.read_catalogue(Path(sys.argv[1]))
catalogue.read_catalogue = lambda: worlds
import play
from base.errors import run_main
run_main(lambda: play.main(tyro.cli(play.Flags, args=sys.argv[2:])))
"""


class Cache:
    """The Hub's cache and our own, filled by hand, with two worlds that a catalogue names."""

    def __init__(self, folder: Path) -> None:
        self.hub, self.own, self.catalogue = folder / "hub", folder / "own", folder / "worlds.toml"
        spawns = {}
        for number in ("0", "1"):
            spawn = write_spawn(folder / number, seed=int(number))
            spawns |= {f"csgo/spawn/{number}/{f.name}": f.read_bytes() for f in spawn.iterdir()}
        self.files = {
            "models/Pong.pt": ATARI_PT.read_bytes(),
            "config/agent.yaml": ATARI_YAML.encode(),
            "config/env.yaml": b"size: 64\n",
            "csgo/csgo.pt": CSGO_PT.read_bytes(),
            "csgo/agent.yaml": CSGO_YAML.encode(),
            **spawns,
        }
        listed = {path: known(path, data) for path, data in self.files.items()}
        parts = [listed["config/agent.yaml"], listed["config/env.yaml"]]
        pong = world("pong", "Pong", about("models/Pong.pt", 11_000_000), *parts, game="pong")
        parts = [listed[path] for path in ("csgo/csgo.pt", "csgo/agent.yaml", "config/env.yaml")]
        csgo = world("csgo", "CS:GO", *parts, spawns=[listed[path] for path in spawns])
        self.catalogue.write_text(catalogue_of(pong, csgo))
        for path, data in self.files.items():
            self.lay(REPO, path, data)

    def lay(self, repo: str, path: str, data: bytes) -> Path:
        """Put a file where the cache keeps it; where its content lies."""
        home = self.hub / f"models--{repo.replace('/', '--')}"
        blob, pointer = home / "blobs" / digest(path, data), home / "snapshots" / REVISION / path
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        return blob

    def blob(self, path: str) -> Path:
        """Where the content of a world's file lies."""
        name = digest(path, self.files[path])
        return self.hub / "models--some--diamond" / "blobs" / name

    @property
    def made(self) -> list[str]:
        """Names of the cartridges that were made."""
        return sorted(path.name for path in (self.own / "dreamcart" / "worlds").glob("[!.]*"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A filled cache and no network."""
    made = Cache(tmp_path)
    worlds = read_catalogue(made.catalogue)
    monkeypatch.setattr(catalogue, "read_catalogue", lambda: worlds)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(made.hub))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.own))
    return made


def start(found: ResolvedWorld) -> tuple[Path, list[str]]:
    """The cartridge, and what was told on the way."""
    lines: list[str] = []
    return found.cartridge(lines.append).path, lines


def test_names_of_what_is_at_hand(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = resolve("breakout")
    assert shipped.title == "breakout"
    assert start(shipped) == (ROOT / "cartridges" / "breakout", [])
    own = write_tiny_cartridge(tmp_path / "mine")
    assert start(resolve(str(own))) == (own, [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pong").mkdir()  # some folder, that happens to be called so
    assert resolve("pong").title == "Pong"
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"empty is not a cartridge: it has no {CARD}"):
        resolve("empty")
    assert cache.made == []


def test_programs_that_convert_a_world_at_once_do_so_once(cache: Cache) -> None:
    """Each converted it, and took away what another was loading already."""
    told: list[list[str]] = []
    threads = [Thread(target=lambda: told.append(start(resolve("pong"))[1])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line for lines in told for line in lines if "converting" in line] == [
        "converting the weights, this once"
    ]
    assert len(told) == 3 and len(cache.made) == 1


def test_a_cartridge_in_the_hubs_cache(cache: Cache, tmp_path: Path) -> None:
    tiny = write_tiny_cartridge(tmp_path / "tiny")
    for file in tiny.iterdir():
        blob = cache.lay("me/tiny", file.name, file.read_bytes())
    refs = blob.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text(REVISION)
    found = resolve("hf:me/tiny")
    folder, _ = start(found)
    assert found.title == "me/tiny" and load(folder).manifest.name == "tiny"
    with pytest.raises(UserError, match="OFFLINE"):
        resolve("hf:me/other")


@pytest.mark.parametrize(
    ("name", "nearest"), [("ponk", "pong"), ("brekout", "breakout"), ("cs-goo", "csgo")]
)
def test_an_unknown_name_is_answered_with_the_nearest(
    cache: Cache, name: str, nearest: str
) -> None:
    with pytest.raises(UserError, match=f"unknown world '{name}'; did you mean '{nearest}'?"):
        resolve(name)


def test_a_world_that_is_not_in_the_cache_needs_the_network(cache: Cache) -> None:
    snapshot = cache.hub / "models--some--diamond" / "snapshots" / REVISION
    (snapshot / "models" / "Pong.pt").unlink()
    with pytest.raises(UserError, match="OFFLINE"):
        resolve("pong", yes=True)


def test_the_second_start_does_not_touch_the_checkpoint(cache: Cache) -> None:
    for name in ("PONG", "csgo"):
        path, lines = start(resolve(name))
        assert lines == ["checking the weights", "converting the weights, this once"]
        assert load(path).manifest.licence == "none stated"
    assert load(path).starts["frames"].shape == (2, 4, 30, 56, 3)
    assert len(cache.made) == 2
    made = cache.made
    for file in ("models/Pong.pt", "csgo/csgo.pt"):
        # Nothing of it is left; only its size and time are as they were.
        blob = cache.blob(file)
        stat = blob.stat()
        blob.write_bytes(bytes(stat.st_size))
        os.utime(blob, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    for name in ("diamond:pong", "csgo"):
        again, lines = start(resolve(name))
        assert lines == ["checking the weights"] and load(again)
    assert cache.made == made


def test_a_start_reads_each_file_for_its_hash_once(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CS:GO's weights take a second; they were hashed to see whether they have to be made, and
    again to be read."""
    start(resolve("pong"))  # converted by now
    hashed: list[str] = []
    monkeypatch.setattr(cartridge, "sha256", lambda p: hashed.append(p.name) or sha256_of(p))
    for name in ("pong", str(write_tiny_cartridge(tmp_path / "mine"))):
        hashed.clear()
        found = resolve(name)
        assert not hashed
        open_world(found, RunOptions(device="cpu", precision="float32"))
        checked = found.cartridge(lambda line: None)
        assert sorted(hashed) == sorted([*checked.entries] * 2)  # by the start, and just now


def test_changed_weights_are_refused_unless_they_are_wanted(cache: Cache) -> None:
    theirs = cache.files["models/Pong.pt"]
    ours = theirs + b"\0"  # still a checkpoint
    cache.blob("models/Pong.pt").write_bytes(ours)
    with pytest.raises(DamagedError) as caught:
        start(resolve("pong"))
    hashes = set(re.findall(r"[0-9a-f]{64}", str(caught.value)))
    assert hashes >= {sha256(theirs), sha256(ours)} and "\n" not in str(caught.value)
    assert cache.made == []

    cache.lay("some/diamond", "models/Pong.pt", theirs).write_bytes(ours)
    path, _ = start(resolve("pong", verified=False))
    assert load(path).manifest.name == "pong" and cache.made == [path.name]
    with pytest.raises(DamagedError):  # what was let through once is not vouched for
        start(resolve("pong"))


def test_weights_of_ones_own_may_have_another_size(cache: Cache) -> None:
    ours = cache.files["models/Pong.pt"] + bytes(3_000_000)
    cache.lay("some/diamond", "models/Pong.pt", ours)
    with pytest.raises(UserError, match=r"not whole, in the cache.*HF_HUB_OFFLINE"):
        resolve("pong")
    assert resolve("pong", verified=False).title == "Pong"


def test_a_damaged_cartridge_is_made_anew(cache: Cache) -> None:
    first, _ = start(resolve("pong"))
    weights = (first / "denoiser.safetensors").read_bytes()
    for name, content in (("denoiser.safetensors", weights[:-1] + b"x"), (CARD, b"\0")):
        (first / name).write_bytes(content)
        with pytest.raises(UserError):
            check(first)
        again, lines = start(resolve("pong"))
        assert again == first and lines[-1] == "converting the weights, this once"
        assert check(first) and (first / "denoiser.safetensors").read_bytes() == weights


def test_weights_with_other_numbers_are_not_converted(cache: Cache) -> None:
    text = ATARI_YAML.replace("0.3", "0.2").encode()
    cache.lay("some/diamond", "config/agent.yaml", text)
    with pytest.raises(UserError, match=r"sigma_offset_noise is 0\.2"):
        start(resolve("pong", verified=False))
    assert cache.made == []


def test_it_plays_from_the_cache_without_a_network(cache: Cache, tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    home = tmp_path / "home"
    home.mkdir()
    cache.hub.rename(home / "hub")
    frames, report = tmp_path / "out.npz", tmp_path / "out.json"
    words = ["pong", "--headless", "--steps", "3", "--seed", "1", "--precision", "float32"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, cache.catalogue, *words, "--sampler-steps", "1",
         "--frames", frames, "--report", report],
        cwd=ROOT, text=True, capture_output=True, stdin=subprocess.DEVNULL,
        env=kept | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "XDG_CACHE_HOME": str(cache.own)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with np.load(frames) as archive:
        assert archive["frames"].shape == (3, 64, 64, 3) and archive["frames"].std() > 5
        assert archive["ended"].shape == archive["rewards"].shape == (3,)
    told = json.loads(report.read_text())
    assert (told["cartridge"], told["steps"]) == ("pong", 3) and "float32" in told["runtime"]
    assert len(cache.made) == 1


def test_a_world_that_ships_is_itself_by_its_folder_too() -> None:
    """A replay of it named the folder, which the menu that lists it does not play from."""
    assert resolve(str(SHIPPED / "breakout")).name == resolve("breakout").name == "breakout"
