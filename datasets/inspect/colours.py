"""Guess from colour statistics whether red and blue channels have been swapped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SMALL = (64, 48)  # (width, height) that frames are looked at in
COLOURFUL = 24  # difference of the largest and the smallest channel from which a pixel has a colour
FEWEST_SHARE = 0.05  # of the lower half that must have a colour
# Of 15-bit colours in a small frame: drawings have fewer, photographs and textured scenes more.
FEWEST_COLOURS = 100
MOSTLY = 0.7  # share of the coloured pixels that makes a half warm, or cold


@dataclass(frozen=True)
class ChannelOrder:
    """Guess of the channel order of a recording.

    order:     "RGB", "BGR" or "unknown".
    certainty: "likely" or "possibly"; empty where it is unknown. It is never more: a game may be
               drawn in any colours.
    reason:    why, in words.
    """

    order: str
    certainty: str
    reason: str

    def __str__(self) -> str:
        guess = f"{self.certainty} {self.order}" if self.certainty else "cannot be told"
        return f"{guess} ({self.reason})"


UNKNOWN = ChannelOrder("unknown", "", "no picture was looked at")


def channel_order(frames: Sequence[NDArray[np.uint8]]) -> ChannelOrder:
    """Guess the order of the channels of some frames (H, W, 3).

    Ground, walls, wood and skin are warm, redder than blue, almost everywhere; only the sky is
    commonly blue, and it is above.
    """
    small: NDArray[np.uint8] = np.stack(
        [cv2.resize(frame, SMALL, interpolation=cv2.INTER_AREA) for frame in frames]
    ).astype(np.uint8)
    colours = float(np.median([_colours(frame) for frame in small]))
    if colours < FEWEST_COLOURS:
        return ChannelOrder("unknown", "", "drawings in few colours may have any")
    half = SMALL[1] // 2
    above, _ = _warm(small[:, :half])
    below, share = _warm(small[:, half:])
    if share < FEWEST_SHARE:
        return ChannelOrder("unknown", "", "the pictures are almost grey")
    if below >= MOSTLY:
        if above <= 1 - MOSTLY:
            return ChannelOrder("RGB", "likely", "warm below and blue above, as ground and sky are")
        return ChannelOrder("RGB", "possibly", "warm colours below, as ground and hands are")
    if below <= 1 - MOSTLY:
        if above >= MOSTLY:
            return ChannelOrder("BGR", "likely", "blue below and warm above: a ground like a sky")
        return ChannelOrder("BGR", "possibly", "blue colours below, where they are rare")
    return ChannelOrder("unknown", "", "as many warm colours as cold ones below")


def _colours(frame: NDArray[np.uint8]) -> int:
    return len(np.unique((frame >> 3).reshape(-1, 3) @ np.array([1024, 32, 1])))


def _warm(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the share of coloured pixels with more red than blue, and of coloured among all.

    One half where no pixel has a colour.
    """
    wide = pixels.astype(np.int16)
    coloured = wide.max(axis=-1) - wide.min(axis=-1) >= COLOURFUL
    warm = wide[..., 0] > wide[..., 2]
    return float(warm[coloured].mean()) if coloured.any() else 0.5, float(coloured.mean())
