"""Positions of everything on a page in a window of a given size, in pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.ui.page import NOTES, Dialog, Page

SMALLEST_TEXT_PX, TEXT_SHARE = 13, 1 / 34  # of the window's shorter side
TILE_WIDTH, LIST_WIDTH, DIALOG_WIDTH = 9.5, 30, 30  # in sizes of text: at least, at most, at most
LETTER_WIDTH = 0.55  # of a letter, more or less, in sizes of text
PICTURE_SHAPE = 5 / 8  # of a tile: height by width, more or less


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The line after the last."""
        return self.top + self.height

    def holds(self, x: int, y: int) -> bool:
        """Tell whether a pixel lies in the box."""
        return self.left <= x < self.right and self.top <= y < self.bottom


@dataclass(frozen=True)
class PageLayout:
    """Boxes and sizes of a page's parts.

    text_px: size of the text. line_px: height of a line. gap_px: between things.
    header:  title and search. footer: two lines of words. body: what can be scrolled.
    items:   boxes of the tiles and rows that are to be seen, by their numbers.
    dialog:  around the question, if there is one; choices: its choices, by their numbers.
    columns: of the grid; 1 for a list.
    lines:   of the grid or the list, in all. seen: how many of these there is room for.
    """

    text_px: int
    line_px: int
    gap_px: int
    header: Box
    body: Box
    footer: Box
    items: Mapping[int, Box]
    dialog: Box | None
    choices: Mapping[int, Box]
    columns: int
    lines: int
    seen: int

    def item_at(self, x: int, y: int) -> int | None:
        """The item at a pixel, if there is one; of the dialog, while there is one."""
        boxes = self.items if self.dialog is None else self.choices
        return next((item for item, box in boxes.items() if box.holds(x, y)), None)

    def scrolled(self, top: int, item: int, count: int) -> int:
        """Return the scroll position nearest to `top` at which `item` of `count` is visible."""
        line = min(item, count - 1) // self.columns
        if item < count:
            top = min(max(top, line - self.seen + 1), line)
        return max(0, min(top, self.lines - self.seen))


def text_px(side_px: int) -> int:
    """Return the text size for a window, by its shorter side; letters fill two thirds of a line."""
    return max(SMALLEST_TEXT_PX, int(side_px * TEXT_SHARE * 1.2))


def lay_out(page: Page, size: tuple[int, int]) -> PageLayout:
    """Lay out a page in a window of `size` (width, height) pixels."""
    width, height = size
    text = text_px(min(size))
    line, gap = text * 5 // 4, text // 2
    header = Box(gap, gap, width - 2 * gap, line * 3 // 2)
    footer = Box(gap, height - 2 * line - gap, width - 2 * gap, 2 * line)
    body = Box(gap, header.bottom + gap, width - 2 * gap, footer.top - header.bottom - 2 * gap)
    if page.tiles is None:
        body, columns, seen, items = _list(page, body, text, line, gap)
        lines = len(page.rows)
    else:
        body, items = _strip(page, body, line, gap)
        columns, seen, tiles = _grid(page, body, text, line, gap)
        items = tiles | items
        lines = -(-len(page.tiles) // columns)
    dialog: Box | None = None
    choices: dict[int, Box] = {}
    if page.dialog is not None:
        dialog, choices = _dialog(page.dialog, size, text, line, gap)
    return PageLayout(
        text_px=text,
        line_px=line,
        gap_px=gap,
        header=header,
        body=body,
        footer=footer,
        items=items,
        dialog=dialog,
        choices=choices,
        columns=columns,
        lines=lines,
        seen=seen,
    )


def dialog_lines(text: str, room: float) -> int:
    """Return the number of lines of a text in a dialog `room` text sizes wide."""
    return max(1, math.ceil(len(text) * LETTER_WIDTH / max(room, 1)))


def _list(
    page: Page, body: Box, text: int, line: int, gap: int
) -> tuple[Box, int, int, dict[int, Box]]:
    """Return the body, narrowed to a readable width, and the rows in it."""
    width = min(body.width, LIST_WIDTH * text)
    body = Box(body.left + (body.width - width) // 2, body.top, width, body.height)
    height = line * 3 // 2
    seen = max(1, body.height // height)
    shown = range(page.top, min(page.top + seen, len(page.rows)))
    boxes = {
        i: Box(body.left, body.top + (i - page.top) * height, width - gap, height) for i in shown
    }
    return body, 1, seen, boxes


def _strip(page: Page, body: Box, line: int, gap: int) -> tuple[Box, dict[int, Box]]:
    """Place the rows side by side at the foot of the body; returned with the rest of the body."""
    if not page.rows:
        return body, {}
    assert page.tiles is not None
    height = line * 3 // 2
    top, width = body.bottom - height, (body.width + gap) // len(page.rows) - gap
    boxes = {
        len(page.tiles) + i: Box(body.left + i * (width + gap), top, width, height)
        for i in range(len(page.rows))
    }
    return Box(body.left, body.top, body.width, body.height - height - gap), boxes


def _grid(page: Page, body: Box, text: int, line: int, gap: int) -> tuple[int, int, dict[int, Box]]:
    """Return the columns, the visible lines of tiles, and the boxes of visible tiles.

    The lines fill the body, so that no tile is cut.
    """
    assert page.tiles is not None
    room = body.width - gap  # a scroll bar is drawn in the gap on the right
    columns = max(1, int((room + gap) / (TILE_WIDTH * text + gap)))
    width = (room + gap) // columns - gap
    usual = width * PICTURE_SHAPE + (1 + NOTES) * line + gap
    seen = max(1, round((body.height + gap) / (usual + gap)))
    height = (body.height + gap) // seen - gap
    first, last = page.top * columns, (page.top + seen) * columns
    boxes = {
        i: Box(
            body.left + i % columns * (width + gap),
            body.top + (i // columns - page.top) * (height + gap),
            width,
            height,
        )
        for i in range(first, min(last, len(page.tiles)))
    }
    return columns, seen, boxes


def _dialog(
    dialog: Dialog, size: tuple[int, int], text: int, line: int, gap: int
) -> tuple[Box, dict[int, Box]]:
    """A box in the middle of the window, and the choices at its foot."""
    width = min(size[0] - 2 * gap, DIALOG_WIDTH * text)
    room = (width - 4 * gap) / text
    said = sum(dialog_lines(words, room) for words in dialog.lines)
    row, choices = line * 3 // 2, dialog.choices
    height = min(size[1], 2 * line + said * line + len(choices) * row + 3 * gap)
    box = Box((size[0] - width) // 2, (size[1] - height) // 2, width, height)
    first = box.bottom - gap - len(choices) * row
    return box, {
        i: Box(box.left + 2 * gap, first + i * row, width - 4 * gap, row)
        for i in range(len(choices))
    }
