"""Pictures made small."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def fitted(picture: Picture, width_px: int, height_px: int, enlarge: bool = False) -> Picture:
    """A picture (H, W, 3) made small enough for a place, its shape kept; smoothly.

    enlarge: one that is smaller than the place is made as large as fits, in square pixels.
    """
    height, width = picture.shape[:2]
    scale = min(width_px / width, height_px / height)
    if scale == 1 or (scale > 1 and not enlarge):
        return picture
    size = (
        min(width_px, max(1, round(width * scale))),
        min(height_px, max(1, round(height * scale))),
    )
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size, interpolation=smooth), np.uint8)
