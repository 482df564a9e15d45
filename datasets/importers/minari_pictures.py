"""The pictures among the observations of a Minari dataset, however they lie there, as frames.

| shape of an observation | |
|---|---|
| (H, W), (H, W, 1), (1, H, W) | grey |
| (H, W, 3), (3, H, W) | in colour |
| (K, H, W), (H, W, K) | K grey frames in a row; pictures in colour if K is a multiple of 3 |
| four numbers, a 1 or 3 among them | K frames in a row; K is the least of the other three |

Of frames in a row the newest counts: the last, unless the frames themselves move up the other way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError, unknown
from datasets.episode import MAX_SIDE_PX, check_sizes

MOST_STACKED = 64  # greys in a row; more are no frames of the last seconds
_COLOURS = (1, 3)
_RANGES = ((0, 255), (0, 1), (-1, 1))  # what may stand for black and for white


@dataclass(frozen=True)
class Pictures:
    """Location and scale of the pictures in a dataset's observations.

    path:  the names and places, in spaces of spaces, that lead to them.
    black, white: the values that stand for these.
    stack: how many frames each observation holds.
    """

    path: tuple[str | int, ...]
    black: float
    white: float
    stack: int

    @property
    def name(self) -> str:
        """Name among the observations; empty if an observation is the picture itself."""
        return "/".join(map(str, self.path))


def find_pictures(space: Any, wanted: str = "") -> Pictures:
    """The pictures of an observation space, as Minari writes it down.

    wanted: the name of one of several. Raises UserError when there are none, or several and none
    is named; LookupError, TypeError or ValueError for what describes no space.
    """
    leaves = dict(_leaves(space, ()))
    found = {p.name: p for path, leaf in leaves.items() if (p := _pictures(leaf, path))}
    if wanted:
        names = {"/".join(map(str, path)): leaf for path, leaf in leaves.items() if path}
        if not names:
            raise UserError("its observations have no names; leave --observation out")
        if wanted not in names:
            raise unknown("observation", wanted, names)
        if wanted not in found:
            raise UserError(f"its observation {wanted} is no picture: {_short(names[wanted])}")
        return found[wanted]
    if not found:
        kinds = ", ".join(_short(leaf) for leaf in list(leaves.values())[:5])
        raise UserError(f"it holds no images: its observations are {kinds or 'none'}")
    if len(found) > 1:
        raise UserError(
            f"it has several pictures; say which with --observation NAME: {', '.join(found)}"
        )
    return next(iter(found.values()))


def to_frames(observations: Any, pictures: Pictures) -> NDArray[np.uint8]:
    """The frames (N, H, W, 3), RGB, of an episode's observations. Raises UserError."""
    for step in pictures.path:
        observations = observations[step]
    found = np.asarray(observations)
    if found.dtype.kind not in "uif" or not _layout(found.shape[1:]):
        raise UserError(f"its observations are {found.dtype} {found.shape}")
    frames = _levels(_newest(_stacks(found)), pictures)
    if frames.shape[3] == 1:
        frames = np.broadcast_to(frames, (*frames.shape[:3], 3))
    check_sizes((frames.shape[1], frames.shape[2], frames.shape[3]), 1)
    return np.ascontiguousarray(frames)


def _leaves(
    space: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Yield the leaves of nested spaces, each with the path to it."""
    if space["type"] == "Dict":
        parts: Any = space["subspaces"].items()
    elif space["type"] == "Tuple":
        parts = enumerate(space["subspaces"])
    else:
        yield path, space
        return
    for name, part in parts:
        yield from _leaves(part, (*path, name))


def _pictures(leaf: Any, path: tuple[str | int, ...]) -> Pictures | None:
    """Read location and scale of pictures from a space; None if it does not hold pictures."""
    if leaf["type"] != "Box":
        return None
    shape, kind = tuple(leaf["shape"]), np.dtype(leaf["dtype"])
    if not all(type(side) is int and 0 < side <= MAX_SIDE_PX for side in shape):
        return None
    layout = _layout(shape)
    if layout is None or kind.kind not in "uif":
        return None
    black, white = 0.0, 255.0
    if kind != np.uint8:  # whose bounds are no scale: grey levels may not reach them
        black, white = float(np.min(leaf["low"])), float(np.max(leaf["high"]))
        if (black, white) not in _RANGES or (kind.kind != "f" and white != 255):
            return None
    return Pictures(path, black, white, layout[0])


def _layout(shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]] | None:
    """Read pictures from a shape: their number, their colours, and the axes in the order
    height, width and what else there is: one after the other, colours last. None if they are none.
    """
    if len(shape) == 2:
        return 1, 1, (0, 1)
    if len(shape) == 3:
        first = shape[2] not in _COLOURS and (shape[0] in _COLOURS or shape[0] < shape[2])
        order = (1, 2, 0) if first else (0, 1, 2)
        depth = shape[order[2]]
        colours = 3 if depth % 3 == 0 else 1
        return (depth // colours, colours, order) if depth <= MOST_STACKED else None
    if len(shape) == 4:
        colour = next((axis for axis in (3, 1, 2, 0) if shape[axis] in _COLOURS), None)
        if colour is None:
            return None
        rest = [axis for axis in range(4) if axis != colour]
        stack = min(rest, key=lambda axis: shape[axis])
        height, width = (axis for axis in rest if axis != stack)
        if shape[stack] <= MOST_STACKED:
            return shape[stack], shape[colour], (height, width, stack, colour)
    return None


def _stacks(found: NDArray[Any]) -> NDArray[Any]:
    """Observations (N, ...) as (N, H, W, K, C): K pictures in a row, of C colours."""
    layout = _layout(found.shape[1:])
    assert layout is not None
    stack, colours, order = layout
    turned = found.transpose(0, *(axis + 1 for axis in order))
    return turned.reshape(*turned.shape[:3], stack, colours)


def _newest(stacks: NDArray[Any]) -> NDArray[Any]:
    """The newest picture of each stack: (N, H, W, C)."""
    stack = stacks.shape[3]
    if stack == 4 and stacks.shape[4] == 1 and (stacks[..., 3, 0] == 255).all():
        return stacks[..., :3, 0]  # RGBA, in which nothing shows through
    older, newer = stacks[:-1], stacks[1:]
    moves_up = np.array_equal(newer[..., :-1, :], older[..., 1:, :])
    moves_down = np.array_equal(newer[..., 1:, :], older[..., :-1, :])
    return stacks[..., 0 if moves_down and not moves_up else stack - 1, :]


def _levels(frames: NDArray[Any], pictures: Pictures) -> NDArray[np.uint8]:
    """Frames as levels from 0 to 255, rounded. UserError for what is beyond black and white."""
    if frames.dtype == np.uint8:
        return frames
    black, white = pictures.black, pictures.white
    if white == 255 and frames.dtype.kind == "f" and (frames <= 1).all():
        white = 1  # what divides by 255 often leaves the space as it was
    if not ((frames >= black) & (frames <= white)).all():  # not true of NaN either
        raise UserError(f"its observations go beyond {black:g} and {white:g}")
    levels = (frames.astype(np.float64) - black) * (255 / (white - black))
    return levels.round().astype(np.uint8)


def _short(space: Any) -> str:
    shape = tuple(space.get("shape", ()))
    return f"{str(space['type'])[:20]} {str(space.get('dtype', ''))[:20]} {str(shape)[:40]}".strip()
