"""The map that Doom is played on: a plan drawn in letters, and the WAD file made of it.

Every letter is a square of `CELL` map units. Letters that touch and are equal make a room; a room
looks as `LOOKS` says of its letter; a dot is solid rock. Every room and passage has walls, floor
and ceiling of its own, so that a single picture tells where it was taken.

Map coordinates: x to the right of the plan, y up, in map units, (0, 0) at its lower left corner.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PLAN = (
    "AAAAAAAAAA....BBBBBBBBBBBB...........",
    "AAAAAAAAAA....BBBBBBBBBBBB....CCCCCCC",
    "AAAAAAAAAA....BBBBBBBBBBBB....CCCCCCC",
    "AAAAAAAAAAaaaaBBBBBBBBBBBBbb=bCCCCCCC",
    "AAAAAAAAAAaaaaBBBBBBBBBBBBbb=bCCCCCCC",
    "AAAAAAAAAAaaaaBBBBBBBBBBBBbb=bCCCCCCC",
    "AAAAAAAAAAaaaaBBBBBBBBBBBBbb=bCCCCCCC",
    "AAAAAAAAAA....BBBBBBBBBBBB....CCCCCCC",
    "AAAAAAAAAA....BBBBBBBBBBBB....CCCCCCC",
    "...cccc........====.............dddd.",
    "...cccc........eeee.............dddd.",
    "...cccc........eeee.............dddd.",
    "...cccc....EEEEEEEEEEEEEEEE.....dddd.",
    "DDDDDDDD...EEEEEEEEEEEEEEEE...FFFFFFF",
    "DDDDDDDD...EEEEEEEEEEEEEEEE...FFFFFFF",
    "DDDDDDDDfffEEEEEEEEEEEEEEEEgggFFFFFFF",
    "DDDDDDDDfffEEEEEE..EEEEEEEEgggFFFFFFF",
    "DDDDDDDDfffEEEEEE..EEEEEEEEgggFFFFFFF",
    "DDDDDDDDfffEEEEEEEEEEEEEEEEgggFFFFFFF",
    "DDDDDDDD...EEEEEEEEEEEEEEEE...FFFFFFF",
    "DDDDDDDD...EEEEEEEEEEEEEEEE...FFFFFFF",
    "DDDDDDDD......................FFFFFFF",
)

CELL = 32  # map units; a player is as wide
ROCK, DOOR = ".", "="
MAP_NAME = "MAP01"

# Numbers of the game's own: https://zdoom.org/wiki/Action_specials, player starts, door's speed.
_DOOR_RAISE, _DOOR_SPEED, _DOOR_OPEN_TICS = 12, 32, 150
_PLAYER_START = 1


@dataclass(frozen=True)
class Look:
    """Look of a room: textures of the game, height in map units, brightness 0 to 255."""

    wall: str
    floor: str
    ceiling: str
    height: int
    light: int


LOOKS = {
    "A": Look("BRICK7", "FLOOR4_8", "CEIL1_1", 128, 192),
    "B": Look("COMPBLUE", "FLAT1_1", "CEIL5_1", 144, 208),
    "C": Look("WOOD5", "FLAT5_2", "FLAT5_1", 112, 176),
    "D": Look("MARBLE1", "FLOOR7_2", "DEM1_5", 160, 208),
    "E": Look("STONE2", "GRASS1", "F_SKY1", 160, 240),
    "F": Look("SILVER1", "FLOOR0_3", "CEIL3_5", 128, 192),
    "a": Look("TEKGREN1", "FLOOR1_1", "CEIL4_2", 96, 176),
    "b": Look("BRONZE1", "FLOOR6_1", "CEIL5_2", 96, 176),
    "c": Look("REDWALL", "RROCK09", "FLAT5_4", 96, 192),
    "d": Look("STUCCO1", "FLAT14", "FLAT20", 96, 192),
    "e": Look("METAL2", "FLOOR5_4", "FLAT23", 96, 176),
    "f": Look("TANROCK2", "RROCK03", "RROCK13", 112, 208),
    "g": Look("ZIMMER2", "MFLR8_1", "CEIL4_1", 112, 192),
    DOOR: Look("BIGDOOR2", "FLAT23", "FLAT23", 0, 176),
}
_DOOR_FRAME = "DOORTRAK"
_SKY = "F_SKY1"

Cell = tuple[int, int]  # column and row of the plan


def letter(cell: Cell) -> str:
    """Return the letter of a cell in the plan; rock outside of it."""
    column, row = cell
    if 0 <= row < len(PLAN) and 0 <= column < len(PLAN[0]):
        return PLAN[row][column]
    return ROCK


def cells() -> Iterator[Cell]:
    """Return all cells that are not rock."""
    for row, line in enumerate(PLAN):
        for column, sign in enumerate(line):
            if sign != ROCK:
                yield column, row


def open_cells() -> list[Cell]:
    """Cells where one can stand anywhere without touching a wall or a door."""
    near = [(right, down) for right in (-1, 0, 1) for down in (-1, 0, 1)]
    return [
        (column, row)
        for column, row in cells()
        if all(letter((column + i, row + j)) not in (ROCK, DOOR) for i, j in near)
    ]


def middle(cell: Cell) -> tuple[float, float]:
    """Map coordinates (x, y) of a cell's middle."""
    return (cell[0] + 0.5) * CELL, (len(PLAN) - cell[1] - 0.5) * CELL


def cell_at(x: float, y: float) -> Cell:
    """The cell of a point of the map."""
    return int(x // CELL), len(PLAN) - 1 - int(y // CELL)


def wad() -> bytes:
    """Write the plan as a WAD file: one map in the text format UDMF 1.1.

    The game computes visibility itself.
    """
    lumps = [(MAP_NAME, b""), ("TEXTMAP", _text_map().encode("ascii")), ("ENDMAP", b"")]
    body, directory = b"", b""
    for name, data in lumps:
        directory += struct.pack("<II8s", 12 + len(body), len(data), name.encode("ascii"))
        body += data
    return struct.pack("<4sII", b"PWAD", len(lumps), 12 + len(body)) + body + directory


def _text_map() -> str:
    rooms = _rooms()
    sectors = [LOOKS[letter(room[0])] for room in rooms]
    room_of = {cell: i for i, room in enumerate(rooms) for cell in room}
    vertices: dict[Cell, int] = {}
    sides: list[str] = []
    lines: list[str] = []
    for start, end, right, left in _walls(room_of):
        if right is None:
            start, end, right, left = end, start, left, right
        assert right is not None
        ends = [vertices.setdefault(corner, len(vertices)) for corner in (start, end)]
        values: dict[str, object] = {"v1": ends[0], "v2": ends[1], "sidefront": len(sides)}
        door = left is not None and DOOR in (_sign(rooms, right), _sign(rooms, left))
        if left is not None and _sign(rooms, right) == DOOR:
            right, left = left, right  # a door opens from the front of its lines
            values |= {"v1": ends[1], "v2": ends[0]}
        sides.append(_side(rooms, right, left))
        if left is None:
            values |= {"blocking": True, "dontpegbottom": _sign(rooms, right) == DOOR}
        else:
            values |= {"sideback": len(sides), "twosided": True}
            sides.append(_side(rooms, left, right))
        if door:
            values |= {"special": _DOOR_RAISE, "arg1": _DOOR_SPEED, "arg2": _DOOR_OPEN_TICS,
                       "playeruse": True, "repeatspecial": True}  # fmt: skip
        lines.append(_block("linedef", values))
    start_x, start_y = middle(rooms[0][len(rooms[0]) // 2])
    thing: dict[str, object] = {"x": start_x, "y": start_y, "type": _PLAYER_START, "single": True}
    thing |= {f"skill{skill}": True for skill in range(1, 6)}
    return "\n".join(
        [
            'namespace = "zdoom";',
            _block("thing", thing),
            *(_block("vertex", {"x": x * CELL, "y": -y * CELL}) for x, y in _raised(vertices)),
            *lines,
            *sides,
            *(_block("sector", _sector(look)) for look in sectors),
        ]
    )


def _rooms() -> list[list[Cell]]:
    """Group adjacent cells of one letter into rooms."""
    rooms: list[list[Cell]] = []
    seen: set[Cell] = set()
    for cell in cells():
        if cell in seen:
            continue
        room, waiting = [], [cell]
        seen.add(cell)
        while waiting:
            column, row = at = waiting.pop()
            room.append(at)
            beside = ((column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1))
            touching = [n for n in beside if n not in seen and letter(n) == letter(cell)]
            seen.update(touching)
            waiting += touching
        rooms.append(sorted(room))
    return rooms


def _walls(room_of: dict[Cell, int]) -> Iterator[tuple[Cell, Cell, int | None, int | None]]:
    """Straight lines between two rooms, or between a room and rock, as long as they can be.

    Corners (column, row) where they begin and end, the room on the right of that way, and the one
    on the left.
    """
    columns, rows = len(PLAN[0]), len(PLAN)
    for row in range(rows + 1):  # eastwards: the row below is on the right
        pairs = [(room_of.get((c, row)), room_of.get((c, row - 1))) for c in range(columns)]
        for begin, end, (right, left) in _runs(pairs):
            yield (begin, row), (end, row), right, left
    for column in range(columns + 1):  # southwards: the column before is on the right
        pairs = [(room_of.get((column - 1, r)), room_of.get((column, r))) for r in range(rows)]
        for begin, end, (right, left) in _runs(pairs):
            yield (column, begin), (column, end), right, left


def _runs(
    pairs: list[tuple[int | None, int | None]],
) -> Iterator[tuple[int, int, tuple[int | None, int | None]]]:
    """Yield runs of equal pairs of different rooms: begin, end and pair."""
    begin = 0
    for i in range(1, len(pairs) + 1):
        if i == len(pairs) or pairs[i] != pairs[begin]:
            if pairs[begin][0] != pairs[begin][1]:
                yield begin, i, pairs[begin]
            begin = i


def _raised(vertices: dict[Cell, int]) -> list[Cell]:
    """Corners in order, with rows counted from the bottom of the plan downwards."""
    return [(column, row - len(PLAN)) for column, row in vertices]


def _sign(rooms: list[list[Cell]], room: int) -> str:
    return letter(rooms[room][0])


def _side(rooms: list[list[Cell]], room: int, beyond: int | None) -> str:
    """The side of a wall that is seen from `room`."""
    look = LOOKS[_sign(rooms, room)]
    values: dict[str, object] = {"sector": room}
    if beyond is None:
        values["texturemiddle"] = _DOOR_FRAME if _sign(rooms, room) == DOOR else look.wall
    else:  # what is seen above a lower ceiling
        values["texturetop"] = (LOOKS[DOOR] if _sign(rooms, beyond) == DOOR else look).wall
    return _block("sidedef", values)


def _sector(look: Look) -> dict[str, object]:
    return {
        "texturefloor": look.floor,
        "textureceiling": look.ceiling,
        "heightceiling": look.height,
        "lightlevel": look.light,
    }


def _block(kind: str, values: dict[str, object]) -> str:
    """One item of the text format."""
    fields = " ".join(f"{name} = {_literal(value)};" for name, value in values.items())
    return f"{kind} {{ {fields} }}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
