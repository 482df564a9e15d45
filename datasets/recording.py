"""Recording gameplay into a folder of episodes so that a crash costs at most a second."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import numpy as np

from base.errors import UserError
from datasets.chunks import CHUNK
from datasets.episode import EpisodeFile, EpisodeInfo, differences
from datasets.folder import DAMAGED, episode_path, numbered, sole_writer
from datasets.journal import (
    ENDED,
    LIFE_LOST,
    TRUNCATED,
    Row,
    append,
    chunk_block,
    finish_journal,
    header_block,
)
from datasets.rescue import rescue_all
from engine.contracts import ActionVector, Frame, State, Step

SYNC_EVERY_S = 1.0
_KEPT = "what was recorded until then is kept"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
MAX_WAITING = 64  # chunks between the game and the disk
Like = tuple[EpisodeInfo, tuple[int, int, int]]


class Recording:
    """A folder that episodes are being recorded to. Use it in a `with` statement.

    Every `CHUNK` steps go to a journal, compressed by a thread of their own; an episode's end
    turns the journal into an episode file. Whatever ends the `with` block, the episode in
    progress is kept, as truncated. Journals left by a crash are rescued first.

    like: what is known of an episode, and the shape (H, W, 3) of its frames, that those recorded
          here must be like: of the first in the folder, unless others are given.

    kept: what to say has become of what was recorded, when the disk refuses more.

    Raises UserError for a folder that holds something else or another game, one that is being
    recorded to, and, from any method, when the disk refuses; all written before stays readable.
    """

    _number: int

    def __init__(
        self, folder: Path, game: str, like: Like | None = None, kept: str = _KEPT
    ) -> None:
        self.folder, self.like = Path(folder), like
        self._kept = kept
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._prepare(stack, game)
            self._stack = stack.pop_all()
        self._thread = ThreadPoolExecutor(1, "recording")
        self._waiting: deque[Future[None]] = deque()
        self._info: EpisodeInfo | None = None
        self._rows: list[Row] = []
        self._mixture: Mapping[str, int] = {}
        self._descriptor = -1
        self._synced_at = 0.0
        self._failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.finish()
        finally:
            self.close()

    @property
    def number(self) -> int:
        """The number of the episode in progress, or of the next one."""
        return self._number

    def skip_to(self, number: int) -> None:
        """Skip to a number, before the first episode begins."""
        assert self._info is None and number >= self._number
        self._number = number

    def begin(self, info: EpisodeInfo, frame: Frame, state: State | None = None) -> None:
        """Begin an episode with its first frame; one in progress is finished as truncated.

        state: the game's at that frame (S,), where `info` names S values of it.
        Raises UserError if it is unlike the first in the folder: no training would take both.
        """
        state = _checked(info, state)
        self.finish()
        self.like = self.like or (info, _shape(frame))
        for what, theirs, ours in differences(*self.like, info, _shape(frame)):
            raise UserError(
                f"{self.folder} holds recordings whose {what} is {theirs}, and of these it is "
                f"{ours}; choose another folder"
            )
        self._info = info
        self._mixture = info.mixture
        self._do(self._open, self._path("journal"), header_block(info, _shape(frame)))
        self._add(Row(frame, np.zeros(info.actions.size, np.float32), state=state))

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> None:
        """Add one step and the frame it led to; finishes the episode when the step ends it.

        mixture: the player's count so far.
        """
        flags = ENDED * step.ended | TRUNCATED * step.truncated | LIFE_LOST * step.life_lost
        assert self._info is not None, "no episode was begun"
        state = _checked(self._info, step.state)
        self._mixture = mixture
        self._add(Row(step.frame, action, step.reward, flags, state))
        if step.ended or step.truncated:
            self.finish()

    def finish(self) -> None:
        """Write the episode in progress, if there is one."""
        if self._info is None:
            return
        self._info = None
        if self._rows:
            self._hand_over()
        self._do(self._turn_into_episode, self._path("journal"), self._path("h5"))
        self._number += 1

    def close(self) -> None:
        """Wait until everything is on disk and unlock the folder. Closing twice is harmless."""
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._thread.shutdown(cancel_futures=True)
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            self._stack.close()

    def _prepare(self, stack: ExitStack, game: str) -> None:
        """Lock the folder, rescue what a crash left, and check that it holds this game."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Films of what was played may lie beside its episodes, also beside one that a crash
            # left without a step; and what begins with a dot is ours, or nobody's.
            others = [
                path
                for path in self.folder.iterdir()
                if path.suffix != ".mp4" and not path.name.startswith(".")
            ]
        except OSError as error:
            raise UserError(f"cannot write to {self.folder}: {error.strerror or error}") from error
        ours = self._taken()
        if others and not ours:
            raise UserError(
                f"{self.folder} is not empty and holds no recording; choose another folder"
            )
        if not stack.enter_context(sole_writer(self.folder)):
            raise UserError(f"{self.folder} is being recorded to by another program")
        rescue_all(self.folder)
        self.like = self.like or _first(numbered(self.folder, "h5").values())
        if self.like is not None and self.like[0].game != game:
            raise UserError(
                f"{self.folder} holds recordings of {self.like[0].game}, not {game}; "
                "choose another folder"
            )
        self._number = max(self._taken(), default=-1) + 1

    def _taken(self) -> set[int]:
        """The numbers of all episodes of the folder, whole or not."""
        return {n for suffix in ("h5", "journal", DAMAGED) for n in numbered(self.folder, suffix)}

    def _path(self, suffix: str) -> Path:
        return episode_path(self.folder, self._number).with_suffix(f".{suffix}")

    def _add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) == CHUNK:
            self._hand_over()

    def _hand_over(self) -> None:
        self._do(self._write, self._rows, dict(self._mixture))
        self._rows = []

    def _do(self, job: Callable[..., None], *arguments: object) -> None:
        """Queue a job for the thread. Raises the error of an earlier job."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MAX_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._unless_failed, job, *arguments))

    # What follows runs on the thread.

    def _unless_failed(self, job: Callable[..., None], *arguments: object) -> None:
        """Do a job. After one has failed the journal must stay as it is, for the next rescue."""
        if self._failed:
            return
        try:
            job(*arguments)
        except BaseException:
            self._failed = True
            raise

    def _open(self, journal: Path, header: bytes) -> None:
        try:
            self._descriptor = os.open(journal, _NEW_FILE, 0o666)
        except OSError as error:
            raise UserError(f"cannot write {journal}: {error.strerror or error}") from error
        self._append(header)

    def _write(self, rows: list[Row], mixture: Mapping[str, int]) -> None:
        self._append(chunk_block(rows, mixture))

    def _append(self, block: bytes) -> None:
        try:
            append(self._descriptor, block)
            if time.monotonic() - self._synced_at >= SYNC_EVERY_S:
                os.fsync(self._descriptor)
                self._synced_at = time.monotonic()
        except OSError as error:
            raise UserError(
                f"cannot record to {self.folder}: {error.strerror or error}; {self._kept}"
            ) from error

    def _turn_into_episode(self, journal: Path, episode: Path) -> None:
        os.close(self._descriptor)
        self._descriptor = -1
        try:
            finish_journal(journal, episode)
        except UserError as error:
            raise UserError(f"{error}; {self._kept}") from error


def _checked(info: EpisodeInfo, state: State | None) -> State | None:
    """A copy of the state that an episode keeps; None if it keeps none. ValueError if it lacks."""
    if not info.state_names:
        return None
    if state is None or state.shape != (len(info.state_names),):
        raise ValueError(f"a step without the state {', '.join(info.state_names)}")
    return state.astype(np.float32)


def _first(paths: Iterable[Path]) -> Like | None:
    """Return info and frame shape of the first readable episode."""
    for path in paths:
        with suppress(UserError):
            file = EpisodeFile(path)
            return file.info, file.frame_shape
    return None


def _shape(frame: Frame) -> tuple[int, int, int]:
    height, width, colours = frame.shape
    return height, width, colours
