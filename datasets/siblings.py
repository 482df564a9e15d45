"""A game recorded in two sizes at once: as it is, and small, as low-resolution models see it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from datasets.episode import EpisodeInfo
from datasets.importers.csgo import FULL, LOW, LOW_SHAPE
from datasets.recording import Recording
from datasets.resize import shrink
from engine.contracts import ActionVector, Frame, State, Step


class Siblings:
    """Two recordings with the same episodes: `folder`/full, and `folder`/low of 30 × 56 pixels.

    Use it in a `with` statement. They are made as the import of the CS:GO dataset makes them.
    Raises UserError as `datasets.recording.Recording` does.
    """

    def __init__(self, folder: Path, game: str) -> None:
        with ExitStack() as stack:
            self._full = stack.enter_context(Recording(folder / FULL, game))
            self._low = stack.enter_context(Recording(folder / LOW, game))
            self._stack = stack.pop_all()
        # A crash may have come between the two.
        number = max(self._full.number, self._low.number)
        self._full.skip_to(number)
        self._low.skip_to(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def finish(self) -> None:
        """Write the episode in progress, if there is one."""
        self._full.finish()
        self._low.finish()

    def close(self) -> None:
        """Wait until all is on disk and let go of the folders. Closing twice is harmless."""
        try:
            self._full.close()
        finally:
            self._low.close()

    @property
    def number(self) -> int:
        """The number of the episode in progress, or of the next one."""
        return self._full.number

    def begin(self, info: EpisodeInfo, frame: Frame, state: State | None = None) -> None:
        """Begin an episode with its first frame; one in progress is finished as truncated."""
        self._full.begin(info, frame, state)
        self._low.begin(info, _small(frame), state)

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> None:
        """Add one step and the frame it led to; mixture: the player's count so far."""
        self._full.add(action, step, mixture)
        self._low.add(action, replace(step, frame=_small(step.frame)), mixture)


def _small(frame: Frame) -> Frame:
    small: Frame = shrink(frame[None], *LOW_SHAPE)[0]
    return small
