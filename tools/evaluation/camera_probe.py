"""How a camera moves, told from its pictures alone: so recorded and dreamed ones are judged alike.

Shapes: N frames, H W pixels, P of them that are looked at. Frames are uint8 RGB (H, W, 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts import Frame

WIDTH_PX = 112  # frames are brought to this: the flow is looked for in patches of 8 pixels
EVERY_PX = 2  # of its pixels; those between tell the same
HANDS = (0.6, 0.3, 0.65)  # from this height down, between these sides, a shooter shows its weapon
ROUNDS = 6  # of fitting, each trusting less what did not fit before
SURE = 0.002  # of the width: pixels that fit better than this are believed alike
RIDGE = 1e-9  # lets a picture without any edge be one that does not move


@dataclass(frozen=True)
class Motion:
    """Motion of the picture from one frame to another.

    right:  in widths of the picture; a camera that turns left has it positive.
    growth: about its middle, as a share of its size: positive where the camera goes forward.
    """

    right: float
    growth: float


def travelled(frames: Iterable[Frame]) -> Motion:
    """The motions from each of some frames to the next, added up."""
    grey = [_grey(frame) for frame in frames]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    right = growth = 0.0
    for before, after in pairwise(grey):
        found = flow.calc(before, after, None)  # type: ignore[call-overload]
        across, _, grown = _fit(found, before)
        right, growth = right + float(across), growth + float(grown)
    return Motion(right, growth)


def _grey(frame: Frame) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height = round(WIDTH_PX * frame.shape[0] / frame.shape[1])
    how = cv2.INTER_AREA if frame.shape[1] > WIDTH_PX else cv2.INTER_CUBIC
    return cv2.resize(grey, (WIDTH_PX, height), interpolation=how).astype(np.uint8)


def _fit(flow: NDArray[np.float32], grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shift right, shift down and growth that explain a flow (H, W, 2) best.

    An edge tells of motion across itself alone, so each axis of the flow weighs as much as the
    picture changes along it. Few pixels that move otherwise count for little: the sum of the
    errors' sizes is made small, not that of their squares, by weighted least squares in rounds.
    """
    height, width = grey.shape
    y, x = np.mgrid[:height:EVERY_PX, :width:EVERY_PX]
    seen = (y < HANDS[0] * height) | (x < HANDS[1] * width) | (x >= HANDS[2] * width)
    edges = [
        (np.abs(cv2.Sobel(grey, cv2.CV_32F, *axis))[::EVERY_PX, ::EVERY_PX] * seen).ravel()
        for axis in ((1, 0), (0, 1))
    ]
    off_x, off_y = (x.ravel() - (width - 1) / 2) / width, (y.ravel() - (height - 1) / 2) / width
    one, none = np.ones_like(off_x), np.zeros_like(off_x)
    terms = np.concatenate([np.stack([one, none, off_x], 1), np.stack([none, one, off_y], 1)])
    moved = np.concatenate([flow[::EVERY_PX, ::EVERY_PX, axis].ravel() for axis in (0, 1)]) / width
    weights = np.concatenate(edges).astype(np.float64)
    trust = np.ones_like(weights)
    for _ in range(ROUNDS):
        weighted = terms * (weights * trust)[:, None]
        fitted: NDArray[np.float64] = np.linalg.solve(
            weighted.T @ terms + RIDGE * np.eye(3), weighted.T @ moved
        )
        trust = 1 / (np.abs(moved - terms @ fitted) + SURE)
    return fitted
