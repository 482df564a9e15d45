"""play.py from its flags on, with a toy in the place of the dream."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

import play
from base.errors import UserError
from engine.null_window import NullWindow
from engine.screen import CloseAsked
from engine.window import NoDisplayError, open_window, why_no_display
from tests.toy_world import ToyWorld


@pytest.fixture
def cartridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that passes for a cartridge; opening it gives a toy and notes the arguments."""
    opened: list[tuple[Path, dict[str, Any]]] = []

    class Dream(ToyWorld):
        game = ""

    def open_world(path: Path, **choices: Any) -> Dream:
        opened.append((path, choices))
        return Dream()

    fake = types.ModuleType("models.dream")
    fake.open_world = open_world  # type: ignore[attr-defined]
    fake.opened = opened  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models.dream", fake)
    checking = types.ModuleType("models.cartridge")
    checking.check = lambda path: path  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models.cartridge", checking)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "cartridge.json").write_text("{}")
    return tmp_path / "toy"


def run(*arguments: object) -> int:
    return play.main(tyro.cli(play.Flags, args=[str(argument) for argument in arguments]))


def test_headless_writes_what_was_asked_for(
    cartridge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.txt"
    script.write_text("LEFT*4\nFIRE\n")
    frames, video, report = (tmp_path / name for name in ("a.npz", "a.mp4", "a.json"))
    arguments = ["--headless", "--steps", 6, "--actions", script, "--seed", 3]
    run(cartridge, *arguments, "--frames", frames, "--video", video, "--report", report)
    with np.load(frames) as archive:
        assert archive["rewards"].tolist() == [0, 0, 0, 0, 1, 0]
    assert video.stat().st_size > 0
    assert json.loads(report.read_text())["steps"] == 6
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 6
    assert sys.modules["models.dream"].opened == [
        (cartridge, {"device": None, "precision": None, "preset": None, "steps": None})
    ]


def test_without_a_display_it_dreams_a_film_and_says_how_to_play(
    cartridge: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToyWorld, "rate_fps", 1.0)
    assert run(cartridge, "--out", tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no display (SDL_VIDEODRIVER is dummy)")
    assert (tmp_path / "out" / "dream.mp4").is_file()
    assert (tmp_path / "out" / "dream.png").is_file()
    assert any("dream.mp4" in line for line in lines)
    assert "Space fires" in lines[-1]


def test_with_a_display_it_plays_in_the_window(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = NullWindow([CloseAsked(1e12)])
    titles: list[str] = []
    monkeypatch.setattr(play, "open_window", lambda title: titles.append(title) or window)
    report = tmp_path / "report.json"
    run(cartridge, "--steps", 3, "--report", report, "--folder", tmp_path)
    assert titles == ["toy - Dreamcart"]
    assert window.pictures[0].line == "loading toy ..."
    assert json.loads(report.read_text())["stages"]["model"]["count"] == 3


def test_interpolation_and_automatic_steps_are_asked_for_by_flags(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = NullWindow([CloseAsked(1e12)])
    monkeypatch.setattr(play, "open_window", lambda title: window)
    run(cartridge, "--steps", 3, "--folder", tmp_path, "--interpolate", "--target", "auto")
    assert ("display", "interpolated") in window.pictures[-1].hud[2]
    # A toy has none, which shows that it was asked.
    assert window.pictures[-1].line == "this world has no denoising steps to choose from"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--steps", 0),
        ("--seed", -1),
        ("--sensitivity", 0),
        ("--frames", "a.npz"),
        ("--headless", "--actions", "missing.txt"),
    ],
)
def test_mistakes_are_one_line(cartridge: Path, arguments: tuple[object, ...]) -> None:
    with pytest.raises(UserError) as caught:
        run(cartridge, *arguments)
    assert "\n" not in str(caught.value)


def test_an_unknown_world_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="unknown world 'no-such-world'"):
        run("no-such-world")


def test_what_counts_as_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert "DISPLAY" in why_no_display({})
    assert why_no_display({"DISPLAY": ":0"}) == ""
    assert why_no_display({"WAYLAND_DISPLAY": "wayland-0"}) == ""
    assert why_no_display({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"})
    monkeypatch.setattr("sys.platform", "darwin")
    assert why_no_display({}) == ""


def test_a_display_that_does_not_answer_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":9999")
    with pytest.raises(NoDisplayError):
        open_window("nowhere")
