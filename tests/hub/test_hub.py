"""Worlds from the Hub, against a server on loopback that speaks its protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import huggingface_hub
import pytest
from huggingface_hub import constants

from base.errors import UserError
from hub import transfer as hub_file
from hub.catalogue import World
from hub.downloads import SPARE_BYTES, Ask, CancelledError, HubFile, Offer
from hub.errors import UnreachableError, explained
from hub.transfer import DamagedError
from hub.worlds import cached, fetch, fetch_all, state, verify
from tests.support.hub_server import Faults, HubServer, Repo, git_sha1, serving, sha256, use

REPO, REVISION = "some/diamond", "ab" * 20
WEIGHTS = bytes(range(256)) * 2000  # 512 kB: more than one read from a socket
FILES = {
    "models/Pong.pt": WEIGHTS,
    "models/Boxing.pt": WEIGHTS[::-1],
    "agent.yaml": b"sigma_data: 0.5\n",
    "env.yaml": b"size: 64\n",
    "act.npy": b"\x93NUMPY" + bytes(300),
}
PT = "models/Pong.pt"


def known(path: str) -> HubFile:
    """A file whose size and hash the catalogue has."""
    return HubFile(path, len(FILES[path]), sha256=sha256(FILES[path]))


def world(**changes: object) -> World:
    """A released world whose weights the Hub alone vouches for."""
    parts: dict[str, object] = {
        "name": "pong", "title": "Pong", "repo": REPO, "revision": REVISION,
        "licence": "none stated", "game": "pong",
        "checkpoint": HubFile(PT, about_bytes=500_000), "agent": known("agent.yaml"),
        "env": HubFile("env.yaml", 9), "spawns": (known("act.npy"),),
    }  # fmt: skip
    return World(**(parts | changes))  # type: ignore[arg-type]


PONG = world()


@pytest.fixture
def server() -> Iterator[HubServer]:
    with serving({REPO: Repo(REVISION, dict(FILES))}) as running:
        yield running


@pytest.fixture(autouse=True)
def library(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library as it would be with HF_ENDPOINT and HF_HOME set; its cache."""
    use(server, tmp_path, monkeypatch)
    return tmp_path / "hub"


def yes(offer: Offer) -> bool:
    return True


def never(offer: Offer) -> bool:
    raise AssertionError("nobody should be asked")


def noting(offers: list[tuple[str, int, int]]) -> Ask:
    """Says yes, and notes what was offered: title, bytes, and how many of them are here."""

    def ask(offer: Offer) -> bool:
        offers.append((offer.title, offer.bytes, offer.held))
        return True

    return ask


def parts(cache: Path) -> list[Path]:
    """Files that are still arriving."""
    return list(cache.rglob("*.incomplete"))


def assert_whole(folder: Path) -> None:
    for file in PONG.files:
        assert (folder / file.path).read_bytes() == FILES[file.path]


def test_a_world_is_shown_then_downloaded_whole(server: HubServer, library: Path) -> None:
    offers: list[Offer] = []
    told: list[tuple[int, int]] = []

    def ask(offer: Offer) -> bool:
        offers.append(offer)
        assert cached(PONG) is None and not library.exists()
        return True

    folder = fetch(PONG, ask, lambda done, whole: told.append((done, whole)))
    assert_whole(folder)
    assert cached(PONG) == folder == hub_file.snapshot_folder(REPO, REVISION)
    (offer,) = offers
    size = sum(len(FILES[file.path]) for file in PONG.files)
    assert (offer.title, offer.licence, offer.bytes) == ("Pong", "none stated", size)
    assert told == sorted(told) and told[-1] == (size, size) and len(told) > 8
    assert not parts(library)
    # The files lie where the library itself looks for them.
    for file in PONG.files:
        found = huggingface_hub.try_to_load_from_cache(REPO, file.path, revision=REVISION)
        assert found == str(folder / file.path)
    assert (folder / PT).resolve().name == sha256(WEIGHTS)
    assert (folder / "env.yaml").resolve().name == git_sha1(FILES["env.yaml"])


def test_what_is_there_asks_neither_the_hub_nor_the_person(server: HubServer) -> None:
    fetch(PONG, yes)
    server.requests.clear()
    assert_whole(fetch(PONG, never))
    assert not server.requests


def test_only_what_is_missing_comes(server: HubServer) -> None:
    fetch(PONG, yes)
    boxing = world(name="boxing", checkpoint=HubFile("models/Boxing.pt", about_bytes=500_000))
    server.requests.clear()
    offers: list[tuple[str, int, int]] = []
    fetch_all([PONG, boxing], noting(offers), title="both")
    assert offers == [("both", len(WEIGHTS), 0)]
    assert len(server.ranges) == 1


def test_a_no_downloads_nothing(library: Path) -> None:
    with pytest.raises(CancelledError, match="Pong was not downloaded"):
        fetch(PONG, lambda offer: False)
    assert not library.exists()


def test_a_token_is_for_the_hub_alone(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files are redirected to another machine, which has no business with it."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(PONG, yes)
    sent = {request.path.split("/")[1]: request.token for request in server.requests}
    assert sent["api"] == sent["some"] == "Bearer hf_secret"
    assert sent["cdn"] == ""


def test_a_cut_is_resumed_where_it_was(server: HubServer) -> None:
    server.faults = Faults(cut={PT: 200_000})
    assert_whole(fetch(PONG, yes))
    first, then = [r.range for r in server.requests if r.path == f"/cdn/{REPO}/{PT}"]
    assert (first, then) == ("", "bytes=200000-")


def test_what_has_arrived_outlives_a_connection_that_stays_cut(
    server: HubServer, library: Path
) -> None:
    """The library's own download begins anew; with 1.5 GB over a bad line that never ends."""
    server.faults = Faults(cut={PT: 200_000})

    def lose(done: int, whole: int) -> None:
        if server.faults.cuts == 0:  # the first part has come: from now on nothing does
            server.faults = Faults(status={PT: 503})

    with pytest.raises(UnreachableError, match=r"200 kB of 512 kB \(answer 503\).* kept") as error:
        fetch(PONG, yes, lose)
    assert "\n" not in str(error.value)
    assert cached(PONG) is None
    assert [part.stat().st_size for part in parts(library)] == [200_000]
    server.faults = Faults()
    server.requests.clear()
    offers: list[tuple[str, int, int]] = []
    assert_whole(fetch(PONG, noting(offers)))
    assert offers == [("Pong", len(WEIGHTS), 200_000)]
    assert server.ranges == ["bytes=200000-"] and not parts(library)


def test_a_download_that_is_stopped_goes_on_later(server: HubServer, library: Path) -> None:
    def stop(done: int, whole: int) -> None:
        if done > 300_000:
            raise CancelledError("enough")

    with pytest.raises(CancelledError, match="enough"):
        fetch(PONG, yes, stop)
    (part,) = parts(library)
    held = part.stat().st_size
    assert held >= 200_000
    server.requests.clear()
    assert_whole(fetch(PONG, yes))
    assert server.ranges == [f"bytes={held}-"]


def test_a_server_that_knows_no_ranges_sends_all_again(server: HubServer) -> None:
    server.faults = Faults(cut={PT: 200_000}, deaf=True)
    assert_whole(fetch(PONG, yes))


@pytest.mark.parametrize("left", [b"x" * 600_000, b"", b"\0" * 100])
def test_what_lies_in_a_partial_file_is_not_trusted(
    library: Path, server: HubServer, left: bytes
) -> None:
    part = library / "models--some--diamond" / "blobs" / f"{sha256(WEIGHTS)}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    if left.startswith(b"\0"):  # only the hash can tell that these are not its first 100 bytes
        with pytest.raises(DamagedError, match="thrown away"):
            fetch(PONG, yes)
    assert_whole(fetch(PONG, yes))


@pytest.mark.parametrize(
    ("path", "wrong"),
    [(PT, b"?" + WEIGHTS[1:]), ("env.yaml", b"size: 65\n"), ("act.npy", FILES["act.npy"][::-1])],
)
def test_wrong_bytes_are_named_and_thrown_away(
    server: HubServer, library: Path, path: str, wrong: bytes
) -> None:
    server.faults = Faults(wrong={path: wrong})
    name = git_sha1 if path == "env.yaml" else sha256
    with pytest.raises(DamagedError) as error:
        fetch(PONG, yes)
    for part in (path, name(wrong), name(FILES[path]), "thrown away"):
        assert part in str(error.value)
    assert cached(PONG) is None and not parts(library)
    server.faults = Faults()
    assert_whole(fetch(PONG, yes))


def test_more_bytes_than_listed_do_not_fill_the_disk(server: HubServer, library: Path) -> None:
    server.faults = Faults(wrong={PT: WEIGHTS * 3})
    with pytest.raises(UserError, match=r"more comes of models/Pong\.pt than the 512000 bytes"):
        fetch(PONG, yes)
    assert [part.stat().st_size for part in parts(library)] == [0]
    server.faults = Faults()
    assert_whole(fetch(PONG, yes))


def test_fewer_bytes_than_listed_come_to_an_end(server: HubServer) -> None:
    server.faults = Faults(wrong={PT: WEIGHTS[:1000]})
    with pytest.raises(UnreachableError, match="comes no further than"):
        fetch(PONG, yes)
    server.faults = Faults()
    assert_whole(fetch(PONG, yes))


@pytest.mark.parametrize(
    ("checkpoint", "says"),
    [
        (HubFile(PT, 512_000, sha256="0" * 64), f"SHA-256 {sha256(WEIGHTS)}.* have {'0' * 64}"),
        (HubFile(PT, 1234), "with 512000 bytes, and it should have 1234"),
        (HubFile(PT, about_bytes=100), "is too large: 512 kB"),
        (HubFile("models/Absent.pt", 1), "models/Absent.pt is missing in some/diamond on the Hub"),
    ],
)
def test_what_the_hub_lists_otherwise_is_not_downloaded(
    server: HubServer, library: Path, checkpoint: HubFile, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        fetch(world(checkpoint=checkpoint), never)
    assert not server.ranges and not library.exists()


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (Faults(status={"api": 500}), r"has a fault \(500\); try again later"),
        (Faults(status={"api": 429}), r"is asked too often \(429\)"),
        (Faults(status={"api": 401}, code="RepoNotFound"), "has no some/diamond, or shows it to"),
        (Faults(status={"api": 401}), r"does not let you at some/diamond \(401\); log in"),
        (Faults(status={"api": 403}), r"does not let you at some/diamond \(403\); log in"),
        (Faults(status={"api": 403}, code="GatedRepo"), "only for those who accepted its terms"),
        (Faults(status={"api": 404}, code="RevisionNotFound"), "no longer has the revision"),
        (Faults(page=b"<html>Welcome to the hotel</html>"), "is not the Hub; check HF_ENDPOINT"),
        (Faults(page=b"[1]"), "is not the Hub; check HF_ENDPOINT"),
        (Faults(status={PT: 404}, code="EntryNotFound"), r"is missing at http://.* \(404\)"),
        (Faults(status={PT: 500}), r"comes no further than 0 B of 512 kB \(answer 500\)"),
        (Faults(status={PT: 403}), r"does not let you at some/diamond \(403\)"),
        (Faults(status={PT: 418}), r"refuses some/diamond \(418\)"),
        (Faults(cut={PT: 0}, cuts=99), "comes no further than 0 B of 512 kB"),
    ],
)
def test_whatever_the_hub_says_is_one_line_and_no_broken_cache(
    server: HubServer, library: Path, faults: Faults, says: str
) -> None:
    server.faults = faults
    with pytest.raises(UserError, match=says) as error:
        fetch(PONG, yes)
    assert "\n" not in str(error.value)
    assert cached(PONG) is None
    server.faults = Faults()
    assert_whole(fetch(PONG, yes))


def test_no_network_is_one_line(server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="cannot reach the Hub at http://127") as e:
        fetch(PONG, never)
    assert "\n" not in str(e.value)


def test_a_full_disk_is_known_before(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = type("Usage", (), {"free": SPARE_BYTES})
    monkeypatch.setattr("hub.downloads.shutil.disk_usage", lambda place: full)
    with pytest.raises(UserError, match=r"Pong needs 64.5 MB at .*hub, and 64 MB are free"):
        fetch(PONG, never)
    assert not library.exists()


def test_a_cache_that_cannot_be_written_is_one_line(library: Path) -> None:
    library.write_text("in the way")
    with pytest.raises(UserError, match=r"cannot write to .*hub: .*; make room"):
        fetch(PONG, yes)


def test_a_cache_that_another_program_filled_counts(
    server: HubServer, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in PONG.files:
        huggingface_hub.hf_hub_download(REPO, file.path, revision=REVISION)
    server.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = fetch(PONG, never)
    assert_whole(folder)
    assert verify(PONG, folder)[PT] == sha256(WEIGHTS)
    assert not server.requests


def test_offline_says_so_when_something_is_missing(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch(PONG, yes)
    (folder / "env.yaml").unlink()
    server.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE forbids to download it; unset"):
        fetch(PONG, never)
    assert not server.requests


def test_content_that_is_there_under_another_revision_is_used_if_it_is_sound(
    server: HubServer, library: Path
) -> None:
    fetch(PONG, yes)
    server.repos[REPO].revision = "cd" * 20
    server.requests.clear()
    later = world(revision="cd" * 20)
    fetch(later, yes)
    assert not server.ranges
    (library / "models--some--diamond" / "blobs" / sha256(WEIGHTS)).write_bytes(b"damage")
    assert cached(later) is None
    hub_file.snapshot_folder(REPO, "cd" * 20).joinpath(PT).unlink()
    assert_whole(fetch(later, yes))
    assert server.ranges == [""]


def test_two_downloads_at_once_do_not_mix(server: HubServer) -> None:
    threads = [Thread(target=fetch, args=(PONG, yes)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_whole(fetch(PONG, never))
    assert len(server.ranges) == len(PONG.files)


@pytest.mark.parametrize("path", [PT, "agent.yaml", "env.yaml"])
def test_a_file_of_a_wrong_size_counts_as_missing(
    server: HubServer, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told of only when it was to be played, and then as something to be fetched, which
    HF_HUB_OFFLINE forbids."""
    folder = fetch(PONG, yes)
    (folder / path).resolve().write_bytes(FILES[path][: len(FILES[path]) // 2])
    assert cached(PONG) is None and state(PONG) == "damaged"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match=r"not, or not whole, in the cache.*unset HF_HUB_OF"):
        fetch(PONG, never)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server.requests.clear()
    assert_whole(fetch(PONG, yes))
    assert server.ranges in ([""], ["", ""]) and state(PONG) == "yes"


def test_damage_that_only_a_hash_shows_is_not_to_be_fetched_offline(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch(PONG, yes)
    (folder / PT).resolve().write_bytes(WEIGHTS[::-1])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DamagedError, match="unset HF_HUB_OFFLINE and run the same to fetch it"):
        verify(PONG, folder)
    assert cached(PONG) is None


def test_a_world_that_only_began_to_come_is_partial(server: HubServer, library: Path) -> None:
    boxing = world(name="boxing", checkpoint=known("models/Boxing.pt"), spawns=())
    assert [state(PONG), state(boxing)] == ["no", "no"]
    folder = fetch(PONG, yes)
    assert [state(PONG), state(boxing)] == ["yes", "no"], "what all share is no beginning"
    (folder / "act.npy").unlink()
    assert state(PONG) == "partial"
    server.faults = Faults(cut={"models/Boxing.pt": 200_000})

    def lose(done: int, whole: int) -> None:
        if server.faults.cuts == 0:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        fetch(boxing, yes, lose)
    assert parts(library) and state(boxing) == "partial"


@pytest.mark.parametrize("path", [PT, "agent.yaml", "env.yaml"])
def test_damage_in_the_cache_is_found_and_fetched_anew(server: HubServer, path: str) -> None:
    """The catalogue, or the name under which the cache keeps it, tells what a file should be."""
    folder = fetch(PONG, yes)
    assert verify(PONG, folder) == {file.path: sha256(FILES[file.path]) for file in PONG.files}
    blob = (folder / path).resolve()
    wrong = b"x" * len(FILES[path])
    blob.write_bytes(wrong)
    with pytest.raises(DamagedError) as error:
        verify(PONG, folder)
    kind = git_sha1 if path == "env.yaml" else sha256
    assert kind(wrong) in str(error.value) and kind(FILES[path]) in str(error.value)
    assert cached(PONG) is None
    fetch(PONG, yes)
    assert verify(PONG, folder)[path] == sha256(FILES[path])


def test_a_file_laid_there_by_hand_is_held_to_what_is_known_of_it(server: HubServer) -> None:
    folder = fetch(PONG, yes)
    for path in (PT, "act.npy"):
        (folder / path).unlink()
        (folder / path).write_bytes(b"\1" * len(FILES[path]))
    with pytest.raises(DamagedError) as error:
        verify(PONG, folder)
    for part in ("act.npy", sha256(b"\1" * 306), sha256(FILES["act.npy"]), "act.npy.rejected"):
        assert part in str(error.value)
    fetch(PONG, yes)
    # No hash of these weights is known here without the Hub: they are what they are.
    assert verify(PONG, folder)[PT] == sha256(b"\1" * len(WEIGHTS))


def test_where_no_links_can_be_made_the_files_themselves_are_there(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = fetch(PONG, yes)
    assert_whole(folder)
    assert not (folder / PT).is_symlink() and verify(PONG, folder)


def test_a_world_that_is_there_costs_no_import() -> None:
    program = (
        "import sys; from hub.catalogue import read_catalogue; from hub.worlds import cached\n"
        "print([cached(world) for world in read_catalogue()] == [None] * 27)\n"
        "print(sorted({'torch', 'httpx2', 'huggingface_hub.hf_api'} & set(sys.modules)))"
    )
    environment = {**os.environ, "HF_HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert done.stdout == "True\n[]\n"


def test_a_proxy_of_a_kind_that_needs_more_is_one_line() -> None:
    """With ALL_PROXY=socks5://... set, as many have it, every download ended in a traceback."""
    with (
        pytest.raises(UnreachableError, match="check the network and its proxy"),
        explained("me/a"),
    ):
        raise ImportError("Using SOCKS proxy, but the 'socksio' package is not installed.")
