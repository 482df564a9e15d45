"""One recorded episode: what is known about it, and its file. FORMAT.md has the layout."""

from __future__ import annotations

import io
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import write_bytes
from engine.contracts import ActionSpace, actions_from_json

VERSION = 1
CHUNK = 8  # frames compressed together: a short window touches few bytes
STAMP_BYTES = 512  # HDF5's user block: a check of everything after it
MAGIC = "dreamcart episode"
MAX_SIDE_PX = 4096
MAX_ACTIONS = 4096


@dataclass(frozen=True)
class EpisodeInfo:
    """What is known of an episode apart from its steps.

    game:     name of the game.
    actions:  the action space that the actions are vectors of.
    rate_fps: natural steps per second.
    seed:     what the world was reset with.
    player:   who played: "human", "random", "scripted", ...
    mixture:  steps by way of playing, as the player counted them.
    emulator: whatever tells the exact game that was played: versions, hashes.
    """

    game: str
    actions: ActionSpace
    rate_fps: float
    seed: int
    player: str
    mixture: Mapping[str, int] = field(default_factory=dict)
    emulator: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `info_from_json` reads it."""
        return {
            "game": self.game,
            "actions": self.actions.to_json(),
            "rate_fps": self.rate_fps,
            "seed": self.seed,
            "player": self.player,
            "mixture": dict(self.mixture),
            "emulator": dict(self.emulator),
        }


def info_from_json(data: Any) -> EpisodeInfo:
    """Read what `to_json` wrote. Raises UserError on anything else."""
    try:
        return EpisodeInfo(
            game=_typed(data["game"], str),
            actions=actions_from_json(data["actions"]),
            rate_fps=float(_typed(data["rate_fps"], (int, float))),
            seed=_typed(data["seed"], int),
            player=_typed(data["player"], str),
            mixture={_typed(k, str): _typed(v, int) for k, v in data["mixture"].items()},
            emulator={_typed(k, str): _typed(v, str) for k, v in data["emulator"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"the metadata is damaged ({error})") from error


@dataclass(frozen=True)
class Steps:
    """The steps of an episode: row t leads from frame t to frame t + 1.

    actions: float32 (T, A). rewards: float32 (T,). ended, truncated, life_lost: bool (T,).
    """

    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    ended: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    life_lost: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rewards)


def write_episode(
    path: Path,
    info: EpisodeInfo,
    frame_shape: tuple[int, int, int],
    chunks: Sequence[bytes],
    steps: Steps,
) -> None:
    """Write an episode file, atomically.

    chunks: the frames 0 to T in order, `CHUNK` of them to a zlib stream; the last one is filled
            up with anything. They go into the file as they are: they are HDF5's own gzip.
    Raises UserError when the file cannot be written.
    """
    count = len(steps) + 1
    if not len(steps) or len(chunks) != -(-count // CHUNK):
        raise ValueError(f"{len(chunks)} chunks do not hold {count} frames")
    # Made in memory, where it fits easily: on a full disk HDF5's own writing ends in riddles.
    made = io.BytesIO()
    # HDF5's layout since 1.10 needs half the bytes that the default, older one does.
    with h5py.File(made, "w", libver=("v110", "v110"), userblock_size=STAMP_BYTES) as file:
        file.attrs["format"] = MAGIC
        file.attrs["version"] = VERSION
        for key, value in info.to_json().items():
            file.attrs[key] = json.dumps(value) if isinstance(value, dict) else value
        frames = file.create_dataset(
            "frames",
            shape=(count, *frame_shape),
            maxshape=(None, *frame_shape),  # or a chunk could not outgrow a short episode
            dtype=np.uint8,
            chunks=(CHUNK, *frame_shape),
            compression="gzip",
        )
        for i, chunk in enumerate(chunks):
            frames.id.write_direct_chunk((i * CHUNK, 0, 0, 0), chunk)
        file.create_dataset("actions", data=steps.actions, compression="gzip")
        file.create_dataset("rewards", data=steps.rewards, compression="gzip")
        for name in ("ended", "truncated", "life_lost"):
            flags = getattr(steps, name).astype(np.uint8)
            file.create_dataset(name, data=flags, compression="gzip")
    write_bytes(path, stamped(made.getvalue()))


class EpisodeFile:
    """An episode on disk: what is known of it, its steps, and any of its frames when asked for.

    info:        its metadata.
    steps:       all of its steps; they are small.
    frame_shape: (H, W, 3).

    Raises UserError, with the reason, for anything that is not a whole episode file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._file: Any = None  # opened by the first reading of frames
        _check_stamp(self.path)
        try:
            with h5py.File(self.path, "r") as file:
                self._read_all_but_frames(file)
        except (OSError, KeyError, RuntimeError, TypeError, ValueError, UserError) as error:
            reason = " ".join(str(error).split())  # HDF5 breaks lines
            raise UserError(f"{self.path} is not a whole episode: {reason}") from error

    def __len__(self) -> int:
        """T, the number of steps; there are T + 1 frames."""
        return len(self.steps)

    def read_frames(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames start to stop - 1, uint8 (stop - start, H, W, 3); 0 <= start < stop <= T + 1."""
        if not 0 <= start < stop <= len(self) + 1:
            raise IndexError(f"no frames {start} to {stop} in an episode of {len(self)} steps")
        try:
            if self._file is None:
                self._file = h5py.File(self.path, "r")
                self._frames = self._file["frames"]
            frames: NDArray[np.uint8] = self._frames[start:stop]
            return frames
        except (OSError, KeyError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"cannot read frames from {self.path}: {reason}") from error

    def close(self) -> None:
        """Close the file; reading frames opens it again. Closing twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_all_but_frames(self, file: Any) -> None:
        version = file.attrs["version"]
        if version != VERSION:
            raise UserError(f"its format version is {version}, this program reads {VERSION}")
        attributes = dict(file.attrs)
        for key in ("actions", "mixture", "emulator"):
            attributes[key] = json.loads(attributes[key])
        attributes["seed"] = int(attributes["seed"])
        attributes["rate_fps"] = float(attributes["rate_fps"])
        self.info = info_from_json(attributes)

        shape, kind = file["frames"].shape, file["frames"].dtype
        if kind != np.uint8 or len(shape) != 4 or shape[3] != 3 or shape[0] < 2:
            raise UserError(f"its frames are {kind} {shape}, not uint8 (T + 1, H, W, 3)")
        self.frame_shape: tuple[int, int, int] = (shape[1], shape[2], 3)
        check_sizes(self.frame_shape, self.info.actions.size)
        count = shape[0] - 1
        self.steps = Steps(
            actions=_array(file, "actions", np.float32, (count, self.info.actions.size)),
            rewards=_array(file, "rewards", np.float32, (count,)),
            ended=_array(file, "ended", np.uint8, (count,)).astype(bool),
            truncated=_array(file, "truncated", np.uint8, (count,)).astype(bool),
            life_lost=_array(file, "life_lost", np.uint8, (count,)).astype(bool),
        )


def check_sizes(frame_shape: tuple[int, int, int], actions: int) -> None:
    """UserError unless frames and actions have sizes that a game can have."""
    height, width, colours = frame_shape
    if colours != 3 or not (0 < height <= MAX_SIDE_PX and 0 < width <= MAX_SIDE_PX):
        raise UserError(f"frames cannot have the shape {frame_shape}")
    if not 0 < actions <= MAX_ACTIONS:
        raise UserError(f"actions cannot have {actions} entries")


def _array(file: Any, name: str, kind: type, shape: tuple[int, ...]) -> NDArray[Any]:
    data = file[name]
    if data.shape != shape or data.dtype != kind:
        raise UserError(f"its {name} are {data.dtype} {data.shape}, not {np.dtype(kind)} {shape}")
    array: NDArray[Any] = data[...]
    if not np.isfinite(array).all():
        raise UserError(f"its {name} are not all finite")
    return array


def stamped(file: bytes) -> bytes:
    """A file whose user block tells size and checksum of the rest."""
    check = zlib.crc32(memoryview(file)[STAMP_BYTES:])
    line = f"{MAGIC} {VERSION} bytes {len(file)} crc32 {check:08x}\n"
    return line.encode().ljust(STAMP_BYTES, b" ") + file[STAMP_BYTES:]


def _check_stamp(path: Path) -> None:
    """UserError unless the file is exactly what `stamped` made.

    Checked before HDF5 sees a byte, since its library does not promise to survive damaged files.
    """
    try:
        with open(path, "rb") as file:
            words = file.read(STAMP_BYTES).decode("latin-1").split()
            size = os.fstat(file.fileno()).st_size
            if words[:2] != MAGIC.split() or len(words) != 7:
                raise UserError(f"{path} is not an episode file")
            if words[2] != str(VERSION):
                raise UserError(
                    f"{path} has format version {words[2]}, this program reads {VERSION}"
                )
            if words[4] != str(size):
                raise UserError(f"{path} is damaged: it has {size} bytes, not {words[4]}")
            if words[6] != f"{_crc32(file):08x}":
                raise UserError(f"{path} is damaged: its content does not match its checksum")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _crc32(file: Any) -> int:
    check = 0
    while block := file.read(1 << 20):
        check = zlib.crc32(block, check)
    return check


def _typed(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind}")
    return value
