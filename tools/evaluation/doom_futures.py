"""What Doom itself shows when it goes on from a recorded moment: what dreams are held to."""

from __future__ import annotations

from typing import Self

import numpy as np

from datasets.resize import shrink
from engine.contracts import ActionVector, Snapshot
from engine.games.doom import FRAME_SHAPE, DoomWorld
from tools.evaluation.dreams import Excerpt, Footage, Frames

GAME = "doom"


class DoomFutures:
    """Plays recorded episodes again, up to any moment, and on from there. Use it in a `with`.

    context: how many frames of an excerpt come before what is shown.
    """

    def __init__(self, footage: Footage, context: int) -> None:
        self._footage, self._store, self._context = footage, footage.store, context
        self._world = DoomWorld()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._world.close()

    def leads_to(self, start: Excerpt) -> bool:
        """Return True if the game as it is here plays the start's episode again."""
        return self._footage.repeatable(start, self._world)

    def hold(self, start: Excerpt, held: ActionVector, steps: int) -> Frames:
        """The N frames, as small as those recorded, that come of holding an action."""
        self._world.restore(self._moment(start.episode, start.first + self._context - 1))
        shown = np.stack([self._world.step(held).frame for _ in range(steps)])
        return shrink(shown, *self._store.frame_shape[:2])

    def _moment(self, episode: int, at: int) -> Snapshot:
        """The world's snapshot at a frame of an episode."""
        done = self._store.steps(episode).actions[:at] > 0.5
        return {
            "seed": np.array(self._store.episode_info(episode).seed, np.uint64),
            "actions": np.packbits(done, axis=1).reshape(-1),
            "steps": np.array(at),
            "frame": np.zeros(FRAME_SHAPE, np.uint8),  # shown until the next step
        }
