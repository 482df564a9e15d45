"""Drawing of two-column lists over a game: the keys, and the panel of settings."""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from engine.ui.help_pages import LINE, help_room
from engine.ui.page_layout import text_px
from engine.ui.pygame.words import ACCENT, OVER, PLAIN, Font, write

Pairs = Sequence[tuple[str, str]]

CLEAR_GROUND = (24, 24, 29, 200)  # the game is to be seen behind it
KEYS_SHARE = 1 / 3  # of a column, for the keys


def draw_help(surface: pygame.Surface, pairs: Pairs, font: Font) -> None:
    """Draw (keys, what they do) over all of `surface`, as many as engine.ui.help_pages gives it."""
    width, height = surface.get_size()
    columns, room = help_room((width, height))
    columns = min(columns, -(-len(pairs) // (room // 2)))  # two that are half empty are one
    lines = -(-len(pairs) // columns)
    size = text_px(min(width, height))
    if size * LINE * lines + size > height:  # a list without pages, in the smallest windows
        size = int(height / (LINE * lines + 1))
    line, gap = int(size * LINE), size // 2
    column = (width - gap) // columns - gap
    shade = pygame.Surface((width, line * lines + 2 * gap), pygame.SRCALPHA)
    shade.fill(OVER)
    for i, (keys, meaning) in enumerate(pairs):
        left = gap + i // lines * (column + gap)
        middle = gap + i % lines * line + line // 2
        share = int(column * KEYS_SHARE)
        write(shade, keys, size, ACCENT, (left, middle), share - gap // 2, font)
        write(shade, meaning, size, PLAIN, (left + share, middle), column - share, font)
    surface.blit(shade, shade.get_rect(center=(width // 2, height // 2)))


def draw_panel(
    surface: pygame.Surface, pairs: Pairs, field: pygame.Rect, size: int, font: Font
) -> None:
    """Draw (what, how it stands), in a size of text, in the upper right corner of the playfield
    `field`."""
    line, gap = int(size * LINE), size // 2
    wide = [max(font(size).size(pair[side])[0] for pair in pairs) for side in (0, 1)]
    width = min(sum(wide) + 4 * gap, field.width)
    shade = pygame.Surface((width, line * len(pairs) + gap), pygame.SRCALPHA)
    shade.fill(CLEAR_GROUND)
    second = (width - 3 * gap) * wide[0] // max(1, sum(wide)) + 2 * gap
    for i, (what, how) in enumerate(pairs):
        middle = gap // 2 + i * line + line // 2
        colour = ACCENT if what.startswith(">") else PLAIN
        write(shade, what, size, colour, (gap, middle), second - 2 * gap, font)
        write(shade, how, size, colour, (second, middle), width - second - gap, font)
    surface.blit(shade, shade.get_rect(topright=field.topright))
