"""Options of python -m tools.hub, one class for each subcommand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError

ALL_ATARI = "all-atari"


@dataclass(frozen=True)
class ListWorlds:
    """List the released worlds: size, how much of it is in the cache, licence."""


@dataclass(frozen=True)
class DownloadWorld:
    """Download a released world into the Hub's cache, after showing its size and licence.

    A download that was stopped goes on where it was when the same command is run again. HF_HOME
    moves the cache, HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 keeps off the network.
    """

    world: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")]
    """csgo, an Atari game such as pong, all-atari, or hf:OWNER/NAME for a cartridge in a
    repository."""
    yes: bool = False
    """Download without asking."""


@dataclass(frozen=True)
class PushWorld:
    """Upload a cartridge, with a model card, so that others play it with hf:OWNER/NAME."""

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """Folder of a cartridge, or the name of one in cartridges/."""
    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The repository, created if there is none. Its newest files are replaced, older ones stay."""
    private: bool = False
    """Create a new repository as private."""
    yes: bool = False
    """Upload without asking."""


@dataclass(frozen=True)
class PullData:
    """Download a dataset of recordings into a folder, after showing its size and licence.

    A download that was stopped goes on where it was when the same command is run again, and what
    was added to the dataset since comes along. HF_HOME moves the cache that it goes through,
    HF_ENDPOINT names a mirror.
    """

    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset, as push-data made it."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with episodes of this dataset."""
    yes: bool = False
    """Download without asking."""


@dataclass(frozen=True)
class PushData:
    """Upload a folder of recordings as a dataset, with a card, so that others train on it."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder, as tools.record wrote it."""
    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset, created if there is none. Its newest files are replaced, older ones stay."""
    licence: str
    """Licence of the recordings: cc0-1.0, cc-by-4.0, mit, or in your own words."""
    private: bool = False
    """Create a new dataset as private."""
    yes: bool = False
    """Upload without asking."""

    def __post_init__(self) -> None:
        if not (self.licence.strip() and self.licence.isprintable()):
            raise UserError("--licence needs a name, such as cc0-1.0")


HubCommand = (
    Annotated[ListWorlds, tyro.conf.subcommand("list")]
    | Annotated[DownloadWorld, tyro.conf.subcommand("download")]
    | Annotated[PushWorld, tyro.conf.subcommand("push")]
    | Annotated[PullData, tyro.conf.subcommand("pull-data")]
    | Annotated[PushData, tyro.conf.subcommand("push-data")]
)
