"""Saved moments on disk: an npz file each, of plain arrays, checked when read."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import open_regular, write_bytes
from base.sizes import MB
from engine.contracts import Frame
from engine.player.history import Moment

VERSION = 1
LARGEST_BYTES = 256 * MB  # a file that claims to unpack to more is not a moment
NOT_A_MOMENT = "is damaged or not a saved moment"
_SNAPSHOT = "snapshot."


def save_path(folder: Path, world: str, slot: int = 1) -> Path:
    """Return the file in `folder` of a world's slot, counted from 1; the first has no number."""
    return folder / f"{file_stem(world)}{f'.{slot}' if slot > 1 else ''}.npz"


def file_stem(world: str) -> str:
    """Return a world's name as the start of a file name on any platform."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", world).strip("-") or "world"


def stamp() -> str:
    """Return the time as part of a file name; later ones sort behind."""
    return datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]


def write_moment(path: Path, world: str, moment: Moment) -> None:
    """Replace `path` by `moment` of the world called `world`. UserError if the disk refuses."""
    write_bytes(path, moment_bytes(world, moment))


def moment_bytes(world: str, moment: Moment) -> bytes:
    """Return the content of the file of a moment."""
    arrays: dict[str, NDArray[Any]] = {
        "version": np.array(VERSION),
        "world": np.array(world),
        "frame": moment.frame,
        "reward": np.array(moment.reward, np.float64),
        "total": np.array(moment.total, np.float64),
        "steps": np.array(moment.steps, np.int64),
        "over": np.array(moment.over),
    }
    arrays |= {_SNAPSHOT + name: array for name, array in moment.snapshot.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_moment(path: Path, world: str, like: Moment) -> Moment:
    """Read the moment saved in `path`.

    like: any moment of the same world; the saved one must have arrays of the same kinds.
    Raises UserError for a file that is damaged, of another world or another layout.
    """
    try:
        return moment_from_file(path, world, like)
    except UserError as error:
        raise UserError(f"{path.name} {error}; saving replaces it") from error


def moment_from_file(file: Path | IO[bytes], world: str, like: Moment) -> Moment:
    """Read a moment from a file; the UserError is a predicate of the file, such as "is damaged"."""
    arrays = _read_arrays(file)
    try:
        moment = Moment(
            frame=arrays["frame"],
            snapshot={
                name.removeprefix(_SNAPSHOT): array
                for name, array in arrays.items()
                if name.startswith(_SNAPSHOT)
            },
            reward=float(arrays["reward"]),
            total=float(arrays["total"]),
            steps=int(arrays["steps"]),
            over=bool(arrays["over"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(NOT_A_MOMENT) from error
    _check_header(arrays, world)
    if _layout(moment) != _layout(like):
        raise UserError("does not fit this world")
    return moment


def read_picture(path: Path, world: str) -> Frame:
    """Read the frame of the moment saved in `path`, uint8 (H, W, 3), and not the rest.

    Raises UserError like `read_moment`, of what it reads.
    """
    try:
        arrays = _read_arrays(path, ("version", "world", "frame"))
        _check_header(arrays, world)
        frame = arrays.get("frame", np.empty(0))
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise UserError(NOT_A_MOMENT)
        return frame
    except UserError as error:
        raise UserError(f"{path.name} {error}; saving replaces it") from error


def _check_header(arrays: Mapping[str, NDArray[Any]], world: str) -> None:
    try:
        version, saved_world = int(arrays["version"]), str(arrays["world"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(NOT_A_MOMENT) from error
    if version != VERSION:
        raise UserError("was saved by another version of the player")
    if saved_world != world:
        raise UserError("is a moment of another world")


def _read_arrays(
    file: Path | IO[bytes], wanted: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Read the arrays of these names, or all; UserError unless it is an npz of plain arrays."""
    try:
        if isinstance(file, Path):
            with open_regular(file) as opened:
                return _read_arrays(opened, wanted)
        with zipfile.ZipFile(file) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_BYTES:
                raise UserError(NOT_A_MOMENT)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            names = archive.files if wanted is None else set(wanted).intersection(archive.files)
            return {name: np.asarray(archive[name]) for name in names}
    except UserError:
        raise
    except Exception as error:
        # zipfile, zlib and numpy raise a dozen unrelated kinds of errors for damaged bytes.
        raise UserError(NOT_A_MOMENT) from error


def _layout(moment: Moment) -> tuple[object, ...]:
    """Return the kinds of arrays that all moments of a world have (sizes may differ)."""
    snapshot = {name: (array.dtype, array.ndim) for name, array in moment.snapshot.items()}
    return moment.frame.ndim, moment.frame.shape[-1:], moment.frame.dtype, snapshot
