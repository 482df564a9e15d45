"""Episodes that were recorded elsewhere: checked as wholes, and written in our format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.episode import EpisodeInfo, Steps, check_sizes
from datasets.recording import Recording
from engine.contracts import DiscreteActions, HeldActions, Step

DIGITS = 9  # number keys, for actions of which only the number is known


@dataclass(frozen=True)
class ForeignEpisode:
    """A whole episode, as in an episode file.

    frames: uint8 (T + 1, H, W, 3). steps: of T rows.
    Raises UserError, with the reason, for what no episode can be.
    """

    info: EpisodeInfo
    frames: NDArray[np.uint8]
    steps: Steps

    def __post_init__(self) -> None:
        if self.frames.dtype != np.uint8 or self.frames.ndim != 4:
            raise UserError(f"its frames are {self.frames.dtype} {self.frames.shape}")
        count, height, width, colours = self.frames.shape
        check_sizes((height, width, colours), self.info.actions.size)
        if not len(self.steps) or count != len(self.steps) + 1:
            raise UserError(f"it has {count} frames with {len(self.steps)} steps")
        shape = (count - 1, self.info.actions.size)
        if self.steps.actions.shape != shape:
            raise UserError(f"its actions are {self.steps.actions.shape}, not {shape}")
        for name in ("rewards", "ended", "truncated", "life_lost"):
            if getattr(self.steps, name).shape != (count - 1,):
                raise UserError(f"its {name} are {getattr(self.steps, name).shape}")
        if not (np.isfinite(self.steps.actions).all() and np.isfinite(self.steps.rewards).all()):
            raise UserError("its actions or rewards are no finite numbers")
        if (self.steps.ended | self.steps.truncated)[:-1].any():
            raise UserError("it ends before its last step")


def keep(recording: Recording, episode: ForeignEpisode) -> None:
    """Write an episode; one that neither ended nor was truncated counts as truncated."""
    info, steps = episode.info, episode.steps
    mixture = info.mixture or {info.player: len(steps)}
    recording.begin(info, episode.frames[0])
    for i in range(len(steps)):
        step = Step(
            episode.frames[i + 1],
            float(steps.rewards[i]),
            bool(steps.ended[i]),
            bool(steps.truncated[i]),
            bool(steps.life_lost[i]),
        )
        recording.add(steps.actions[i], step, mixture)
    recording.finish()


def numbered_choices(count: int) -> DiscreteActions:
    """The action space of `count` choices that have no names: action 0, action 1, ...

    The number keys choose 1 to 9, so that a world made of it can be played.
    """
    names = tuple(f"action {i}" for i in range(count))
    bound = names[1 : DIGITS + 1]
    return DiscreteActions(
        names,
        tuple((name,) if name in bound else () for name in names),
        {name: (str(i),) for i, name in enumerate(bound, 1)},
    )


def numbered_buttons(game: str, count: int) -> HeldActions:
    """The action space of `count` buttons that have no names, the first nine on number keys."""
    return HeldActions(
        game, {f"button {i}": (str(i),) if i <= DIGITS else () for i in range(1, count + 1)}
    )
