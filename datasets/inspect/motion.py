"""Correlation of actions with motion in the picture, for each axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.samples import read_ranges, sample_ranges
from datasets.store import Store
from engine.contracts import ActionSpace, DiscreteActions, HeldActions

WINDOW, WINDOWS = 32, 64  # frames in a row, and how many times: some 2,000 steps
WIDEST_PX = 64  # frames are shrunk to this; a large one's flow would tell the same for longer
CHANGED = 12  # grey levels; the flow of what does not change is a guess
FEWEST_MOVES = 50  # steps that go either way along an axis, to speak of a correlation
LAGS = range(-3, 4)  # steps that the picture may be late, or early
LATER_BY = 0.05  # how much better another lag than 0 must fit to be believed

WELL, PARTLY = 0.5, 0.2  # sizes of the correlation
LATEST = 2  # steps that a game may take to answer

_AXES: tuple[tuple[str, str], ...] = (("left", "right"), ("up", "down"))
_WORDS: Mapping[str, str] = {"left": "a", "right": "d", "up": "w", "down": "s"}


@dataclass(frozen=True)
class Explained:
    """Correlation of one axis of the actions with the motion along it.

    axis:   such as "mouse right" or "left and right".
    steps:  compared. moves: those of them that go either way.
    by_lag: rank correlation (Spearman's) of what was done with the mean optical flow of what
            changed, the motion taken so many steps after the step; positive where the picture
            moves the way that was pressed.
    """

    axis: str
    steps: int
    moves: int
    by_lag: Mapping[int, float]

    @property
    def lag(self) -> int:
        """Steps by which the picture moves too late; 0 unless another lag fits clearly better."""
        best = max(self.by_lag, key=lambda lag: abs(self.by_lag[lag]))
        better = abs(self.by_lag[best]) - abs(self.by_lag[0])
        return best if better > LATER_BY else 0

    @property
    def correlation(self) -> float:
        """That at `lag`."""
        return self.by_lag[self.lag]

    @property
    def in_step(self) -> bool:
        """Tell whether the picture moves with its action: neither before it nor too long after."""
        return abs(self.correlation) < PARTLY or 0 <= self.lag <= LATEST

    def __str__(self) -> str:
        size = abs(self.correlation)
        reading = "well" if size >= WELL else "partly" if size >= PARTLY else "hardly"
        way = "with it" if self.correlation > 0 else "against it, as when a camera turns"
        told = f"{reading} explained by {self.axis} (correlation {self.correlation:+.2f})"
        if size < PARTLY:
            return told
        steps = "1 step" if abs(self.lag) == 1 else f"{abs(self.lag)} steps"
        when = f", {steps} {'later' if self.lag > 0 else 'BEFORE it'}" if self.lag else ""
        return f"{told}: the picture moves {way}{when}"


def explain_motion(store: Store, unreadable: dict[Path, str]) -> list[Explained]:
    """Compare some 2,000 steps of a store, for each axis along which its actions have a way to go.

    unreadable: as in `read_ranges`. Axes that are hardly used are left out.
    """
    done: list[NDArray[np.float64]] = []
    moved: list[NDArray[np.float64]] = []
    for place, frames in read_ranges(store, sample_ranges(store, WINDOW, WINDOWS), unreadable):
        if len(frames) > len(LAGS):
            actions = store.steps(place.episode).actions[place.start : place.stop - 1]
            done.append(directions(store.info.actions, actions))
            moved.append(mean_flow(frames))
    if not done:
        return []
    mouse = store.info.actions.mouse
    names = ("mouse right", "mouse down") if mouse else ("left and right", "up and down")
    found = (_compare(name, done, moved, axis) for axis, name in enumerate(names))
    return [axis for axis in found if axis is not None]


def directions(space: ActionSpace, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the motion to the right and down that action vectors (N, A) ask for, (N, 2).

    In mouse counts if there is a mouse; else 1, -1 or 0 by direction keys.
    """
    if isinstance(space, HeldActions) and space.mouse:
        right, down = mouse_columns(space)
        return np.stack([vectors[:, right] @ space.mouse_x, vectors[:, down] @ space.mouse_y], 1)
    pulls = np.zeros((space.size, 2))
    for entry in range(space.size):
        for axis, (less, more) in enumerate(_AXES):
            pulls[entry, axis] = _means(space, entry, more) - _means(space, entry, less)
    return vectors @ pulls


def mouse_columns(space: HeldActions) -> tuple[slice, slice]:
    """Return the columns of mouse motion to the right and down in action vectors."""
    down = space.size - len(space.mouse_y)
    return slice(down - len(space.mouse_x), down), slice(down, space.size)


def mean_flow(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the mean motion between frames (n, H, W, 3), in pixels right and down, (n - 1, 2).

    Dense optical flow (DIS, Kroeger et al. 2016), averaged over the pixels that change. This
    serves both a turning camera and an object that moves over a still background.
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    grey = [_small(frame) for frame in frames]
    moved = np.zeros((len(grey) - 1, 2))
    for i, (before, after) in enumerate(pairwise(grey)):
        changed = cv2.absdiff(before, after) > CHANGED
        if changed.any():
            found = flow.calc(before, after, None)  # type: ignore[call-overload]
            moved[i] = found[changed].mean(axis=0)
    return moved


def _means(space: ActionSpace, entry: int, way: str) -> bool:
    """Tell whether an entry of the vector stands for a direction, by its buttons or its name."""
    if isinstance(space, DiscreteActions):
        return way in space.buttons[entry]
    return space.names[entry] in (way, _WORDS[way])


def _small(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    # The flow is looked for in patches of 8 pixels: a smaller frame is enlarged.
    scale = WIDEST_PX / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _compare(
    name: str,
    done: list[NDArray[np.float64]],
    moved: list[NDArray[np.float64]],
    axis: int,
) -> Explained | None:
    """Correlate all windows at each lag; None if too few steps move along the axis."""
    ways = [window[:, axis] for window in done]
    motions = [window[:, axis] for window in moved]
    moves = sum(int(np.count_nonzero(way)) for way in ways)
    if moves < FEWEST_MOVES:
        return None
    by_lag = {}
    for lag in LAGS:
        before, after = max(0, lag), max(0, -lag)
        by_lag[lag] = _rank_correlation(
            np.concatenate([way[after : len(way) - before] for way in ways]),
            np.concatenate([motion[before : len(motion) - after] for motion in motions]),
        )
    return Explained(name, sum(map(len, ways)), moves, by_lag)


def _rank_correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation; 0 if either input is constant."""
    first, second = _ranks(a), _ranks(b)
    if len(a) < 2 or not (np.ptp(first) and np.ptp(second)):
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places in the order, from 1 on; equal values share the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[inverse]
    return ranks
