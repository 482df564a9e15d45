"""What keys are called on keyboards of all kinds, and what people are shown of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest

from engine.input.key_names import written
from engine.input.keyboard import KEYS, PLACES, key_writing, letter_of, use_keyboard
from engine.settings import SettingsFile
from engine.ui.page import typed
from engine.ui.pygame.keys import Keys, look_at_keyboard

ROOT = Path(__file__).resolve().parents[3]
FRENCH = {"q": "a", "w": "z", "a": "q", ";": "m", "m": ",", "1": "&", "2": "é", "[": "^"}
RUSSIAN = {"w": "ц", "a": "ф", "s": "ы", "d": "в"}


@pytest.fixture(autouse=True)
def display() -> Iterator[None]:
    pygame.display.init()
    use_keyboard({})
    yield
    pygame.display.quit()
    use_keyboard({})


def event(kind: int, key: int, scancode: int) -> pygame.event.Event:
    return pygame.event.Event(kind, key=key, scancode=scancode)


@pytest.mark.parametrize(
    ("key", "scancode", "name"),
    [
        (pygame.K_w, pygame.KSCAN_W, "w"),
        (pygame.K_z, pygame.KSCAN_W, "w"),  # French
        (ord(","), pygame.KSCAN_W, "w"),  # Dvorak
        (ord("ц"), pygame.KSCAN_W, "w"),  # Russian
        (ord("х"), pygame.KSCAN_LEFTBRACKET, "["),
        (ord("ü"), pygame.KSCAN_LEFTBRACKET, "["),  # German
        (ord("ß"), pygame.KSCAN_MINUS, "-"),
        (ord("´"), pygame.KSCAN_EQUALS, "="),
        (ord("&"), pygame.KSCAN_1, "1"),
        (ord("<"), pygame.KSCAN_NONUSBACKSLASH, "<"),
        (ord("#"), pygame.KSCAN_NONUSHASH, "\\"),
        (ord("/"), pygame.KSCAN_INTERNATIONAL1, "international 1"),  # Brazilian
        (pygame.K_KP4, pygame.KSCAN_KP_4, "[4]"),
        (pygame.K_RETURN, pygame.KSCAN_RETURN, "return"),
        (pygame.K_KP_ENTER, pygame.KSCAN_KP_ENTER, "enter"),
        (pygame.K_LSHIFT, pygame.KSCAN_LSHIFT, "left shift"),
        (pygame.K_MODE, pygame.KSCAN_RALT, "right alt"),  # AltGr
        (pygame.K_ESCAPE, pygame.KSCAN_CAPSLOCK, "escape"),  # as its owner wants it
        (0x40000065, 101, "application"),
        (0, 0, ""),
    ],
)
def test_a_key_that_writes_is_called_by_where_it_is(key: int, scancode: int, name: str) -> None:
    """WASD was scattered over French and Dvorak keyboards, and [ was not to be had on others."""
    assert Keys().pressed(event(pygame.KEYDOWN, key, scancode)) == name


def test_a_key_is_let_go_as_it_was_pressed_though_it_does_something_else_by_then() -> None:
    """It was held for ever."""
    keys = Keys()
    assert keys.pressed(event(pygame.KEYDOWN, pygame.K_CAPSLOCK, pygame.KSCAN_CAPSLOCK))
    let_go = event(pygame.KEYUP, pygame.K_ESCAPE, pygame.KSCAN_CAPSLOCK)
    assert keys.let_go(let_go) == "caps lock"
    assert keys.let_go(let_go) == "escape"


def test_every_place_has_one_name_and_each_system_one_number_for_it() -> None:
    names = [place.name for place in PLACES]
    assert len(set(names)) == len(names) and set(names) <= KEYS | {"enter", "equals"}
    for system in ("usb", "code", "windows", "macos"):
        numbers = [number for place in PLACES if (number := getattr(place, system))]
        assert len(set(numbers)) == len(numbers)
    by_pygame = {place.usb: pygame.key.name(pygame.key.key_code(place.name))
                 for place in PLACES if len(place.name) == 1}  # fmt: skip
    assert by_pygame == {p.usb: p.name for p in PLACES if len(p.name) == 1}


def test_people_are_shown_what_their_keyboard_has_at_a_place() -> None:
    use_keyboard(FRENCH)
    assert [written(key) for key in ("w", "a", "s", "d")] == ["Z", "Q", "S", "D"]
    assert [written(key) for key in ("1", "2", "[", "m", "left", "[4]")] == [
        "1", "2", "^", ",", "Left", "Keypad 4",
    ]  # fmt: skip
    use_keyboard({"-": "ß", **RUSSIAN})
    assert (written("-"), written("w"), written("q")) == ("ß", "Ц", "Q")
    look_at_keyboard()  # that of SDL without a display is American
    assert written("w") == "W"


def test_what_is_searched_for_is_what_was_typed() -> None:
    use_keyboard(FRENCH)
    assert typed("", letter_of("q")) == "a" and typed("", letter_of("2")) == "2"
    assert typed("a", letter_of("backspace")) == ""
    use_keyboard(RUSSIAN)
    assert typed("", letter_of("w")) == "w"  # worlds have Latin names


def test_keys_that_were_set_by_what_they_write_stay_where_they_are(tmp_path: Path) -> None:
    """In a file from before keys were named by their place."""
    path = tmp_path / "settings.json"
    old = {"arcade": {"left": ["q", "[4]"], "fire": ["é", "pad a"]}, "player": {"pause": ["m"]}}
    path.write_text(json.dumps({"sensitivity": 0.5, "keys": old}))
    use_keyboard(FRENCH)
    warnings: list[str] = []
    file = SettingsFile(path, warnings.append)
    assert file.now.keys == {
        "arcade": {"left": ("a", "[4]"), "fire": ("2", "pad a")},
        "player": {"pause": (";",)},
    }
    file.played("pong")
    use_keyboard({})
    assert SettingsFile(path, warnings.append).now == file.now and not warnings
    assert key_writing("alt gr") == "right alt"


# What follows needs real keyboards.

LAYOUTS = {
    "us": ("WASD", "1;[P", "w"),
    "fr": ("ZQSD", "1M[P", "z"),
    "us -variant dvorak": (",AOE", "1S/L", ","),
    "ru": ("ЦФЫВ", "1ЖХЗ", "w"),
    "de": ("WASD", "1ÖÜP", "w"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The name of an X server that keeps its keyboard when its last window closes."""
    if not all(map(shutil.which, ("Xvfb", "xdotool", "setxkbmap"))):
        pytest.skip("needs Xvfb, xdotool and setxkbmap for real keyboards")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-noreset", "-displayfd", str(write_end), "-screen", "0", "320x240x24"]
    process = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as number:
        yield f":{number.readline().strip()}"
    process.terminate()
    process.wait()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_real_keys_are_a_block_on_every_keyboard(server: str, layout: str) -> None:
    """W, A, S and D are pressed where they are on an American keyboard; then the layout changes."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SDL_")}
    environment["DISPLAY"] = server

    def lets(*command: str) -> None:
        subprocess.run(command, env=environment, check=True)

    lets("setxkbmap", *layout.split())
    with subprocess.Popen(
        [sys.executable, "-m", "tests.programs.keys_program"],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout is not None
        told = map(json.loads, program.stdout)
        block, others, typed_by_w = LAYOUTS[layout]
        shown = next(told)
        assert "".join(shown[key] for key in "wasd") == block
        assert "".join(shown[key] for key in "1;[p") == others
        assert shown["typed by w"] == typed_by_w
        pressed = {25: "w", 38: "a", 39: "s", 40: "d", 10: "1", 83: "[4]", 34: "[", 113: "left",
                   108: "right alt", 60: ".", 67: "f1"}  # fmt: skip
        for code, name in pressed.items():
            lets("xdotool", "key", str(code))
            assert next(told) == name
        lets("setxkbmap", "gr")
        lets("xdotool", "key", "25")
        assert next(told) == "w" and next(told) == "Σ"
        lets("xdotool", "key", "Escape")
    assert program.returncode == 0
