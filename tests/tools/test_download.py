"""The download tool: what it shows and asks, and what its process leaves when it goes wrong."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from base.errors import UserError
from hub.catalogue import read_catalogue
from hub.downloads import CancelledError
from tests.support.catalogues import REVISION, about, catalogue_of, known, world
from tests.support.hub_server import Faults, HubServer, Repo, serving, use
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools.options.hub import DownloadWorld, PushWorld
from tools.sharing.worlds import download, push, table

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = bytes(range(256)) * 2000
FILES = {"pong.pt": WEIGHTS, "boxing.pt": WEIGHTS[::-1], "agent.yaml": b"a: 1\n", "env.yaml": b"b"}
PARTS = [known(path, FILES[path]) for path in ("agent.yaml", "env.yaml")]
CATALOGUE = catalogue_of(
    world("pong", "Pong", about("pong.pt", 500_000), *PARTS, game="pong"),
    world("boxing", "Boxing", about("boxing.pt", 500_000), *PARTS, game="boxing"),
    world("shooter", "A shooter", known("pong.pt", WEIGHTS), *PARTS),
)
# The tool as a command runs it, but for the worlds it knows.
PROGRAM = """
import sys
from pathlib import Path
from base.errors import run_main
from hub import transfer as hub_file
from hub.catalogue import read_catalogue
from tools.options.hub import DownloadWorld
from tools.sharing.worlds import download
hub_file.PAUSES_S = (0.0,)
worlds = read_catalogue(Path(sys.argv[1]))
run_main(lambda: download(DownloadWorld(sys.argv[2], yes="--yes" in sys.argv), worlds))
"""


@pytest.fixture
def server() -> Iterator[HubServer]:
    with serving({"some/diamond": Repo(REVISION, dict(FILES))}) as running:
        yield running


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    file = tmp_path / "catalogue.toml"
    file.write_text(CATALOGUE)
    return file


class Command:
    """The tool in a process of its own, with its own home for the library."""

    def __init__(self, catalogue: Path, server: HubServer) -> None:
        self._catalogue = catalogue
        self.home = catalogue.parent / "home"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        self.environment = kept | {
            "HF_HOME": str(self.home),
            "HF_ENDPOINT": server.url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def start(self, *words: str, largest_file: int | None = None) -> subprocess.Popen[str]:
        def limit() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self._catalogue), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=ROOT,
            preexec_fn=limit,
        )

    def run(self, *words: str, largest_file: int | None = None) -> tuple[int | None, str, str]:
        process = self.start(*words, largest_file=largest_file)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def holds(self, name: str) -> bool:
        """Whether the cache has a file, whole."""
        found = self.home / "hub" / "models--some--diamond" / "snapshots" / REVISION / name
        return found.is_file() and found.read_bytes() == FILES[name]


@pytest.fixture
def command(catalogue: Path, server: HubServer) -> Command:
    return Command(catalogue, server)


def test_home_endpoint_and_offline_are_what_the_environment_says(
    command: Command, server: HubServer
) -> None:
    code, out, err = command.run("pong")
    assert code == 2 and err.splitlines()[-1].startswith("error: there is no terminal to ask on")
    assert "add --yes" in err and "licence: none stated" in out and "size:    512 kB" in out
    assert not command.holds("pong.pt")
    code, out, err = command.run("pong", "--yes")
    assert (code, command.holds("pong.pt")) == (0, True)
    assert "play it with: python play.py pong" in out
    assert "512k" in err  # the bar
    server.requests.clear()
    command.environment |= {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
    code, out, err = command.run("pong")
    assert (code, err) == (0, "") and "play it with" in out
    code, out, err = command.run("boxing", "--yes")
    assert code == 2 and len(err.splitlines()) == 1 and "HF_HUB_OFFLINE forbids" in err
    assert not server.requests


def test_a_disk_that_fills_is_one_line_and_what_arrived_is_kept(
    command: Command, server: HubServer
) -> None:
    code, _, err = command.run("pong", "--yes", largest_file=200_000)
    line = err.splitlines()[-1]
    assert code == 2 and "Traceback" not in err
    assert line.startswith(f"error: cannot write to {command.home}/hub: File too large; make room")
    assert not command.holds("pong.pt")
    server.requests.clear()
    assert command.run("pong", "--yes")[0] == 0
    assert command.holds("pong.pt")
    (asked,) = server.ranges
    assert 100_000 <= int(asked.removeprefix("bytes=").rstrip("-")) <= 200_000


def parts(folder: Path) -> Iterator[int]:
    """Sizes of the downloads under way; each is gone as soon as it is done."""
    for path in folder.rglob("*.incomplete"):
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def test_a_process_that_was_killed_goes_on_where_it_was(
    command: Command, server: HubServer
) -> None:
    server.faults = Faults(stall={"pong.pt": 300_000})
    process = command.start("pong", "--yes")
    while 300_000 not in parts(command.home):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not command.holds("pong.pt")
    server.faults = Faults()
    server.requests.clear()
    code, out, _ = command.run("pong", "--yes")
    assert code == 0 and "size:    512 kB (300 kB of them are here already)" in out
    assert command.holds("pong.pt") and server.ranges == ["bytes=300000-"]


@pytest.fixture
def terminal(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """This process with a terminal: what is typed there, line by line."""
    use(server, tmp_path / "home", monkeypatch)
    typed: list[str] = []

    def answer(question: str) -> str:
        if not typed:
            raise EOFError
        return typed.pop(0)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", answer)
    yield typed


def test_only_a_yes_is_a_yes(
    terminal: list[str], catalogue: Path, server: HubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    worlds = read_catalogue(catalogue)
    for answer in (["n"], [""], ["yep"], []):
        terminal[:] = answer
        with pytest.raises(CancelledError, match="Pong was not downloaded"):
            download(DownloadWorld("Pong"), worlds)
    assert not server.ranges
    terminal[:] = ["Y"]
    download(DownloadWorld("Pong"), worlds)
    assert capsys.readouterr().out.rstrip().endswith("python play.py pong")


def test_all_atari_is_one_question_and_leaves_the_others(
    terminal: list[str], catalogue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worlds = read_catalogue(catalogue)
    lines = table(worlds).splitlines()
    assert [line.split()[0] for line in lines] == ["WORLD", "pong", "boxing", "shooter"]
    assert "about 500 kB  no        none stated  Pong" in lines[1]
    assert "512 kB" in lines[3] and "about" not in lines[3]
    terminal[:] = ["yes"]
    download(DownloadWorld("ALL-Atari"), worlds)
    out = capsys.readouterr().out
    assert "all 2 Atari worlds: some/diamond at abababab" in out and "size:    1.02 MB" in out
    assert [line.split("  no  ")[0] == line for line in table(worlds).splitlines()] == [True] * 4


def test_the_list_tells_what_is_whole(terminal: list[str], catalogue: Path, tmp_path: Path) -> None:
    worlds = read_catalogue(catalogue)
    download(DownloadWorld("pong", yes=True), worlds)
    assert "kB  yes  " in table(worlds).splitlines()[1]
    (weights,) = tmp_path.rglob("snapshots/*/pong.pt")
    weights.resolve().write_bytes(WEIGHTS[:1000])
    assert "kB  damaged  " in table(worlds).splitlines()[1]


def test_the_list_has_all_released_worlds(terminal: list[str]) -> None:
    lines = table(read_catalogue()).splitlines()
    assert len(lines) == 28
    assert [lines[-1].split()[0], "1.53 GB" in lines[-1]] == ["csgo", True]
    assert all("none stated by its authors" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("pnog", "unknown world 'pnog'; did you mean 'pong'"),
        ("all_atari", "did you mean 'all-atari'"),
        ("hf:nobody", "'nobody' is no repository on the Hub"),
        ("hf:some/diamond", "some/diamond holds no cartridge"),
    ],
)
def test_mistakes_are_named(terminal: list[str], catalogue: Path, typed: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        download(DownloadWorld(typed), read_catalogue(catalogue))


def test_a_cartridge_goes_to_the_hub_and_comes_back(
    terminal: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    made = str(write_tiny_cartridge(tmp_path / "tiny"))
    for answer in (["n"], [""], []):  # the last is Ctrl-D
        terminal[:] = answer
        with pytest.raises(UserError, match="nothing was uploaded"):
            push(PushWorld(made, "me/tiny"))
    terminal[:] = ["y", "y"]
    push(PushWorld(made, "me/tiny"))
    assert "licence: CC0-1.0" in capsys.readouterr().out
    download(DownloadWorld("hf:me/tiny"), ())
    out = capsys.readouterr().out
    assert "A tiny dream: me/tiny at " in out and "python play.py hf:me/tiny" in out
