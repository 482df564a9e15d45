"""Desktop window, drawn by pygame."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
if os.environ.get("DISPLAY") and os.environ.get("SDL_VIDEODRIVER", "x11") == "x11":
    # SDL would show a picture drawn in memory by way of OpenGL; on a machine without a GPU that
    # costs the model 7 ms of every frame, a plain copy to the X server 1.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")

import numpy as np
import pygame

from engine.contracts import Frame
from engine.player.pacing import Clock
from engine.ui.page_layout import PageLayout, lay_out, text_px
from engine.ui.pygame.keys import Keys, look_at_keyboard
from engine.ui.pygame.pads import PadReader
from engine.ui.pygame.page import draw_page
from engine.ui.pygame.rows import draw_help, draw_panel
from engine.ui.pygame.words import ACCENT, GROUND, OVER, PLAIN, QUIET, Colour, Fonts, write
from engine.ui.screen import (
    MOUSE_BUTTONS,
    CloseAsked,
    Event,
    FocusLost,
    KeyDown,
    KeyUp,
    MouseMoved,
    Picture,
    Pointed,
    Scrolled,
    Thumbnail,
    Uncovered,
)

SHARE_OF_DESKTOP = (0.9, 0.72)  # of its width and height, at most, for the playfield
USUAL_REFRESH_FPS = 60
LAST_MS, NAP_S = 1, 5e-4  # of a wait: not left to pygame, and slept at once
BAR_ROWS = 4  # rows of text under the playfield, kept free even when empty: nothing jumps
ROW_SHARE = 1 / 7  # of the playfield's height, at most, for a row of small pictures
PAGE_SHAPE = (120, 176)  # (H, W): with the room for text under a frame, three by four
BUTTON_NAMES = dict(zip((pygame.BUTTON_LEFT, pygame.BUTTON_RIGHT), MOUSE_BUTTONS, strict=True))
UNSEEN = ("dummy", "offscreen", "evdev")  # SDL's drivers that show nothing; evdev is a dummy too


class NoDisplayError(Exception):
    """There is no display to open a window on; the text says what is missing."""


def why_no_display(environment: Mapping[str, str] = os.environ) -> str:
    """Return the reason why no window can open on this machine; empty if one should."""
    if environment.get("SDL_VIDEODRIVER") in UNSEEN:
        return f"SDL_VIDEODRIVER is {environment['SDL_VIDEODRIVER']}"
    if sys.platform.startswith("linux") and not (
        environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    ):
        return "neither DISPLAY nor WAYLAND_DISPLAY is set"
    return ""


def open_window(title: str, clock: Clock = time.perf_counter) -> DesktopWindow:
    """Open a window on the desktop. Raises NoDisplayError if there is no display."""
    why = why_no_display()
    if why:
        raise NoDisplayError(why)
    try:
        pygame.display.init()
        if pygame.display.get_driver() in UNSEEN:  # where nothing else opens SDL takes one of them
            raise NoDisplayError(_unanswered())
        return DesktopWindow(title, clock)
    except (pygame.error, NoDisplayError) as error:
        pygame.quit()
        raise NoDisplayError(str(error)) from error


def _unanswered(environment: Mapping[str, str] = os.environ) -> str:
    """Return the displays that are named in the environment and do not answer."""
    named = filter(None, map(environment.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return ", ".join(f"{name} does not answer" for name in named) or "SDL finds no display"


class DesktopWindow:
    """A resizable window: the playfield in square pixels, text under it on a dark ground."""

    def __init__(self, title: str, clock: Clock = time.perf_counter) -> None:
        self._clock = clock
        pygame.display.init()
        pygame.font.init()
        self._frame_shape: tuple[int, ...] = (64, 64)  # (H, W) that the window was last made to fit
        self._size = _fitting_size(self._frame_shape)
        self._window = pygame.Window(title, self._size, resizable=True)
        self._window.minimum_size = (160, 160)
        self._surface = self._window.get_surface()
        self._wake = pygame.event.custom_type()
        self._fullscreen = self._pointer_held = False
        self._field = pygame.Rect(0, 0, 0, 0)  # where the playfield was drawn
        self._layout: PageLayout | None = None  # of the page that is shown, if one is
        self._keys, self._pads = Keys(), PadReader()
        look_at_keyboard()
        self._font = Fonts()

    @property
    def size(self) -> tuple[int, int]:
        width, height = self._window.size
        return width, height

    @property
    def refresh_fps(self) -> float:
        # Some displays do not tell; then it is what most of them do.
        return float(pygame.display.get_desktop_refresh_rates()[0] or USUAL_REFRESH_FPS)

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for input, at most `timeout_s` seconds, and return it as events."""
        raw = pygame.event.get()
        if not raw and timeout_s > 0:
            # pygame waits in whole milliseconds, some systems oversleep by one, and what is due
            # at the end of the wait is not to be late: the last of it is slept in small parts.
            waited_ms = int(timeout_s * 1e3) - LAST_MS
            if waited_ms >= 1:  # pygame takes 0 for "for ever"
                raw = [pygame.event.wait(waited_ms), *pygame.event.get()]
            else:
                time.sleep(min(timeout_s, NAP_S))
                raw = pygame.event.get()
        now = self._clock()
        events: list[Event] = []
        for item in raw:
            if (event := self._translate(item, now)) is not None:
                events.append(event)
            events += self._pads.read(item, now)
        return events

    def _translate(self, raw: pygame.event.Event, now: float) -> Event | None:
        match raw.type:
            case pygame.KEYDOWN:
                return KeyDown(self._keys.pressed(raw), now)
            case pygame.KEYUP:
                return KeyUp(self._keys.let_go(raw), now)
            case pygame.MOUSEMOTION | pygame.MOUSEBUTTONDOWN if self._layout is not None:
                return _on_page(raw, self._layout, now)
            case pygame.MOUSEWHEEL if self._layout is not None:
                return Scrolled(-raw.y, now)
            case pygame.MOUSEBUTTONDOWN if raw.button in BUTTON_NAMES:
                if self._pointer_held or self._field.collidepoint(raw.pos):
                    return KeyDown(BUTTON_NAMES[raw.button], now)
            case pygame.MOUSEBUTTONUP if raw.button in BUTTON_NAMES:
                return KeyUp(BUTTON_NAMES[raw.button], now)
            case pygame.MOUSEMOTION:
                return MouseMoved(float(raw.rel[0]), float(raw.rel[1]), now)
            case pygame.WINDOWFOCUSLOST:
                return FocusLost(now)
            case pygame.WINDOWEXPOSED | pygame.WINDOWSIZECHANGED:
                return Uncovered(now)
            case pygame.KEYMAPCHANGED:
                look_at_keyboard()
                return Uncovered(now)  # keys are called by other signs
            case pygame.QUIT:
                return CloseAsked(now)
        return None

    def wake(self) -> None:
        """End the wait of `poll` by an event of pygame's queue."""
        # The window may be gone, or its queue full, by the time a worker gets here.
        with contextlib.suppress(pygame.error):
            pygame.event.post(pygame.Event(self._wake))

    def present(self, picture: Picture) -> None:
        """Draw a picture and show it."""
        if picture.page is not None and picture.page.tiles is not None:
            self._fit(PAGE_SHAPE)
        elif picture.frame is not None:
            self._fit(picture.frame.shape[:2])
        surface = self._surface = self._window.get_surface()
        surface.fill(GROUND)
        width, height = surface.get_size()
        side = min(width, height)
        row, margin = _row_px(side), _margin_px(side)
        bar_top = max(0, height - _bar_px(side))
        self._layout = None
        if picture.page is not None:
            self._layout = lay_out(picture.page, (width, height))
            draw_page(surface, picture.page, self._layout, picture.line, self._font)
        elif picture.frame is None:
            self._text(
                surface, picture.line, ACCENT, (width // 2, height // 2), width, centred=True
            )
        else:
            self._playfield(surface, picture.frame, pygame.Rect(0, 0, width, bar_top))
            bar = pygame.Rect(0, bar_top, min(width, side * 5 // 4) - 2 * margin, row)
            bar.centerx = width // 2
            self._bar(surface, picture, bar)
            self._row(surface, picture.row)
            if picture.panel:
                draw_panel(surface, picture.panel, self._field, text_px(side), self._font)
        if picture.help:
            draw_help(surface, picture.help, self._font)
        self._window.flip()

    def _fit(self, shape: tuple[int, ...]) -> None:
        """Give frames of a new shape (H, W) a window that fits, unless its size is the user's."""
        if shape == self._frame_shape:
            return
        self._frame_shape = shape
        if self._window.size == self._size and not self._fullscreen:
            before, (left, top) = self._size, self._window.position
            self._window.size = self._size = width, height = _fitting_size(shape)
            # Its middle stays where it is, or what is wider than before would leave the screen.
            at = left + (before[0] - width) // 2, top + (before[1] - height) // 2
            # Further screens lie left of the first, or above it.
            self._window.position = max(min(0, left), at[0]), max(min(0, top), at[1])

    def _playfield(self, surface: pygame.Surface, frame: Frame, area: pygame.Rect) -> None:
        height, width = frame.shape[:2]
        scale: float = min(area.width / width, area.height / height)
        if scale >= 1:
            scale = int(scale)
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        scaled = pygame.transform.scale(_image(frame), size)
        self._field = surface.blit(scaled, scaled.get_rect(center=area.center))

    def _row(self, surface: pygame.Surface, row: tuple[Thumbnail, ...]) -> None:
        """Small pictures over the top of the playfield, a frame around what is marked."""
        if not row:
            return
        side = min(surface.get_size())
        field, gap, line = self._field, _margin_px(side), _row_px(side)
        height, width = row[0].frame.shape[:2]
        room = (field.width - gap) // len(row) - gap
        scale = min(room / width, field.height * ROW_SHARE / height)
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        column = size[0] + gap
        panel = pygame.Surface((len(row) * column + gap, size[1] + line + gap), pygame.SRCALPHA)
        panel.fill(OVER)
        for i, thumbnail in enumerate(row):
            place = pygame.Rect((gap + i * column, gap), size)
            panel.blit(pygame.transform.smoothscale(_image(thumbnail.frame), size), place)
            colour, middle = QUIET, place.bottom + line // 2
            if thumbnail.marked:
                colour = ACCENT
                pygame.draw.rect(panel, colour, place.inflate(gap, gap), max(2, gap // 3))
            self._text(
                panel, thumbnail.label, colour, (place.centerx, middle), column, centred=True
            )
        surface.blit(panel, panel.get_rect(midtop=field.midtop))

    def _bar(self, surface: pygame.Surface, picture: Picture, row: pygame.Rect) -> None:
        middle = row.centery
        for cells in picture.hud:
            self._cells(surface, cells, row.left, middle, row.width)
            middle += row.height
        bottom = row.top + (BAR_ROWS - 1) * row.height + row.height // 2
        self._text(surface, picture.line, ACCENT, (row.left, bottom), row.width)

    def _cells(
        self,
        surface: pygame.Surface,
        cells: tuple[tuple[str, str], ...],
        left: int,
        middle: int,
        width: int,
    ) -> None:
        column = width // max(1, len(cells))
        for i, (label, value) in enumerate(cells):
            at = left + i * column
            used = self._text(surface, f"{label} ", QUIET, (at, middle), column * 3 // 4)
            self._text(surface, value, PLAIN, (at + used, middle), column - used)

    def _text(
        self,
        surface: pygame.Surface,
        words: str,
        colour: Colour,
        at: tuple[int, int],
        room: int,
        centred: bool = False,
    ) -> int:
        """`write` in the size of all text of the game."""
        size = text_px(min(self._surface.get_size()))
        return write(surface, words, size, colour, at, room, self._font, centred)

    def capture(self) -> Frame:
        """Return a copy of the pixels in the window, uint8 (H, W, 3)."""
        pixels = pygame.surfarray.array3d(self._surface)  # (W, H, 3)
        return np.ascontiguousarray(pixels.swapaxes(0, 1))

    def toggle_fullscreen(self) -> None:
        """Change between a window and the full screen."""
        if self._fullscreen:
            self._window.set_windowed()
        else:
            self._window.set_fullscreen(True)
        self._fullscreen = not self._fullscreen

    def hold_pointer(self, held: bool) -> None:
        """Hide the pointer and keep it in the window, or release it."""
        # Relative motion goes on when the pointer would have met the edge of the screen.
        pygame.mouse.set_visible(not held)
        self._window.grab_mouse = held
        pygame.mouse.set_relative_mode(held)
        self._pointer_held = held

    def close(self) -> None:
        """Close the window and release pygame's display."""
        pygame.quit()


def _fitting_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """(width, height) of a window that shows frames (H, W) large, with text under them."""
    height, width = shape
    desktop = pygame.display.get_desktop_sizes()[0]
    room = [side * share for side, share in zip(desktop, SHARE_OF_DESKTOP, strict=True)]
    scale = max(1, int(min(room[0] / width, room[1] / height)))
    width, field = max(256, width * scale), height * scale
    height = field
    while height != (needed := field + _bar_px(min(width, height))):  # text grows with the window
        height = needed
    return width, height


def _image(frame: Frame) -> pygame.Surface:
    height, width = frame.shape[:2]
    return pygame.image.frombuffer(frame.tobytes(), (width, height), "RGB")


def _on_page(raw: pygame.event.Event, layout: PageLayout, now: float) -> Event | None:
    """Translate a mouse event over a page; None beside its items."""
    button = raw.button if raw.type == pygame.MOUSEBUTTONDOWN else None
    if button is None and raw.rel == (0, 0):
        return None  # a window that opens under a pointer at rest is told of it by such a motion
    item = layout.item_at(*raw.pos)
    if item is None or button not in (None, pygame.BUTTON_LEFT, pygame.BUTTON_RIGHT):
        return None
    return Pointed(item, button == pygame.BUTTON_LEFT, now, button == pygame.BUTTON_RIGHT)


def _row_px(side_px: int) -> int:
    return text_px(side_px) * 5 // 4


def _bar_px(side_px: int) -> int:
    return BAR_ROWS * _row_px(side_px) + _margin_px(side_px)


def _margin_px(side_px: int) -> int:
    return text_px(side_px) // 2
