"""Summaries of cartridges: their cards and pictures, without their weights."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from base.cartridges import (
    CARD,
    LARGEST_CARD_BYTES,
    LARGEST_PICTURE_BYTES,
    PREVIEW,
    read_part,
)
from base.errors import UserError
from base.pictures import fitted
from base.plain import is_name
from engine.contracts import Frame

LARGEST_SIDE_PX = 4096
SHOWN_WIDTH_PX = 640  # of a picture, at most
PNG_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@dataclass(frozen=True)
class CartridgeSummary:
    """Summary of a cartridge.

    title: for people. rate_fps: its natural steps per second. bytes: of its files.
    """

    title: str
    rate_fps: float
    bytes: int


def read_summary(folder: Path) -> CartridgeSummary | None:
    """Return the summary of a cartridge; None if its card or a file that it lists is missing.

    What the files hold is checked when the cartridge is loaded, not here.
    """
    try:
        data: Any = json.loads(read_part(folder, CARD, LARGEST_CARD_BYTES))
        title, rate_fps, names = data["title"], float(data["rate_fps"]), list(data["files"])
        if not is_name(title):
            return None
        if not (math.isfinite(rate_fps) and rate_fps > 0):
            return None
        if any(Path(name).name != name for name in names):  # leads out of the folder
            return None
        return CartridgeSummary(
            title, rate_fps, sum((folder / name).stat().st_size for name in names)
        )
    except (OSError, UserError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def read_preview(folder: Path) -> Frame | None:
    """Return a cartridge's picture, not larger than a menu can use; None if it cannot be read."""
    try:
        data = read_part(folder, PREVIEW, LARGEST_PICTURE_BYTES)
    except UserError:
        return None
    # The sizes come first in the file, so a picture that would not fit in memory is never unpacked.
    if not data.startswith(PNG_START) or len(data) < 24:
        return None
    if not all(0 < side <= LARGEST_SIDE_PX for side in struct.unpack(">II", data[16:24])):
        return None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        return None
    small = fitted(np.asarray(picture, np.uint8), SHOWN_WIDTH_PX, LARGEST_SIDE_PX)
    return np.ascontiguousarray(small)
