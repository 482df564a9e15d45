"""Motion between two frames of a game: pictures for displays that are faster than the game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2

from engine.contracts import Frame


@dataclass(frozen=True)
class Interpolation:
    """Motion from one frame to the next, in pictures spread over one period of the game.

    The first picture is due when the newer frame is there, and the last is that frame itself: it
    comes into view at once, and is whole almost a period later.

    before, after: uint8 (H, W, 3), of one shape; neither is changed.
    started:  when the newer frame was there, in seconds.
    pictures: in a period; 1 shows the newer frame at once.
    """

    before: Frame
    after: Frame
    started: float
    period_s: float
    pictures: int

    def number(self, now: float) -> int:
        """Return the number of the picture that is due, from 0 to `pictures` - 1."""
        passed = (now - self.started) / self.period_s * self.pictures
        return min(self.pictures - 1, int(passed + 1e-6))  # woken on time is not too early

    def due(self, number: int) -> float:
        """Return the time at which a picture is due, in seconds."""
        return self.started + number * self.period_s / self.pictures

    def picture(self, number: int) -> Frame:
        """Mix both frames, the more of the newer one the later; the last is `after` itself."""
        share = (number + 1) / self.pictures
        if share >= 1:
            return self.after
        return cast(Frame, cv2.addWeighted(self.before, 1 - share, self.after, share, 0))
