"""All worlds for the menu: what it tells of them, what it fetches, what it plays."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.cartridges import CARD
from base.errors import UserError
from base.folders import cache_folder
from engine.jobs import StoppedError
from engine.player.pacing import Timings
from engine.player.replay_file import Replay, ReplayWriter, read_replay
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow
from engine.ui.screen import Window
from engine.ui.screens.library import LibraryEntry
from hub import worlds as hub
from hub.catalogue import read_catalogue
from tests.support.catalogues import REPO, REVISION, about, catalogue_of, known, world
from tests.support.hub_server import HubServer, Repo, serving, use
from tests.support.toy_world import ToyWorld
from tools.app import worlds as worlds_module
from tools.app.resolver import ResolvedWorld
from tools.app.speeds import keep_speed, kept_speeds
from tools.app.summaries import PNG_START, read_preview, read_summary
from tools.app.worlds import NOT_MEASURED, Worlds, speed_in_words

PT, YAML = b"weights" * 70_000, b"sigma_data: 0.5\n"


@dataclass
class Shelf:
    """The library over a catalogue of two worlds, one of them called like a shipped one."""

    worlds: Worlds
    settings: SettingsFile
    server: HubServer
    played: list[ResolvedWorld]
    replayed: list[Replay]

    def entry(self, name: str) -> LibraryEntry:
        return next(e for e in self.worlds.entries() if e.name == name)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    yaml = known("agent.yaml", YAML)
    path = tmp_path / "worlds.toml"
    path.write_text(
        catalogue_of(
            world("pong", "Pong", about("Pong.pt", 500_000), yaml, yaml, "pong"),
            world("diamond-breakout", "Breakout", known("B.pt", PT), yaml, yaml, "breakout"),
        )
    )
    released = read_catalogue(path)
    monkeypatch.setattr(worlds_module, "read_catalogue", lambda: released)
    monkeypatch.setattr("hub.catalogue.read_catalogue", lambda: released)
    files = {"Pong.pt": PT, "B.pt": PT, "agent.yaml": YAML}
    with serving({REPO: Repo(REVISION, files)}) as server:
        use(server, tmp_path / "home", monkeypatch)
        settings = SettingsFile(tmp_path / "settings.json")
        played: list[ResolvedWorld] = []
        replayed: list[Replay] = []

        def play(found: ResolvedWorld, window: Window, replay: Replay | None = None) -> None:
            played.append(found)
            replayed.extend([] if replay is None else [replay])

        worlds = Worlds(play, settings, tmp_path / "data")
        yield Shelf(worlds, settings, server, played, replayed)


def write_cartridge(folder: Path, title: str = "A dream") -> Path:
    """The card and the picture of a cartridge."""
    folder.mkdir(parents=True)
    picture = np.zeros((30, 60, 3), np.uint8)
    picture[..., 0] = 200
    png = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    (folder / "preview.png").write_bytes(png)
    files = {"preview.png": {"bytes": len(png), "sha256": "0" * 64}}
    (folder / CARD).write_text(json.dumps({"title": title, "rate_fps": 15.0, "files": files}))
    return folder


def test_what_is_told_of_worlds(shelf: Shelf) -> None:
    *shipped, pong, breakout = shelf.worlds.entries()
    assert [e.name for e in shipped] == ["breakout", "doom"]
    for entry in shipped:
        assert entry.here and entry.speed == NOT_MEASURED
        assert entry.picture is not None and entry.size.endswith(" MB")
    assert [(e.name, e.title, e.here, e.size) for e in (pong, breakout)] == [
        ("pong", "Pong", False, "about 500 kB"),
        ("diamond-breakout", "Breakout (released)", False, "490 kB"),
    ]
    assert pong.terms[:2] == (f"about 500 kB from {REPO} on the Hub", "licence: none stated")
    assert not shelf.server.requests  # to look costs no network


def test_what_was_played_last_comes_first_with_its_speed(shelf: Shelf) -> None:
    timings = Timings()
    for _ in range(40):
        timings.add("model", 16.41)
    keep_speed("breakout", timings)
    assert shelf.entry("breakout").speed == "full speed, 16.4 ms a frame"
    shelf.settings.change(last_played={"diamond-breakout": 5.0, "breakout": 3.0})
    names = [entry.name for entry in shelf.worlds.entries()]
    assert names == ["diamond-breakout", "breakout", "doom", "pong"]


def test_a_download_brings_a_world_and_tells_how_far_it_is(shelf: Shelf) -> None:
    told: list[tuple[int, int]] = []
    shelf.worlds.download("pong", lambda done, whole: told.append((done, whole)))
    assert told[-1] == (len(PT) + len(YAML), len(PT) + len(YAML))
    entry = shelf.entry("pong")
    assert entry.here and entry.size == "490 kB" and entry.picture is None
    shelf.worlds.play("pong", NullWindow([]))
    assert [(found.name, found.title) for found in shelf.played] == [("pong", "Pong")]

    write_cartridge(cache_folder() / "worlds" / "pong-1234-5-6-bfloat16")
    assert (entry := shelf.entry("pong")).picture is not None
    assert (entry.picture[0, 0] == (200, 0, 0)).all()


def test_a_download_that_is_stopped_goes_on_later(shelf: Shelf) -> None:
    def stop(done: int, whole: int) -> None:
        if done > whole // 4:
            raise StoppedError("stopped")

    with pytest.raises(StoppedError):
        shelf.worlds.download("pong", stop)
    assert not shelf.entry("pong").here
    told: list[int] = []
    shelf.worlds.download("pong", lambda done, whole: told.append(done))
    assert told[0] > 0 and shelf.entry("pong").here


def test_a_world_that_went_away_is_not_asked_for_in_the_terminal(shelf: Shelf) -> None:
    with pytest.raises(UserError, match="no longer here"):
        shelf.worlds.play("pong", NullWindow([]))


def test_cartridges_from_the_hub_are_there_and_play_without_it(shelf: Shelf) -> None:
    folder = hub.snapshot_folder("me/tiny", REVISION)
    write_cartridge(folder, "Tiny")
    ref = folder.parent.parent / "refs" / "main"
    ref.parent.mkdir()
    ref.write_text(REVISION)
    assert shelf.entry("hf:me/tiny").title == "Tiny"
    shelf.worlds.play("hf:me/tiny", NullWindow([]))
    assert shelf.played[0].name == "hf:me/tiny" and not shelf.server.requests
    ref.write_text("../../elsewhere")
    assert "hf:me/tiny" not in [entry.name for entry in shelf.worlds.entries()]


def test_saved_replays_are_listed_behind_the_worlds_and_shown(shelf: Shelf, tmp_path: Path) -> None:
    data, toy = tmp_path / "data", ToyWorld()
    for name in ("breakout", "pong", "somewhere/else"):
        log = ReplayWriter(data / f"{name.replace('/', '-')}.replay", name)
        log.open(toy)
        log.began(0, 0, toy.reset(0))
        log.close()
    (data / "not-one.replay").write_bytes(b"GIF89a")
    listed = [e for e in shelf.worlds.entries() if e.name.startswith("replay:")]
    titles = {e.title: e.name for e in listed}
    assert set(titles) == {"Breakout, replay", "Pong, replay", "somewhere/else, replay"}
    assert listed[0].here and listed[0].speed.startswith("saved 20")
    assert [e.here for e in shelf.worlds.entries()] == [True] * 5 + [False] * 2

    shelf.worlds.play(titles["Breakout, replay"], NullWindow([]))
    assert [found.name for found in shelf.played] == ["breakout"]
    assert shelf.replayed == [read_replay(data / "breakout.replay")]
    with pytest.raises(UserError, match="no longer here"):  # and no question in the terminal
        shelf.worlds.play(titles["Pong, replay"], NullWindow([]))
    with pytest.raises(UserError, match="not in the menu"):  # a file must not choose a folder
        shelf.worlds.play(titles["somewhere/else, replay"], NullWindow([]))

    assert [e.removable for e in shelf.worlds.entries()].count(True) == 3
    for _ in range(2):  # it may be gone already
        shelf.worlds.delete(titles["Pong, replay"])
    assert not (data / "pong.replay").exists() and (data / "breakout.replay").exists()
    assert titles["Pong, replay"] not in [entry.name for entry in shelf.worlds.entries()]


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (None, NOT_MEASURED),
        (16.41, "full speed, 16.4 ms a frame"),
        (67.0, "full speed, 67 ms a frame"),
        (240.0, "slow motion, 240 ms a frame"),
    ],
)
def test_speed_in_words(ms: float | None, words: str) -> None:
    assert speed_in_words(ms, 15.0) == words


def test_speeds_are_kept_of_what_was_played_for_a_while(tmp_path: Path) -> None:
    path, timings = tmp_path / "speeds.json", Timings()
    keep_speed("a", timings, path)
    for _ in range(29):
        timings.add("model", 2.0)
    keep_speed("a", timings, path)
    assert not path.exists()
    timings.add("model", 2.0)
    keep_speed("a", timings, path)
    keep_speed("b", timings, path)
    other = {"another-machine c": 5.0}
    path.write_text(json.dumps(json.loads(path.read_text()) | other))
    assert kept_speeds(path) == {"a": 2.0, "b": 2.0}


@given(st.binary(max_size=60) | st.sampled_from([b"[]", b'{"x": "y"}', b"1e999", b"[" * 9999]))
def test_speeds_survive_any_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    assert kept_speeds(path) == {}


@given(st.binary(max_size=80), st.sampled_from(["", "title", "rate_fps", "files"]), st.integers())
def test_labels_survive_any_card(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, field: str, value: int
) -> None:
    folder = tmp_path_factory.mktemp("card")
    card = json.dumps({"title": "x", "rate_fps": 15.0, "files": {}} | {field: value}).encode()
    (folder / CARD).write_bytes(card if field else data)
    summary = read_summary(folder)
    assert summary is None or (field == "rate_fps" and value > 0)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "absent.png"])
def test_labels_look_at_no_file_elsewhere(tmp_path: Path, name: str) -> None:
    folder = write_cartridge(tmp_path / "world")
    (tmp_path / "secret").write_text("x")
    assert read_summary(folder) is not None
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps(card | {"files": {name: {}}}))
    assert read_summary(folder) is None


def test_pictures_that_cannot_be_are_none(tmp_path: Path) -> None:
    folder = write_cartridge(tmp_path / "world")
    whole = (folder / "preview.png").read_bytes()
    huge = PNG_START + struct.pack(">II", 1 << 20, 1 << 20) + whole[24:]
    for data in (b"", b"GIF89a", whole[:20], whole[:40], huge):
        (folder / "preview.png").write_bytes(data)
        assert read_preview(folder) is None
    wide = np.zeros((100, 1300, 3), np.uint8)
    (folder / "preview.png").write_bytes(cv2.imencode(".png", wide)[1].tobytes())
    shown = read_preview(folder)
    assert shown is not None and shown.shape == (49, 640, 3)
