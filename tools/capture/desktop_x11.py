"""Windows, focus, keys and mouse under X11, whatever window they go to.

Keys are heard as the keyboard sends them (XInput 2's raw events), by their place on it. The mouse
is heard as it moves, also where a game holds the pointer still.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from base.errors import UserError
from engine.input.keyboard import KEY_OF_CODE, KEY_OF_X11, use_keyboard
from engine.ui.screen import MOUSE_BUTTONS, Event, KeyDown, KeyUp, MouseMoved
from tools.capture.desktop import Region, missing

_BUTTONS = {1: MOUSE_BUTTONS[0], 3: MOUSE_BUTTONS[1]}
_AXES = (0, 1)  # of a mouse: right and down; others are wheels
_ABSOLUTE = 1  # a device whose axes tell places: tablets, the mice of virtual machines
_RAW = struct.Struct("=HIIHHI4x")  # device, time, detail, source, words of the mask, flags
_FIRST_CODE = 8  # X11's keycode of what Linux calls 0
_LEFT, _RIGHT = (113, 0xFF51), (114, 0xFF53)  # keycodes of arrows that are numbered so, and signs
_NUMBER = struct.Struct("=iI")  # whole and 2⁻³² parts


class X11Desktop:
    """A connection to the X server, by which other windows are watched.

    Raises UserError without a server, or one that does not tell what is asked here.
    """

    def __init__(self) -> None:
        try:
            from Xlib import display, error
            from Xlib.ext import xinput
        except ModuleNotFoundError as missed:
            raise missing("python-xlib (it comes with pynput)") from missed
        self._xinput = xinput
        self._gone = (error.BadWindow, error.BadDrawable)  # what a closed window is to the server
        try:
            self._display: Any = display.Display()
        except (error.DisplayError, OSError) as refused:
            raise UserError(f"there is no display to record from ({refused})") from refused
        self._root: Any = self._display.screen().root
        self._scales: dict[int, tuple[float, ...]] = {}
        self._places: dict[tuple[int, int], float] = {}
        self._listen()
        self._look_at_keyboard()

    def windows(self) -> dict[int, str]:
        """Return all windows that are open, by number, with their titles."""
        return {number: self._title(number) for number in self._numbers("_NET_CLIENT_LIST")}

    def focused(self) -> int:
        """The number of the window that has the focus; 0 for none.

        UserError on a desktop that does not tell.
        """
        numbers = self._numbers("_NET_ACTIVE_WINDOW")
        if not numbers:
            raise UserError(
                "this desktop does not tell which window has the focus: add --unfocused to record "
                "whatever has it"
            )
        return numbers[0]

    def region(self, number: int) -> Region | None:
        """Return the region of a window; None if it was closed."""
        try:
            window = self._display.create_resource_object("window", number)
            size = window.get_geometry()
            at = window.translate_coords(self._root, 0, 0)
        except self._gone:
            return None
        return Region(-at.x, -at.y, size.width, size.height)

    def events(self) -> list[Event]:
        """Return the keyboard and mouse events since the last call."""
        return list(self._new_events())

    def close(self) -> None:
        """Close the connection."""
        self._display.close()

    def _listen(self) -> None:
        """Ask for raw events of all keyboards and mice."""
        xinput, server = self._xinput, self._display
        if not server.has_extension(xinput.extname):
            raise UserError("the X server does not tell what is pressed (it lacks XInput)")
        # Up from version 2.1 raw events come also while a game has grabbed the mouse.
        xinput.XIQueryVersion(
            display=server.display,
            opcode=server.display.get_extension_major(xinput.extname),
            major_version=2,
            minor_version=2,
        )
        kinds = (
            xinput.RawKeyPressMask
            | xinput.RawKeyReleaseMask
            | xinput.RawButtonPressMask
            | xinput.RawButtonReleaseMask
            | xinput.RawMotionMask
        )
        self._root.xinput_select_events([(xinput.AllMasterDevices, kinds)])
        server.sync()

    def _new_events(self) -> Iterator[Event]:
        xinput = self._xinput
        while self._display.pending_events():
            event = self._display.next_event()
            kind = getattr(event, "evtype", None)
            if kind is None:  # the keys were given other meanings
                if hasattr(event, "first_keycode"):
                    self._display.refresh_keyboard_mapping(event)
                    self._look_at_keyboard()
                continue
            _, _, detail, source, words, _ = _RAW.unpack_from(event.data)
            if kind == xinput.RawMotion:
                right, down = self._moved(source, words, event.data)
                if right or down:
                    yield MouseMoved(right, down)
                continue
            button = kind in (xinput.RawButtonPress, xinput.RawButtonRelease)
            key = _BUTTONS.get(detail) if button else self._key(detail)
            if key:
                pressed = kind in (xinput.RawButtonPress, xinput.RawKeyPress)
                yield KeyDown(key) if pressed else KeyUp(key)

    def _key(self, code: int) -> str | None:
        """Our name of a key: by its place, or of one that writes nothing by what it does."""
        place = KEY_OF_CODE.get(code - _FIRST_CODE) if self._as_linux else None
        return place or KEY_OF_X11.get(self._display.keycode_to_keysym(code, 0))

    def _look_at_keyboard(self) -> None:
        """See how its keys are numbered, and what they write."""
        sign = self._display.keycode_to_keysym
        # Servers on other systems have numbers of their own; there the sign must do.
        self._as_linux = all(sign(code, 0) == number for code, number in (_LEFT, _RIGHT))
        if self._as_linux:
            numbers = {key: sign(code + _FIRST_CODE, 0) for code, key in KEY_OF_CODE.items()}
            use_keyboard({key: chr(n) for key, n in numbers.items() if n in KEY_OF_X11 and n < 256})

    def _moved(self, source: int, words: int, data: bytes) -> tuple[float, float]:
        """Return a mouse's motion in counts, before any acceleration."""
        mask = int.from_bytes(data[_RAW.size : _RAW.size + 4 * words], "little")
        axes = [axis for axis in range(32 * words) if mask >> axis & 1]
        # First come the values with acceleration, as many, which say what a pointer would do.
        at = _RAW.size + 4 * words + _NUMBER.size * len(axes)
        moved = [0.0, 0.0]
        for i, axis in enumerate(axes):
            if axis in _AXES:
                whole, parts = _NUMBER.unpack_from(data, at + _NUMBER.size * i)
                moved[axis] = self._motion(source, axis, whole + parts / 2**32)
        return moved[0], moved[1]

    def _motion(self, source: int, axis: int, value: float) -> float:
        """A motion from what a device says: the motion itself, or a place in units of its own."""
        if source not in self._scales:
            self._scales[source] = self._scale(source)
        scale = self._scales[source][axis]
        if not scale:
            return value
        before = self._places.get((source, axis), value)
        self._places[source, axis] = value
        return (value - before) * scale

    def _scale(self, source: int) -> tuple[float, ...]:
        """Pixels of the screen in a unit of an axis that tells places; 0 where it tells motion."""
        screen = self._display.screen()
        sides = (screen.width_in_pixels, screen.height_in_pixels)
        scales = [0.0, 0.0]
        for device in self._display.xinput_query_device(source).devices:
            for axis in device.classes:
                if axis.type == self._xinput.ValuatorClass and axis.number in _AXES:
                    span = axis.max - axis.min
                    if axis.mode == _ABSOLUTE and span > 0:
                        scales[axis.number] = sides[axis.number] / span
        return tuple(scales)

    def _numbers(self, property_name: str) -> list[int]:
        """The numbers in a property of the root window; none, if it lacks it."""
        atom = self._display.intern_atom(property_name)
        found = self._root.get_full_property(atom, 0)
        return list(found.value) if found is not None else []

    def _title(self, number: int) -> str:
        window = self._display.create_resource_object("window", number)
        try:
            text = window.get_full_property(self._display.intern_atom("_NET_WM_NAME"), 0)
            return text.value.decode("utf-8", "replace") if text else str(window.get_wm_name())
        except self._gone:
            return ""


class X11Window:
    """One window, as a `tools.capture.desktop.Place`."""

    def __init__(self, desktop: X11Desktop, number: int, title: str) -> None:
        self._desktop, self._number = desktop, number
        self.title = title

    def region(self) -> Region | None:
        return self._desktop.region(self._number)

    def focused(self) -> bool:
        return self._desktop.focused() == self._number


class X11Region:
    """A region of the screen, as a `tools.capture.desktop.Place`: it has the focus with the window
    that covers its middle."""

    def __init__(self, desktop: X11Desktop, region: Region) -> None:
        self._desktop, self._region = desktop, region
        self.title = f"{region.width}×{region.height} pixels at {region.left}, {region.top}"

    def region(self) -> Region | None:
        return self._region

    def focused(self) -> bool:
        place = self._desktop.region(self._desktop.focused())
        return place is not None and place.holds(self._region.middle)


def find_window(desktop: X11Desktop, title: str) -> X11Window:
    """The window whose title holds `title`, in any case. UserError unless there is just one."""
    windows = desktop.windows()
    fitting = {n: name for n, name in windows.items() if title.lower() in name.lower()}
    exact = {n: name for n, name in fitting.items() if name == title}
    fitting = exact or fitting
    if len(fitting) == 1:
        (number, name), *_ = fitting.items()
        return X11Window(desktop, number, name)
    listed = ", ".join(sorted(f"'{name}'" for name in (fitting or windows).values() if name))
    if fitting:
        raise UserError(f"'{title}' is in the titles of several windows: {listed}")
    raise UserError(f"no window has '{title}' in its title; open are: {listed or 'none'}")
