"""Questions to the person at the terminal."""

from __future__ import annotations

import sys

from base.errors import UserError
from base.terminal import printable, say


def confirm(question: str, doing: str) -> bool:
    """Ask a question; True for yes. Anything else, and the end of input, is no.

    doing: what the yes is for, as a verb. UserError, naming --yes, without a terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise UserError(f"there is no terminal to ask on; add --yes to {doing} without asking")
    try:
        return input(printable(f"{question} [y/N] ")).strip().lower() in ("y", "yes")
    except EOFError:
        say()  # the line of the question
        return False
