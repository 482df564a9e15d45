"""Options of python -m tools.record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from base.errors import UserError

CSGO_FRAMES = 1000  # of a file of the CS:GO dataset: `datasets.importers.csgo_layout.FRAMES`


@dataclass(frozen=True)
class RecordConfig:
    """Record a game into a folder of episodes, or add to one."""

    game: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="GAME")]
    """doom, or one of the 26 Atari 100k games, such as breakout; `screen` for any other."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with recordings of the same game. Doom is recorded in
    two sizes: DIR/full has frames of 150×280, DIR/low the same ones of 30×56."""
    player: Literal["human", "random", "holding", "scripted", "agent"] = "random"
    """The player: you, random keys, random keys held for seconds (Atari), or a script that reads
    the game's state (Breakout, Pong, Doom). No game has an agent yet."""
    steps: int = 20_000
    """Number of steps to record: 15 in a second of play, 16 of Doom."""
    seed: int = 0
    """Seed of the episodes, together with their numbers in the folder."""
    layout: Literal["dreamcart", "csgo"] = "dreamcart"
    """Layout on disk. csgo, of doom: files like those of the CS:GO dataset, of 1,000
    frames each, that tools.import csgo reads."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")
        if self.seed < 0:
            raise UserError(f"--seed must be 0 or more, not {self.seed}")
        if self.layout == "csgo" and self.steps % CSGO_FRAMES:
            raise UserError(
                f"files of the CS:GO layout hold {CSGO_FRAMES} steps each: --steps must be a "
                f"multiple of that, not {self.steps}"
            )


@dataclass(frozen=True)
class ScreenConfig:
    """Record a window or a region of the screen, with keys and mouse, into a folder of episodes."""

    profile: Annotated[Path, tyro.conf.arg(metavar="TOML")]
    """The game's profile: its keys, mouse, step rate and frame size. docs/pong.toml is one."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with recordings of the same game."""
    window: str = ""
    """Part of the title of the window to record (X11)."""
    region: tuple[int, int, int, int] | None = None
    """Or a region of the screen: left, top, width, height, in pixels."""
    unfocused: bool = False
    """Record whatever has the focus. Without this, only while the window has it (or, of a region,
    the window over its middle)."""
    steps: int | None = None
    """Number of steps to record; until Ctrl-C if not given."""
    yes: bool = False
    """Begin without asking."""

    def __post_init__(self) -> None:
        if bool(self.window) == (self.region is not None):
            raise UserError("say what to record: --window TITLE or --region LEFT TOP WIDTH HEIGHT")
        if self.steps is not None and self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")
