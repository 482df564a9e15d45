"""Film of a running game: encoded on its own thread, and playable at any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from base.errors import UserError
from engine.contracts import Frame
from engine.media.video import VideoWriter

MAX_WAITING = 64  # frames between the game and the encoder


class LiveFilm:
    """Writes an MP4 in fragments of a second, each of which plays once it is in the file.

    So a kill costs the last second at most. Frames wait for the encoder, not the game for it,
    unless it is left far behind.

    Raises UserError, from any method but `close`, when the file cannot be written; what is in it
    then stays a film, but for its torn last second.
    """

    def __init__(self, path: Path, rate_fps: float) -> None:
        self.path = path
        self._rate_fps = rate_fps
        self._thread = ThreadPoolExecutor(1, "film")
        self._waiting: deque[Future[None]] = deque()
        self._container: Any = None
        self._writer: VideoWriter | None = None

    def add(self, frame: Frame, pressed: Sequence[str] | None = None) -> None:
        """Append one frame, with a strip of what was `pressed` under it unless that is None."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) >= MAX_WAITING):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._encode, frame, pressed))

    def finish(self) -> None:
        """End the film without waiting for frames that are still being encoded."""
        self._waiting.append(self._thread.submit(self._end))
        self._thread.shutdown(wait=False)

    def close(self) -> str:
        """Wait until everything is written. Return the error as a line, or an empty string."""
        problem = ""
        while self._waiting:
            try:
                self._waiting.popleft().result()
            except UserError as error:
                problem = str(error)
        return problem

    # What follows runs on the thread.

    def _encode(self, frame: Frame, pressed: Sequence[str] | None) -> None:
        import av

        try:
            if self._writer is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._container = av.open(
                    str(self.path),
                    "w",
                    format="mp4",
                    options={
                        "movflags": "frag_keyframe+empty_moov+default_base_moof",
                        "flush_packets": "1",
                    },
                )
                self._writer = VideoWriter(self._container, self._rate_fps, live=True)
            self._writer.add(frame, pressed)
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from error

    def _end(self) -> None:
        import av

        if self._writer is None:
            return
        try:
            self._writer.finish()
            self._container.close()
        except (av.error.FFmpegError, OSError) as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from error
