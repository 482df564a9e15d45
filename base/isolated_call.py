"""Isolated calls, in a process of their own, for files on which libraries may crash or hang."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Self, TypeVar

import psutil

from base.errors import UserError

T = TypeVar("T")


class IsolatedProcess:
    """A process that functions are called in, one at a time. Use it in a `with` statement.

    The process begins with the first call, and anew after one that crashed or took too long. It
    gets no more memory than is free: a file that claims to hold more ends in MemoryError there.

    limit_s: what a call may take. limit_bytes: less memory than all that is free.
    """

    def __init__(self, limit_s: float = 300.0, limit_bytes: int | None = None) -> None:
        self._limit_s, self._limit_bytes = limit_s, limit_bytes
        self._process: Any = None
        self._pipe: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def call(self, what: str, function: Callable[..., T], *arguments: Any) -> T:
        """Return, or raise, what a function does there. It and its arguments must be picklable.

        what: the file that is read, for messages. Raises UserError when the process crashes or
        does not answer in time.
        """
        self._ask(what, function, arguments, False)
        value: T = self._answer(what)[1]
        return value

    def each(self, what: str, function: Callable[..., Iterable[T]], *arguments: Any) -> Iterator[T]:
        """The items that a function yields there, one by one; each of them may take `limit_s`.

        As in `call` otherwise. The process is ended when not all of them are taken.
        """
        self._ask(what, function, arguments, True)
        last = False
        try:
            while True:
                last, item = self._answer(what)
                if last:
                    return
                yield item
        finally:
            if not last:
                self._end()

    def _ask(
        self, what: str, function: Callable[..., Any], arguments: tuple[Any, ...], each: bool
    ) -> None:
        if self._process is None:
            self._begin()
        with self._ending(what):
            self._pipe.send((function, arguments, each))

    def _answer(self, what: str) -> tuple[bool, Any]:
        """A result, or one of several, and whether it is the last. Raises what was raised there."""
        with self._ending(what):
            if not self._pipe.poll(self._limit_s):
                self._end()
                raise UserError(f"{what} is damaged: reading it takes over {self._limit_s:g} s")
            raised, last, result = self._pipe.recv()
        if raised:
            raise result
        return last, result

    @contextmanager
    def _ending(self, what: str) -> Iterator[None]:
        """UserError where the process has crashed, which ends it for us too."""
        try:
            yield
        except (EOFError, ConnectionError) as error:
            self._end()
            raise UserError(f"{what} is damaged: reading it crashes its library") from error

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share locks of other threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._limit_bytes), daemon=True
        )
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


def _serve(pipe: Connection, limit_bytes: int | None) -> None:
    """Do what is asked for until nobody is left to ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    _limit_memory(limit_bytes)
    with suppress(EOFError, ConnectionError):
        while True:
            function, arguments, each = pipe.recv()
            try:
                result = function(*arguments)
                if each:
                    for item in result:
                        pipe.send((False, False, item))
                    result = None
                answer = False, True, result
            except Exception as error:
                answer = True, True, error
            pipe.send(answer)


def _limit_memory(limit_bytes: int | None) -> None:
    """Make what does not fit in memory fail when it is asked for, not when all is used up."""
    with suppress(ImportError, OSError, ValueError):  # Windows; a limit that is lower already
        import resource

        free = psutil.virtual_memory().available
        limit = free if limit_bytes is None else min(free, limit_bytes)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
