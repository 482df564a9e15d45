"""What Breakout itself goes on to show where no picture tells how: the most a dream can know.

One of the console's counters decides about balls and is seen in no frame: how often the paddle has
been hit since the serve. At the fourth, eighth and twelfth hit the ball becomes quicker.
"""

from __future__ import annotations

import numpy as np

from engine.contracts import Snapshot
from engine.games.atari import AtariWorld
from tools.evaluation.dreams import Excerpt, Footage, Frames

HITS, HITS_BITS = 107, 0b111111  # where the hits are counted; the other bits are what was hit last
QUICKER = (0, 1, 4, 8, 12)  # numbers of hits from which on the ball has another speed


class BreakoutFutures:
    """Plays recorded episodes again up to any moment, and on from there with the counter redrawn.

    context: how many frames of an excerpt come before what is shown.
    """

    def __init__(self, footage: Footage, context: int) -> None:
        self._footage, self._context = footage, context
        self._world = AtariWorld("breakout")
        self._moments: dict[tuple[int, int], Snapshot] = {}  # by episode and frame

    def leads_to(self, start: Excerpt) -> bool:
        """Return True if the game as it is here plays the start's episode again."""
        return self._footage.repeatable(start, self._world)

    def follow(self, start: Excerpt, rng: np.random.Generator) -> Frames:
        """The N frames after an excerpt's context, under its actions; what its pictures tell of
        the ball's speed holds."""
        world = self._world
        world.restore(self._moment(start.episode, start.first + self._context - 1))
        counter = int(world.ram()[HITS])
        hits = counter & HITS_BITS
        alike = [n for n in range(QUICKER[-1]) if _speed(n) == _speed(hits)] or [hits]
        world.poke(HITS, counter & ~HITS_BITS | int(rng.choice(alike)))
        actions = start.window.actions[self._context - 1 : -1]
        return np.stack([world.step(action).frame for action in actions])

    def _moment(self, episode: int, at: int) -> Snapshot:
        """The world's snapshot at a frame of an episode, played up to it once."""
        if (episode, at) not in self._moments:
            self._world.reset(self._footage.store.episode_info(episode).seed)
            for action in self._footage.store.steps(episode).actions[:at]:
                self._world.step(action)
            self._moments[episode, at] = self._world.snapshot()
        return self._moments[episode, at]


def _speed(hits: int) -> int:
    return sum(hits >= least for least in QUICKER)
