"""A person plays: menu, world, play, rewind, record, quit, by real keys and a real mouse.

Screenshots go to the folder that DREAMCART_ARTEFACTS names, or to the test's own.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import h5py
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")),
    reason="needs Xvfb and xdotool: a person needs a screen, keys and a mouse",
)
ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 120  # for machines that are very busy
Seen = dict[str, Any]


class Screen:
    """An X server of its own that keeps its picture in a file. folder: for screenshots."""

    def __init__(self, memory: Path, folder: Path) -> None:
        self._file, self._folder, self._count = memory / "Xvfb_screen0", folder, 0
        read_end, write_end = os.pipe()
        size = ["-screen", "0", "1280x1024x24", "-fbdir", str(memory)]
        command = ["Xvfb", "-displayfd", str(write_end), *size]
        self._server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as number:
            self.name = f":{number.readline().strip()}"

    def keep(self, name: str) -> np.ndarray:
        """Keep a screenshot; it, uint8 (H, W, 3) RGB."""
        data = self._file.read_bytes()
        head = struct.unpack(">20I", data[:80])  # of an X window dump
        start, width, height, line, colours = head[0], head[4], head[5], head[12], head[19]
        raw = np.frombuffer(data, np.uint8, line * height, start + 12 * colours)
        picture = raw.reshape(height, line)[:, : 4 * width].reshape(height, width, 4)[..., :3]
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(self._folder / f"{self._count:02d}-{name}.png"), picture)
        return picture[..., ::-1]

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()


class Person:
    """Someone at the keyboard and the mouse, with a pad, who sees what the window shows."""

    def __init__(self, kind: str, screen: Screen, home: Path) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SDL_", "HF_"))}
        folders = {f"XDG_{name}_HOME": str(home / name) for name in ("CONFIG", "CACHE", "DATA")}
        self._environment = environment | folders | {
            "DISPLAY": screen.name, "HF_HOME": str(home / "hf"), "HF_HUB_OFFLINE": "1",
            "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.person_program", kind, str(home / "pictures")],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self.sees: Seen = {}

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._lines.put(line)

    def waits(self, what: str, until: Callable[[Seen], object]) -> Seen:
        """Look until something is to be seen, from now on or already."""
        while not (self.sees and until(self.sees)):
            try:
                self.sees = json.loads(self._lines.get(timeout=PATIENCE_S))
            except queue.Empty:
                pytest.fail(f"never saw {what}; the last was {self.sees}")
        return self.sees

    def does(self, *arguments: str) -> None:
        """Let xdotool act."""
        subprocess.run(["xdotool", *arguments], env=self._environment, check=True)

    def presses_on_pad(self, button: str) -> None:
        """Press and let go."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"pad {button} down\npad {button} up\n")
        self._process.stdin.flush()

    def ends(self) -> int:
        """The exit code of the program, once it has ended."""
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    (tmp_path / "screen").mkdir()
    kept = os.environ.get("DREAMCART_ARTEFACTS")
    made = Screen(tmp_path / "screen", Path(kept) if kept else tmp_path / "artefacts")
    yield made
    made.close()


def in_menu(seen: Seen) -> bool:
    return seen.get("page") == "Dreamcart" and not seen["dialog"]


def playing(seen: Seen) -> bool:
    return seen["frame"]


def action(seen: Seen) -> str:
    return seen["cells"][0][1] if seen["cells"] else ""


@pytest.mark.parametrize("kind", ["toy", pytest.param("breakout", marks=pytest.mark.slow)])
def test_a_person_plays_from_the_menu_to_the_end(kind: str, screen: Screen, tmp_path: Path) -> None:
    person = Person(kind, screen, tmp_path)
    try:
        play_it_all(person, screen, tmp_path)
    finally:
        person.close()


def play_it_all(person: Person, screen: Screen, home: Path) -> None:
    # The menu: a search, a question, a no.
    menu = person.waits("the menu", in_menu)
    assert menu["tiles"][0] == "Breakout" and len(menu["tiles"]) > 20 and menu["marked"] == 0
    assert screen.keep("menu").std() > 10
    person.does("type", "ms pac")
    person.waits("what was searched for", lambda s: s.get("tiles") == ["Ms. Pac-Man"])
    person.does("key", "Return")
    asked = person.waits("a question", lambda s: s.get("dialog"))
    assert asked["dialog"] == "Download Ms. Pac-Man?"
    screen.keep("question")
    person.does("key", "Escape")
    person.waits("no question", in_menu)
    person.does("key", "Escape")
    person.waits("all worlds", lambda s: in_menu(s) and len(s["tiles"]) > 20)

    # The pad moves the mark, the settings open and close, and a click plays.
    person.presses_on_pad("right")
    person.waits("the mark moved by the pad", lambda s: s.get("marked") == 1)
    person.does("key", "F10")
    person.waits("the settings", lambda s: s.get("page") == "Settings")
    screen.keep("settings")
    person.presses_on_pad("b")
    middles = person.waits("the menu again", in_menu)["middles"]
    person.does("mousemove", *map(str, middles["0"]))
    person.waits("the mark under the mouse", lambda s: s.get("marked") == 0)
    person.does("click", "1")

    # Playing and rewinding.
    person.waits("the world", playing)
    person.does("keydown", "d")
    person.waits("the key's effect", lambda s: action(s).startswith("RIGHT"))
    assert screen.keep("play").std() > 5
    person.does("keyup", "d")
    person.waits("no key's effect", lambda s: action(s) == "NOOP")
    person.presses_on_pad("a")
    person.waits("the pad's effect", lambda s: "FIRE" in action(s))
    person.does("keydown", "BackSpace")
    person.waits("rewinding", lambda s: s["line"] == "rewinding")
    screen.keep("rewind")
    person.does("keyup", "BackSpace")
    person.waits("play after rewinding", lambda s: s["frame"] and s["line"] != "rewinding")

    # Recording, the list of keys, and out: of the world, of the menu.
    person.does("key", "F8")
    person.waits("a recording", lambda s: "record" in s["line"])
    screen.keep("record")
    person.does("keydown", "a", "sleep", "0.7", "keyup", "a", "key", "F8")
    person.waits("the end of the recording", lambda s: "recorded" in s["line"])
    person.does("key", "F1")
    person.waits("the list of keys", lambda s: s["help"])
    screen.keep("keys")
    person.does("key", "Escape")
    person.waits("play without the list", lambda s: s["frame"] and not s["help"])
    person.does("key", "Escape")
    menu = person.waits("the menu after the world", in_menu)
    assert menu["marked"] == 0
    screen.keep("menu-again")
    person.does("key", "Escape")
    assert person.ends() == 0

    recorded = home / "DATA" / "dreamcart" / "recordings"
    (episode,) = recorded.rglob("*.h5")
    with h5py.File(episode) as file:
        assert len(file["actions"]) >= 5
    assert [film.stat().st_size > 0 for film in recorded.rglob("*.mp4")] == [True]
