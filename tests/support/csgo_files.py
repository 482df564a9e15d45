"""Files in the layout of the CS:GO dataset, and with every fault that its copies are known for."""

from __future__ import annotations

import functools
import io
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

from datasets.importers.csgo_layout import FRAME_SHAPE, Gameplay, write
from engine.csgo_actions import CsgoActions

COUNT = 8  # frames, where the dataset has 1000
WARM = np.array([150, 130, 110])  # RGB, as on a map of sand


def gameplay(seed: int = 0, count: int = COUNT) -> Gameplay:
    """Play of nobody: warm noise with a shape that moves, a kill at frame 2 and a death at 5."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(-40, 41, (count, *FRAME_SHAPE)) + WARM
    for i in range(count):
        frames[i, 40:80, 20 * i : 20 * i + 30] = (200, 60, 40)
    return Gameplay(
        frames.astype(np.uint8),
        np.stack([CsgoActions().random(rng) for _ in range(count)]),
        np.arange(count) == 2,
        np.arange(count) == 5,
    )


@functools.cache
def file_bytes(seed: int = 0) -> bytes:
    """A whole file."""
    played = gameplay(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.hdf5"
        write(path, played.frames, played.actions, played.kills, played.deaths)
        return path.read_bytes()


def _changed(change: Callable[[h5py.File], object]) -> bytes:
    made = io.BytesIO(file_bytes())
    with h5py.File(made, "r+") as file:
        change(file)
    return made.getvalue()


def _replace(file: h5py.File, name: str, data: np.ndarray) -> None:
    del file[name]
    file.create_dataset(name, data=data)


def _from_elsewhere(file: h5py.File) -> None:
    """What else is on the machine came as pixels into the recording."""
    del file["frame_2_x"]
    place = [(__file__, 0, int(np.prod(FRAME_SHAPE)))]
    file.create_dataset("frame_2_x", FRAME_SHAPE, np.uint8, external=place)


def _in_a_large_chunk(file: h5py.File) -> None:
    del file["frame_2_x"]
    file.create_dataset(
        "frame_2_x",
        data=np.zeros(FRAME_SHAPE, np.uint8),
        maxshape=(None, None, 3),
        chunks=(1500, 2800, 3),
        compression="gzip",
    )


def _all_as(file: h5py.File, kind: type, count: int = COUNT, times: int = 1) -> None:
    for i in range(count):
        _replace(file, f"frame_{i}_y", (times * file[f"frame_{i}_y"][()]).astype(kind))


def _swap(file: h5py.File) -> None:
    for i in range(COUNT):
        file[f"frame_{i}_x"][...] = file[f"frame_{i}_x"][()][..., ::-1]


def _shorten(file: h5py.File) -> None:
    for kind in ("x", "y", "xaux", "helperarr"):
        del file[f"frame_{COUNT - 1}_{kind}"]


def written_as(kind: type) -> bytes:
    """A whole file whose actions are of another type, as some writers have them. No fault."""
    return _changed(lambda file: _all_as(file, kind))


def float32() -> bytes:
    """A whole file with actions of the commonest other type. No fault."""
    return written_as(np.float32)


def without(kind: str, *frames: int) -> bytes:
    """A file that lacks `frame_i_kind` of some frames, or of all if none are named."""

    def change(file: h5py.File) -> None:
        for i in frames or range(COUNT):
            del file[f"frame_{i}_{kind}"]

    return _changed(change)


def faulty() -> Mapping[str, tuple[str, bytes]]:
    """Files with one fault each, by what it is: the kind that it is reported as, and the bytes."""
    whole = file_bytes()
    return {
        "cut in the middle": ("truncated", whole[: len(whole) // 2]),
        "cut by a byte": ("truncated", whole[:-1]),
        "empty": ("not HDF5", b""),
        "a web page": ("not HDF5", b"<html>404</html>" * 100),
        "no frames": ("missing frames", _changed(lambda file: file.clear())),
        "a frame is missing": ("missing frames", _changed(lambda f: f.__delitem__("frame_3_x"))),
        "an action is missing": ("missing frames", _changed(lambda f: f.__delitem__("frame_3_y"))),
        "it ends early": ("missing frames", _changed(_shorten)),
        "a small frame": (
            "wrong shape",
            _changed(lambda f: _replace(f, "frame_2_x", np.zeros((150, 28, 3), np.uint8))),
        ),
        "grey frames": (
            "wrong shape",
            _changed(lambda f: _replace(f, "frame_2_x", np.zeros((150, 280), np.uint8))),
        ),
        "float frames": (
            "wrong type",
            _changed(lambda f: _replace(f, "frame_2_x", np.zeros(FRAME_SHAPE))),
        ),
        "a frame from another file": ("wrong type", _changed(_from_elsewhere)),
        "a frame in an endless chunk": ("damaged", _changed(_in_a_large_chunk)),
        "complex actions": (
            "wrong type",
            _changed(lambda f: _replace(f, "frame_2_y", np.zeros(51, np.complex64))),
        ),
        "whole numbers beyond 0 and 1": (
            "wrong values",
            _changed(lambda f: _all_as(f, np.int64, times=2)),
        ),
        "both types of actions": ("wrong type", _changed(lambda f: _all_as(f, np.float32, 3))),
        "no motion": ("wrong values", _changed(lambda f: _replace(f, "frame_2_y", np.zeros(51)))),
        "not a number": (
            "wrong values",
            _changed(lambda f: _replace(f, "frame_2_y", np.full(51, np.nan))),
        ),
        "swapped channels": ("swapped channels", _changed(_swap)),
    }


def tar_bytes(files: Mapping[str, bytes]) -> bytes:
    """A tar that is not compressed, its files in a folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"set/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()
