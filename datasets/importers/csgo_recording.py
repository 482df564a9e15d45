"""Recording into files laid out as those of the CS:GO dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np

from base.errors import UserError
from datasets.episode import EpisodeInfo
from datasets.importers.csgo_layout import FILE_NAME, FRAMES, write
from engine.contracts import ActionVector, Frame, State, Step


class CsgoRecording:
    """A folder of hdf5_GAME_1.hdf5, hdf5_GAME_2.hdf5, ... Use it in a `with` statement.

    Each holds `FRAMES` frames in a row and the actions taken at them, and is written when the
    last of these was taken. What does not fill a file is left out: the dataset has no short ones.

    number: of the file in progress, or of the next one.

    Raises UserError when a file cannot be written.
    """

    def __init__(self, folder: Path, game: str) -> None:
        self._folder, self._game = folder, game
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        found = [match for name in names if (match := FILE_NAME.fullmatch(name))]
        if len(found) < len(names) or any(match[1] != game for match in found):
            raise UserError(f"{folder} holds other things than {game} in files of the CS:GO layout")
        self.number = 1 + max((int(match[2]) for match in found), default=0)
        self._frame: Frame | None = None
        self._frames: list[Frame] = []
        self._actions: list[ActionVector] = []

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write to {self._folder}: {error.strerror}") from error
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Drop a file in progress."""
        self._frames, self._actions = [], []

    def close(self) -> None:
        """Nothing is held open: files are written whole."""

    def begin(self, info: EpisodeInfo, frame: Frame, state: State | None = None) -> None:
        """Begin with a frame that does not follow from the last; a file in progress is dropped."""
        self._frame = frame
        self.finish()

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> None:
        """Add what was done at the frame before, and the frame it led to."""
        assert self._frame is not None, "a recording begins with a frame"
        self._frames.append(self._frame)
        self._actions.append(action)
        self._frame = step.frame
        if len(self._frames) == FRAMES:
            path = self._folder / f"hdf5_{self._game}_{self.number}.hdf5"
            write(path, self._frames, np.stack(self._actions))
            self._frames, self._actions = [], []
            self.number += 1
