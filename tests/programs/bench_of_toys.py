"""A workshop in which trainings end when they are told to, and a guest who waits for pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from base.errors import UserError
from engine.jobs import Watch
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.page import Page, Tile
from engine.ui.screen import CloseAsked, Event, KeyDown, Picture, Window
from engine.ui.screens.workshop import RealGame, Recorded

PONG = Recorded(
    "pong_game",
    "Pong",
    "4,210 steps in 3 episodes",
    refused="",
    world="My Pong Game",
    advice="100,000 make a good world",
)


class ToyWorkshop:
    """Two games, one of which cannot be played, and recordings that can be trained on.

    let: lets the training that is under way end well. fails: why trainings fail, if they do.
    ready: lets what is being measured come out.
    """

    def __init__(self, *recordings: Recorded) -> None:
        self.found = list(recordings)
        self.played: list[str] = []
        self.measured: list[str] = []
        self.anew: list[str] = []
        self.trained: list[str] = []
        self.stopped = 0
        self.let, self.fails, self.part = threading.Event(), "", ""
        self.ready = threading.Event()
        self.ready.set()

    def games(self) -> Sequence[RealGame]:
        return [RealGame("pong", "Pong"), RealGame("tennis", "Tennis")]

    def play(self, game: str, window: Window) -> None:
        if game == "tennis":
            raise UserError("there is no such game")
        self.played.append(game)
        self.found.append(PONG)
        window.close()

    def recordings(self) -> Sequence[Recorded]:
        return list(self.found)

    def measure(self, name: str, watch: Watch) -> str:
        self.measured.append(name)
        while not self.ready.wait(0.01):
            watch(0, 0)
        return "6,000 updates take 1 h 50 min here."

    def train(self, name: str, watch: Watch) -> None:
        if self.fails:
            raise UserError(self.fails)
        try:
            for _ in range(3000):
                watch(1500, 6000)
                if self.let.wait(0.01):
                    break
        except UserError:
            self.stopped += 1
            self.found = [replace(one, done=0.25) for one in self.found]
            raise
        self.trained.append(name)
        self.found = [replace(one, done=1.0) for one in self.found]

    def begin_anew(self, name: str) -> None:
        self.anew.append(name)


Seen = Callable[[Page], object]


class Guest(NullWindow):
    """Presses each key as soon as the page is as it should be for that."""

    def __init__(self, *does: tuple[Seen, str]) -> None:
        self.clock = VirtualClock()
        super().__init__([CloseAsked(1e9)], self.clock)
        self._does, self._patience = list(does), 3000

    def poll(self, timeout_s: float) -> list[Event]:
        page, (seen, key) = self.pages[-1], self._does[0]
        if not seen(page):
            self._patience -= 1
            assert self._patience, f"never came before {key}: {self.pictures[-1]}"
            time.sleep(0.01)
            return []
        self._does.pop(0)
        return [KeyDown(key)]

    @property
    def pages(self) -> list[Page]:
        return [picture.page for picture in self.pictures if picture.page is not None]

    @property
    def last(self) -> Picture:
        return self.pictures[-1]


def tiles(page: Page) -> tuple[Tile, ...]:
    assert page.tiles is not None
    return page.tiles


def listed(page: Page) -> bool:
    return len(tiles(page)) > 2 and page.dialog is None


def asked(*words: str) -> Seen:
    """A question is there that says all this."""

    def seen(page: Page) -> bool:
        lines = () if page.dialog is None else (page.dialog.title, *page.dialog.lines)
        return bool(lines) and all(any(word in line for line in lines) for word in words)

    return seen


def noted(words: str, number: int = 0) -> Seen:
    """A tile says this, and nothing is asked."""
    return lambda page: listed(page) and words in " ".join(tiles(page)[number].notes)


def at_once(page: Page) -> bool:
    return True
