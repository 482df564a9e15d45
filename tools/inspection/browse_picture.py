"""A moment of a recorded episode as a picture: the frame, what was pressed, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.inspect.motion import directions
from datasets.packed import Steps
from engine.contracts import ActionSpace, ActionVector, Frame, HeldActions
from engine.media.overlay import keys_strip, pressed
from engine.media.video import SIDE_PX, enlarge

ARROW, SHADOW = (255, 206, 92), (14, 14, 17)
ARROW_SHARE = 0.45  # of the frame's shorter side, for the largest motion there is
GROUND, PASSED, HERE = (40, 40, 46), (96, 96, 108), (255, 255, 255)
REWARD, LIFE, END = (255, 206, 92), (92, 170, 255), (255, 80, 80)


@dataclass(frozen=True)
class Moment:
    """A frame of an episode, the action that was taken at it, and what the step to it brought.

    frame: uint8 (H, W, 3). at: its number. steps: all of the episode.
    """

    frame: Frame
    at: int
    space: ActionSpace
    steps: Steps
    rate_fps: float

    @property
    def action(self) -> ActionVector | None:
        """Action that leads on from here; none from the last frame."""
        return self.steps.actions[self.at] if self.at < len(self.steps) else None

    @property
    def event(self) -> str:
        """Reward and events of the step that led here, in words; empty for none."""
        if not self.at:
            return ""
        step = self.at - 1
        told = [f"reward {self.steps.rewards[step]:+g}"] if self.steps.rewards[step] else []
        told += ["a life is lost"] if self.steps.life_lost[step] else []
        told += ["game over"] if self.steps.ended[step] else []
        told += ["cut off here"] if self.steps.truncated[step] else []
        return ", ".join(told)

    @property
    def cells(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Rows of (label, value) for the figures under the picture."""
        rewards = self.steps.rewards[: self.at]
        action = "-" if self.action is None else self.space.describe(self.action)
        return (
            (
                ("frame", f"{self.at} of {len(self.steps)}"),
                ("time", f"{_clock(self.at / self.rate_fps)}"),
                ("of", f"{_clock(len(self.steps) / self.rate_fps)}"),
            ),
            (
                ("action", action),
                ("reward", f"{rewards[-1]:+g}" if self.at and rewards[-1] else "0"),
                ("return", f"{rewards.sum():g}"),
            ),
        )


def draw(moment: Moment) -> Frame:
    """The frame, enlarged if it is small, with an arrow for the mouse; under it a cap for each key
    that is held, and the bar of `position_bar`."""
    frame = moment.frame
    picture = enlarge(frame, max(1, SIDE_PX // max(frame.shape[:2])))
    if moment.action is not None:
        _draw_mouse(picture, moment.space, moment.action)
    width = picture.shape[1]
    keys = keys_strip(width, pressed(moment.space, moment.action))
    return np.concatenate([picture, keys, position_bar(width, moment.at, moment.steps)])


def position_bar(width_px: int, at: int, steps: Steps) -> Frame:
    """A bar (height, width_px, 3) as long as the episode: what has passed of it is lighter.

    Rewards are marked in its upper third, lost lives in its lower, the end of a game all over.
    """
    height = max(9, width_px // 28)
    bar = np.full((height, width_px, 3), GROUND, np.uint8)
    bar[:, : _column(at, width_px, steps)] = PASSED
    third = height // 3
    _mark(bar[:third], np.flatnonzero(steps.rewards), REWARD, steps)
    _mark(bar[-third:], np.flatnonzero(steps.life_lost), LIFE, steps)
    _mark(bar, np.flatnonzero(steps.ended), END, steps)
    here = _column(at, width_px, steps)
    bar[:, max(0, here - 1) : here + 2] = HERE
    return bar


def _column(frame: int, width_px: int, steps: Steps) -> int:
    return round(frame / len(steps) * (width_px - 1))


def _mark(
    bar: NDArray[np.uint8], at: NDArray[np.intp], colour: Sequence[int], steps: Steps
) -> None:
    for step in at.tolist():
        column = _column(step + 1, bar.shape[1], steps)  # the frame that the step led to
        bar[:, max(0, column - 1) : column + 2] = colour


def _draw_mouse(picture: Frame, space: ActionSpace, action: ActionVector) -> None:
    """An arrow from the middle, that way the mouse went; half as long for a quarter of the way."""
    if not (isinstance(space, HeldActions) and space.mouse):
        return
    ((right, down),) = directions(space, action[None])
    if not (right or down):
        return
    height, width = picture.shape[:2]
    longest = ARROW_SHARE * min(height, width)
    ends = [
        round(side / 2 + np.sign(counts) * longest * np.sqrt(abs(counts) / listed[-1]))
        for side, counts, listed in ((width, right, space.mouse_x), (height, down, space.mouse_y))
    ]
    thick = max(2, min(height, width) // 128)
    for colour, thickness in ((SHADOW, thick + 2), (ARROW, thick)):
        middle = (width // 2, height // 2)
        cv2.arrowedLine(picture, middle, tuple(ends), colour, thickness, cv2.LINE_AA, tipLength=0.2)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"
