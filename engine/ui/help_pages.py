"""The list of all keys, in pages, so that its words are as large as all others in any window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.input.key_names import NO_KEY, device_of, written
from engine.input.keymap import MEANINGS, Keymap
from engine.ui.page_layout import text_px

Pairs = tuple[tuple[str, str], ...]  # (keys, what they do)

COLUMN_WIDTH = 24  # at least, in sizes of text
LINE = 5 / 4  # height of a line, likewise
HANDS, PAD = frozenset({"keyboard", "mouse"}), frozenset({"pad"})


def help_rows(keymap: Keymap) -> Pairs:
    """Return the keys of the game's buttons, the switches and the commands; then those of pads.

    A switch or a command without a key is listed as such.
    """
    looking = (("Mouse", "look around, once clicked"),) if keymap.mouse else ()
    tilted = (("Right stick", "look around"),) if keymap.mouse else ()
    switches = {keymap.meanings[switch]: keys for switch, keys in keymap.switches.items()}
    commands = {meaning: keymap.keys_of(command) for command, meaning in MEANINGS.items()}
    return (
        *_rows({button: _names(HANDS, keys) for button, keys in keymap.buttons.items()}),
        *looking,
        *_rows(_names_or_none(switches)),
        *_rows(_names_or_none(commands)),
        *_rows({button: _names(PAD, keys) for button, keys in keymap.buttons.items()}),
        *tilted,
        *_rows({meaning: _names(PAD, keys) for meaning, keys in switches.items()}),
        *_rows({meaning: _names(PAD, keys) for meaning, keys in commands.items()}),
    )


def _names_or_none(bound: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return the names of keys of keyboard and mouse, or that there is no key at all."""
    return {
        meaning: _names(HANDS, keys) or ("" if keys else NO_KEY) for meaning, keys in bound.items()
    }


def _names(devices: frozenset[str], keys: Iterable[str]) -> str:
    return ", ".join(written(key) for key in keys if device_of(key) in devices)


def _rows(words: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((keys, what) for what, keys in words.items() if keys)


def help_room(size: tuple[int, int]) -> tuple[int, int]:
    """Return the columns and lines that a window of `size` (width, height) has room for."""
    text = text_px(min(size))
    width, height = size
    return max(1, width // (COLUMN_WIDTH * text)), max(2, int((height - text) / (text * LINE)))


def help_page(pairs: Pairs, number: int, size: tuple[int, int]) -> Pairs:
    """Return a page, counted from 1, with a row that leads on; empty if there is no such page.

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
