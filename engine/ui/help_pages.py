"""The list of keys in pages, so that its words are as large as all others in any window."""

from __future__ import annotations

from engine.ui.page_layout import text_px

Pairs = tuple[tuple[str, str], ...]

COLUMN_WIDTH = 24  # at least, in sizes of text
LINE = 5 / 4  # height of a line, likewise


def help_room(size: tuple[int, int]) -> tuple[int, int]:
    """How many columns there are room for in a window of `size` (width, height), and lines."""
    text = text_px(min(size))
    width, height = size
    return max(1, width // (COLUMN_WIDTH * text)), max(2, int((height - text) / (text * LINE)))


def help_page(pairs: Pairs, number: int, size: tuple[int, int]) -> Pairs:
    """The pairs of a page, counted from 1, and how to go on; empty if there is no such page.

    size: (width, height) of the window.
    """
    columns, lines = help_room(size)
    room = columns * lines
    if len(pairs) <= room:
        return pairs if number == 1 else ()
    room -= 1  # the last row leads on
    pages = -(-len(pairs) // room)
    if not 1 <= number <= pages:
        return ()
    on = "the next page" if number < pages else "back to the game"
    about = ("F1", f"{on} (this is {number} of {pages})")
    return (*pairs[(number - 1) * room : number * room], about)
