"""Saved moments on disk: one npz file a world, plain arrays only, never trusted when read."""

from __future__ import annotations

import io
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import write_bytes
from engine.history import Moment

VERSION = 1
LARGEST_BYTES = 256 << 20  # a file that claims to unpack to more is not a moment
_SNAPSHOT = "snapshot."


def data_folder() -> Path:
    """Where this platform keeps a program's files for one user."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "dreamcart"


def save_path(folder: Path, world: str) -> Path:
    """The file in `folder` that holds a world's saved moment."""
    return folder / f"{file_stem(world)}.npz"


def file_stem(world: str) -> str:
    """A world's name as the start of a file name on any platform."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", world).strip("-") or "world"


def write_moment(path: Path, world: str, moment: Moment) -> None:
    """Replace `path` by `moment` of the world called `world`. UserError if the disk refuses."""
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
    write_bytes(path, buffer.getvalue())


def read_moment(path: Path, world: str, like: Moment) -> Moment:
    """The moment saved in `path`.

    like: any moment of the same world; what was saved must have its kinds of arrays.
    Raises UserError for a file that is absent, damaged, of another world or another layout.
    """
    if not path.is_file():
        raise UserError("nothing saved yet; F5 saves a moment")
    arrays = _read_arrays(path)
    try:
        version, saved_world = int(arrays["version"]), str(arrays["world"])
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
        raise _not_a_moment(path) from error
    if version != VERSION:
        raise UserError(f"{path.name} was saved by another version of the player")
    if saved_world != world:
        raise UserError(f"{path.name} is a moment of another world")
    if _layout(moment) != _layout(like):
        raise UserError(f"{path.name} does not fit this world; F5 saves over it")
    return moment


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_BYTES:
                raise _not_a_moment(path)
        with np.load(path, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name]) for name in archive.files}
    except UserError:
        raise
    except Exception as error:
        # zipfile, zlib and numpy raise a dozen unrelated kinds for damaged bytes; whatever the
        # kind, the file is not one of ours.
        raise _not_a_moment(path) from error


def _not_a_moment(path: Path) -> UserError:
    return UserError(f"{path.name} is damaged or not a saved moment; F5 saves over it")


def _layout(moment: Moment) -> tuple[object, ...]:
    """What the arrays of all moments of one world have in common (sizes may differ)."""
    snapshot = {name: (array.dtype, array.ndim) for name, array in moment.snapshot.items()}
    return moment.frame.ndim, moment.frame.shape[-1:], moment.frame.dtype, snapshot
