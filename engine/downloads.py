"""Downloads beside everything else: one at a time on a thread, the others in a queue."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from base.errors import UserError

LAST_S = 2.0  # how long closing waits for a download to notice

Watch = Callable[[int, int], None]  # told the bytes there are, and the bytes there will be


class StoppedError(UserError):
    """The person stopped the download."""


@dataclass(frozen=True)
class Download:
    """How far a download has come.

    share:   from 0 to 1; None before anything is known.
    waiting: it has not begun. stopping: it will end as soon as it notices.
    error:   why it failed, in a line; then it is over.
    """

    share: float | None = None
    waiting: bool = False
    stopping: bool = False
    error: str = ""

    @property
    def active(self) -> bool:
        """It has not ended."""
        return not self.error


class Downloads:
    """Brings things by their names. Its methods may be called on any thread.

    bring: downloads what has a name, and tells the `Watch` how far it is; a UserError says what
           went wrong. What the watch raises it passes on. Called on a thread of its own.
    """

    def __init__(self, bring: Callable[[str, Watch], None]) -> None:
        self._bring = bring
        self._lock = threading.Lock()
        self._known: dict[str, Download] = {}  # in the order they were asked for
        self._ended = False
        self._bug: Exception | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether any is under way or waits."""
        with self._lock:
            return any(download.active for download in self._known.values())

    def any_ended(self) -> bool:
        """Whether any has ended since this was asked last. Raises what was no UserError."""
        with self._lock:
            ended, self._ended = self._ended, False
            bug, self._bug = self._bug, None
        if bug is not None:
            raise bug
        return ended

    def of(self, name: str) -> Download | None:
        """The download of a name that is under way, waits or has failed."""
        with self._lock:
            return self._known.get(name)

    def start(self, name: str) -> None:
        """Bring what has a name, after what is being brought."""
        with self._lock:
            known = self._known.get(name)
            if known is not None and known.active:
                return
            self._known.pop(name, None)
            self._known[name] = Download(waiting=True)
            if self._thread is None:
                # A daemon: the program can end at any time, and what arrived is kept.
                self._thread = threading.Thread(target=self._run, name="downloads", daemon=True)
                self._thread.start()

    def stop(self, name: str) -> None:
        """Let go of a download; one that waits is forgotten, one that failed as well."""
        with self._lock:
            known = self._known.get(name)
            if known is None:
                return
            if known.waiting or not known.active:
                del self._known[name]
            else:
                self._known[name] = Download(known.share, stopping=True)

    def close(self) -> None:
        """Stop everything, and wait a little for that."""
        with self._lock:
            names, thread = list(self._known), self._thread
        for name in names:
            self.stop(name)
        if thread is not None:
            thread.join(LAST_S)

    def _run(self) -> None:
        while (name := self._next()) is not None:
            error, bug = "", None
            try:
                self._bring(name, partial(self._watched, name))
            except StoppedError:
                pass
            except UserError as caught:
                error = str(caught)
            except Exception as caught:
                bug = caught
            with self._lock:
                del self._known[name]
                if error:
                    self._known[name] = Download(error=error)
                self._ended, self._bug = True, bug or self._bug

    def _next(self) -> str | None:
        with self._lock:
            name = next((n for n, download in self._known.items() if download.waiting), None)
            if name is None:
                self._thread = None
            else:
                self._known[name] = Download()
            return name

    def _watched(self, name: str, done: int, whole: int) -> None:
        with self._lock:
            if self._known[name].stopping:
                raise StoppedError("stopped; what arrived is kept")
            self._known[name] = Download(min(1.0, max(0.0, done / max(1, whole))))
