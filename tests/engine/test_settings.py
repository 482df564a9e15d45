"""Settings of a user: kept from run to run, and no file or disk can keep a game from starting."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.folders import cache_folder, config_folder, data_folder
from engine import settings
from engine.settings import Settings, SettingsFile

KEYS = {"discrete": {"fire": ("x", "pad a")}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


class Warnings(list[str]):
    """Warnings that were given; each one line."""

    def __call__(self, line: str) -> None:
        assert "\n" not in line
        self.append(line)


def test_without_a_file_all_is_as_it_comes(path: Path) -> None:
    warnings = Warnings()
    assert SettingsFile(path, warnings).now == Settings()
    assert not warnings and not path.exists()


def test_what_is_set_is_there_in_the_next_run(path: Path) -> None:
    file = SettingsFile(path)
    file.change(sensitivity=0.5, keys=KEYS)
    file.played("breakout")
    again = SettingsFile(path).now
    assert again == file.now
    assert (again.sensitivity, again.keys) == (0.5, KEYS)
    assert again.last_played["breakout"] > 1.7e9


def test_what_was_played_later_has_the_later_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SettingsFile(path)
    for now, world in enumerate(["breakout", "csgo", "breakout"]):
        monkeypatch.setattr(settings.time, "time", lambda now=now: float(now))
        file.played(world)
    assert file.now.last_played == {"breakout": 2.0, "csgo": 1.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"sensitivity": 0.0},
        {"keys": {"discrete": {"fire": ("\ud800",)}}},
        {"keys": {"discrete": {"fire": ("a\0",)}}},
        {"last_played": {"": 1.0}},
    ],
)
def test_what_cannot_be_set_changes_nothing(path: Path, fields: dict[str, Any]) -> None:
    file = SettingsFile(path)
    with pytest.raises(ValueError):
        file.change(**fields)
    assert file.now == Settings() and not path.exists()


def test_a_broken_file_is_set_aside_and_numbered(path: Path) -> None:
    path.parent.mkdir()
    for number, name in enumerate(["", ".2", ".3"]):
        content = f"broken {number}"
        path.write_text(content)
        warnings = Warnings()
        assert SettingsFile(path, warnings).now == Settings()
        aside = path.with_name(f"settings.json.broken{name}")
        assert aside.read_text() == content and not path.exists()
        assert len(warnings) == 1 and aside.name in warnings[0]


def test_an_entry_that_is_broken_or_unknown_costs_no_other(path: Path) -> None:
    """A key of a command that is not known here, a key that always leaves, a wrong type."""
    path.parent.mkdir()
    player = {"pause": ["k"], "fly": ["x"], "save": ["escape"], "rewind": "b"}
    data = {"sensitivity": 2, "keys": {"player": player}, "last_played": {"a": "then", "b": 1.0}}
    path.write_text(json.dumps(data))
    now = SettingsFile(path, warnings := Warnings()).now
    kept = Settings(2.0, {"player": {"pause": ("k",)}}, {"b": 1.0})
    assert now == kept
    assert len(warnings) == 1 and "keys.player.fly and 3 more" in warnings[0]
    assert json.loads(path.with_name("settings.json.broken").read_text()) == data
    assert SettingsFile(path, warnings).now == kept and len(warnings) == 1  # it is said once


def test_the_warning_goes_to_the_terminal(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.parent.mkdir()
    path.write_text("{")
    SettingsFile(path)
    said = capsys.readouterr().err
    assert said.startswith("warning: ") and said.count("\n") == 1


def looks_like_settings() -> st.SearchStrategy[bytes]:
    """JSON with our fields and values of any kind."""
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    names = st.sampled_from(["sensitivity", "keys", "last_played"])
    return st.dictionaries(names, value).map(lambda data: json.dumps(data).encode())


@given(st.binary(max_size=200) | looks_like_settings())
def test_no_bytes_are_fatal_and_none_are_lost(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.json"
        path.write_bytes(data)
        warnings = Warnings()
        file = SettingsFile(path, warnings)
        kept = path.with_name(f"{path.name}.broken") if warnings else path
        assert kept.read_bytes() == data and len(warnings) <= 1
        file.played("breakout")  # it can be written, and read again
        assert SettingsFile(path, warnings).now == file.now


@pytest.mark.parametrize("content", [b"[" * 100_000, b" " * (2 << 20), b"1" * 5000])
def test_a_file_may_be_deep_or_long(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert SettingsFile(path, Warnings()).now == Settings()
    assert path.with_name("settings.json.broken").read_bytes() == content


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    warnings = Warnings()
    file = SettingsFile(tmp_path / "config" / "settings.json", warnings)
    warnings.clear()
    file.change(sensitivity=2.0)
    file.change(sensitivity=3.0)
    assert file.now.sensitivity == 3.0
    assert len(warnings) <= 1


def test_a_disk_that_refuses_costs_one_warning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*about: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = SettingsFile(path, warnings := Warnings())
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    file.change(sensitivity=2.0)
    file.change(sensitivity=3.0)
    assert file.now.sensitivity == 3.0
    assert len(warnings) == 1 and "Permission denied" in warnings[0]


def test_a_broken_file_that_cannot_be_moved_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*about: object) -> None:
        raise PermissionError(13, "Permission denied")

    path.parent.mkdir()
    path.write_text("{")
    monkeypatch.setattr(Path, "rename", refuse)
    assert SettingsFile(path, warnings := Warnings()).now == Settings()
    assert path.read_text() == "{" and len(warnings) == 1


def test_a_file_that_cannot_be_read_is_left_alone(path: Path) -> None:
    path.mkdir(parents=True)  # for everyone, the superuser too
    file = SettingsFile(path, warnings := Warnings())
    file.change(sensitivity=2.0)
    assert path.is_dir() and len(warnings) == 1 and file.now.sensitivity == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere other things decide")
def test_folders_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for what, folder in (("DATA", data_folder), ("CACHE", cache_folder), ("CONFIG", config_folder)):
        monkeypatch.setenv(f"XDG_{what}_HOME", "/somewhere")
        assert folder() == Path("/somewhere/dreamcart")
