"""Options of python -m tools.import, one class for each subcommand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from base.errors import UserError
from tools.options.record import CSGO_FRAMES


@dataclass(frozen=True)
class CsgoImport:
    """Turn files of the CS:GO gameplay dataset into recordings to train on.

    OUT/low gets RGB frames of 30×56, OUT/full those of 150×280, with the same episode numbers, and
    the published split into training and test. Tars are read as they are. A run that was stopped
    goes on when the same is run again. What is wrong with files that are set aside is in
    OUT/report.txt.
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """A folder of the tars or of HDF5 files, or hub:TeaPearce/CounterStrike_Deathmatch."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder to write to; an earlier import there is added to."""
    episodes: str = ""
    """Only these: numbers of files, as in 3,5,19 or 1-200."""
    limit_gb: float | None = None
    """Stop before more than this has been read, or downloaded."""
    low_only: bool = False
    """Leave out the full resolution, which takes 25 times the space."""
    least: int = CSGO_FRAMES
    """Set aside files with fewer frames than this; those of the dataset have 1000."""
    trust_channels: bool = False
    """Take files for BGR even where their colours say that red and blue are swapped."""
    processes: int = 0
    """Files at a time, each needing some 0.6 GB of memory; as many as there are cores if 0."""
    yes: bool = False
    """Download without asking."""

    def __post_init__(self) -> None:
        if not 2 <= self.least <= 10 * CSGO_FRAMES:
            raise UserError(f"--least must be 2 to {10 * CSGO_FRAMES}, not {self.least}")
        if self.limit_gb is not None and not self.limit_gb > 0:
            raise UserError(f"--limit-gb must be more than 0, not {self.limit_gb:g}")
        if not 0 <= self.processes <= 256:
            raise UserError(f"--processes must be 0 to 256, not {self.processes}")
        self.wanted()

    def wanted(self) -> set[int]:
        """The numbers of episodes that are asked for; none for all."""
        numbers: set[int] = set()
        for part in filter(None, self.episodes.replace(" ", "").split(",")):
            match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
            if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < 100_000:
                raise UserError(f"--episodes takes numbers such as 3,5,19 or 1-200, not '{part}'")
            numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        return numbers


@dataclass(frozen=True, kw_only=True)
class ForeignPlay:
    """Facts that episodes of other programs do not tell."""

    game: str = ""
    """The Atari game, such as breakout: names the actions; they are numbered without it."""
    fps: float = 0.0
    """Steps a second: of Atari games mostly 15."""
    player: Literal["human", "random", "scripted", "agent"] = "agent"
    """The kind of player."""

    def __post_init__(self) -> None:
        if not 0 <= self.fps <= 1000:
            raise UserError(f"--fps must be between 0 and 1000, not {self.fps:g}")

    def key(self, part: object) -> str:
        """Return the key of a part of a source that is imported with these options."""
        return f"{part}, game '{self.game}', fps {self.fps:g}, player {self.player}"


@dataclass(frozen=True)
class DiamondImport(ForeignPlay):
    """Turn a folder of DIAMOND's episodes (dataset/train, dataset/test) into recordings.

    Nothing in the files is executed. One that is damaged is left out and listed. Of an episode
    that was not over, the last step is left out: DIAMOND does not keep the frame that it led to.
    The actions of CS:GO are known by their number, at 16 steps a second; others are at 15 without
    --fps, as Atari games have it. An import that was stopped goes on when the same is run again.
    """

    src: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """The folder with the files 0.pt, 1.pt, ... in folders of their own."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder of the recordings: a new or empty one, or one where this import was stopped."""


@dataclass(frozen=True)
class MinariImport(ForeignPlay):
    """Turn a Minari dataset into recordings.

    Its observations are images, in colour or grey, or have one among them; of several frames in
    each, the newest counts. Its actions are numbers (Discrete), 0/1 by button (MultiBinary) or
    several choices (MultiDiscrete), which become buttons. Of a dataset that was exported from here
    everything comes back; of any other you say what Minari does not know. An episode that is
    damaged is left out and listed. An import that was stopped goes on when the same is run again.
    """

    src: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """A dataset in Minari's own place, such as atari/breakout/expert-v0, or a folder with one."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder of the recordings: a new or empty one, or one where this import was stopped."""
    observation: str = ""
    """The picture to take where there are several, such as screen."""


@dataclass(frozen=True)
class VideoImport:
    """Turn films and lists of what was pressed into a folder of episodes, or add to one.

    An import that was stopped goes on with the first film that was not done when the same is run
    again.
    """

    films: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILM...")]
    """Films of the game, in any format that FFmpeg reads."""
    actions: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="CSV...")]
    """Lists of what was pressed in each film: CSV files, or VPT's jsonl, in the films' order."""
    profile: Annotated[Path, tyro.conf.arg(metavar="TOML")]
    """The game's profile: its keys, mouse, step rate and frame size. docs/pong.toml is one."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with recordings of the same game."""
    began: Annotated[tuple[float, ...], tyro.conf.arg(metavar="TIME...")] = ()
    """Readings of the lists' own clocks at the first frame of each film, where they aren't 0."""

    def __post_init__(self) -> None:
        if not self.films or len(self.films) != len(self.actions):
            raise UserError(
                f"each film needs its CSV: there are {len(self.films)} films and "
                f"{len(self.actions)} CSV files"
            )
        if self.began and len(self.began) != len(self.films):
            raise UserError(f"--began needs a time for each of the {len(self.films)} films")


ImportCommand = (
    Annotated[CsgoImport, tyro.conf.subcommand("csgo")]
    | Annotated[DiamondImport, tyro.conf.subcommand("diamond")]
    | Annotated[MinariImport, tyro.conf.subcommand("minari")]
    | Annotated[VideoImport, tyro.conf.subcommand("video")]
)
