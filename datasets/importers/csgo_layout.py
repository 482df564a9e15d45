"""One file of the CS:GO gameplay dataset: writing it, and reading it with every fault told apart.

HDF5 with four data sets for each of 1,000 frames in a row, 16 a second, at the file's root:

| data set | type | shape | |
|---|---|---|---|
| `frame_i_x` | uint8 | (150, 280, 3) | the picture, BGR |
| `frame_i_xaux` | float64 | (54,) | three past steps, the newest first; not read here |
| `frame_i_y` | float64 | (51,) | 0/1, the action taken at it (`CsgoActions`) |
| `frame_i_helperarr` | float64 | (2,) | 0/1: a kill, a death since the frame before |

Files of others have any real or whole numbers, or booleans, for 0 and 1, and many have `x` and `y`
alone, which is all that DIAMOND reads.

A past step in `xaux` is 11 keys, 2 buttons, mouse x / 1000 and y / 200, health / 100, ammunition /
30 and 1 for the team CT; steps before the first are zero.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import replacing
from datasets.episode import data_set
from engine.contracts import Frame
from engine.csgo_actions import BUTTONS, MOUSE_X, MOUSE_Y

FRAMES = 1000  # in a whole file
MOST_FRAMES = 10 * FRAMES
FRAME_SHAPE = (150, 280, 3)
ACTIONS = 51
PAST_STEPS, PAST_WIDTH = 3, 18
RATE_FPS = 16.0
FILE_NAME = re.compile(r"hdf5_([a-z0-9_]+?)_([0-9]{1,6})\.hdf5")  # the set, and the file's number

_NEEDED = ("x", "y")  # of every frame
_X_AT = len(BUTTONS)
_Y_AT = _X_AT + len(MOUSE_X)
_NUMBERS = "fiub"  # numpy's kinds of types that may say 0 and 1
_SMALL_BYTES = 1 << 20  # a chunk of this size is no matter, however small what it holds
_HDF5_ERRORS = (
    OSError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    MemoryError,
)  # what its library raises on damaged files


class CsgoFileError(UserError):
    """Fault of a file of the dataset.

    kind: in a word or two, to count by: "truncated", "not HDF5", "damaged", "missing frames",
          "wrong shape", "wrong type", "wrong values", "swapped channels", and others of archives.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Gameplay:
    """N frames in a row as such a file holds them.

    frames:  uint8 (N, 150, 280, 3), RGB.
    actions: float32 (N, 51), 0/1, the action taken at each frame.
    kills, deaths: bool (N,), what happened between the frame before and this one.
    written: the type that the actions are written in, such as "float64".
    marked:  whether the file tells kills and deaths at every frame; where it does not, there are
             none in `kills` and `deaths`.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    kills: NDArray[np.bool_]
    deaths: NDArray[np.bool_]
    written: str = "float64"
    marked: bool = True


def write(
    path: Path,
    frames: Sequence[Frame] | NDArray[np.uint8],
    actions: NDArray[np.float32],
    kills: NDArray[np.bool_] | None = None,
    deaths: NDArray[np.bool_] | None = None,
    state: NDArray[np.float64] | None = None,
) -> None:
    """Write a file as the dataset's own are written, atomically.

    frames:  N RGB frames, uint8 (150, 280, 3); whole files have `FRAMES` of them.
    actions: (N, 51), 0/1: the action taken at each frame.
    kills, deaths: bool (N,), what happened between the frame before and this one; default none.
    state:   (N, 3), health / 100, ammunition / 30 and 1 or 0 for the team; default zero.
    Raises UserError when the file cannot be written, ValueError for anything of another shape.
    """
    count = len(frames)
    marks = np.zeros((count, 2))
    for column, events in enumerate((kills, deaths)):
        if events is not None:
            marks[:, column] = events
    y = np.asarray(actions, np.float64)
    state = np.zeros((count, 3)) if state is None else np.asarray(state, np.float64)
    if y.shape != (count, ACTIONS) or state.shape != (count, 3):
        raise ValueError(f"{count} frames with actions {y.shape} and state {state.shape}")
    past = _past(y, state)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for i, frame in enumerate(frames):
            if frame.shape != FRAME_SHAPE or frame.dtype != np.uint8:
                raise ValueError(f"frame {i} is {frame.dtype} {frame.shape}")
            file.create_dataset(f"frame_{i}_x", data=np.ascontiguousarray(frame[..., ::-1]))
            file.create_dataset(f"frame_{i}_xaux", data=past[i])
            file.create_dataset(f"frame_{i}_y", data=y[i])
            file.create_dataset(f"frame_{i}_helperarr", data=marks[i])


class CsgoFile:
    """A file of the dataset, open for reading. Use it in a `with` statement.

    source: its path, or all of its bytes.
    Raises CsgoFileError, with the reason, for what is no such file; frames are checked when read.
    """

    def __init__(self, source: Path | bytes) -> None:
        try:
            self._file = h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")
            names = {name for name in self._file if isinstance(name, str)}  # bytes if damaged
        except _HDF5_ERRORS as error:
            raise _unopened(error) from error
        numbers = {kind: _numbers(names, kind) for kind in _NEEDED}
        self._marked = _numbers(names, "helperarr")
        self._count = max((max(found) + 1 for found in numbers.values() if found), default=0)
        if not self._count:
            self._file.close()
            raise CsgoFileError("missing frames", "it is HDF5, but holds no frame_i_x")
        for kind, found in numbers.items():
            if len(found) < self._count:
                first = next(i for i in range(self._count) if i not in found)
                self._file.close()
                raise CsgoFileError(
                    "missing frames",
                    f"frame_{first}_{kind} is missing ({self._count - len(found)} of "
                    f"{self._count} frames lack theirs)",
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """N, the number of frames."""
        return self._count

    def frame(self, i: int) -> Frame:
        """Frame i, uint8 (150, 280, 3), RGB. Raises CsgoFileError."""
        frame = self._array(f"frame_{i}_x", FRAME_SHAPE)
        if frame.dtype != np.uint8:
            raise CsgoFileError("wrong type", f"frame_{i}_x is {frame.dtype}, not uint8")
        return frame[..., ::-1]

    def read(self, least: int = FRAMES) -> Gameplay:
        """All frames. Raises CsgoFileError, also if there are fewer than `least` of them."""
        if self._count < least:
            raise CsgoFileError("missing frames", f"it holds {self._count} frames, not {least}")
        if self._count > MOST_FRAMES:
            raise CsgoFileError("wrong shape", f"it holds {self._count} frames")
        frames = np.empty((self._count, *FRAME_SHAPE), np.uint8)
        actions = np.empty((self._count, ACTIONS))
        events = np.zeros((self._count, 2))
        types = set()
        for i in range(self._count):
            frames[i] = self.frame(i)
            actions[i] = y = self._zeros_and_ones(f"frame_{i}_y", ACTIONS)
            if i in self._marked:
                events[i] = self._zeros_and_ones(f"frame_{i}_helperarr", 2)
            types.add(str(y.dtype))
        if len(types) > 1:
            some, others = sorted(types)[:2]
            raise CsgoFileError("wrong type", f"some of its actions are {some}, others {others}")
        _check_values(actions, events)
        kills, deaths = events.astype(np.bool_).T
        marked = self._marked.issuperset(range(self._count))
        return Gameplay(frames, actions.astype(np.float32), kills, deaths, types.pop(), marked)

    def _zeros_and_ones(self, name: str, width: int) -> NDArray[Any]:
        """(width,) of a type that can say 0 and 1; that it does is checked of all together."""
        array = self._array(name, (width,))
        if array.dtype.kind not in _NUMBERS:
            raise CsgoFileError("wrong type", f"{name} is {array.dtype}, not numbers")
        return array

    def _array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        try:
            data = data_set(self._file, name)
            if data.shape != shape:
                raise CsgoFileError("wrong shape", f"{name} is {data.shape}, not {shape}")
            chunk = math.prod(data.chunks or ())
            if chunk > math.prod(shape) and chunk * data.dtype.itemsize > _SMALL_BYTES:
                raise CsgoFileError("damaged", f"{name} is stored in chunks of {data.chunks}")
            array: NDArray[Any] = data[()]
        except CsgoFileError:
            raise
        except UserError as error:
            raise CsgoFileError("wrong type", str(error)) from error
        except _HDF5_ERRORS as error:
            reason = " ".join(str(error).split())  # HDF5 breaks lines
            raise CsgoFileError("damaged", f"{name} cannot be read: {reason}") from error
        return array


def _check_values(actions: NDArray[np.float64], events: NDArray[np.float64]) -> None:
    """Raise CsgoFileError unless all are 0 or 1, with one mouse motion per axis in an action."""
    for name, values in (("y", actions), ("helperarr", events)):
        if len(wrong := np.flatnonzero(((values != 0) & (values != 1)).any(axis=1))):
            raise CsgoFileError("wrong values", f"frame_{wrong[0]}_{name} holds more than 0 and 1")
    for axis, motions in (("x", actions[:, _X_AT:_Y_AT]), ("y", actions[:, _Y_AT:])):
        if len(wrong := np.flatnonzero(motions.sum(axis=1) != 1)):
            found = motions[wrong[0]].sum()
            raise CsgoFileError(
                "wrong values", f"frame_{wrong[0]}_y has {found:g} motions in {axis}, not 1"
            )


def _past(y: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
    """`xaux` (N, 54) of all frames."""
    step = np.hstack(
        (
            y[:, :_X_AT],
            (y[:, _X_AT:_Y_AT] @ np.array(MOUSE_X) / MOUSE_X[-1])[:, None],
            (y[:, _Y_AT:] @ np.array(MOUSE_Y) / MOUSE_Y[-1])[:, None],
            state,
        )
    )
    past = np.zeros((len(y), PAST_STEPS, PAST_WIDTH))
    for back in range(1, PAST_STEPS + 1):
        past[back:, back - 1] = step[: max(len(y) - back, 0)]
    return past.reshape(len(y), -1)


def _numbers(names: set[str], kind: str) -> set[int]:
    """The numbers i of all `frame_i_kind`."""
    pattern = re.compile(rf"frame_(0|[1-9]\d{{0,5}})_{kind}")
    return {int(match[1]) for name in names if (match := pattern.fullmatch(name))}


def _unopened(error: Exception) -> CsgoFileError:
    reason = " ".join(str(error).split())
    if "truncated" in reason:
        found = re.search(r"eof = (\d+),.* stored_eof = (\d+)", reason)
        sizes = f"{found[1]} of its {found[2]} bytes are there" if found else reason
        return CsgoFileError("truncated", f"it is cut short: {sizes}")
    if "signature not found" in reason:
        return CsgoFileError("not HDF5", "it is no HDF5 file")
    return CsgoFileError("damaged", f"it cannot be opened: {reason}")
