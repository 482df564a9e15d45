"""The page of settings: which keys do what, and how far the mouse turns; kept as it is changed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.bindings import DIRECTIONS, Layout, device_of, written
from engine.controls import COMMAND_OF_KEY, COMMANDS, Command
from engine.cursor import Asked, Cursor
from engine.pacing import Clock
from engine.page import Dialog, Page, Row
from engine.screen import CloseAsked, Event, KeyDown, Picture, Pointed, Window
from engine.settings import Settings, SettingsFile

SENSITIVITIES = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
RESET = ("delete", "backspace", "pad x")
HINT = "Enter sets a key, Delete brings back those it came with, Esc goes back"
SENSITIVITY_HINT = "left and right change it, Delete brings back 1, Esc goes back"
IDLE_S = 0.5  # longest wait while nothing moves


@dataclass(frozen=True)
class Wish:
    """A key is to be set for a button of a layout.

    key: the key that was pressed, if it is another button's: that of `other`. refused: why the
    key that was pressed last cannot be had.
    """

    layout: Layout
    button: str
    key: str = ""
    other: str = ""
    refused: str = ""


class SettingsScreen:
    """What the page shows, and what events do to it. `show_settings` is the way to show one.

    closed: the player is done with it.
    """

    def __init__(self, file: SettingsFile, layouts: Sequence[Layout]) -> None:
        self.closed = False
        self._file = file
        self._layouts = {layout.name: layout for layout in layouts}
        self._buttons = [(layout, button) for layout in layouts for button in layout.keys]
        self._cursor, self._choice = Cursor(), Cursor()  # on the list, and on a question
        self._wish: Wish | None = None

    # What is to be seen

    @property
    def page(self) -> Page:
        """The list, with a question over it if there is one."""
        now = self._file.now
        rows = (
            Row("Sensitivity of mouse and right stick", _sensitivity(now.sensitivity)),
            *(self._row(layout, button) for layout, button in self._buttons),
            Row("All as it came"),
        )
        dialog = None if self._wish is None else _dialog(self._wish)
        marked = self._cursor.item if dialog is None else self._choice.item
        return Page("Settings", rows=rows, marked=marked, top=self._cursor.top, dialog=dialog)

    @property
    def line(self) -> str:
        """What can be done now."""
        return SENSITIVITY_HINT if self._cursor.item == 0 else HINT

    def _row(self, layout: Layout, button: str) -> Row:
        keys = ", ".join(map(written, layout.bound(self._file.now)[button])) or "no key"
        changed = "* " if button in self._file.now.keys.get(layout.name, {}) else ""
        title = f"{layout.title}: " if len(self._layouts) > 1 else ""
        return Row(f"{title}{button}", f"{changed}{keys}")

    # What happens

    def wait_s(self, now: float) -> float:
        """How long nothing will need doing, if no event comes."""
        return min(IDLE_S, self._cursor.wait_s(now))

    def repeat(self, now: float, size: tuple[int, int]) -> None:
        """See to a key that is still held, in a window of `size` (width, height)."""
        self._cursor.repeat(now, self.page, size)

    def handle(self, event: Event, size: tuple[int, int]) -> None:
        """Do what an event asks for, in a window of `size` (width, height)."""
        if self._wish is not None:
            self._listen(event, self._wish, size)
        elif isinstance(event, KeyDown) and COMMAND_OF_KEY.get(event.key) is Command.SETTINGS:
            self.closed = True
        elif isinstance(event, KeyDown) and DIRECTIONS.get(event.key) in ("left", "right"):
            if self._cursor.item == 0:
                self._turn(1 if DIRECTIONS[event.key] == "right" else -1)
        elif isinstance(event, KeyDown) and event.key in RESET:
            self._reset(self._cursor.item)
        else:
            match self._cursor.handle(event, self.page, size):
                case Asked.LEAVE:
                    self.closed = True
                case Asked.CHOOSE:
                    self._choose(self._cursor.item)

    def _choose(self, item: int) -> None:
        if 0 < item <= len(self._buttons):
            self._wish = Wish(*self._buttons[item - 1])
        elif item > len(self._buttons):
            keys = {n: own for n, own in self._file.now.keys.items() if n not in self._layouts}
            self._file.change(keys=keys, sensitivity=Settings().sensitivity)

    def _reset(self, item: int) -> None:
        if item == 0:
            self._file.change(sensitivity=Settings().sensitivity)
        elif item <= len(self._buttons):
            layout, button = self._buttons[item - 1]
            # Nothing else may keep a key that comes back to where it came from.
            back = set(layout.keys[button])
            bound = layout.bound(self._file.now)
            freed = {b: _without(keys, back) for b, keys in bound.items()}
            self._keep(layout, {**freed, button: layout.keys[button]})

    def _turn(self, by: int) -> None:
        now = self._file.now.sensitivity
        further = [s for s in SENSITIVITIES[::by] if (s - now) * by > 1e-9]
        if further:
            self._file.change(sensitivity=further[0])

    def _listen(self, event: Event, wish: Wish, size: tuple[int, int]) -> None:
        """The next key is the one that is wished for, or answers who is to have it."""
        if wish.key:
            asked = self._choice.handle(event, self.page, size)
            if asked is Asked.CHOOSE and self._choice.item == 0:
                self._bind(wish)
            elif asked is not None:
                self._wish = None
        elif isinstance(event, KeyDown):
            self._hear(event.key, wish)
        elif isinstance(event, Pointed) and event.pressed:  # the one thing that can be chosen
            self._wish = None

    def _hear(self, key: str, wish: Wish) -> None:
        command = COMMAND_OF_KEY.get(key)
        if command is Command.LEAVE:
            self._wish = None
        elif command is not None:
            does = next(meaning for _, own, _, meaning in COMMANDS if own is command)
            self._wish = Wish(wish.layout, wish.button, refused=f"{written(key)} is taken: {does}")
        else:
            bound = wish.layout.bound(self._file.now)
            others = [b for b, keys in bound.items() if key in keys and b != wish.button]
            self._wish = Wish(wish.layout, wish.button, key, others[0] if others else "")
            self._choice = Cursor()
            if not others:
                self._bind(self._wish)

    def _bind(self, wish: Wish) -> None:
        """Give a button the key in the place of those it has on the same device."""
        bound = wish.layout.bound(self._file.now)
        freed = {button: _without(keys, {wish.key}) for button, keys in bound.items()}
        device = device_of(wish.key)
        kept = tuple(key for key in freed[wish.button] if device_of(key) != device)
        self._keep(wish.layout, {**freed, wish.button: (wish.key, *kept)})
        self._wish = None

    def _keep(self, layout: Layout, bound: Mapping[str, tuple[str, ...]]) -> None:
        """Make these a layout's keys; only what it did not come with is written down."""
        own = {
            button: keys
            for button, keys in {**self._file.now.keys.get(layout.name, {}), **bound}.items()
            if keys != layout.keys.get(button)
        }
        others = {n: keys for n, keys in self._file.now.keys.items() if n != layout.name}
        self._file.change(keys={**others, layout.name: own} if own else others)


def show_settings(
    window: Window,
    file: SettingsFile,
    layouts: Sequence[Layout],
    clock: Clock = time.perf_counter,
) -> bool:
    """Show the settings until the player is done; whether the window was closed meanwhile."""
    screen = SettingsScreen(file, layouts)
    while not screen.closed:
        window.present(Picture(page=screen.page, line=screen.line))
        for event in window.poll(screen.wait_s(clock())):
            if isinstance(event, CloseAsked):
                return True
            if isinstance(event, KeyDown) and event.key == "f11":
                window.toggle_fullscreen()
            else:
                screen.handle(event, window.size)
        screen.repeat(clock(), window.size)
    return False


def _sensitivity(value: float) -> str:
    lower, higher = value > SENSITIVITIES[0], value < SENSITIVITIES[-1]
    return f"{'<' if lower else ' '} {value:g} {'>' if higher else ' '}"


def _dialog(wish: Wish) -> Dialog:
    leave = Row("Leave all as it is", "Esc")
    if wish.key:
        title = f"{written(wish.key)} is '{wish.other}' already"
        lines = (f"take it away from there, for '{wish.button}'?",)
        return Dialog(title, lines, (Row("Take it", "Enter"), leave))
    lines = (wish.refused or "of the keyboard or a pad",)
    return Dialog(f"Press a key for '{wish.button}'", lines, (leave,))


def _without(keys: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in taken)
