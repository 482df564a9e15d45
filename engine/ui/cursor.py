"""The mark on a page: moved by keys, pads and the mouse, and the page scrolled with it."""

from __future__ import annotations

from enum import Enum, auto

from engine.input.keymap import DIRECTIONS, Command, Keymap
from engine.ui.page import Page
from engine.ui.page_layout import PageLayout, lay_out
from engine.ui.screen import Event, FocusLost, KeyDown, KeyUp, Pointed, Scrolled, Uncovered

FIRST_S, AGAIN_S = 0.4, 0.08  # a key that is held moves the mark again after these
WAYS = {**DIRECTIONS, **{way: way for way in ("page up", "page down", "home", "end")}}
CHOOSE, LEAVE = ("return", "enter", "pad a", "pad start"), ("escape", "pad b")
REMOVE = ("delete", "pad x")
TYPED = ("space", "backspace", *REMOVE)


class Asked(Enum):
    """Request to the owner of the page."""

    CHOOSE = auto()  # the marked item
    LEAVE = auto()
    REMOVE = auto()  # the marked item, or what goes on there; never while something is asked


def command_on_page(keymap: Keymap, key: str) -> Command | None:
    """Return the command of a key on a page. Keys that move, choose, leave or type have none."""
    if len(key) == 1 or key in (*WAYS, *CHOOSE, *LEAVE, *TYPED):
        return None
    return keymap.command(key)


class Cursor:
    """Marked item and scroll position of a page.

    item, top: as `marked` and `top` of engine.ui.page.Page.
    """

    def __init__(self) -> None:
        self.item = self.top = 0
        self._held, self._again_at = "", 0.0  # a key of WAYS, and when it counts again

    def let_go(self) -> None:
        """Forget the key that is held, so that it no longer repeats."""
        self._held = ""

    def handle(self, event: Event, page: Page, size: tuple[int, int]) -> Asked | None:
        """Follow an event on a page in a window of `size` (width, height)."""
        layout = lay_out(page, size)
        if isinstance(event, KeyDown | FocusLost) or (isinstance(event, Pointed) and event.pressed):
            self.let_go()
        remove = None if page.dialog is not None or not page.count else Asked.REMOVE
        match event:
            case KeyDown(key=key, at=at) if key in WAYS:
                self._held, self._again_at = key, at + FIRST_S
                self._move(WAYS[key], page, layout)
            case KeyUp(key=key) if key == self._held:
                self.let_go()
            case KeyDown(key=key) if key in CHOOSE:
                return Asked.CHOOSE if page.count else None
            case KeyDown(key=key) if key in LEAVE:
                return Asked.LEAVE
            case KeyDown(key=key) if key in REMOVE:
                return remove
            case Pointed(item=item, pressed=pressed, right=right) if item < page.count:
                self.item = item
                return Asked.CHOOSE if pressed else remove if right else None
            case Scrolled(notches=notches):
                self.top = max(0, min(self.top + notches, layout.lines - layout.seen))
            case Uncovered():
                self.settle(page, size)
        return None

    def settle(self, page: Page, size: tuple[int, int]) -> None:
        """Move the mark to a visible item, after the page or the window has changed."""
        self.item = max(0, min(self.item, page.count - 1))
        if page.dialog is None:
            self._follow(page, lay_out(page, size))

    def wait_s(self, now: float) -> float:
        """Seconds until `repeat` has something to do; infinite while no key is held."""
        return max(0.0, self._again_at - now) if self._held else float("inf")

    def repeat(self, now: float, page: Page, size: tuple[int, int]) -> bool:
        """Repeat the key that is held if it is time; returns True if so."""
        if not self._held or now < self._again_at:
            return False
        self._again_at = now + AGAIN_S
        self._move(WAYS[self._held], page, lay_out(page, size))
        return True

    def _move(self, way: str, page: Page, layout: PageLayout) -> None:
        if not page.count:
            return
        if page.dialog is not None or page.tiles is None:
            self.item = _along(way, self.item, page.count, layout.seen)
        elif self.item < len(page.tiles):
            self.item = _over_tiles(way, self.item, page, layout)
        else:
            self.item = _over_strip(way, self.item, page, layout)
        if page.dialog is None:
            self._follow(page, layout)

    def _follow(self, page: Page, layout: PageLayout) -> None:
        scrolling = len(page.rows if page.tiles is None else page.tiles)
        self.top = layout.scrolled(self.top, self.item, scrolling)


def _along(way: str, item: int, count: int, seen: int) -> int:
    """The item that a key leads to in a list."""
    by = {"up": -1, "down": 1, "page up": -seen, "page down": seen, "home": -count, "end": count}
    return max(0, min(item + by.get(way, 0), count - 1))


def _over_tiles(way: str, item: int, page: Page, layout: PageLayout) -> int:
    """The item that a key leads to from a tile."""
    tiles, columns = len(page.tiles or ()), layout.columns
    match way:
        case "left" | "right":
            return max(0, min(item + (1 if way == "right" else -1), tiles - 1))
        case "home" | "end":
            return 0 if way == "home" else tiles - 1
        case "down" | "page down" if item // columns == layout.lines - 1:
            return tiles if page.rows else item
        case "up" | "page up" if item < columns:
            return item
    lines = layout.seen if way.startswith("page") else 1
    further = item + columns * (lines if way.endswith("down") else -lines)
    return min(further, tiles - 1) if further >= 0 else item % columns


def _over_strip(way: str, item: int, page: Page, layout: PageLayout) -> int:
    """The item that a key leads to from a row under the tiles."""
    tiles = len(page.tiles or ())
    match way:
        case "left" | "right":
            return max(tiles, min(item + (1 if way == "right" else -1), page.count - 1))
        case "up" | "page up" if tiles:
            return (tiles - 1) // layout.columns * layout.columns
        case "home" if tiles:
            return 0
    return item
