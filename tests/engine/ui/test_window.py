"""The real window on a display of its own, steered by real key events."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")),
    reason="needs Xvfb and xdotool to show a real window and press real keys",
)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def display() -> Iterator[dict[str, str]]:
    """An environment with an X server of its own."""
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1280x800x24"]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as number:
        name = f":{number.readline().strip()}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SDL_")}
    yield environment | {"DISPLAY": name}
    server.terminate()
    server.wait()


def eventually(check: Callable[[], object], what: str) -> None:
    """Wait until `check` is true; a minute is for machines that are very busy."""
    for _ in range(1200):
        if check():
            return
        time.sleep(0.05)
    pytest.fail(f"never happened: {what}")


class RealGame:
    """A toy in a real window, in a process of its own."""

    def __init__(self, kind: str, display: dict[str, str], folder: Path) -> None:
        self._display, self._folder = display, folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.window_program", kind, str(folder)],
            cwd=ROOT,
            env=display,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> RealGame:
        assert self._output.readline() == "ready\n"
        return self

    def __exit__(self, *about: object) -> None:
        self._process.kill()

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def press(self, *arguments: str) -> None:
        """Let xdotool act."""
        subprocess.run(["xdotool", *arguments], env=self._display, check=True)

    def screenshot(self, count: int) -> np.ndarray:
        """What F12 wrote, once there are `count` pictures."""
        eventually(lambda: len(list(self._folder.glob("toy-*.png"))) == count, "a screenshot")
        path = sorted(self._folder.glob("toy-*.png"))[-1]
        return cv2.imread(str(path))[..., ::-1]

    def told(self) -> dict[str, Any]:
        """What it says when it is over."""
        told = json.loads(self._output.read().splitlines()[-1])
        assert self._process.wait(60) == 0
        return told


def test_played_with_real_keys(display: dict[str, str], tmp_path: Path) -> None:
    with RealGame("toy", display, tmp_path) as game:
        game.press("keydown", "d", "sleep", "0.5", "keyup", "d", "key", "space")
        game.press("key", "F12")
        in_window = game.screenshot(1)
        game.press("key", "F5")
        eventually((tmp_path / "toy.npz").exists, "a saved moment")
        game.press("key", "F9", "sleep", "0.3", "key", "Return", "sleep", "0.3")
        game.press("key", "F11", "sleep", "0.3", "key", "F1", "sleep", "0.3", "key", "F12")
        on_screen = game.screenshot(2)
        game.press("key", "Escape", "sleep", "0.3", "key", "Escape")  # the list, then the game
        told = game.told()

    assert told["RIGHT"] >= 2 and told["FIRE"] >= 1
    assert (told["games"], told["jumps"]) == (2, 1)
    assert told["stages"]["input to display"]["count"] >= 3

    assert on_screen.shape == (800, 1280, 3)
    side = in_window.shape[1]
    assert in_window.shape[0] > side  # room for text under a square playfield
    check_playfield(in_window[:side], side // 64)
    assert (in_window[side:].max(axis=2) > 200).any()  # the figures are there to be read


def test_played_with_a_real_mouse(display: dict[str, str], tmp_path: Path) -> None:
    with RealGame("mouse", display, tmp_path) as game:
        game.press("mousemove", "640", "300", "sleep", "0.3", "mousemove_relative", "40", "0")
        game.press("sleep", "0.3", "click", "1", "sleep", "0.5")
        for _ in range(6):  # further than the screen is wide
            game.press("mousemove_relative", "300", "0", "sleep", "0.2")
        game.press("mousedown", "3", "sleep", "0.3", "mouseup", "3")
        game.press("key", "F2", "sleep", "0.5", "key", "F12")
        wide = game.screenshot(1)
        game.press("key", "Escape", "sleep", "0.3")
        game.press("mousemove_relative", "--", "-100", "0", "sleep", "0.3", "key", "F12")
        game.screenshot(2)  # Esc has not left: it let go of the mouse
        game.press("key", "Escape")
        told = game.told()

    turns = {name: count for name, count in told.items() if "mouse(" in name}
    assert turns and not any("mouse(-" in name for name in turns)
    assert sum(int(n.split("(")[1].split(",")[0]) * count for n, count in turns.items()) > 1280
    assert told["rightclick"] >= 1 and "click" not in told

    scale = wide.shape[1] // 130  # two frames of 64 pixels and a gap of two, as large as can be
    assert scale == 1280 * 9 // 10 // 130
    field = wide[: 64 * scale]
    check_playfield(field, scale)
    assert (field[:, 64 * scale : 66 * scale] == 96).all()


def check_playfield(field: np.ndarray, scale: int) -> None:
    """Every pixel of the frame is a square of `scale` pixels."""
    assert scale > 1
    assert np.array_equal(field, field[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))
