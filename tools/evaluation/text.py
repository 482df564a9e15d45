"""Text in a picture: the share of frames in which all digits are digits.

Regions are those of the 64 x 64 pictures that games are recorded in, as (rows, columns), one for
each digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.evaluation.patches import Frames, centred, nearest

Region = tuple[slice, slice]
FAR_LEVELS = 12.0  # root mean square, in grey levels: between a digit and another are 25 and more

# The score's three digits and the lives; the one digit that never changes is left out.
REGIONS: Mapping[str, Sequence[Region]] = {
    "breakout": tuple(
        (slice(1, 5), columns)
        for columns in (slice(14, 20), slice(20, 26), slice(26, 32), slice(40, 46))
    )
}


def readable(frames: Frames, recorded: Frames, regions: Sequence[Region]) -> NDArray[np.bool_]:
    """Return for each frame whether every region shows what a recorded frame shows there, (N,)."""
    off = []
    for rows, columns in regions:
        glyphs = np.unique(_flat(recorded[:, rows, columns]), axis=0)
        off.append(nearest(centred(_flat(frames[:, rows, columns])), centred(glyphs)))
    unlike: NDArray[np.float32] = np.max(off, axis=0)
    return unlike <= FAR_LEVELS


def _flat(part: Frames) -> NDArray[np.uint8]:
    return part.reshape(len(part), -1)
