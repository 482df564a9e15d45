"""The real games that can be recorded, by name: their worlds, their players, what is kept of them.

What a game needs is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from base.errors import UserError, unknown
from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.contracts import ActionVector, Frame, State, Step, World
from engine.games.atari_games import GAMES, find_game
from engine.players import CountingPlayer

DOOM = "doom"


class Keeper(Protocol):
    """Keeps what is recorded; as `datasets.recording.Recording`, which is one."""

    @property
    def number(self) -> int: ...

    def begin(self, info: EpisodeInfo, frame: Frame, state: State | None = None) -> None: ...

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Coverage(Protocol):
    """Counts how much of a game some play has covered."""

    def add(self, action: ActionVector) -> None:
        """Count the step that an action has just led to."""
        ...

    def lines(self) -> list[str]:
        """Return what was covered, in words; empty before the first step."""
        ...


@dataclass(frozen=True)
class Game:
    """A real game.

    name:    its own name.
    open:    makes its world. sized: makes it with frames of a height and width, where that can be
             chosen.
    players: (world, seed) -> who plays an episode without a person, by kind.
    layouts: (folder, name) -> where a recording goes, by the name of its layout on disk.
    coverage: makes what counts the coverage of a world, for games that have places to cover.
    episode_steps: an episode is cut off after so many; None for games that end by themselves.
    """

    name: str
    open: Callable[[], World]
    players: Mapping[str, Callable[[Any, int], CountingPlayer]]
    layouts: Mapping[str, Callable[[Path, str], Keeper]] = field(
        default_factory=lambda: {"dreamcart": Recording}
    )
    coverage: Callable[[Any], Coverage] | None = None
    episode_steps: int | None = None
    sized: Callable[[tuple[int, int]], World] | None = None

    def beside(self, dream: World) -> World:
        """Open its world for play beside a dream, with frames as large where possible."""
        height, width, _ = dream.frame_shape
        return self.sized((height, width)) if self.sized else self.open()

    def player(self, kind: str, world: World, seed: int) -> CountingPlayer:
        """A player for one episode. Raises UserError if the game has none of this kind."""
        if kind not in self.players:
            others = " or ".join(sorted(self.players, reverse=True))
            raise UserError(f"there is no {kind} player for {self.name}; use --player {others}")
        return self.players[kind](world, seed)

    def keeper(self, layout: str, folder: Path) -> Keeper:
        """Return the keeper of a recording. Raises UserError for a layout the game lacks."""
        if layout not in self.layouts:
            kept = ", ".join(self.layouts)
            raise UserError(f"{self.name} cannot be written in the layout {layout}; only {kept}")
        return self.layouts[layout](folder, self.name)


def game_called(name: str) -> Game:
    """Return the game of a name, in any spelling. Raises UserError if there is none."""
    if name.lower() == DOOM:
        return _doom()
    try:
        return _atari(find_game(name))
    except UserError:
        raise unknown("game", name, (DOOM, *GAMES)) from None


def _atari(name: str) -> Game:
    from engine.games.atari import AtariWorld
    from engine.games.atari_players import (
        PADDLE_GAMES,
        HoldingPlayer,
        RandomPlayer,
        ScriptedPlayer,
    )

    scripted = {"scripted": ScriptedPlayer} if name in PADDLE_GAMES else {}
    return Game(
        name,
        lambda: AtariWorld(name),
        players={"random": RandomPlayer, "holding": HoldingPlayer, **scripted},
        sized=lambda size_px: AtariWorld(name, size_px),
    )


def _doom() -> Game:
    from datasets.importers.csgo_layout import FRAMES
    from datasets.importers.csgo_recording import CsgoRecording
    from datasets.siblings import Siblings
    from engine.games.doom import DoomWorld
    from engine.games.doom_coverage import DoomCoverage
    from engine.games.doom_player import ExploringPlayer, RandomPlayer

    return Game(
        DOOM,
        DoomWorld,
        players={"random": RandomPlayer, "scripted": ExploringPlayer},
        layouts={"dreamcart": Siblings, "csgo": CsgoRecording},
        coverage=DoomCoverage,
        episode_steps=FRAMES,
    )
