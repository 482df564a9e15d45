"""Drawing of a page: tiles with pictures, rows of text, a dialog over them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import pygame

from engine.ui.page import NOTES, Dialog, Page, PageRow, Tile
from engine.ui.page_layout import Box, PageLayout, dialog_lines
from engine.ui.pygame.words import (
    ACCENT,
    EDGE,
    GROUND,
    MARKED,
    PLAIN,
    QUIET,
    RAISED,
    Colour,
    Font,
    write,
)

SHADE = (8, 8, 10, 190)  # over what a question makes wait
SMALL = 7 / 8  # notes, against the other text
CURSOR = "_"


def draw_page(
    surface: pygame.Surface,
    page: Page,
    layout: PageLayout,
    line: str,
    font: Font,
) -> None:
    """Draw a page over all of `surface`.

    layout: of the page in a window of the surface's size. line: what is going on, for its foot.
    font:   a font of a size in pixels.
    """
    painter = _Painter(surface, layout, font)
    surface.fill(GROUND)
    painter.header(page)
    painter.items(page, page.marked if page.dialog is None else None)
    painter.scroll_bar(page.top)
    painter.foot(line)
    if page.dialog is not None:
        painter.dialog(page.dialog, page.marked)


class _Painter:
    """Draws the parts of a page on one surface."""

    def __init__(self, surface: pygame.Surface, layout: PageLayout, font: Font) -> None:
        self._surface, self._layout, self._font = surface, layout, font

    def header(self, page: Page) -> None:
        box, text = self._layout.header, self._layout.text_px
        middle = box.top + box.height // 2
        title = text * 5 // 4
        used = self._words(page.title, title, PLAIN, box.left, middle, box.width // 2)
        if page.search is None:
            return
        width = min(box.width - used - 2 * text, 18 * text)
        field = pygame.Rect(box.right - width, box.top, width, box.height)
        self._raised(field, RAISED)
        inside = width - text
        if page.search:
            typed = self._end(page.search + CURSOR, text, inside)
            self._words(typed, text, PLAIN, field.left + text // 2, middle, inside)
        else:
            self._words("type to search", text, QUIET, field.left + text // 2, middle, inside)

    def items(self, page: Page, marked: int | None) -> None:
        tiles = page.tiles or ()
        for item, box in self._layout.items.items():
            if item < len(tiles):
                self._tile(tiles[item], box, item == marked)
            else:
                self._row(page.rows[item - len(tiles)], box, item == marked)

    def foot(self, line: str) -> None:
        box = self._layout.footer
        lines = self._wrapped(line, self._layout.text_px, box.width, 2)
        for i, words in enumerate(lines):
            middle = box.bottom - self._layout.line_px * (2 * (len(lines) - i) - 1) // 2
            self._words(words, self._layout.text_px, ACCENT, box.left, middle, box.width)

    def scroll_bar(self, top: int) -> None:
        layout, body = self._layout, self._layout.body
        if layout.lines <= layout.seen:
            return
        width = max(3, layout.gap_px // 2)
        left = body.right - width
        pygame.draw.rect(self._surface, RAISED, (left, body.top, width, body.height))
        length = max(width, body.height * layout.seen // layout.lines)
        at = body.top + (body.height - length) * top // (layout.lines - layout.seen)
        pygame.draw.rect(self._surface, QUIET, (left, at, width, length))

    def dialog(self, dialog: Dialog, marked: int) -> None:
        layout = self._layout
        assert layout.dialog is not None
        shade = pygame.Surface(self._surface.get_size(), pygame.SRCALPHA)
        shade.fill(SHADE)
        self._surface.blit(shade, (0, 0))
        box, text, line = _rect(layout.dialog), layout.text_px, layout.line_px
        self._raised(box, GROUND)
        left, width = box.left + 2 * layout.gap_px, box.width - 4 * layout.gap_px
        middle = box.top + layout.gap_px + line * 3 // 4
        self._words(dialog.title, text * 5 // 4, PLAIN, left, middle, width)
        middle += line * 5 // 4
        foot = min((choice.top for choice in layout.choices.values()), default=box.bottom)
        for said in dialog.lines:
            for words in self._wrapped(said, text, width, dialog_lines(said, width / text)):
                if middle + line // 2 <= foot:  # the choices matter more in the smallest windows
                    self._words(words, text, QUIET, left, middle, width)
                middle += line
        for item, choice in enumerate(dialog.choices):
            self._row(choice, layout.choices[item], item == marked)

    def _tile(self, tile: Tile, box: Box, marked: bool) -> None:
        layout = self._layout
        whole, pad, line = _rect(box), layout.gap_px // 2, layout.line_px
        self._raised(whole, MARKED if marked else RAISED)
        height = max(0, whole.height - (1 + NOTES) * line - 2 * pad)
        place = pygame.Rect(whole.left + pad, whole.top + pad, whole.width - 2 * pad, height)
        self._picture(tile, place)
        if tile.progress is not None:
            self._progress(tile.progress, place)
        left, right = whole.left + layout.gap_px, whole.right - layout.gap_px
        middle = place.bottom + pad + line // 2
        used = self._marker(left, middle) if marked else 0
        colour = ACCENT if marked else PLAIN
        title = self._start(tile.title, layout.text_px, right - left - used)
        self._words(title, layout.text_px, colour, left + used, middle, right - left - used)
        small = int(layout.text_px * SMALL)
        for note in tile.notes:
            middle += line * 9 // 10
            cut = self._start(note, small, right - left)
            self._words(cut, small, QUIET, left, middle, right - left)
        if marked:
            self._frame(whole)

    def _picture(self, tile: Tile, place: pygame.Rect) -> None:
        if place.height < 1 or place.width < 1:
            return
        if tile.picture is None:
            self._plain_picture(tile.title, place)
            return
        height, width = tile.picture.shape[:2]
        scale = min(place.width / width, place.height / height)
        size = max(1, int(width * scale)), max(1, int(height * scale))
        image = pygame.image.frombuffer(tile.picture.tobytes(), (width, height), "RGB")
        zoom = pygame.transform.scale if scale >= 1 else pygame.transform.smoothscale
        pygame.draw.rect(self._surface, GROUND, place)
        self._surface.blit(
            zoom(image, size),
            pygame.Rect((0, 0), size).move(
                place.centerx - size[0] // 2, place.centery - size[1] // 2
            ),
        )

    def _plain_picture(self, title: str, place: pygame.Rect) -> None:
        """Draw the name, large, on a background colour derived from it."""
        colour = pygame.Color(0)
        colour.hsva = (zlib.crc32(title.encode()) % 360, 38, 26, 100)
        pygame.draw.rect(self._surface, colour, place)
        size = max(8, min(self._layout.text_px * 3 // 2, place.height // 3))
        lines = self._wrapped(title, size, place.width * 9 // 10, 2)
        line = size * 5 // 4
        middle = place.centery - (len(lines) - 1) * line // 2
        for words in lines:
            wide = min(self._font(size).size(words)[0], place.width)
            self._words(words, size, PLAIN, place.centerx - wide // 2, middle, place.width)
            middle += line

    def _progress(self, share: float, place: pygame.Rect) -> None:
        height = max(6, self._layout.gap_px)
        bar = pygame.Rect(place.left, place.bottom - height, place.width, height)
        pygame.draw.rect(self._surface, GROUND, bar)
        pygame.draw.rect(self._surface, ACCENT, (*bar.topleft, int(bar.width * share), height))
        pygame.draw.rect(self._surface, QUIET, bar, 1)

    def _row(self, row: PageRow, box: Box, marked: bool) -> None:
        layout = self._layout
        whole = _rect(box).inflate(0, -max(2, layout.gap_px // 3))
        self._raised(whole, MARKED if marked else RAISED)
        left, right = whole.left + layout.gap_px, whole.right - layout.gap_px
        if marked:
            left += self._marker(left, whole.centery)
            self._frame(whole)
        room, text = right - left, layout.text_px
        value = self._start(row.value, text, room // 2)
        wide = self._font(text).size(value)[0]
        self._words(value, text, QUIET, right - wide, whole.centery, wide)
        label, room = ACCENT if marked else PLAIN, room - wide - layout.gap_px
        self._words(row.label, text, label, left, whole.centery, room)

    def _raised(self, place: pygame.Rect, colour: Colour) -> None:
        radius = self._layout.gap_px // 2
        pygame.draw.rect(self._surface, colour, place, border_radius=radius)
        pygame.draw.rect(self._surface, EDGE, place, 1, border_radius=radius)

    def _frame(self, place: pygame.Rect) -> None:
        width = max(3, self._layout.text_px // 6)
        pygame.draw.rect(
            self._surface, ACCENT, place, width, border_radius=self._layout.gap_px // 2
        )

    def _marker(self, left: int, middle: int) -> int:
        """A triangle that points at what is marked; the room it takes."""
        half = self._layout.text_px // 3
        tip = (left + half, middle)
        pygame.draw.polygon(
            self._surface, ACCENT, [(left, middle - half), tip, (left, middle + half)]
        )
        return half + self._layout.gap_px // 2

    def _words(
        self, words: str, size: int, colour: Colour, left: int, middle: int, room: int
    ) -> int:
        return write(self._surface, words, size, colour, (left, middle), room, self._font)

    def _wrapped(self, words: str, size: int, room: int, most: int) -> list[str]:
        """At most so many lines; what is left over is on the last, which is then cut."""
        lines: list[str] = []
        for word in words.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and (self._fits(longer, size, room) or len(lines) == most):
                lines[-1] = longer
            else:
                lines.append(word)
        return [self._start(line, size, room) for line in lines]

    def _fits(self, words: str, size: int, room: int) -> bool:
        return self._font(size).size(words)[0] <= room

    def _start(self, words: str, size: int, room: int) -> str:
        """As much of the start as fits, with dots for the rest."""
        return self._cut(
            words,
            size,
            room,
            (words[:end].rstrip() + "..." for end in range(len(words) - 1, 0, -1)),
        )

    def _end(self, words: str, size: int, room: int) -> str:
        """As much of the end as fits."""
        return self._cut(words, size, room, (words[begin:] for begin in range(1, len(words))))

    def _cut(self, words: str, size: int, room: int, shorter: Iterable[str]) -> str:
        if self._fits(words, size, room):
            return words
        return next((cut for cut in shorter if self._fits(cut, size, room)), "")


def _rect(box: Box) -> pygame.Rect:
    return pygame.Rect(box.left, box.top, box.width, box.height)
