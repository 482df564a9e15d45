"""A page of items to choose from, shown instead of a game: its content, not its drawing.

Its items are numbered from 0: the tiles first, then the rows. While there is a dialog its choices
are the items instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts import Frame

NOTES = 2  # lines under a tile's title
LONGEST_SEARCH = 40


@dataclass(frozen=True)
class Tile:
    """Something to choose, with a picture.

    picture:  uint8 (H, W, 3), shown whole; None for a plain one that has the title in it.
    notes:    at most `NOTES` short lines under the title; one that is too long is cut.
    progress: how much of something is done, from 0 to 1, as a bar on the picture; None for no bar.
    """

    title: str
    notes: tuple[str, ...] = ()
    picture: Frame | None = None
    progress: float | None = None

    def __post_init__(self) -> None:
        if len(self.notes) > NOTES:
            raise ValueError(f"{len(self.notes)} notes under a tile that has room for {NOTES}")
        if self.progress is not None and not 0 <= self.progress <= 1:
            raise ValueError(f"a progress of {self.progress}")


@dataclass(frozen=True)
class PageRow:
    """An item in words: its label on the left, its value on the right."""

    label: str
    value: str = ""


@dataclass(frozen=True)
class Dialog:
    """A question over a page. Long lines are wrapped."""

    title: str
    lines: tuple[str, ...]
    choices: tuple[PageRow, ...]


@dataclass(frozen=True)
class Page:
    """Content of a window between games.

    tiles:  a grid of them over a strip of the rows; None for a list of the rows alone.
    marked: the number of the item that Enter would choose.
    top:    the first line of the grid, or of the list, that is to be seen.
    search: what was typed to find something; None where nothing can be typed.
    """

    title: str
    tiles: tuple[Tile, ...] | None = None
    rows: tuple[PageRow, ...] = ()
    marked: int = 0
    top: int = 0
    search: str | None = None
    dialog: Dialog | None = None

    @property
    def count(self) -> int:
        """Number of items."""
        if self.dialog is not None:
            return len(self.dialog.choices)
        return len(self.tiles or ()) + len(self.rows)


def letters(name: str) -> str:
    """Normalise a name for searching: letters and digits in lower case."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def typed(search: str, key: str) -> str:
    """Return the search text after a key; unchanged for a key that types nothing."""
    if key == "backspace":
        return search[:-1]
    return (search + {"space": " "}.get(key, key if len(key) == 1 else ""))[:LONGEST_SEARCH]
