"""The strip under a film's picture that shows what was pressed, as key caps."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engine.contracts import ActionSpace, ActionVector, Frame

GROUND, CAP, INK = 18, 235, 20  # grey levels
FONT = cv2.FONT_HERSHEY_SIMPLEX


def pressed(space: ActionSpace, action: ActionVector | None) -> tuple[str, ...]:
    """Split an action into words such as "w" and "click"; none for the idle action."""
    if action is None or np.array_equal(action, space.idle()):
        return ()
    return tuple(space.describe(action).split("+"))


def keys_strip(width_px: int, words: Sequence[str]) -> Frame:
    """Draw a dark strip (height, width_px, 3) with a light key cap for each word, from the left."""
    height = max(16, width_px // 12)
    gap, scale = height // 6, height / 44
    strip = np.full((height, width_px, 3), GROUND, np.uint8)
    left = gap
    for word in words:
        (wide, tall), _ = cv2.getTextSize(word, FONT, scale, 1)
        right = left + wide + 2 * gap
        cv2.rectangle(strip, (left, gap), (right, height - gap), (CAP,) * 3, cv2.FILLED)
        place = left + gap, (height + tall) // 2
        cv2.putText(strip, word, place, FONT, scale, (INK,) * 3, 1, cv2.LINE_AA)
        left = right + gap
    return strip
