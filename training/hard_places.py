"""A list of hard places: where in recordings there is much to learn, told by who knows the game.

    episode,frame,kind
    12,345,paddle

It is CSV. `episode` is a file's number in the folder of recordings, `frame` counts from its first,
0, and is the one that is hard to foresee. Of the kinds each is practised as often as any other.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from base.errors import UserError
from base.files import read_text, write_text
from datasets.segments import Segments

COLUMNS = ["episode", "frame", "kind"]
Place = tuple[int, int]  # an episode, by position, and the first frame of a window


def write_hard_places(path: Path, rows: Iterable[tuple[int, int, str]]) -> None:
    """Write rows of (episode's number, frame, kind)."""
    lines = [",".join(COLUMNS), *(f"{episode},{frame},{kind}" for episode, frame, kind in rows)]
    write_text(path, "\n".join(lines) + "\n")


def read_hard_places(path: Path, segments: Segments) -> list[list[Place]]:
    """The windows that end in a listed frame, for each kind of which there are any.

    Frames of other episodes than those of `segments` are left out, as held-out ones are.
    Raises UserError, naming the line, for what is wrong with the file, or if nothing is left.
    """
    lines = csv.reader(read_text(path).splitlines(), strict=True)
    kinds: dict[str, list[Place]] = {}
    positions = {number: i for i, number in enumerate(segments.store.numbers)}
    try:
        if next(lines, []) != COLUMNS:
            raise UserError(f"the first line must be {','.join(COLUMNS)}")
        for cells in filter(None, lines):
            episode, frame, kind = _row(cells)
            if episode not in positions:
                raise UserError(f"{segments.store.folder} has no episode {episode}")
            place = positions[episode], frame + 1 - segments.length
            if frame > segments.store.length(place[0]):
                raise UserError(f"episode {episode} has no frame {frame}")
            if place in segments:
                kinds.setdefault(kind, []).append(place)
    except (csv.Error, UserError) as error:
        raise UserError(f"{path}, line {max(lines.line_num, 1)}: {error}") from error
    if not kinds:
        raise UserError(f"{path} lists no place in the episodes to train on")
    return list(kinds.values())


def _row(cells: list[str]) -> tuple[int, int, str]:
    if len(cells) != len(COLUMNS):
        raise UserError(f"there must be {len(COLUMNS)} cells, not {len(cells)}")
    numbers = []
    for name, cell in zip(COLUMNS, cells[:2], strict=False):
        if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
            raise UserError(f"{name} must be a number from 0 on, not {cell!r}")
        numbers.append(int(cell))
    return numbers[0], numbers[1], cells[2]
