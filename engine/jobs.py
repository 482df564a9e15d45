"""Background jobs, such as downloads: a thread runs them one at a time, others wait in a queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from base.errors import UserError

LAST_S = 2.0  # how long closing waits for a job to notice

# Told how much there is, and how much there will be; 0 and 0 while that is not known.
Watch = Callable[[int, int], None]


class StoppedError(UserError):
    """The user stopped the job."""


@dataclass(frozen=True)
class BackgroundJob:
    """Progress of a job.

    share:   done so far, from 0 to 1; None before that is known.
    left_s:  seconds left at the pace so far; None before that is known.
    waiting: it has not begun. stopping: it was asked to stop and has not ended yet.
    error:   reason of its failure, in a line; empty unless it has failed.
    """

    share: float | None = None
    left_s: float | None = None
    waiting: bool = False
    stopping: bool = False
    error: str = ""

    @property
    def active(self) -> bool:
        """True while the job runs or waits."""
        return not self.error


class BackgroundJobs:
    """A queue of jobs of one kind, known by name. Methods may be called from any thread.

    run:   runs a job by its name, and tells the `Watch` how far it is; a UserError says what
           went wrong. What the watch raises it passes on. Called on a thread of its own.
    clock: seconds from any origin.
    """

    def __init__(
        self, run: Callable[[str, Watch], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._run, self._clock = run, clock
        self._lock = threading.Lock()
        self._known: dict[str, BackgroundJob] = {}  # in the order they were asked for
        self._from = (0, 0.0)  # where the one under way was first seen: how far, and when
        self._ended = False
        self._bug: Exception | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """True while a job runs or waits."""
        with self._lock:
            return any(job.active for job in self._known.values())

    @property
    def under_way(self) -> BackgroundJob | None:
        """The job that is running, if any."""
        with self._lock:
            begun = (e for e in self._known.values() if e.active and not e.waiting)
            return next(begun, None)

    def any_ended(self) -> bool:
        """Tell whether a job has ended since the last call. Raises its error unless a UserError."""
        with self._lock:
            ended, self._ended = self._ended, False
            bug, self._bug = self._bug, None
        if bug is not None:
            raise bug
        return ended

    def of(self, name: str) -> BackgroundJob | None:
        """Return the job `name` if it runs, waits or has failed; else None."""
        with self._lock:
            return self._known.get(name)

    def start(self, name: str) -> None:
        """Queue the job `name`, unless it already runs or waits."""
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.active:
                return
            self._known.pop(name, None)
            self._known[name] = BackgroundJob(waiting=True)
            if self._thread is None:
                # A daemon: the program can end at any time, and what is done is kept.
                self._thread = threading.Thread(target=self._go, name="jobs", daemon=True)
                self._thread.start()

    def stop(self, name: str) -> None:
        """Stop a job. One that waits, or has failed, is removed at once."""
        with self._lock:
            known = self._known.get(name)
            if known is None:
                return
            if known.waiting or not known.active:
                del self._known[name]
            else:
                self._known[name] = BackgroundJob(known.share, stopping=True)

    def close(self, last_s: float = LAST_S) -> None:
        """Stop everything, and wait for that, but not longer than `last_s`."""
        with self._lock:
            names, thread = list(self._known), self._thread
        for name in names:
            self.stop(name)
        if thread is not None:
            thread.join(last_s)

    def _go(self) -> None:
        while (name := self._next()) is not None:
            error, bug = "", None
            try:
                self._run(name, partial(self._watched, name))
            except StoppedError:
                pass
            except UserError as caught:
                error = str(caught)
            except Exception as caught:
                bug = caught
            with self._lock:
                del self._known[name]
                if error:
                    self._known[name] = BackgroundJob(error=error)
                self._ended, self._bug = True, bug or self._bug

    def _next(self) -> str | None:
        with self._lock:
            name = next((n for n, job in self._known.items() if job.waiting), None)
            if name is None:
                self._thread = None
            else:
                self._known[name] = BackgroundJob()
            return name

    def _watched(self, name: str, done: int, whole: int) -> None:
        now = self._clock()
        with self._lock:
            if self._known[name].stopping:
                raise StoppedError("stopped; what is done is kept")
            if whole <= 0:
                self._known[name] = BackgroundJob()
                return
            if self._known[name].share is None:
                self._from = done, now
            begun, since = self._from
            left_s = (whole - done) * (now - since) / (done - begun) if done > begun else None
            self._known[name] = BackgroundJob(min(1.0, max(0.0, done / whole)), left_s)
