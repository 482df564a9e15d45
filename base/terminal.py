"""Text on its way to a terminal: nothing that came from a file or a network steers it."""

from __future__ import annotations

import sys
import unicodedata


def printable(text: str) -> str:
    r"""Text with what is no sign to be seen written out, such as \x1b for an escape.

    That is all that moves the cursor, colours, retitles or turns the direction of writing round,
    line breaks as well, and halves of pairs that no encoding has.
    """
    return "".join(sign if _is_seen(sign) else _written_out(sign) for sign in text)


def say(text: str = "", *, error: bool = False) -> None:
    """Print lines, at once and as `printable` writes them; error: to stderr."""
    lines = "\n".join(map(printable, text.split("\n")))
    print(lines, file=sys.stderr if error else sys.stdout, flush=True)


def _is_seen(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _written_out(sign: str) -> str:
    return sign.encode("unicode_escape").decode()
