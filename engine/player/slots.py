"""Ten save slots of a world, each a file of its own, and the row of pictures to choose from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from base.errors import UserError
from base.pictures import fitted
from engine.contracts import Frame
from engine.player.history import Moment
from engine.player.saves import read_moment, read_picture, save_path, write_moment
from engine.ui.screen import Thumbnail

COUNT = 10
SIDE_PX = 128  # of a slot's picture, at most
EMPTY_LEVEL, CROSS_LEVEL = 40, 150


class Slots:
    """The saved moments of a world, in slots 1 to `COUNT`.

    They stay in memory too, so a disk that refuses loses nothing until the end of the session.
    Playing on from a slot leaves it as it is.
    """

    def __init__(self, folder: Path, world: str) -> None:
        self._folder, self._world = folder, world
        self._kept: dict[int, Moment] = {}
        # Pictures read, with the size and time of the file that each was read from.
        self._read: dict[int, tuple[tuple[int, int], Frame | UserError]] = {}

    def save(self, slot: int, moment: Moment) -> str:
        """Keep `moment`, in memory and on disk; return a line that says so."""
        self._kept[slot] = moment
        try:
            write_moment(self._path(slot), self._world, moment)
        except UserError as error:
            return f"saved in slot {slot} until you leave; {error}"
        return f"saved in slot {slot}"

    def moment(self, slot: int, like: Moment) -> Moment:
        """Return the moment in a slot; `like` is any of the world. UserError if it is empty."""
        if slot in self._kept:
            return self._kept[slot]
        if not self._path(slot).is_file():
            raise UserError(f"slot {slot} is empty")
        return read_moment(self._path(slot), self._world, like)

    def row(self, chosen: int, like: Moment) -> tuple[str, bool, tuple[Thumbnail, ...]]:
        """Return a line about the chosen slot, if it holds a moment, and the pictures of all slots,
        in the shape of `like`'s."""
        height, width = fitted(like.frame, SIDE_PX, SIDE_PX, enlarge=True).shape[:2]
        line, holds, row = "", False, []
        for slot in range(1, COUNT + 1):
            picture, label = self._picture(slot), f"{slot}"
            about = f"slot {slot} is empty" if picture is None else f"slot {slot}"
            if isinstance(picture, UserError):
                label, about = f"{slot} damaged", f"slot {slot}: {picture}"
            if slot == chosen:
                line, holds = about, isinstance(picture, np.ndarray)
            row.append(Thumbnail(_shown(picture, width, height), label, marked=slot == chosen))
        return line, holds, tuple(row)

    def _picture(self, slot: int) -> Frame | UserError | None:
        """Return the picture of a slot, the reason why there is none, or None if it is empty."""
        if slot in self._kept:
            return self._kept[slot].frame
        path = self._path(slot)
        try:
            about = path.stat()
        except OSError:
            return None
        stamp = about.st_size, about.st_mtime_ns
        if slot not in self._read or self._read[slot][0] != stamp:
            try:
                self._read[slot] = stamp, read_picture(path, self._world)
            except UserError as error:
                self._read[slot] = stamp, error
        return self._read[slot][1]

    def _path(self, slot: int) -> Path:
        return save_path(self._folder, self._world, slot)


def _shown(picture: Frame | UserError | None, width: int, height: int) -> Frame:
    """Return a picture in the middle of (height, width) pixels; a cross if it cannot be shown."""
    ground = np.full((height, width, 3), EMPTY_LEVEL, np.uint8)
    if isinstance(picture, UserError):
        grey = (CROSS_LEVEL,) * 3
        cv2.line(ground, (0, 0), (width - 1, height - 1), grey, 2)
        cv2.line(ground, (0, height - 1), (width - 1, 0), grey, 2)
    elif picture is not None:
        small = fitted(picture, width, height, enlarge=True)
        down, across = small.shape[:2]
        left, top = (width - across) // 2, (height - down) // 2
        ground[top : top + down, left : left + across] = small
    return ground
