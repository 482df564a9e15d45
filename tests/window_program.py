"""Plays a toy in a real window; run by test_window.py under a display of its own.

python -m tests.window_program FOLDER: prints "ready" once the game runs, and at the end, as
JSON, which actions were played and how often each.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from engine.contracts import ActionVector, Frame, Step
from engine.loop import play
from engine.observer import Observer
from engine.window import open_window
from tests.toy_world import ToyWorld


class Announcer(Observer):
    """Says when the game runs, and counts actions."""

    def __init__(self) -> None:
        self.actions: Counter[str] = Counter()
        self.began_games = 0
        self.jumps = 0

    def began(self, frame: Frame, seed: int, start: int) -> None:
        self.began_games += 1

    def jumped(self, frame: Frame) -> None:
        self.jumps += 1

    def stepped(self, action: ActionVector, step: Step) -> None:
        self.actions[ToyWorld.actions.describe(action)] += 1
        if self.actions.total() == 5:
            print("ready", flush=True)


def main(folder: Path) -> None:
    """Play until Esc."""
    announcer = Announcer()
    timings = play(
        lambda report: ToyWorld(shape=(64, 64)),
        open_window("toy - Dreamcart"),
        title="toy",
        observers=[announcer],
        folder=folder,
    )
    told = {"games": announcer.began_games, "jumps": announcer.jumps, **announcer.actions}
    print(json.dumps(told | {"stages": timings.summary()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
