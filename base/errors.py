"""The project's own error: something the person at the keyboard can put right."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable

from base.terminal import printable, say

LONGEST_LINE = 4000  # of an error: a name in a file may be without an end, and be told of


class UserError(Exception):
    """A mistake in what was asked for or given: one line, what was wrong and what to do.

    Entry points print the line and exit with code 2; anything else that escapes is our bug. What
    it tells of may be anyone's, and it is shown in many places: it is `printable` from the start.
    """

    def __init__(self, line: str = "") -> None:
        if len(line) > LONGEST_LINE:
            line = f"{line[: LONGEST_LINE - 1000]} [...] {line[-1000:]}"
        super().__init__(printable(line))


def unknown(kind: str, name: str, known: Iterable[str], meant: str | None = None) -> UserError:
    """The error for a name that is not one of `known`, with the nearest one suggested.

    meant: the one that others call so, which goes before one that is merely spelled alike.
    """
    choices = sorted(known)
    if meant in choices:
        return UserError(f"unknown {kind} '{name}'; did you mean '{meant}'?")
    near = difflib.get_close_matches(name.lower(), [c.lower() for c in choices], n=1, cutoff=0.4)
    if near:
        hint = next(c for c in choices if c.lower() == near[0])
        return UserError(f"unknown {kind} '{name}'; did you mean '{hint}'?")
    return UserError(f"unknown {kind} '{name}'; known: {', '.join(choices) or 'none'}")


def run_main(main: Callable[[], int | None]) -> None:
    """Run an entry point: a UserError becomes one line on stderr and exit code 2, and so does what
    the system refuses: a name that is too long, a folder that is closed, a disk that is full.

    Where nobody reads on, as when the output is piped into head, it ends without a word.
    """
    try:
        code = main() or 0
        if sys.stdout is not None:  # it may have been closed before we began
            sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:
        _let_go_of_stdout()
        sys.exit(141)  # as a shell counts an end by SIGPIPE
    except UserError as error:
        say(f"error: {error}", error=True)
        sys.exit(2)
    except OSError as error:
        what = f"use {error.filename}"
        if error.filename is None:
            what = "write the output"
            _let_go_of_stdout()
        say(f"error: cannot {what}: {error.strerror or error}", error=True)
        sys.exit(2)
    except KeyboardInterrupt:
        say("stopped", error=True)
        sys.exit(130)


def _let_go_of_stdout() -> None:
    """Detach stdout, so that what is still to be written is not refused again at the very end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
