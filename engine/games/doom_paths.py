"""Ways through the house of doom_map.py, for players that know it."""

from __future__ import annotations

import math
from collections import deque

from engine.games.doom_map import CELL, DOOR, ROCK, Cell, cell_at, cells, letter, middle

_AROUND = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
_STEPS = sorted(_AROUND, key=lambda step: abs(step[0]) + abs(step[1]))  # straight ones first

# Cells that are an arm's length from every wall; doors count as open.
PATHS = frozenset(
    (column, row)
    for column, row in cells()
    if all(letter((column + i, row + j)) != ROCK for i, j in _AROUND)
)


def way(x: float, y: float, goal: Cell) -> list[Cell]:
    """The shortest way from a point to a cell of `PATHS`, cell by cell, without where it begins."""
    start = nearest(x, y)
    came_from: dict[Cell, Cell] = {goal: goal}
    waiting = deque([goal])
    while waiting and start not in came_from:
        column, row = at = waiting.popleft()
        for i, j in _STEPS:
            beside = column + i, row + j
            around_no_corner = {(column + i, row), (column, row + j)} <= PATHS
            if beside in PATHS and around_no_corner and beside not in came_from:
                came_from[beside] = at
                waiting.append(beside)
    found = []
    while start != goal:
        start = came_from[start]
        found.append(start)
    return found


def nearest(x: float, y: float) -> Cell:
    """The cell of `PATHS` nearest to a point."""
    here = cell_at(x, y)
    return here if here in PATHS else min(PATHS, key=lambda cell: distance(x, y, cell))


def distance(x: float, y: float, cell: Cell) -> float:
    """From a point to a cell's middle, in map units."""
    return math.dist((x, y), middle(cell))


def direction(x: float, y: float, cell: Cell) -> float:
    """Degrees in which a cell's middle lies from a point, as headings are counted."""
    to_x, to_y = middle(cell)
    return math.degrees(math.atan2(to_y - y, to_x - x))


def room_ahead(x: float, y: float, heading: float, most: float) -> float:
    """Return the distance to the next wall or door straight ahead, at most `most`."""
    for length in range(0, int(most) + 1, CELL // 4):
        cell = cell_at(
            x + length * math.cos(math.radians(heading)),
            y + length * math.sin(math.radians(heading)),
        )
        if length and (cell not in PATHS or letter(cell) == DOOR):
            return length - CELL / 4
    return most


def seen(x: float, y: float, cell: Cell) -> bool:
    """Tell whether the straight line to a cell's centre keeps clear of the walls."""
    to_x, to_y = middle(cell)
    pieces = max(1, math.ceil(math.dist((x, y), (to_x, to_y)) / (CELL / 4)))
    points = ((x + (to_x - x) * i / pieces, y + (to_y - y) * i / pieces) for i in range(pieces + 1))
    # Where the player stands may be nearer to a wall than a way would lead.
    inside = [cell_at(*point) in PATHS for point in points]
    return all(inside[inside.index(True) :]) if any(inside) else False
