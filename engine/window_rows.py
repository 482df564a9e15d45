"""How pairs of words are drawn over a game: the list of keys, and the panel of what can be set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pygame

Pairs = Sequence[tuple[str, str]]
Font = Callable[[int], pygame.font.Font]

PLAIN = (232, 232, 236)
ACCENT = (255, 206, 92)
GROUND = (24, 24, 29, 236)
CLEAR_GROUND = (24, 24, 29, 200)  # the game is to be seen behind it
MOST_IN_COLUMN = 20
KEYS_SHARE = 1 / 3  # of a column, for the keys
LINE = 5 / 4  # height of a line, in sizes of its text


def draw_help(surface: pygame.Surface, pairs: Pairs, text_px: int, font: Font) -> None:
    """Draw (keys, what they do) over all of `surface`, in as many columns as it takes."""
    width, height = surface.get_size()
    columns = -(-len(pairs) // MOST_IN_COLUMN)
    lines = -(-len(pairs) // columns)
    line = min(int(text_px * LINE), height // (lines + 1))
    size = min(text_px, int(line / LINE))
    gap = text_px // 2
    room = (width - gap) // columns - gap
    shade = pygame.Surface((width, line * lines + 2 * gap), pygame.SRCALPHA)
    shade.fill(GROUND)
    for i, (keys, meaning) in enumerate(pairs):
        left = gap + i // lines * (room + gap)
        middle = gap + i % lines * line + line // 2
        keys_room = int(room * KEYS_SHARE)
        _write(shade, keys, ACCENT, (left, middle), keys_room - gap // 2, size, font)
        _write(shade, meaning, PLAIN, (left + keys_room, middle), room - keys_room, size, font)
    surface.blit(shade, shade.get_rect(center=(width // 2, height // 2)))


def draw_panel(
    surface: pygame.Surface, pairs: Pairs, field: pygame.Rect, text_px: int, font: Font
) -> None:
    """Draw (what, how it stands) in the upper right corner of the playfield `field`."""
    line, gap = int(text_px * LINE), text_px // 2
    wide = [max(font(text_px).size(pair[side])[0] for pair in pairs) for side in (0, 1)]
    width = min(sum(wide) + 4 * gap, field.width)
    shade = pygame.Surface((width, line * len(pairs) + gap), pygame.SRCALPHA)
    shade.fill(CLEAR_GROUND)
    second = (width - 3 * gap) * wide[0] // max(1, sum(wide)) + 2 * gap
    for i, (what, how) in enumerate(pairs):
        middle = gap // 2 + i * line + line // 2
        colour = ACCENT if what.startswith(">") else PLAIN
        _write(shade, what, colour, (gap, middle), second - 2 * gap, text_px, font)
        _write(shade, how, colour, (second, middle), width - second - gap, text_px, font)
    surface.blit(shade, shade.get_rect(topright=field.topright))


def _write(
    surface: pygame.Surface,
    words: str,
    colour: tuple[int, int, int],
    place: tuple[int, int],
    room: int,
    size: int,
    font: Font,
) -> None:
    """Write one line from `place`, the middle of its left edge; smaller if it has to be."""
    wide = font(size).size(words)[0]
    if wide > room:
        size = max(6, size * max(1, room) // wide)
    drawn = font(size).render(words, True, colour)
    surface.blit(drawn, drawn.get_rect(midleft=place))
