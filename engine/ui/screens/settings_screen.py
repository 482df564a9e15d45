"""The page of settings: which keys do what, and how far the mouse turns; kept as it is changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.input.key_names import NO_KEY, device_of, written
from engine.input.keymap import DIRECTIONS, FIXED, MEANINGS, PLAYER, Command, KeyLayout, Keymap
from engine.player.pacing import Clock
from engine.settings import Settings, SettingsFile
from engine.ui.cursor import Asked, Cursor, command_on_page
from engine.ui.page import Dialog, Page, PageRow
from engine.ui.screen import CloseAsked, Event, KeyDown, Picture, Pointed, Window

SENSITIVITIES = (0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
RESET = ("delete", "backspace", "pad x")
HINT = "Enter sets a key, Delete brings back those it came with, Esc goes back"
SENSITIVITY_HINT = "left and right change it, Delete brings back 1, Esc goes back"
IDLE_S = 0.5  # longest wait while nothing moves


@dataclass(frozen=True)
class Wish:
    """A key is to be set for a button of a layout.

    keys:    what the button is to have, if others have some of it: those are in `others`, a line
             each. Empty while a key is waited for.
    refused: why the key that was pressed last cannot be had.
    """

    layout: KeyLayout
    button: str
    keys: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    refused: str = ""


class SettingsScreen:
    """State and event handling of the page of settings; `show_settings` shows it.

    layouts: of the games whose keys are to be set, and of switches if they have any; the player's
             own commands come beside them.
    closed:  the player is done with it.
    keymap: of the player's commands, as they are set by now.
    """

    def __init__(self, file: SettingsFile, layouts: Sequence[KeyLayout]) -> None:
        self.closed = False
        self._file = file
        self._layouts = (*layouts, PLAYER)
        self._games = [layout for layout in layouts if layout.meanings is None]
        self._buttons = [(layout, button) for layout in self._layouts for button in layout.keys]
        self.keymap = Keymap(file.now.keys)
        self._cursor, self._choice = Cursor(), Cursor()  # on the list, and on a question
        self._wish: Wish | None = None

    # What is to be seen

    @property
    def page(self) -> Page:
        """The list, with a question over it if there is one."""
        now = self._file.now
        rows = (
            PageRow("Sensitivity of mouse and right stick", _sensitivity(now.sensitivity)),
            *(self._row(layout, button) for layout, button in self._buttons),
            PageRow("All as it came"),
        )
        wish, dialog = self._wish, None
        if wish is not None:
            dialog = _dialog(wish, self._label(wish.layout, wish.button))
        marked = self._cursor.item if dialog is None else self._choice.item
        return Page("Settings", rows=rows, marked=marked, top=self._cursor.top, dialog=dialog)

    @property
    def line(self) -> str:
        """Hint for the marked item, with its error if there is one."""
        item = self._cursor.item
        if item == 0:
            return SENSITIVITY_HINT
        if item > len(self._buttons):
            return HINT
        layout, button = self._buttons[item - 1]
        keys = layout.bound(self._file.now.keys)[button]
        takers = {key: taker for key in keys if (taker := self._taker(layout, button, key))}
        taken = (f"{written(key)} is for '{taker}'" for key, taker in takers.items())
        return "; ".join((*taken, HINT))

    @property
    def waiting(self) -> bool:
        """True while the next key is taken as the new binding."""
        return self._wish is not None and not self._wish.keys

    def _row(self, layout: KeyLayout, button: str) -> PageRow:
        keys = ", ".join(
            written(key) + (" (taken)" if self._taker(layout, button, key) else "")
            for key in layout.bound(self._file.now.keys)[button]
        )
        changed = "* " if button in self._file.now.keys.get(layout.name, {}) else ""
        return PageRow(self._label(layout, button), f"{changed}{keys or NO_KEY}")

    def _label(self, layout: KeyLayout, button: str) -> str:
        """What a button does, for people."""
        if layout.meanings is not None:
            return layout.meanings[button]
        return f"{layout.title}: {button}" if len(self._games) > 1 else button

    def _taker(self, layout: KeyLayout, button: str, key: str) -> str:
        """What a key of a button does instead, in words; mostly nothing. Only files that were
        written by hand have such keys, and games whose keys were not on the page when a command or
        a switch got its own."""
        command = self.keymap.command(key)
        if layout is PLAYER and command is Command(button):
            return ""
        if command is not None:
            return MEANINGS[command]
        for game in () if layout.meanings is None else self._games:
            for other, keys in game.bound(self._file.now.keys).items():
                if key in keys:
                    return self._label(game, other)
        return ""

    # What happens

    def wait_s(self, now: float) -> float:
        """Seconds until something must be done if no event arrives."""
        return min(IDLE_S, self._cursor.wait_s(now))

    def repeat(self, now: float, size: tuple[int, int]) -> None:
        """See to a key that is still held, in a window of `size` (width, height)."""
        self._cursor.repeat(now, self.page, size)

    def handle(self, event: Event, size: tuple[int, int]) -> None:
        """Do what an event asks for, in a window of `size` (width, height)."""
        if self._wish is not None:
            self._listen(event, self._wish, size)
        elif isinstance(event, KeyDown) and (
            command_on_page(self.keymap, event.key) is Command.SETTINGS
        ):
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
            names = {layout.name for layout in self._layouts}
            keys = {n: own for n, own in self._file.now.keys.items() if n not in names}
            self._change(keys=keys, sensitivity=Settings().sensitivity)

    def _reset(self, item: int) -> None:
        if item == 0:
            self._change(sensitivity=Settings().sensitivity)
        elif item <= len(self._buttons):
            layout, button = self._buttons[item - 1]
            self._give(layout, button, layout.keys[button])

    def _turn(self, by: int) -> None:
        now = self._file.now.sensitivity
        further = [s for s in SENSITIVITIES[::by] if (s - now) * by > 1e-9]
        if further:
            self._file.change(sensitivity=further[0])

    def _listen(self, event: Event, wish: Wish, size: tuple[int, int]) -> None:
        """The next key is the one that is wished for, or answers who is to have it."""
        if wish.keys:
            asked = self._choice.handle(event, self.page, size)
            if asked is not None:
                self._wish = None
            if asked is Asked.CHOOSE and self._choice.item == 0:
                self._take(wish.layout, wish.button, wish.keys)
        elif isinstance(event, KeyDown):
            self._hear(event.key, wish)
        elif isinstance(event, Pointed) and event.pressed:  # the one thing that can be chosen
            self._wish = None

    def _hear(self, key: str, wish: Wish) -> None:
        """Give the button a key in the place of those it has on the same device."""
        self._wish = None
        if not key:
            refused = "that key has no name by which it could be kept"
            self._wish = Wish(wish.layout, wish.button, refused=refused)
        elif key not in FIXED:
            now, device = wish.layout.bound(self._file.now.keys)[wish.button], device_of(key)
            kept = (k for k in now if k != key and (device_of(k) != device or k in FIXED))
            self._give(wish.layout, wish.button, (key, *kept))
        elif FIXED[key] is not Command.LEAVE:
            refused = f"{written(key)} is taken: {MEANINGS[FIXED[key]]}"
            self._wish = Wish(wish.layout, wish.button, refused=refused)

    def _give(self, layout: KeyLayout, button: str, keys: tuple[str, ...]) -> None:
        """Make these a button's keys, after a question if others have some of them."""
        others = []
        for rival in self._rivals(layout):
            for other, has in rival.bound(self._file.now.keys).items():
                taken = [key for key in has if key in keys]
                if taken and (rival, other) != (layout, button):
                    names = ", ".join(map(written, taken))
                    alone = "" if len(taken) < len(has) else ", which has no other key"
                    others.append(f"{names} is '{self._label(rival, other)}'{alone}")
        if others:
            self._wish, self._choice = Wish(layout, button, keys, tuple(others)), Cursor()
        else:
            self._take(layout, button, keys)

    def _rivals(self, layout: KeyLayout) -> tuple[KeyLayout, ...]:
        """The layouts that cannot have keys in common with one; itself is one of them."""
        if layout.meanings is not None:
            return self._layouts
        return tuple(r for r in self._layouts if r is layout or r.meanings is not None)

    def _take(self, layout: KeyLayout, button: str, keys: tuple[str, ...]) -> None:
        """Make these a button's keys, and nobody else's; what is as it came is not written down."""
        own = dict(self._file.now.keys)
        for rival in self._rivals(layout):
            bound = {
                b: _without(has, set(keys)) for b, has in rival.bound(self._file.now.keys).items()
            }
            if rival is layout:
                bound[button] = keys
            changed = {**own.pop(rival.name, {}), **bound}
            changed = {b: has for b, has in changed.items() if has != rival.keys.get(b)}
            own |= {rival.name: changed} if changed else {}
        self._change(keys=own)

    def _change(self, **fields: Any) -> None:
        self._file.change(**fields)
        self.keymap = Keymap(self._file.now.keys)


def show_settings(
    window: Window,
    file: SettingsFile,
    layouts: Sequence[KeyLayout],
    clock: Clock = time.perf_counter,
) -> bool:
    """Show the settings until the player is done; whether the window was closed meanwhile."""
    screen = SettingsScreen(file, layouts)
    while not screen.closed:
        window.present(Picture(page=screen.page, line=screen.line))
        for event in window.poll(screen.wait_s(clock())):
            if isinstance(event, CloseAsked):
                return True
            if (
                isinstance(event, KeyDown)
                and not screen.waiting
                and (command_on_page(screen.keymap, event.key) is Command.FULLSCREEN)
            ):
                window.toggle_fullscreen()
            else:
                screen.handle(event, window.size)
        screen.repeat(clock(), window.size)
    return False


def _sensitivity(value: float) -> str:
    lower, higher = value > SENSITIVITIES[0], value < SENSITIVITIES[-1]
    return f"{'<' if lower else ' '} {value:g} {'>' if higher else ' '}"


def _dialog(wish: Wish, label: str) -> Dialog:
    leave = PageRow("Leave all as it is", "Esc")
    if wish.keys:
        lines = (*wish.others, f"take it away from there, for '{label}'?")
        return Dialog("Taken already", lines, (PageRow("Take it", "Enter"), leave))
    lines = (wish.refused or "of the keyboard or a pad",)
    return Dialog(f"Press a key for '{label}'", lines, (leave,))


def _without(keys: tuple[str, ...], taken: set[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key not in taken)
