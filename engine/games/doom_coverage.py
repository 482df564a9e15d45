"""Coverage of Doom's map by some play: places, headings and actions."""

from __future__ import annotations

from collections import Counter

import numpy as np

from engine.contracts import ActionVector
from engine.csgo_actions import BUTTONS, MOUSE_X, MOUSE_Y
from engine.games.doom import DoomWorld
from engine.games.doom_map import cell_at, cells, letter

HEADINGS = ("E", "NE", "N", "NW", "W", "SW", "S", "SE")
_X_AT = len(BUTTONS)
_Y_AT = _X_AT + len(MOUSE_X)


class DoomCoverage:
    """Counter of a player's places, headings and actions, step by step."""

    def __init__(self, world: DoomWorld) -> None:
        self._world = world
        self._steps = 0
        self._seen: Counter[tuple[tuple[int, int], str]] = Counter()  # (cell, heading)
        self._actions = np.zeros(world.actions.size, np.int64)

    def add(self, action: ActionVector) -> None:
        """Count the step that an action has just led to."""
        pose = self._world.pose
        sector = 360 / len(HEADINGS)
        heading = HEADINGS[int((pose.heading + sector / 2) % 360 // sector)]
        self._seen[cell_at(pose.x, pose.y), heading] += 1
        self._actions += action > 0.5
        self._steps += 1

    def lines(self) -> list[str]:
        """Describe the coverage in lines of text; none before the first step."""
        if not self._steps:
            return []
        squares = set(cells())
        visited = {cell for cell, _ in self._seen} & squares
        views = len({view for view in self._seen if view[0] in squares})
        of_views = len(squares) * len(HEADINGS)
        rooms: Counter[str] = Counter()
        headings: Counter[str] = Counter()
        for (cell, heading), steps in self._seen.items():
            rooms[letter(cell)] += steps
            headings[heading] += steps
        held = self._actions[:_X_AT]
        return [
            f"places: {len(visited)} of {len(squares)} squares, "
            f"{views} of {of_views} squares and headings",
            "rooms: " + self._shares(dict(sorted(rooms.items()))),
            "headings: " + self._shares({name: headings[name] for name in HEADINGS}),
            "keys: " + self._shares({b[0]: int(n) for b, n in zip(BUTTONS, held, strict=True)}),
            "mouse right: " + self._motions(MOUSE_X, self._actions[_X_AT:_Y_AT]),
            "mouse down: " + self._motions(MOUSE_Y, self._actions[_Y_AT:]),
        ]

    def _motions(self, listed: tuple[int, ...], counts: np.ndarray) -> str:
        return self._shares({f"{m:+d}": int(n) for m, n in zip(listed, counts, strict=True)})

    def _shares(self, counts: dict[str, int]) -> str:
        return ", ".join(f"{name} {n / self._steps:.1%}" for name, n in counts.items())
