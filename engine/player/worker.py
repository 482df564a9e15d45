"""The worker: a thread beside the loop, so that a slow world never blocks the window."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LAST_JOB_S = 5.0  # that closing waits for a job under way


@dataclass(frozen=True)
class Job:
    """Work for the worker, and what the loop does with its result.

    then:      takes the result; may return the job to do next.
    forgiving: a UserError becomes a line in the window instead of the end.
    """

    work: Callable[[], Any]
    then: Callable[[Any], Job | None]
    forgiving: bool = False


class Worker:
    """Thread that does one job at a time.

    Everything that touches a world runs here, from loading its libraries to closing it, so a
    world needs no locks and may keep state that belongs to a thread.

    on_done: called on the worker's thread after each job, to wake the loop.
    """

    def __init__(self, on_done: Callable[[], None] = lambda: None) -> None:
        self._on_done = on_done
        self._jobs: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._done = threading.Event()
        self._busy = False
        self._value: Any = None
        self._error: BaseException | None = None
        # A daemon: a job that never returns must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """A job was submitted and its result not taken yet."""
        return self._busy

    @property
    def done(self) -> bool:
        """The job is finished and its result can be taken."""
        return self._busy and self._done.is_set()

    def submit(self, work: Callable[[], Any]) -> None:
        """Start `work`. The result of the job before it must have been taken."""
        assert not self._busy, "the worker does one job at a time"
        self._busy = True
        self._done.clear()
        self._jobs.put(work)

    def take(self) -> Any:
        """Return the result of the finished job; raise what the job raised."""
        assert self.done, "the job is not finished"
        self._busy = False
        value, error = self._value, self._error
        self._value = self._error = None
        if error is not None:
            raise error
        return value

    def close(self, farewell: Callable[[], Any] = lambda: None) -> None:
        """Wait a while for the job under way, do `farewell` last, end the thread.

        Raises what either raised.
        """
        self._on_done = lambda: None
        self._jobs.put(farewell)
        self._jobs.put(None)
        self._thread.join(LAST_JOB_S)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        while (work := self._jobs.get()) is not None:
            try:
                self._value = work()
            except BaseException as error:
                self._error = error
            self._done.set()
            self._on_done()
