"""Many programs that download the same world at once: each gets all of it, and none is hindered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from hub.transfer import Remote, receive
from tests.support.catalogues import REPO, REVISION, about, catalogue_of, known, world
from tests.support.hub_server import Repo, serving, sha256, use
from tests.support.tiny_cartridge import write_tiny_cartridge

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 40
WEIGHTS = bytes(range(256)) * 2000
FILES = {"pong.pt": WEIGHTS, "agent.yaml": b"a: 1\n", "env.yaml": b"b"}
# Forks when all is imported, so that the downloads really coincide.
PROGRAM = """
import os, sys, traceback
from pathlib import Path
from models.cartridge.reader import check
from hub.catalogue import read_catalogue
from hub.worlds import fetch, fetch_repo, verify

def download():
    if sys.argv[1].startswith("hf:"):
        check(fetch_repo(sys.argv[1][3:], lambda offer: True))
    else:
        (world,) = read_catalogue(Path(sys.argv[1]))
        verify(world, fetch(world, lambda offer: True))

begun = []
for _ in range(int(sys.argv[2])):
    begun.append(os.fork())
    if not begun[-1]:
        try:
            download()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in begun))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")
@pytest.mark.parametrize("kind", ["released", "repository"])
def test_as_many_programs_as_like_may_download_one_world(kind: str, tmp_path: Path) -> None:
    """A pointer that was good was removed and made anew, while others read through it."""
    tiny = write_tiny_cartridge(tmp_path / "tiny")
    files = {path.name: path.read_bytes() for path in tiny.iterdir()} | FILES
    catalogue = tmp_path / "catalogue.toml"
    parts = [known(name, FILES[name]) for name in ("agent.yaml", "env.yaml")]
    catalogue.write_text(catalogue_of(world("pong", "Pong", about("pong.pt", 500_000), *parts)))
    with serving({REPO: Repo(REVISION, files)}) as server:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        done = subprocess.run(
            [
                sys.executable,
                *("-W", "ignore", "-c", PROGRAM),
                str(catalogue) if kind == "released" else f"hf:{REPO}",
                str(PROCESSES),
            ],
            env={**environment, "HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": server.url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.returncode, done.stderr) == (0, "")
        resolved = [r.path for r in server.requests if r.method == "GET" and "/resolve/" in r.path]
        assert len(resolved) == len(set(resolved)), "what one had downloaded came again"


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """A file that is in the cache, of a Hub that is gone."""
    with serving({REPO: Repo(REVISION, dict(FILES))}) as server:
        use(server, tmp_path, monkeypatch)
        file = Remote(REPO, REVISION, "pong.pt", len(WEIGHTS), sha256(WEIGHTS))
        receive(file, lambda held: None)
    return file


def test_a_good_pointer_is_left_where_it_is(remote: Remote) -> None:
    before = remote.pointer.lstat().st_ctime_ns
    receive(remote, lambda held: None)
    assert remote.pointer.lstat().st_ctime_ns == before


def test_a_wrong_pointer_is_replaced_in_one_step(remote: Remote) -> None:
    """There is no moment at which others find nothing."""
    gaps, over = [], Event()

    def look() -> None:
        while not over.is_set():
            if not remote.pointer.is_file():
                gaps.append(1)

    thread = Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            other = remote.pointer.with_name("other")
            other.write_bytes(b"something else")
            os.replace(other, remote.pointer)
            receive(remote, lambda held: None)
            assert remote.pointer.read_bytes() == WEIGHTS
    finally:
        over.set()
        thread.join()
    assert not gaps and [path.name for path in remote.pointer.parent.iterdir()] == ["pong.pt"]


def test_where_no_links_can_be_made_nothing_comes_twice(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content lies under its own name there, and the next one looked only among the blobs."""
    remote.pointer.unlink()
    os.replace(remote.blob, remote.pointer)
    receive(remote, lambda held: None)
    assert remote.pointer.read_bytes() == WEIGHTS and not remote.pointer.is_symlink()


def test_a_download_that_ends_while_it_is_looked_at_counts_as_gone(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program renames what has arrived between two looks at it."""
    os.replace(remote.blob, remote.partial)
    is_file = Path.is_file

    def renamed(path: Path) -> bool:
        found = is_file(path)
        if found and path == remote.partial:
            os.replace(remote.partial, remote.blob)
        return found

    monkeypatch.setattr(Path, "is_file", renamed)
    assert remote.held in (0, len(WEIGHTS))
