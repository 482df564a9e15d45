"""Gamepads: as keys and a tilt, and SDL's own virtual pad plugged in, played and pulled out."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pygame
import pytest

from engine.contracts import CsgoActions
from engine.input.controls import LOOK_COUNTS, Controls
from engine.input.keymap import layout_of
from engine.input.pads import DEAD, Pads
from engine.ui.pygame.pads import PadReader
from engine.ui.pygame.window import DesktopWindow
from engine.ui.screen import Event, FocusLost, KeyDown, KeyUp, MouseMoved, Notice, Tilted
from tests.support.scripted_game import TICK_S, play_script
from tests.support.toy_world import ACTIONS


def controls() -> Controls:
    return Controls(layout_of(CsgoActions()).bound({}))


def keys(events: list[Event]) -> list[tuple[str, str]]:
    """("down" or "up", key) of each event; there may be no others."""
    assert all(isinstance(event, KeyDown | KeyUp) for event in events)
    return [("down" if isinstance(e, KeyDown) else "up", e.key) for e in events]  # type: ignore[union-attr]


def test_a_button_is_a_key() -> None:
    pads = Pads()
    assert pads.press(1, "a", 2.0) == [KeyDown("pad a", 2.0)]
    assert pads.press(1, "a", 2.5) == []
    assert pads.let_go(1, "a", 3.0) == [KeyUp("pad a", 3.0)]


def test_the_left_stick_is_keys_that_do_not_flutter() -> None:
    pads, times = Pads(), count()

    def to(value: float, axis: str = "left x") -> list[tuple[str, str]]:
        return keys(pads.move(1, axis, value, float(next(times))))

    assert to(-0.49) == []
    assert to(-0.51) == [("down", "stick left")]
    assert to(-0.4) == [] == to(-0.6)  # held until well below where it went down
    assert to(-0.3) == [("up", "stick left")] and to(-0.49) == []
    assert to(-1.0) == [("down", "stick left")]
    assert to(1.0) == [("up", "stick left"), ("down", "stick right")]
    assert to(0.71, "left y") == [("down", "stick down")]  # both of a diagonal
    assert to(0.0) == [("up", "stick right")]


def test_a_trigger_is_a_key_half_way() -> None:
    pads = Pads()
    assert keys(pads.move(1, "right trigger", 0.4, 0)) == []
    assert keys(pads.move(1, "right trigger", 0.6, 0)) == [("down", "pad right trigger")]
    assert keys(pads.move(1, "right trigger", 0.1, 0)) == [("up", "pad right trigger")]


def test_what_two_pads_hold_is_held_until_both_let_go() -> None:
    pads = Pads()
    assert keys(pads.press(1, "a", 0)) == [("down", "pad a")]
    assert pads.press(2, "a", 0) == [] == pads.let_go(1, "a", 0)
    assert keys(pads.let_go(2, "a", 0)) == [("up", "pad a")]


def test_a_pad_that_is_pulled_out_lets_go_of_all_it_held() -> None:
    pads = Pads()
    pads.press(1, "a", 0)
    pads.press(2, "b", 0)
    pads.move(1, "left y", -1.0, 0)
    pads.move(1, "right x", 1.0, 0)
    assert pads.unplug(1, 5.0) == [
        KeyUp("pad a", 5.0), KeyUp("stick up", 5.0), Tilted(0.0, 0.0, 5.0),
    ]  # fmt: skip
    assert pads.unplug(1, 6.0) == []
    assert keys(pads.unplug(2, 7.0)) == [("up", "pad b")]


def test_the_right_stick_rests_in_its_dead_zone_and_starts_from_nothing() -> None:
    pads = Pads()
    assert pads.move(1, "right x", DEAD, 0) == []
    (event,) = pads.move(1, "right x", DEAD + 0.001, 0)
    assert isinstance(event, Tilted) and 0 < event.right < 0.01 and event.down == 0
    assert pads.move(1, "right x", -1.0, 1.0) == [Tilted(-1.0, 0.0, 1.0)]
    (event,) = pads.move(1, "right y", 1.0, 0)
    assert isinstance(event, Tilted)
    assert event.right**2 + event.down**2 == pytest.approx(1.0)  # no faster into the corners


@pytest.mark.parametrize("events", [1, 50])
def test_the_camera_turns_as_fast_however_often_the_stick_tells(events: int) -> None:
    game = controls()
    for _ in range(3):
        for _ in range(events):
            game.handle(Tilted(1.0, -0.5))
        assert game.sample()[0].mouse == (LOOK_COUNTS[0], -LOOK_COUNTS[1] / 4)
    game.handle(MouseMoved(7, 0))
    game.handle(Tilted(0.0, 0.0))
    assert game.sample()[0].mouse == (7, 0)


def test_a_window_that_loses_the_focus_stops_turning() -> None:
    game = controls()
    game.handle(Tilted(1.0, 0.0))
    game.handle(FocusLost())
    assert game.sample()[0].mouse == (0, 0)


def test_every_button_of_the_games_that_there_are_has_a_key_of_the_pad() -> None:
    """But for those of the camera, which is the right stick's."""
    for actions in (ACTIONS, CsgoActions()):
        layout = layout_of(actions)
        for button, bound in layout.bound({}).items():
            pad = [key for key in bound if key.startswith(("pad ", "stick "))]
            assert pad or button.startswith("look "), button
            assert set(actions.keys[button]) <= set(bound)


def test_a_pad_plays_both_kinds_of_game() -> None:
    arcade = Controls(layout_of(ACTIONS).bound({}))
    for key, name in (("pad left", "LEFT"), ("stick right", "RIGHT"), ("pad a", "FIRE")):
        arcade.handle(KeyDown(key))
        assert ACTIONS.describe(ACTIONS.encode(arcade.sample()[0])) == name
        arcade.handle(KeyUp(key))
    shooter, space = controls(), CsgoActions()
    for key in ("stick up", "pad right trigger"):
        shooter.handle(KeyDown(key))
    shooter.handle(Tilted(1.0, 0.0))
    assert space.describe(space.encode(shooter.sample()[0])) == "w+click+mouse(200,0)"


# Through SDL itself


class VirtualPad:
    """A pad that SDL takes for a real one; plugged in by making it."""

    GAMEPAD, WHEEL, AXES, BUTTONS = 1, 2, 6, 15

    def __init__(self, sdl: ctypes.CDLL, kind: int = GAMEPAD) -> None:
        self._sdl = sdl
        self._index = sdl.SDL_JoystickAttachVirtual(kind, self.AXES, self.BUTTONS, 0)
        assert self._index >= 0
        self._number = sdl.SDL_JoystickGetDeviceInstanceID(self._index)

    def _handle(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._sdl.SDL_JoystickFromInstanceID(self._number))

    def button(self, number: int, down: bool) -> None:
        assert self._sdl.SDL_JoystickSetVirtualButton(self._handle(), number, int(down)) == 0

    def axis(self, number: int, value: int) -> None:
        assert self._sdl.SDL_JoystickSetVirtualAxis(self._handle(), number, value) == 0

    def pull_out(self) -> None:
        assert self._sdl.SDL_JoystickDetachVirtual(self._index) == 0


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[DesktopWindow]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = DesktopWindow("pads")
    yield window
    window.close()


@pytest.fixture
def sdl(window: DesktopWindow) -> ctypes.CDLL:
    """The very library that pygame runs on."""
    folder = Path(os.fspath(pygame.__file__)).parent.parent / "pygame_ce.libs"
    for path in folder.glob("libSDL2-2*"):
        library = ctypes.CDLL(str(path))
        if hasattr(library, "SDL_JoystickAttachVirtual"):
            library.SDL_JoystickFromInstanceID.restype = ctypes.c_void_p
            return library
    pytest.skip("pygame's SDL is not where its wheels for Linux have it")


def polled(window: DesktopWindow) -> list[Event]:
    """What the pads did; the window's own events left out."""
    pygame.event.pump()
    return [e for e in window.poll(0.0) if isinstance(e, KeyDown | KeyUp | Tilted)]


def test_a_pad_is_plugged_in_late_played_and_pulled_out(
    window: DesktopWindow, sdl: ctypes.CDLL
) -> None:
    assert polled(window) == []
    pad = VirtualPad(sdl)
    assert polled(window) == []  # now it is open

    pad.button(pygame.CONTROLLER_BUTTON_A, True)
    pad.axis(pygame.CONTROLLER_AXIS_LEFTX, -32768)
    pad.axis(pygame.CONTROLLER_AXIS_TRIGGERRIGHT, 32767)
    held = {("down", "pad a"), ("down", "stick left"), ("down", "pad right trigger")}
    assert set(keys(polled(window))) == held
    pad.axis(pygame.CONTROLLER_AXIS_RIGHTY, 32767)
    (tilted,) = polled(window)
    assert isinstance(tilted, Tilted) and (tilted.right, tilted.down) == (0.0, 1.0)

    pad.pull_out()
    after = polled(window)
    (tilted,) = (event for event in after if isinstance(event, Tilted))
    assert (tilted.right, tilted.down) == (0.0, 0.0)
    assert set(keys([e for e in after if e is not tilted])) == {("up", key) for _, key in held}

    again = VirtualPad(sdl)
    polled(window)
    again.button(pygame.CONTROLLER_BUTTON_START, True)
    assert keys(polled(window)) == [("down", "pad start")]
    again.pull_out()


def test_a_pad_that_sdl_does_not_know_says_so_once(
    window: DesktopWindow, sdl: ctypes.CDLL, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing happened, whatever was pressed."""

    def notices() -> list[str]:
        pygame.event.pump()
        return [event.line for event in window.poll(0.0) if isinstance(event, Notice)]

    assert notices() == []
    wheel = VirtualPad(sdl, VirtualPad.WHEEL)
    (line,) = notices()
    assert "SDL does not know the pad" in line and "SDL_GAMECONTROLLERCONFIG" in line
    wheel.pull_out()
    assert notices() == []
    again = VirtualPad(sdl, VirtualPad.WHEEL)
    assert notices() == [] and capsys.readouterr().err == f"{line}\n"
    again.pull_out()
    known = VirtualPad(sdl)
    assert notices() == []
    known.pull_out()


def test_a_notice_is_shown_in_a_game(tmp_path: Path) -> None:
    game = play_script([Notice("a pad is not heard", 2.5 * TICK_S)], tmp_path, ticks=12)
    assert "a pad is not heard" in game.lines


def test_a_pad_that_is_gone_before_it_is_opened_is_no_harm(window: DesktopWindow) -> None:
    added = pygame.Event(pygame.CONTROLLERDEVICEADDED, device_index=99)
    assert PadReader().read(added, 0.0) == []
    removed = pygame.Event(pygame.CONTROLLERDEVICEREMOVED, instance_id=99)
    assert PadReader().read(removed, 0.0) == []
