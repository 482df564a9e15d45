"""The worlds of this machine, as the menu knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.contracts import Frame
from engine.jobs import Watch
from engine.ui.screen import Window


@dataclass(frozen=True)
class LibraryEntry:
    """A world that the menu offers.

    name:    what play.py calls it. title: for people.
    here:    whether it can be played as it is; if not it is to be downloaded.
    size:    on disk, or of the download, in words. speed: on this machine, in words.
    terms:   what to know before saying yes to a download, a line each.
    picture: uint8 (H, W, 3), or None.
    removable: whether `Library.delete` can delete it.
    """

    name: str
    title: str
    here: bool
    size: str
    speed: str
    terms: tuple[str, ...] = ()
    picture: Frame | None = None
    removable: bool = False


class Library(Protocol):
    """The worlds of this machine. All but `download` is called on the window's thread."""

    def entries(self) -> Sequence[LibraryEntry]:
        """List the worlds in the order they are shown. Must be fast."""
        ...

    def download(self, name: str, watch: Watch) -> None:
        """Download a world; run by an `engine.jobs.BackgroundJobs`."""
        ...

    def play(self, name: str, window: Window) -> None:
        """Play a world in a window until the player leaves, and close both.

        Raises UserError if the world cannot be played.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete what was kept under a name for good. Raises UserError if it cannot be."""
        ...
