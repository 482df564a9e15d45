"""Words in a window: their colours, and one line of them that fits where it is written."""

from __future__ import annotations

from collections.abc import Callable

import pygame

Font = Callable[[int], pygame.font.Font]  # a font of a size in pixels
Colour = tuple[int, int, int]

GROUND = (14, 14, 17)
RAISED = (30, 30, 36)  # what can be chosen stands out a little from the ground
MARKED = (46, 46, 56)
EDGE = (64, 64, 76)
QUIET = (142, 142, 154)
PLAIN = (232, 232, 236)
ACCENT = (255, 206, 92)
OVER = (24, 24, 29, 236)  # ground of what is drawn over a game
SMALLEST_PX = 8  # of text: what does not fit then is cut


class Fonts:
    """Fonts of the one face there is, by their sizes in pixels, each made once."""

    def __init__(self) -> None:
        self._made: dict[int, pygame.font.Font] = {}

    def __call__(self, size_px: int) -> pygame.font.Font:
        if size_px not in self._made:
            self._made[size_px] = pygame.font.Font(None, size_px)
        return self._made[size_px]


def write(
    surface: pygame.Surface,
    words: str,
    size_px: int,
    colour: Colour,
    at: tuple[int, int],
    room_px: int,
    font: Font,
    centred: bool = False,
) -> int:
    """Write one line, smaller than asked for where it would not fit; its width in pixels.

    at: the middle of its left edge, or its own if `centred`. room_px: width that it may have.
    """
    if not words.strip() or room_px < 1:
        return 0
    # Letters are whole pixels wide, so a line does not shrink as its size does: again if need be.
    while (wide := font(size_px).size(words)[0]) > room_px and size_px > SMALLEST_PX:
        size_px = max(SMALLEST_PX, min(size_px - 1, size_px * room_px // wide))
    drawn = font(size_px).render(words, True, colour)
    part = pygame.Rect(0, 0, min(drawn.get_width(), room_px), drawn.get_height())
    place = part.copy()
    if centred:
        place.center = at
    else:
        place.midleft = at
    surface.blit(drawn, place, part)
    return part.width
