"""Frames and what was pressed between them, from anywhere, as a recording of a profile's game."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from base.errors import UserError
from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.contracts import ActionVector, Frame, Step
from engine.profile import Profile

EPISODE_STEPS = 1000  # longer ones are cut: an episode in ten is held out, whole, to score dreams


class Footage:
    """Writes frames, made as small as the profile asks for, and the actions that led to them.

    player: who played. source: what tells where the frames are from, for the episodes' metadata.
    Raises UserError when the disk refuses.
    """

    def __init__(
        self, recording: Recording, profile: Profile, player: str, source: Mapping[str, str]
    ) -> None:
        self._recording, self._profile = recording, profile
        self._player, self._source = player, source
        self._taken = 0  # steps of the episode
        self.steps = self.episodes = 0

    def begin(self, frame: Frame) -> None:
        """Begin an episode with its first frame, of any size; one in progress is finished."""
        self._begin(shrink(frame, self._profile))

    def add(self, action: ActionVector, frame: Frame) -> None:
        """Add a step and the frame that it led to."""
        small = shrink(frame, self._profile)
        self._taken += 1
        self.steps += 1
        step = Step(small, truncated=self._taken == EPISODE_STEPS)
        self._recording.add(action, step, {self._player: self._taken})
        if step.truncated:
            self._begin(small)

    def pause(self) -> None:
        """Finish the episode; the next step needs another to begin first."""
        self._recording.finish()

    def _begin(self, small: Frame) -> None:
        profile = self._profile
        info = EpisodeInfo(
            profile.name, profile.actions, profile.rate_fps, 0, self._player, {}, self._source
        )
        self._recording.begin(info, small)
        self._taken = 0
        self.episodes += 1


def shrink(frame: Frame, profile: Profile) -> Frame:
    """A frame (H, W, 3) in the profile's size: each pixel the mean of those it stands for.

    UserError for a frame that is smaller than that.
    """
    height, width, _ = frame.shape
    if width < profile.width_px or height < profile.height_px:
        raise UserError(
            f"the picture has {width}×{height} pixels, and the profile's frames more: "
            f"{profile.width_px}×{profile.height_px}"
        )
    size = (profile.width_px, profile.height_px)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
