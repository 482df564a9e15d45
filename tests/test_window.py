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

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")),
    reason="needs Xvfb and xdotool to show a real window and press real keys",
)
ROOT = Path(__file__).resolve().parent.parent


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


def test_played_with_real_keys(display: dict[str, str], tmp_path: Path) -> None:
    game = subprocess.Popen(
        [sys.executable, "-m", "tests.window_program", str(tmp_path)],
        cwd=ROOT,
        env=display,
        stdout=subprocess.PIPE,
        text=True,
    )

    def press(*arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=display, check=True)

    def pictures() -> list[Path]:
        return sorted(tmp_path.glob("toy-*.png"))

    try:
        assert game.stdout is not None
        assert game.stdout.readline() == "ready\n"
        press("keydown", "d", "sleep", "0.5", "keyup", "d", "key", "space")
        press("key", "F12")
        eventually(lambda: len(pictures()) == 1, "a screenshot")
        press("key", "F5")
        eventually((tmp_path / "toy.npz").exists, "a saved moment")
        press("key", "F9", "sleep", "0.3", "key", "Return", "sleep", "0.3")
        press("key", "F11", "sleep", "0.3", "key", "F1", "sleep", "0.3", "key", "F12")
        eventually(lambda: len(pictures()) == 2, "a screenshot of the full screen")
        press("key", "Escape")
        told = json.loads(game.stdout.read().splitlines()[-1])
        assert game.wait(60) == 0
    finally:
        game.kill()

    assert told["RIGHT"] >= 2 and told["FIRE"] >= 1
    assert (told["games"], told["jumps"]) == (2, 1)
    assert told["stages"]["input to display"]["count"] >= 3

    in_window, on_screen = (cv2.imread(str(path))[..., ::-1] for path in pictures())
    assert on_screen.shape == (800, 1280, 3)
    side = in_window.shape[1]
    assert in_window.shape[0] > side  # room for text under a square playfield
    scale = side // 64
    playfield = in_window[: 64 * scale, : 64 * scale]
    assert np.array_equal(playfield, playfield[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))
    assert (in_window[64 * scale :].max(axis=2) > 200).any()  # the figures are there to be read
