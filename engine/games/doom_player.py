"""Players of Doom for recordings: one explores the house, the other acts at random."""

from __future__ import annotations

import math
from collections import Counter, deque

import numpy as np

from engine.contracts import Action, ActionVector, Frame
from engine.games.doom import DEGREES_PER_COUNT, DoomWorld, Pose
from engine.games.doom_map import CELL, DOOR, Cell, letter
from engine.games.doom_paths import (
    PATHS,
    direction,
    distance,
    nearest,
    room_ahead,
    seen,
    way,
)
from engine.players import RestlessPlayer

# Ways of playing between two walks: how often each is chosen, and how many steps it lasts.
ASIDES: dict[str, tuple[float, tuple[int, int]]] = {
    "looking around": (0.12, (12, 40)),
    "strafing": (0.11, (8, 24)),
    "backing": (0.13, (8, 24)),
    "shooting": (0.08, (8, 24)),
    "trying keys": (0.10, (16, 48)),
    "pacing": (0.46, (24, 60)),
}
WALK_STEPS = (12, 50)
PACE_CHANGES, PACE_STOPS = 0.12, 0.25  # chance in each step of pacing; that it is to stand
OPENING_STEPS = 18  # a door takes as long to rise

LOOK_AHEAD = 6  # cells of the way that are aimed at, at most
NEAR_WAY = 10  # cells of it among which the player is looked for
STUCK_STEPS = 6  # pushing so long without getting anywhere
STUCK = 8.0  # map units that are nowhere

TURN_SPEED = (1.5, 3.5)  # degrees a step, on average over a small turn
HASTE = 60.0  # degrees that make a turn's speed a degree a step faster
FASTEST = 8.0  # degrees in a step
TOLERANCES = ((2.0, 8.0), (1.0, 3.0))  # degrees off before heading and pitch turn, least and most
HAND_SHAKE = 0.04  # standard deviation of a motion, of itself

# Chances in each step, and steps that it lasts.
NOW_AND_THEN: dict[str, tuple[float, tuple[int, int]]] = {
    "jump": (0.004, (1, 3)),
    "crouch": (0.002, (8, 20)),
    "walk": (0.003, (10, 40)),
    "reload": (0.002, (1, 2)),
    "first weapon": (0.0007, (1, 3)),
    "second weapon": (0.0012, (1, 3)),
    "knife": (0.0005, (1, 3)),
    "fire": (0.004, (1, 4)),
}
_TRIED: tuple[tuple[str, ...], ...] = (
    (),
    ("forward",),
    ("back",),
    ("left",),
    ("right",),
    ("forward", "left"),
    ("forward", "right"),
    ("back", "left"),
    ("back", "right"),
)


class Turn:
    """A turn of the view along one axis, with smooth start and stop.

    Follows the minimum-jerk profile of human reaching (Flash and Hogan 1985).
    """

    def __init__(self, by: float, speed: float) -> None:
        self._steps = 3 + round(abs(by) / (speed + abs(by) / HASTE))
        self._step = 0

    @property
    def over(self) -> bool:
        """True once the turn is complete."""
        return self._step >= self._steps

    def next(self) -> float:
        """Return the share of the remaining angle to turn in this step."""
        done, self._step = _least_jerk(self._step / self._steps), self._step + 1
        return (_least_jerk(self._step / self._steps) - done) / (1 - done)


def _least_jerk(time: float) -> float:
    return time**3 * (10 - 15 * time + 6 * time**2)


class ExploringPlayer:
    """Walks to one place after the other, and on the way looks, strafes, backs off, shoots, opens.

    It also paces: straight on and back and not at all, with the view held still. Else a model sees
    few walks begin, fewer that lead backwards, and hardly any without a turn: it learns to walk on
    where frames already do, and not what the keys do.

    It knows the map and where it is; the picture it does not look at. What it does now is counted
    in `mixture`.
    """

    def __init__(self, world: DoomWorld, seed: int) -> None:
        self.mixture: Counter[str] = Counter()
        self._world = world
        self._rng = np.random.default_rng([seed, 1])
        self._mode, self._left = "walking", self._between(WALK_STEPS)
        self._way: list[Cell] = []
        self._aim: float | None = None  # degrees to look at, while that is not where the way leads
        self._raised = 0.0  # degrees of pitch to look at
        self._turns: list[Turn | None] = [None, None]  # of heading and pitch
        self._tolerances = [self._rng.uniform(*limits) for limits in TOLERANCES]
        self._keys: tuple[str, ...] = ()
        self._overlaid: dict[str, int] = {}  # buttons of NOW_AND_THEN, and steps left
        self._pushes: deque[tuple[float, float]] = deque(maxlen=STUCK_STEPS)

    def act(self, frame: Frame) -> ActionVector:
        pose = self._world.pose
        self._choose_mode(pose)
        self.mixture[self._mode] += 1
        held = self._move(pose)
        held += tuple(button for button in self._now_and_then() if button not in held)
        right = -self._motion(0, pose.heading, self._heading(pose))
        down = -self._motion(1, pose.pitch, self._pitch())
        return self._world.actions.encode(Action(held, (right, down)))

    # Where to

    def _choose_mode(self, pose: Pose) -> None:
        self._left -= 1
        if self._mode == "walking" and self._stuck(pose):
            if any(letter(cell) == DOOR for cell in self._way[:3]):
                self._begin("opening", OPENING_STEPS)
            else:
                self._way = []
                self._begin("backing", 6)
        elif self._left <= 0 and self._mode == "walking":
            chances = [chance for chance, _ in ASIDES.values()]
            mode = str(self._rng.choice(list(ASIDES), p=chances))
            self._begin(mode, self._between(ASIDES[mode][1]))
        elif self._left <= 0:
            self._aim = None
            self._begin("walking", self._between(WALK_STEPS))

    def _begin(self, mode: str, steps: int) -> None:
        self._mode, self._left = mode, steps
        self._keys = ()
        self._pushes.clear()

    def _stuck(self, pose: Pose) -> bool:
        """Tell whether pushing forward has not moved the player for a while."""
        full = len(self._pushes) == STUCK_STEPS
        return full and math.dist(self._pushes[0], (pose.x, pose.y)) < STUCK

    def _follow_way(self, pose: Pose) -> Cell:
        """Return the cell to walk towards: the furthest visible one on the way."""
        ahead = [distance(pose.x, pose.y, cell) for cell in self._way[:NEAR_WAY]]
        if ahead:
            passed = ahead.index(min(ahead))
            del self._way[: passed + (ahead[passed] < CELL)]
        while not self._way:
            rooms = sorted({letter(cell) for cell in PATHS} - {DOOR})
            room = rooms[self._rng.integers(len(rooms))]  # or the largest would have most visits
            places = sorted(cell for cell in PATHS if letter(cell) == room)
            self._way = way(pose.x, pose.y, places[self._rng.integers(len(places))])
        for i in range(min(LOOK_AHEAD, len(self._way)) - 1, 0, -1):
            if seen(pose.x, pose.y, self._way[i]):
                return self._way[i]
        if distance(pose.x, pose.y, self._way[0]) > 2.5 * CELL:  # an aside led off it
            self._way = [nearest(pose.x, pose.y), *way(pose.x, pose.y, self._way[-1])]
        return self._way[0]

    # What to hold

    def _move(self, pose: Pose) -> tuple[str, ...]:
        """Return the buttons that the current mode holds."""
        if self._mode == "walking":
            off = _wrapped(direction(pose.x, pose.y, self._follow_way(pose)) - pose.heading)
            if abs(off) > 65:
                self._pushes.clear()
                return ()
            self._pushes.append((pose.x, pose.y))
            return ("forward",)
        if self._mode == "opening":
            return ("reload",) if self._left >= OPENING_STEPS - 1 else ()
        if self._mode == "strafing":
            return self._sidestep(pose)
        if self._mode == "backing":
            if not self._free(pose, 180):
                self._left = 0
            return ("back",)
        if self._mode == "shooting":
            if self._left % 6 == 0:
                self._keys = ("fire",) if self._rng.random() < 0.7 else ()
                if self._rng.random() < 0.4 and self._free(pose, 0):
                    self._keys += ("forward",)
            return self._keys
        if self._mode == "pacing":
            return self._pace(pose)
        if self._mode == "trying keys":
            if not self._keys or self._rng.random() < 0.15:
                self._keys = _TRIED[self._rng.integers(len(_TRIED))]
            return self._keys
        return ()

    def _sidestep(self, pose: Pose) -> tuple[str, ...]:
        free = {"left": self._free(pose, 90), "right": self._free(pose, -90)}
        if not (self._keys and free[self._keys[0]]):
            sides = [side for side in free if free[side]]
            if not sides:
                return ()
            self._keys = (str(self._rng.choice(sides)),)
            if self._rng.random() < 0.4:
                self._keys += ("forward",)
        return self._keys if self._free(pose, 0) else self._keys[:1]

    def _pace(self, pose: Pose) -> tuple[str, ...]:
        ways = {("forward",): self._free(pose, 0), ("back",): self._free(pose, 180), (): True}
        if not ways[self._keys] or self._rng.random() < PACE_CHANGES:
            walks = [keys for keys, free in ways.items() if keys and free and keys != self._keys]
            stops = self._keys and self._rng.random() < PACE_STOPS
            self._keys = () if stops or not walks else walks[self._rng.integers(len(walks))]
        return self._keys

    def _free(self, pose: Pose, turned: float) -> bool:
        """Tell whether there is room for a step or two in a direction relative to the view."""
        return room_ahead(pose.x, pose.y, pose.heading + turned, 1.5 * CELL) >= 1.5 * CELL

    def _now_and_then(self) -> list[str]:
        """Return buttons held at random in addition."""
        for button, (chance, steps) in NOW_AND_THEN.items():
            if self._rng.random() < chance:
                self._overlaid[button] = self._between(steps)
        held = list(self._overlaid)
        self._overlaid = {button: n - 1 for button, n in self._overlaid.items() if n > 1}
        return held

    # Where to look

    def _heading(self, pose: Pose) -> float:
        """Return the heading that the current mode wants, in degrees."""
        if self._mode == "walking":
            return direction(pose.x, pose.y, self._follow_way(pose))
        if self._mode in ("opening", "pacing") and self._aim is None:
            self._aim = pose.heading
        restless = {"looking around": 0.12, "trying keys": 0.10, "shooting": 0.05, "pacing": 0.0}
        if self._aim is None or self._rng.random() < restless.get(self._mode, 0.02):
            wide = 75 if self._mode in ("looking around", "trying keys") else 20
            self._aim = pose.heading + float(self._rng.normal(0, wide))
        return self._aim

    def _pitch(self) -> float:
        """Return the pitch wanted, in degrees; mostly level."""
        if self._rng.random() < 0.04:
            looks = self._rng.random()
            spread = 14.0 if looks < 0.25 else 5.0
            self._raised = 0.0 if looks > 0.6 else float(self._rng.normal(0, spread))
            self._raised = min(max(self._raised, -30.0), 25.0)
        return self._raised

    def _motion(self, axis: int, angle: float, wanted: float) -> float:
        """Return mouse counts that turn the view from `angle` towards `wanted`."""
        turn = self._turns[axis]
        if turn is None or turn.over:
            off = _wrapped(wanted - angle)
            if abs(off) <= self._tolerances[axis]:
                self._turns[axis] = None
                return 0.0
            turn = self._turns[axis] = Turn(off, self._rng.uniform(*TURN_SPEED))
            self._tolerances[axis] = self._rng.uniform(*TOLERANCES[axis])
        by = _wrapped(wanted - angle) * turn.next()
        counts = min(max(by, -FASTEST), FASTEST) / DEGREES_PER_COUNT
        return counts * (1 + HAND_SHAKE * float(self._rng.normal()))

    def _between(self, limits: tuple[int, int]) -> int:
        return int(self._rng.integers(limits[0], limits[1] + 1))


class RandomPlayer:
    """Holds one random action after another, each for half a second or so."""

    def __init__(self, world: DoomWorld, seed: int) -> None:
        self.mixture: Counter[str] = Counter()
        self._player = RestlessPlayer(world.actions, seed)

    def act(self, frame: Frame) -> ActionVector:
        self.mixture["random"] += 1
        return self._player.act(frame)


def _wrapped(degrees: float) -> float:
    """The same direction, from -180 to 180."""
    return (degrees + 180) % 360 - 180
