"""Calls in a process of its own, for reading files whose libraries may crash or hang on them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

import psutil

from base.errors import UserError

T = TypeVar("T")


class Apart:
    """A process that functions are called in, one at a time. Use it in a `with` statement.

    The process begins with the first call, and anew after one that crashed or took too long. It
    gets no more memory than is free: a file that claims to hold more ends in MemoryError there.

    limit_s: what a call may take.
    """

    def __init__(self, limit_s: float = 300.0) -> None:
        self._limit_s = limit_s
        self._process: Any = None
        self._pipe: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def call(self, what: str, function: Callable[..., T], *arguments: Any) -> T:
        """What a function returns, or raises, there. It and all it is given can be pickled.

        what: the file that is read, for messages. Raises UserError when the process crashes or
        does not answer in time.
        """
        if self._process is None:
            self._begin()
        try:
            self._pipe.send((function, arguments))
            if not self._pipe.poll(self._limit_s):
                self._end()
                raise UserError(f"{what} is damaged: reading it takes over {self._limit_s:g} s")
            done, result = self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self._end()
            raise UserError(f"{what} is damaged: reading it crashes its library") from error
        if not done:
            raise result
        value: T = result
        return value

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks of other threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe: Connection) -> None:
    """Do what is asked for until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    _limit_memory()
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments = pipe.recv()
            try:
                answer = True, function(*arguments)
            except Exception as error:
                answer = False, error
            pipe.send(answer)


def _limit_memory() -> None:
    """Make what does not fit in memory fail when it is asked for, not when all is used up."""
    with suppress(ImportError, OSError, ValueError):  # Windows; a limit that is lower already
        import resource

        free = psutil.virtual_memory().available
        resource.setrlimit(resource.RLIMIT_DATA, (free, free))
