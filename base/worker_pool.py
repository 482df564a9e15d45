"""A pool of worker processes, in which a crash or a hang costs one item and no more."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from base.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_EVERY_S = 0.5
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class LostItem:
    """An item that gave no result; reason: what ended its process."""

    reason: str


def map_in_pool(
    work: Callable[[Item], Result], items: Iterable[Item], processes: int, limit_s: float
) -> Iterator[tuple[Item, Result | LostItem]]:
    """Do `work` on each item in one of some processes; results come as they are ready.

    work:    a function of a module; items and results must be such as can be pickled.
    limit_s: a process that takes longer for an item is ended, and the item is LostItem, as is one
             whose process dies, or whose work fails.
    A UserError of `work` ends all and is raised here. Whenever the iterator is closed, all
    processes have ended.
    """
    waiting = iter(items)
    busy: dict[Connection, _Worker[Item, Result]] = {}
    idle: list[_Worker[Item, Result]] = []
    try:
        while True:
            for item in _take(waiting, processes - len(busy)):
                worker = idle.pop() if idle else _Worker(work)
                worker.begin(item)
                busy[worker.pipe] = worker
            if not busy:
                return
            ready = wait(list(busy), LOOK_EVERY_S)
            late = time.monotonic() - limit_s
            for pipe, worker in list(busy.items()):
                if pipe in ready:
                    result = worker.hear()
                    if result is None:
                        continue
                    del busy[pipe]
                    if not isinstance(result, LostItem):
                        idle.append(worker)
                    yield worker.item, result
                elif worker.begun_at < late:
                    del busy[pipe]
                    worker.end()
                    yield worker.item, LostItem(f"it gave nothing in {limit_s:g} s")
    finally:
        for worker in (*busy.values(), *idle):
            worker.end()


class _Worker(Generic[Item, Result]):
    """One process. pipe: readable once there is a result, or the process has died."""

    item: Item
    begun_at = math.inf  # until it is there

    def __init__(self, work: Callable[[Item], Result]) -> None:
        context = multiprocessing.get_context("spawn")  # a fork may inherit a lock that is held
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))  # there are as many as cores already
        try:
            self._process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        theirs.close()

    def begin(self, item: Item) -> None:
        self.item = item
        if self.begun_at < math.inf:
            self.begun_at = time.monotonic()
        with suppress(OSError):  # it died just now: `hear` will say so
            self.pipe.send(item)

    def hear(self) -> Result | LostItem | None:
        """Return the result of the item; None if the process just came up. Raises UserError."""
        try:
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode or 0
            self.end()
            how = f"signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"code {code}"
            return LostItem(f"its process died with {how}")
        if kind == "here":
            self.begun_at = time.monotonic()
            return None
        if kind == "refused":
            raise UserError(value)
        if kind == "failed":
            self.end()
            return LostItem(value)
        done: Result = value
        return done

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, work: Callable[[Item], object]) -> None:
    """Answer items until the other end is closed, as it is when that process dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends this one
    answer: tuple[str, object] = "here", None
    while True:
        try:
            pipe.send(answer)
        except OSError:
            return
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = "done", work(item)
        except UserError as error:
            answer = "refused", str(error)
        except BaseException as error:
            answer = "failed", f"it failed with {type(error).__name__}: {error}"


def _take(waiting: Iterator[Item], count: int) -> Iterator[Item]:
    """Up to `count` of what is waiting."""
    for _ in range(count):
        try:
            yield next(waiting)
        except StopIteration:
            return
