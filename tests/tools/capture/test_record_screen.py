"""Recording what is on the screen: which steps that gives, and the screen, keys and mouse of a real
X server with a window that is seen, loses the focus, and closes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from base.errors import UserError
from datasets.episode import EpisodeFile
from datasets.recording import Recording
from datasets.store import Store
from engine.contracts import Frame
from engine.input.controls import Controls
from engine.input.key_names import written
from engine.input.keyboard import use_keyboard
from engine.profile import Profile, parse_profile
from engine.ui.screen import Event, KeyDown, KeyUp, MouseMoved
from tools.capture.desktop import Region
from tools.capture.desktop_pynput import PynputListener, key_name
from tools.capture.footage import Footage
from tools.capture.record_screen import film, open_scene, record_screen
from tools.options.record import ScreenConfig

PROFILE = b"""
name = "Colours"
rate_fps = 20
size_px = [16, 8]
[keys]
go = "w"
fire = ["left button", "return", "space"]
gun = "1"
[mouse]
right = 100
down = 100
"""


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "colours.toml").write_bytes(PROFILE)
    return parse_profile(PROFILE, "colours.toml")


def footage_of(folder: Path, profile: Profile, scene: Any, **clockwork: Any) -> int:
    """Record a scene until it is gone; how many steps came late."""
    with Recording(folder, profile.name) as recording:
        footage = Footage(recording, profile, "human", {"screen": scene.title})
        return film(scene, profile, footage, lambda waiting: True, **clockwork)


class Screenplay:
    """A scene of which is known what happens before each tick: a frame's grey or None, and events.

    It is its own clock: grabbing a frame takes a millisecond, and once half a second.
    """

    title = "a screenplay"

    def __init__(self, ticks: Sequence[tuple[int | None, list[Event]]], slow: int) -> None:
        self._ticks, self._slow = ticks, slow
        self._at = -1
        self.time_s = 5.0
        self.times: list[float] = []

    @property
    def gone(self) -> bool:
        return self._at == len(self._ticks) - 1

    def frame(self) -> Frame | None:
        self._at += 1
        self.times.append(self.time_s)
        self.time_s += 0.5 if self._at == self._slow else 0.001
        grey = self._ticks[self._at][0]
        return None if grey is None else np.full((16, 32, 3), grey, np.uint8)

    def events(self) -> list[Event]:
        return self._ticks[self._at][1]

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


def test_a_step_has_what_was_pressed_since_the_frame_before_and_only_with_the_focus(
    tmp_path: Path, profile: Profile
) -> None:
    ticks: list[tuple[int | None, list[Event]]] = [
        (None, [KeyDown("w")]),  # in another window
        (10, [KeyDown("w")]),  # before the first frame
        (20, [KeyDown("1"), KeyUp("1"), MouseMoved(3, 0), MouseMoved(8, -2)]),
        (30, [KeyDown("return"), KeyDown("q")]),
        (40, []),
        (None, [KeyUp("return"), KeyDown("1")]),
        (50, [KeyDown("1"), MouseMoved(50, 50)]),
        (60, []),
        (70, [KeyUp("1"), KeyDown("w")]),
    ]
    scene = Screenplay(ticks, slow=3)
    late = footage_of(
        tmp_path / "out", profile, scene, clock=lambda: scene.time_s, sleep=scene.sleep
    )
    store = Store(tmp_path / "out")
    told = [
        [store.info.actions.describe(action) for action in store.steps(i).actions]
        for i in range(len(store))
    ]
    assert told == [["gun+mouse(10,-2)", "fire", "fire"], ["idle", "go"]]
    greys = [store.read(i, 0, store.length(i) + 1).frames[:, 4, 8, 0].tolist() for i in range(2)]
    assert greys == [[10, 20, 30, 40], [50, 60, 70]]
    assert store.steps(0).truncated[-1] and store.info.emulator == {"screen": "a screenplay"}
    assert late == 1
    gaps = np.diff(scene.times)
    assert np.allclose(np.delete(gaps, 3), 0.05) and gaps[3] == pytest.approx(0.5)


@pytest.mark.parametrize("package", ["mss", "pynput", "Xlib"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: Profile
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    if package == "Xlib":
        monkeypatch.setattr(sys, "platform", "linux")
        config = ScreenConfig(tmp_path / "colours.toml", tmp_path / "out", window="any")
        needing: Callable[[], object] = lambda: record_screen(config)  # noqa: E731
    elif package == "pynput":
        needing = PynputListener
    else:
        from tools.capture.desktop import FixedPlace, ScreenScene

        needing = lambda: ScreenScene(FixedPlace(Region(0, 0, 9, 9)), list)  # noqa: E731
    with pytest.raises(UserError, match=r"pip install -r requirements-capture\.txt"):
        needing()


def test_what_cannot_be_recorded_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: Profile
) -> None:
    file, out = tmp_path / "colours.toml", tmp_path / "out"
    with pytest.raises(UserError, match="say what to record: --window TITLE or --region"):
        ScreenConfig(file, out)
    with pytest.raises(UserError, match="--steps must be 1 or more"):
        ScreenConfig(file, out, "any", steps=0)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(UserError, match="log in to an X11 session"):
        record_screen(ScreenConfig(file, out, "any"))
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(UserError, match="--unfocused"):
        record_screen(ScreenConfig(file, out, region=(0, 0, 64, 64)))
    assert not out.exists()


def test_pynputs_keys_have_our_names() -> None:
    def told(**about: Any) -> str | None:
        return key_name(SimpleNamespace(**about))

    assert told(name="ctrl_l") == told(name="ctrl") == "left ctrl"
    assert told(name="enter") == "return" and told(name="f5") == "f5"
    assert told(char="W") == "w" and told(char="ß") == "ß"
    assert told(name="alt_gr") == told(name="alt_r") == "right alt"
    assert told(name="media_next") is told(char="字") is key_name(None) is None


@pytest.mark.parametrize(
    ("about", "name"),
    [
        ({"char": "w", "vk": 87}, "w"),
        ({"char": "\x17", "vk": 87}, "w"),  # with Ctrl, which makes control characters
        ({"char": "\x17", "vk": None}, "w"),
        ({"char": "!", "vk": 49}, "1"),  # with Shift
        ({"char": "1", "vk": 49}, "1"),
        ({"char": None, "vk": 100}, "[4]"),
        ({"char": "/", "vk": 0x6F, "_scan": 0x35}, "[/]"),  # its scan code is the other slash's
        ({"char": None, "vk": 222}, "'"),  # a dead key
        ({"char": "@", "vk": 81}, "q"),  # with AltGr, in Germany
        ({"char": "z", "vk": 90, "_scan": 0x11}, "w"),  # on a French keyboard
        ({"char": "ü", "vk": 0xBA, "_scan": 0x1A}, "["),  # on a German one
        ({"char": "<", "vk": 0xE2, "_scan": 0x56}, "<"),
    ],
)
def test_windows_keys_are_named_by_their_place(about: dict[str, Any], name: str) -> None:
    """W let go while Ctrl was held stayed down in the recording; numpad and dead keys were lost."""
    assert key_name(SimpleNamespace(**about)) == name


@pytest.mark.parametrize(
    ("char", "virtual", "name"),
    [("w", 13, "w"), ("∑", 13, "w"), ("z", 13, "w"), ("\x17", 13, "w"), ("a", 0, "a"),
     ("!", 18, "1"), ("4", 86, "[4]"), ("m", 41, ";"), ("\x03", 76, "enter")],
)  # fmt: skip
def test_macs_keys_are_named_by_their_place(
    char: str, virtual: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with Option held, on a French keyboard and on the keypad."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert key_name(SimpleNamespace(char=char, vk=virtual)) == name


def test_a_binding_may_name_a_key_by_what_it_writes_here(keyboard_in_use: None) -> None:
    """As profiles did that were written in Germany, and "alt gr" is a name of old."""
    controls = Controls(
        {"jump": ("ü",), "duck": ("alt gr",), "go": ("keypad enter",), "left": ("q",)}
    )
    use_keyboard({"[": "ü", "a": "q"})
    for key in ("[", "right alt", "enter"):
        controls.handle(KeyDown(key))
    controls.handle(KeyDown("a"))  # that another key is called so, it is not
    assert controls.sample()[0].buttons == ("jump", "duck", "go")
    use_keyboard({})
    controls.handle(KeyUp("["))
    assert controls.sample()[0].buttons == ("duck", "go")


def test_what_pynput_hears_becomes_events(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    def listener(**callbacks: Any) -> Any:
        heard.update(callbacks)
        return SimpleNamespace(start=lambda: None, wait=lambda: None, stop=heard.clear)

    half = SimpleNamespace(Listener=listener)
    monkeypatch.setitem(sys.modules, "pynput", SimpleNamespace(keyboard=half, mouse=half))
    monkeypatch.setattr("tools.capture.desktop_pynput.note_sign", lambda key, sign: None)
    listening = PynputListener()
    heard["on_press"](SimpleNamespace(char="w"))
    heard["on_move"](400, 300)
    heard["on_move"](403, 298)
    heard["on_click"](403, 298, SimpleNamespace(name="right"), True)
    heard["on_click"](403, 298, SimpleNamespace(name="middle"), True)
    heard["on_release"](SimpleNamespace(char="w"))
    assert listening.events() == [
        KeyDown("w"),
        MouseMoved(3, -2),
        KeyDown("right button"),
        KeyUp("w"),
    ]
    assert listening.events() == []
    for what, about in (
        ("press", {"char": "w", "vk": 87}),
        ("press", {"name": "ctrl_l"}),
        ("release", {"char": "\x17", "vk": 87}),
    ):
        heard[f"on_{what}"](SimpleNamespace(**about))
    assert listening.events() == [KeyDown("w"), KeyDown("left ctrl"), KeyUp("w")]
    listening.close()
    assert not heard


@pytest.fixture
def keyboard_in_use() -> Iterator[None]:
    """The keyboard in use may be another until the end of the test."""
    yield
    use_keyboard({})


# What follows needs an X server; these tests are the person, and the window manager.

needs_display = pytest.mark.skipif(not shutil.which("Xvfb"), reason="needs Xvfb for a screen")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection to an X server of its own."""
    pytest.importorskip("mss")
    xlib = pytest.importorskip("Xlib.display")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "320x240x24"]
    process = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as number:
        name = f":{number.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    monkeypatch.delenv("XAUTHORITY", raising=False)
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    connection = xlib.Display(name)
    yield connection
    connection.close()
    process.terminate()
    process.wait()


class ShownWindow:
    """A window of one colour, of 64×32 pixels."""

    def __init__(self, server: Any, title: str, left: int, colour: int) -> None:
        self._server, self._root = server, server.screen().root
        depth = server.screen().root_depth
        self.window = self._root.create_window(left, 20, 64, 32, 0, depth, background_pixel=colour)
        self.window.set_wm_name(title)
        self.window.map()
        self.window.clear_area()

    def paint(self, colour: int) -> None:
        self.window.change_attributes(background_pixel=colour)
        self.window.clear_area()


def manage(server: Any, windows: Sequence[ShownWindow], active: ShownWindow) -> None:
    """Tell which windows there are and which has the focus, as a window manager does."""
    root = server.screen().root
    kind = server.intern_atom("WINDOW")
    for name, shown in (("_NET_CLIENT_LIST", windows), ("_NET_ACTIVE_WINDOW", [active])):
        root.change_property(server.intern_atom(name), kind, 32, [one.window.id for one in shown])
    server.sync()


@needs_display
def test_a_window_is_recorded_with_its_keys_while_it_has_the_focus(
    server: Any, tmp_path: Path, profile: Profile
) -> None:
    from Xlib import XK, X
    from Xlib.ext import xtest

    game, other = (
        ShownWindow(server, title, left, colour)
        for title, left, colour in (("My Game", 30, 0xFF0000), ("Letters", 200, 0))
    )

    def key(name: str, down: bool) -> None:
        code = server.keysym_to_keycode(XK.string_to_keysym(name))
        xtest.fake_input(server, X.KeyPress if down else X.KeyRelease, code)

    def refocus(window: ShownWindow) -> None:
        manage(server, [game, other], window)

    def turn() -> None:
        xtest.fake_input(server, X.MotionNotify, True, x=20, y=-5)
        xtest.fake_input(server, X.MotionNotify, True, x=30, y=-5)

    # What the person does before each of the steps, counted by turns of the loop.
    script: dict[int, Sequence[Callable[[], object]]] = {
        2: (lambda: key("w", True), lambda: game.paint(0x00FF00)),
        3: (lambda: key("Shift_L", True), lambda: key("1", True)),
        4: (lambda: key("Shift_L", False), lambda: key("1", False), turn),
        5: (lambda: key("w", False), lambda: xtest.fake_input(server, X.ButtonPress, 1)),
        6: (lambda: xtest.fake_input(server, X.ButtonRelease, 1), lambda: refocus(other)),
        7: (lambda: key("w", True), lambda: key("w", False)),
        8: (lambda: refocus(game),),
        10: (lambda: game.window.configure(x=100), lambda: game.paint(0x0000FF)),
        11: (lambda: game.window.destroy(), lambda: refocus(other)),
    }
    turns = 0

    def person(waiting: bool) -> bool:
        nonlocal turns
        turns += 1
        for deed in script.get(turns, ()):
            deed()
        server.sync()
        return turns < 100

    refocus(game)
    config = ScreenConfig(tmp_path / "colours.toml", tmp_path / "out", "my game")
    with (
        open_scene(config) as scene,
        Recording(config.out, profile.name) as recording,
    ):
        footage = Footage(recording, profile, "human", {"screen": scene.title})
        film(scene, profile, footage, person)
    assert turns == 12, "the window's end is the recording's"
    store = Store(config.out)
    told = [
        [store.info.actions.describe(action) for action in store.steps(i).actions]
        for i in range(len(store))
    ]
    assert told == [
        ["go", "go+gun", "go+mouse(50,-10)", "fire"],
        ["idle", "idle"],
    ]
    first = store.read(0, 0, 5).frames
    assert (first[0] == [255, 0, 0]).all() and (first[1:] == [0, 255, 0]).all()
    assert (store.read(1, 0, 3).frames[2] == [0, 0, 255]).all(), "the window is followed"


@needs_display
@pytest.mark.skipif(not shutil.which("setxkbmap"), reason="needs setxkbmap for other keyboards")
@pytest.mark.parametrize("layout", ["us", "fr", "de", "ru", "us -variant dvorak"])
def test_keys_are_heard_by_their_place_on_any_keyboard(
    server: Any, layout: str, keyboard_in_use: None
) -> None:
    """Also those of the keypad and AltGr, which were lost."""
    from Xlib import X
    from Xlib.ext import xtest

    from tools.capture.desktop_x11 import X11Desktop

    subprocess.run(["setxkbmap", *layout.split()], check=True)
    desktop = X11Desktop()
    places = {25: "w", 38: "a", 39: "s", 40: "d", 10: "1", 34: "[", 83: "[4]", 104: "enter",
              108: "right alt", 50: "left shift", 113: "left", 36: "return", 94: "<"}  # fmt: skip
    for code in places:
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(server, kind, code)
    server.sync()
    events: list[Event] = []
    for _ in range(100):
        events += desktop.events()
        if len(events) == 2 * len(places):
            break
        time.sleep(0.05)
    desktop.close()
    assert [e.key for e in events if isinstance(e, KeyDown)] == list(places.values())
    assert [e.key for e in events if isinstance(e, KeyUp)] == list(places.values())
    assert written("q") == {"fr": "A", "us -variant dvorak": "'"}.get(layout, "Q")


@needs_display
def test_it_shows_what_it_will_record_and_asks(
    server: Any,
    tmp_path: Path,
    profile: Profile,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    game = ShownWindow(server, "My Game", 30, 0xFF0000)
    server.sync()
    file, out = tmp_path / "colours.toml", tmp_path / "out"
    region = (32, 22, 32, 16)
    with pytest.raises(UserError, match="does not tell which window has the focus: add --unfoc"):
        record_screen(ScreenConfig(file, out, region=region))
    manage(server, [game], game)
    with pytest.raises(UserError, match="no window has 'yours' in its title; open are: 'My Game'"):
        record_screen(ScreenConfig(file, out, "yours"))
    with pytest.raises(UserError, match="not wholly on the screen"):
        record_screen(ScreenConfig(file, out, region=(300, 0, 64, 64)))
    monkeypatch.setattr("tools.capture.record_screen.confirm", lambda question, doing: False)
    record_screen(ScreenConfig(file, out, region=region))
    assert not out.exists() and (tmp_path / "out_preview.png").exists()
    assert "hears w, left button, return, space, 1, the mouse's motion" in capsys.readouterr().out
    record_screen(ScreenConfig(file, out, region=region, steps=3, yes=True))
    assert "recorded 3 steps in 1 episodes" in capsys.readouterr().out
    episode = EpisodeFile(out / "episode_000000.h5")
    assert (episode.read_frames(0, 4) == [255, 0, 0]).all()
