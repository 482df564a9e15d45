"""Settings that several programs change at the same time: each keeps what the others set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.settings import Settings, SettingsFile

ROOT = Path(__file__).resolve().parents[2]
COUNT = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def refuse(line: str) -> None:
    raise AssertionError(line)


def two(path: Path) -> tuple[SettingsFile, SettingsFile]:
    """Two programs that began with the same settings."""
    first = SettingsFile(path, refuse)
    first.change(sensitivity=2.0, keys={"discrete": {"fire": ("x",)}})
    return first, SettingsFile(path, refuse)


def test_programs_that_write_at_once_lose_nothing(path: Path) -> None:
    """Each wrote the whole of what it had read when it began."""
    names = ["left", "right", "third"]
    command = [sys.executable, "-m", "tests.programs.settings_program", str(path)]
    running = [subprocess.Popen([*command, name, str(COUNT)], cwd=ROOT) for name in names]
    while len(list(path.parent.glob("*.ready"))) < len(names):
        assert all(process.poll() is None for process in running)
        time.sleep(0.01)
    (path.parent / "GO").touch()
    assert [process.wait(120) for process in running] == [0, 0, 0]
    kept = SettingsFile(path, refuse).now
    assert kept.last_played.keys() == {f"{name}{i}" for name in names for i in range(COUNT)}
    assert kept.keys == {name: {"fire": ("x",)} for name in names}


def test_starting_a_world_keeps_what_another_program_set(path: Path) -> None:
    first, second = two(path)
    second.change(sensitivity=0.5)
    first.played("breakout")
    kept = SettingsFile(path, refuse).now
    assert kept.sensitivity == 0.5 and list(kept.last_played) == ["breakout"]
    assert first.now == kept, "and goes on with it"


def test_buttons_of_one_layout_are_kept_one_by_one(path: Path) -> None:
    first, second = two(path)
    first.change(keys={"discrete": {"fire": ("x",), "left": ("a",)}})
    second.change(keys={"discrete": {"fire": ("x",), "right": ("d",)}})
    kept = SettingsFile(path, refuse).now.keys["discrete"]
    assert kept == {"fire": ("x",), "left": ("a",), "right": ("d",)}


def test_what_one_program_resets_stays_reset(path: Path) -> None:
    first, second = two(path)
    first.change(keys={}, sensitivity=1.0)
    second.played("doom")
    kept = SettingsFile(path, refuse).now
    assert (kept.keys, kept.sensitivity, list(kept.last_played)) == ({}, 1.0, ["doom"])


def test_the_later_of_two_has_its_way_with_one_entry(path: Path) -> None:
    first, second = two(path)
    first.change(sensitivity=3.0)
    second.change(sensitivity=4.0)
    assert SettingsFile(path, refuse).now.sensitivity == 4.0


def test_a_file_that_was_taken_away_is_written_whole(path: Path) -> None:
    first, _ = two(path)
    path.unlink()
    first.played("doom")
    assert SettingsFile(path, refuse).now == first.now != Settings()


def test_a_file_that_another_program_broke_is_set_aside(path: Path) -> None:
    warnings: list[str] = []
    settings = SettingsFile(path, warnings.append)
    settings.change(sensitivity=2.0)
    path.write_text('{"sensitivity": "much", "last_played": {"doom": 1.0}}')
    settings.change(keys={"discrete": {"fire": ("x",)}})
    kept = json.loads(path.read_text())
    assert kept["keys"] == {"discrete": {"fire": ["x"]}} and kept["last_played"] == {"doom": 1.0}
    assert len(warnings) == 1 and path.with_name("settings.json.broken").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no pipes with names")
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_no_settings_file(path: Path, kind: str) -> None:
    """The first was waited for, the second read a while for nothing."""
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    warnings: list[str] = []
    settings = SettingsFile(path, warnings.append)
    settings.change(sensitivity=2.0)
    assert settings.now.sensitivity == 2.0 and not path.is_file()
    assert len(warnings) == 1 and "it is not a file" in warnings[0]
