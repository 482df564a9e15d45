"""Unreal patches: the share of a picture that is unlike anything recorded at that place.

An average over a frame hides a spoilt corner, and sharpness rewards dirt. So a frame is cut into
patches, and each is compared with what recorded frames show just there. It suits pictures that
stand still: where a camera moves, any flat grey is near to something.

Shapes: N frames, P patches of a frame, D values of a patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

USUAL_PX = 6.5  # a patch's side is the divisor of the frame's nearest to this
LEAST_PX = 4  # smaller ones show nothing
LEAST_LEVELS = 8.0  # root mean square, in grey levels; nearer than this looks the same
REAL_SHARE = 0.99  # of held-out recorded patches that count as real, however far they are
AT_ONCE = 256  # frames compared at once

Frames = NDArray[np.uint8]  # (N, H, W, 3)
Patches = NDArray[np.uint8]  # (P, N, D)


@dataclass(frozen=True)
class PatchBank:
    """All different patches that recorded frames show at each place.

    shown:  for each of the P places (M, D), M of them there. far: root mean square distance in
            grey levels from which on a patch is unreal.
    """

    shown: tuple[NDArray[np.float32], ...]
    far: float

    @classmethod
    def of(cls, recorded: Frames, held_out: Frames) -> PatchBank:
        """Build the bank of recorded frames; held-out ones tell how far real patches may be."""
        # Most places show few different things, so what is told twice is left out.
        bank = cls(
            tuple(centred(np.unique(place, axis=0)) for place in cut(recorded)), LEAST_LEVELS
        )
        real = float(np.quantile(bank.distances(held_out), REAL_SHARE))
        return cls(bank.shown, max(LEAST_LEVELS, real))

    def distances(self, frames: Frames) -> NDArray[np.float32]:
        """Return each patch's distance to the nearest recorded one, (N, P) in grey levels."""
        blocks = [frames[at : at + AT_ONCE] for at in range(0, len(frames), AT_ONCE)]
        return np.concatenate([self._nearest(cut(block)) for block in blocks])

    def unreal(self, frames: Frames) -> NDArray[np.float64]:
        """Return the share of each frame's patches that is unreal, (N,)."""
        share: NDArray[np.float64] = (self.distances(frames) > self.far).mean(axis=1)
        return share

    def _nearest(self, patches: Patches) -> NDArray[np.float32]:
        places = zip(map(centred, patches), self.shown, strict=True)
        return np.stack([nearest(place, shown) for place, shown in places], axis=1)


def cut(frames: Frames) -> Patches:
    """Cut frames into patches: those of one place lie together, row by row of the frame."""
    n, height, width, colours = frames.shape
    tall, wide = _side(height), _side(width)
    grid = frames.reshape(n, height // tall, tall, width // wide, wide, colours)
    return grid.transpose(1, 3, 0, 2, 4, 5).reshape(-1, n, tall * wide * colours)


def nearest(patches: NDArray[np.float32], shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the root mean square distance of each patch (N, D) to the nearest shown (M, D)."""
    # |a - b|² = |a|² - 2ab + |b|²; rounding may leave a little less than nothing.
    squared = np.square(shown).sum(axis=1) - 2 * patches @ shown.T
    least = squared.min(axis=1) + np.square(patches).sum(axis=1)
    return np.sqrt(np.maximum(least, 0) / patches.shape[1]).astype(np.float32)


def centred(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return grey levels around 0: sums of smaller squares lose less in float32."""
    return patches.astype(np.float32) - 128


def _side(length: int) -> int:
    """The side of a patch along an edge: 8 of 64, 6 of 30, 7 of 56."""
    divisors = [side for side in range(LEAST_PX, length) if length % side == 0]
    divisors.append(length)
    return min(divisors, key=lambda side: (abs(side - USUAL_PX), -side))
