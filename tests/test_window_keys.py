"""What keys are called on keyboards of all kinds."""

from __future__ import annotations

from collections.abc import Iterator

import pygame
import pytest

from engine.window_keys import Keys


@pytest.fixture(autouse=True)
def display() -> Iterator[None]:
    pygame.display.init()
    yield
    pygame.display.quit()


def event(kind: int, key: int, scancode: int) -> pygame.event.Event:
    return pygame.event.Event(kind, key=key, scancode=scancode)


@pytest.mark.parametrize(
    ("key", "scancode", "name"),
    [
        (pygame.K_w, pygame.KSCAN_W, "w"),
        (pygame.K_z, pygame.KSCAN_W, "z"),  # French: by what it writes
        (ord("ц"), pygame.KSCAN_W, "w"),  # Russian: by where it is
        (ord("ς"), pygame.KSCAN_W, "w"),  # Greek
        (ord("х"), pygame.KSCAN_LEFTBRACKET, "["),
        (ord("ü"), pygame.KSCAN_LEFTBRACKET, "ü"),  # German
        (ord("ß"), pygame.KSCAN_MINUS, "ß"),
        (ord("´"), pygame.KSCAN_EQUALS, "="),  # writes nothing by itself
        (pygame.K_RETURN, pygame.KSCAN_RETURN, "return"),
        (pygame.K_KP_ENTER, pygame.KSCAN_KP_ENTER, "enter"),
        (pygame.K_LSHIFT, pygame.KSCAN_LSHIFT, "left shift"),
        (0x40000065, 101, "application"),
        (0, 0, ""),
    ],
)
def test_a_key_is_called_by_what_it_writes_or_by_where_it_is(
    key: int, scancode: int, name: str
) -> None:
    """On a Russian keyboard no letter was heard, and no key could be set to one."""
    assert Keys().pressed(event(pygame.KEYDOWN, key, scancode)) == name


def test_a_key_is_let_go_as_it_was_pressed_though_the_layout_has_changed() -> None:
    """It was held for ever."""
    keys = Keys()
    assert keys.pressed(event(pygame.KEYDOWN, pygame.K_z, pygame.KSCAN_W)) == "z"
    assert keys.let_go(event(pygame.KEYUP, ord("ц"), pygame.KSCAN_W)) == "z"
    assert keys.let_go(event(pygame.KEYUP, ord("ц"), pygame.KSCAN_W)) == "w"
