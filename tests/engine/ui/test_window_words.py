"""Words in a window fit where they are written."""

from __future__ import annotations

import pygame
import pytest

from engine.ui.pygame.words import SMALLEST_PX, Fonts, write


@pytest.fixture
def fonts() -> Fonts:
    pygame.font.init()
    return Fonts()


def test_a_line_is_made_so_small_that_no_letter_is_cut(fonts: Fonts) -> None:
    """What a world runs on lost its last letter in some widths of the window."""
    words = "PyTorch, CPU, bf16, channels_last, compiled: 12.7 ms a step"
    surface = pygame.Surface((900, 60))
    least = fonts(SMALLEST_PX).size(words)[0]
    for room in range(least, 900, 3):
        asked: list[int] = []

        def font(size_px: int) -> pygame.font.Font:
            asked.append(size_px)  # noqa: B023
            return fonts(size_px)

        wide = write(surface, words, 40, (255, 255, 255), (0, 30), room, font)
        assert wide == fonts(asked[-1]).size(words)[0] <= room


def test_in_too_little_room_it_is_cut(fonts: Fonts) -> None:
    surface = pygame.Surface((200, 60))
    assert write(surface, "far too long a line", 40, (255, 255, 255), (0, 30), 20, fonts) == 20
    assert not pygame.surfarray.array3d(surface)[20:].any()
