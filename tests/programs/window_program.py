"""Plays a toy in a real window; run by test_window.py under a display of its own.

python -m tests.programs.window_program toy|mouse FOLDER: prints "ready" once the game runs, and at
the end, as JSON, which actions were played and how often each. The mouse's toy comes with its
dream.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from engine.contracts import ActionSpace, ActionVector, Frame, Report, Step, World
from engine.games.pair import PairWorld
from engine.player.loop import play
from engine.player.observer import Observer
from engine.player.options import Outputs, PlayOptions
from engine.ui.pygame.window import open_window
from tests.support.toy_world import DreamtToy, MouseToy, ToyWorld

SHAPE = (64, 64)


class DreamtMouseToy(MouseToy, DreamtToy):
    """A dream of the toy that has the actions of Counter-Strike."""


class Announcer(Observer):
    """Says when the game runs, and counts actions."""

    def __init__(self, space: ActionSpace) -> None:
        self._space = space
        self.actions: Counter[str] = Counter()
        self.began_games = 0
        self.jumps = 0

    def began(self, frame: Frame, seed: int, start: int) -> None:
        self.began_games += 1

    def jumped(self, frame: Frame) -> None:
        self.jumps += 1

    def stepped(self, action: ActionVector, step: Step) -> None:
        self.actions[self._space.describe(action)] += 1
        if self.actions.total() == 5:
            print("ready", flush=True)


def build(kind: str) -> World:
    """The world to play."""
    if kind == "toy":
        return ToyWorld(shape=SHAPE)
    dream = DreamtMouseToy(shape=SHAPE)
    return PairWorld(dream, MouseToy(shape=SHAPE), dream.begin, [dream.actions.idle()] * 3)


def main(kind: str, folder: Path) -> None:
    """Play until Esc."""
    world = build(kind)
    announcer = Announcer(world.actions)

    def open_world(report: Report) -> World:
        return world

    window = open_window("toy - Dreamcart")
    options, outputs = PlayOptions("toy"), Outputs([announcer], folder=folder)
    timings = play(open_world, window, options=options, outputs=outputs)
    told = {"games": announcer.began_games, "jumps": announcer.jumps, **announcer.actions}
    print(json.dumps(told | {"stages": timings.summary()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
