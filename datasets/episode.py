"""One recorded episode: what is known about it, and its file. FORMAT.md has the layout."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import write_bytes
from base.plain import LONGEST_NAME
from datasets.chunks import CHUNK, chunks_of, unpack
from datasets.hdf5_guard import check_global_heaps
from datasets.packed import PackedEpisode, PackedSteps, Steps
from datasets.stamp import (
    MAGIC,
    RAW_VERSION,
    READS,
    STAMP_BYTES,
    VERSION,
    check_stamp,
    stamp,
    stamped,
)
from engine.contracts import ActionSpace, actions_from_json

MAX_SIDE_PX = 4096
MAX_ACTIONS = 4096
MAX_RATE_FPS = 1000
MAX_STATES = 64
UNMARKED = {"kills_and_deaths": "unknown"}  # of an episode whose source tells of neither
MOST_TIMES = 1032  # as many bytes come of one, at the most, where deflate packed them
_DAMAGE = (
    OSError,
    LookupError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    UserError,
)  # what reading an HDF5 file that only looks like ours can raise


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
    state_names: names of the values that are known of the game's state at each frame; mostly none.
    """

    game: str
    actions: ActionSpace
    rate_fps: float
    seed: int
    player: str
    mixture: Mapping[str, int] = field(default_factory=dict)
    emulator: Mapping[str, str] = field(default_factory=dict)
    state_names: tuple[str, ...] = ()

    @property
    def marked(self) -> bool:
        """Whether kills and deaths are known; where not, no step has a reward or loses a life."""
        return not UNMARKED.items() <= self.emulator.items()

    def to_json(self) -> dict[str, Any]:
        """Plain data; `info_from_json` reads it."""
        data: dict[str, Any] = {
            "game": self.game,
            "actions": self.actions.to_json(),
            "rate_fps": self.rate_fps,
            "seed": self.seed,
            "player": self.player,
            "mixture": dict(self.mixture),
            "emulator": dict(self.emulator),
        }
        return {**data, "state_names": list(self.state_names)} if self.state_names else data


def info_from_json(data: Any) -> EpisodeInfo:
    """Read what `to_json` wrote. Raises UserError on anything else."""
    try:
        info = EpisodeInfo(
            game=_typed(data["game"], str),
            actions=actions_from_json(data["actions"]),
            rate_fps=_rate_fps(data["rate_fps"]),
            seed=_typed(data["seed"], int),
            player=_typed(data["player"], str),
            mixture={_typed(k, str): _typed(v, int) for k, v in data["mixture"].items()},
            emulator={_typed(k, str): _typed(v, str) for k, v in data["emulator"].items()},
            state_names=_state_names(data.get("state_names", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"the metadata is damaged ({error})") from error
    shown = "".join((info.game, info.player, *info.mixture, *info.state_names))
    if not shown.isprintable():
        raise UserError("the metadata is damaged (a name that cannot be printed)")
    named = (info.game, info.player, *info.mixture, *info.actions.names, *info.state_names)
    if max(map(len, named)) > LONGEST_NAME:
        raise UserError(f"the metadata is damaged (a name of more than {LONGEST_NAME} characters)")
    return info


def write_episode(
    path: Path,
    info: EpisodeInfo,
    frame_shape: tuple[int, int, int],
    chunks: Sequence[bytes],
    steps: Steps,
    states: NDArray[np.float32] | None = None,
) -> None:
    """Write an episode file, atomically.

    chunks: the frames 0 to T in order, `CHUNK` of them to a zlib stream; the last one is filled
            up with anything. They go into the file as they are: they are HDF5's own gzip.
    states: float32 (T + 1, S), where `info` names S values of the game's state.
    Raises UserError when the file cannot be written.
    """
    count = len(steps) + 1
    if not len(steps) or len(chunks) != -(-count // CHUNK):
        raise ValueError(f"{len(chunks)} chunks do not hold {count} frames")
    made = io.BytesIO()
    with _new_file(made) as file:
        _write_all_but_frames(file, VERSION, info, steps, states)
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
    write_bytes(path, stamped(made.getvalue()))


def write_raw_episode(
    path: Path,
    info: EpisodeInfo,
    frames: NDArray[np.uint8],
    steps: Steps,
    states: NDArray[np.float32] | None = None,
) -> None:
    """Write an episode file whose frames are not compressed, atomically.

    For large datasets that are read far more often than written: reading a window is one read of
    its very bytes. frames: uint8 (T + 1, H, W, 3). states: as in `write_episode`. Raises UserError
    when the file cannot be written.
    """
    if not len(steps) or len(frames) != len(steps) + 1:
        raise ValueError(f"{len(frames)} frames with {len(steps)} steps")
    made = io.BytesIO()
    with _new_file(made) as file:
        _write_all_but_frames(file, RAW_VERSION, info, steps, states)
        at = file.create_dataset("frames", data=frames).id.get_offset()
    data = made.getbuffer()
    data[:STAMP_BYTES] = stamp(data, (at, frames.nbytes))
    write_bytes(path, data)


def _new_file(made: io.BytesIO) -> h5py.File:
    """An HDF5 file in memory, where it fits easily: on a full disk its writing ends in riddles."""
    # HDF5's layout since 1.10 needs half the bytes that the default, older one does.
    return h5py.File(made, "w", libver=("v110", "v110"), userblock_size=STAMP_BYTES)


def _write_all_but_frames(
    file: Any,
    version: int,
    info: EpisodeInfo,
    steps: Steps,
    states: NDArray[np.float32] | None,
) -> None:
    if (states is not None or info.state_names) and (
        states is None or states.shape != (len(steps) + 1, len(info.state_names))
    ):
        raise ValueError(f"the states are not (T + 1, {len(info.state_names)})")
    file.attrs["format"] = MAGIC
    file.attrs["version"] = version
    for key, value in info.to_json().items():
        file.attrs[key] = json.dumps(value) if isinstance(value, (dict, list)) else value
    file.create_dataset("actions", data=steps.actions, compression="gzip")
    file.create_dataset("rewards", data=steps.rewards, compression="gzip")
    for name in ("ended", "truncated", "life_lost"):
        flags = getattr(steps, name).astype(np.uint8)
        file.create_dataset(name, data=flags, compression="gzip")
    if states is not None:
        file.create_dataset("states", data=states, compression="gzip")


def differences(
    one: EpisodeInfo, one_shape: Sequence[int], other: EpisodeInfo, other_shape: Sequence[int]
) -> Iterator[tuple[str, str, str]]:
    """What keeps two episodes from being trained on together: in words, and how it is in either.

    one_shape, other_shape: (H, W, 3) of their frames.
    """
    for what, first, second in (
        ("game", one.game, other.game),
        ("actions", ", ".join(one.actions.names), ", ".join(other.actions.names)),
        ("rate", f"{one.rate_fps:g}", f"{other.rate_fps:g}"),
        ("frame size", *(f"{shape[1]}×{shape[0]}" for shape in (one_shape, other_shape))),
    ):
        if first != second:
            yield what, first, second


class EpisodeFile(PackedEpisode):
    """An episode on disk: what is known of it, its steps, and any of its frames when asked for.

    info:        its metadata.
    packed:      all of its steps; they are small.
    states:      float32 (T + 1, S), the game's state at each frame; None where none was recorded.
    frame_shape: (H, W, 3).

    Raises UserError, with the reason, for anything that is not a whole episode file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._raw = check_stamp(self.path)  # where its frames lie, if they are not compressed
        check_global_heaps(self.path, self._raw)
        try:
            with h5py.File(self.path, "r") as file:
                self._read_all_but_frames(file)
        except _DAMAGE as error:
            reason = " ".join(str(error).split())  # HDF5 breaks lines
            raise UserError(f"{self.path} is not a whole episode: {reason}") from error

    def read_frames(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames start to stop - 1, uint8 (stop - start, H, W, 3); 0 <= start < stop <= T + 1.

        Read past the HDF5 library, which takes ten times as long for frames that are not
        compressed, and keeps a cache for every file: training for hours, memory grew around them.
        The file is opened each time, so nothing is shared with other threads and processes.
        """
        self.check_window(start, stop)
        try:
            with open(self.path, "rb", buffering=0) as file:
                if self._raw:
                    frames = np.empty((stop - start, *self.frame_shape), np.uint8)
                    frame_bytes = frames.nbytes // len(frames)
                    _fill(frames.reshape(-1), file, self._raw[0] + start * frame_bytes)
                    return frames
                chunks = (_bytes_at(file, *place) for place in self._places[chunks_of(start, stop)])
                return unpack(chunks, start, stop, self.frame_shape)
        except (OSError, UserError) as error:
            raise UserError(f"cannot read frames from {self.path}: {error}") from error

    def _read_all_but_frames(self, file: Any) -> None:
        version = file.attrs["version"]
        if version != (RAW_VERSION if self._raw else VERSION):
            raise UserError(f"its format version is {version}, {READS}")
        attributes = dict(file.attrs)
        for key in ("actions", "mixture", "emulator", "state_names"):
            if key != "state_names" or key in attributes:
                attributes[key] = json.loads(attributes[key])
        attributes["seed"] = int(attributes["seed"])
        attributes["rate_fps"] = float(attributes["rate_fps"])
        self.info = info_from_json(attributes)

        frames = data_set(file, "frames")
        shape, kind = frames.shape, frames.dtype
        if kind != np.uint8 or len(shape) != 4 or shape[3] != 3 or shape[0] < 2:
            raise UserError(f"its frames are {kind} {shape}, not uint8 (T + 1, H, W, 3)")
        self.frame_shape: tuple[int, int, int] = (shape[1], shape[2], 3)
        check_sizes(self.frame_shape, self.info.actions.size)
        if self._raw and self._raw != (frames.id.get_offset(), math.prod(shape)):
            raise UserError("its frames are not where its stamp says")
        self._places = [] if self._raw else _places(frames, (CHUNK, *self.frame_shape))
        count = shape[0] - 1
        steps = Steps(
            actions=_array(file, "actions", np.float32, (count, self.info.actions.size)),
            rewards=_array(file, "rewards", np.float32, (count,)),
            ended=_array(file, "ended", np.uint8, (count,)).astype(bool),
            truncated=_array(file, "truncated", np.uint8, (count,)).astype(bool),
            life_lost=_array(file, "life_lost", np.uint8, (count,)).astype(bool),
        )
        self.packed = PackedSteps(steps)
        if self.info.state_names:
            shape = (count + 1, len(self.info.state_names))
            self.states = _array(file, "states", np.float32, shape)


def _places(frames: Any, chunk_shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where each chunk of a data set of frames lies in its file: first byte, and how many.

    UserError unless all are there, each a zlib stream.
    """
    if frames.chunks != chunk_shape:
        raise UserError(f"its frames are in chunks of {frames.chunks}")
    made = frames.id.get_create_plist()
    filters = [made.get_filter(i)[0] for i in range(made.get_nfilters())]
    if filters != [h5py.h5z.FILTER_DEFLATE]:
        raise UserError("its frames are not compressed with gzip alone")
    found: list[Any] = []
    frames.id.chunk_iter(found.append)
    places = {one.chunk_offset[0] // CHUNK: one for one in found}
    if sorted(places) != list(range(-(-len(frames) // CHUNK))):
        raise UserError("some of its frames are missing")
    if any(one.filter_mask for one in found):
        raise UserError("some of its frames are not compressed")
    # Before 1.14.4 the library counted from behind the user block.
    before = 0 if h5py.version.hdf5_version_tuple >= (1, 14, 4) else STAMP_BYTES
    end = frames.file.id.get_filesize()
    if any(before + one.byte_offset + one.size > end for one in found):
        raise UserError("some of its frames lie outside the file")
    return [(before + places[i].byte_offset, places[i].size) for i in range(len(places))]


def _bytes_at(file: Any, first: int, count: int) -> bytearray:
    data = bytearray(count)
    _fill(data, file, first)
    return data


def _fill(data: bytearray | NDArray[np.uint8], file: Any, first: int) -> None:
    """Read bytes from number `first` on into all of `data`."""
    file.seek(first)
    if file.readinto(data) != len(data):
        raise OSError("the file has become shorter")


def check_sizes(frame_shape: tuple[int, int, int], actions: int) -> None:
    """UserError unless frames and actions have sizes that a game can have."""
    height, width, colours = frame_shape
    if colours != 3 or not (0 < height <= MAX_SIDE_PX and 0 < width <= MAX_SIDE_PX):
        raise UserError(f"frames cannot have the shape {frame_shape}")
    if not 0 < actions <= MAX_ACTIONS:
        raise UserError(f"actions cannot have {actions} entries")


def data_set(file: Any, name: str) -> Any:
    """A data set. UserError for one whose data is in another file, or cannot be all there.

    So nobody's file shows what else is on this machine, or claims more than any memory holds.
    """
    here = isinstance(file.get(name, getlink=True), h5py.HardLink)  # KeyError if there is none
    data = file[name] if here else None
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise UserError(f"its {name} are not in the file")
    stored = min(data.id.get_storage_size(), file.id.get_filesize())
    claimed = data.dtype.itemsize * max(math.prod(data.shape), math.prod(data.chunks or ()))
    if claimed > MOST_TIMES * stored:
        raise UserError(f"its {name} claim to be {claimed} bytes, of which {stored} are stored")
    return data


def _array(file: Any, name: str, kind: type, shape: tuple[int, ...]) -> NDArray[Any]:
    data = data_set(file, name)
    if data.shape != shape or data.dtype != kind:
        raise UserError(f"its {name} are {data.dtype} {data.shape}, not {np.dtype(kind)} {shape}")
    array: NDArray[Any] = data[...]
    if not np.isfinite(array).all():
        raise UserError(f"its {name} are not all finite")
    return array


def _state_names(value: Any) -> tuple[str, ...]:
    names = tuple(_typed(name, str) for name in _typed(value, list))
    if len(names) > MAX_STATES or len({*names, ""}) != len(names) + 1:
        raise ValueError(f"{len(names)} names of the state")
    return names


def _rate_fps(value: Any) -> float:
    rate_fps = float(_typed(value, (int, float)))
    if not 0 < rate_fps <= MAX_RATE_FPS:
        raise ValueError(f"{rate_fps:g} steps a second")
    return rate_fps


def _typed(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind}")
    return value
