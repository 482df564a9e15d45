"""Catalogue of the released worlds: their files, sizes and hashes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base import plain
from base.errors import UserError, unknown
from hub.downloads import HubFile
from hub.transfer import REPO_NAME

CATALOGUE = Path(__file__).with_name("catalogue.toml")

_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class World:
    """A released world: some files of a repository at a revision.

    name:     what commands call it. title: for people.
    licence:  of the weights, in words.
    game:     the emulator's name for it, or "" for a world that no emulator plays.
    checkpoint, agent, env: the weights, and the YAML files with the numbers behind them.
    spawns:   recorded places to begin from, for a world that has them.
    """

    name: str
    title: str
    repo: str
    revision: str
    licence: str
    checkpoint: HubFile
    agent: HubFile
    env: HubFile
    game: str = ""
    spawns: tuple[HubFile, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.title or not self.licence:
            raise ValueError("a world without a name, a title or a licence")
        if not REPO_NAME.fullmatch(self.repo):
            raise ValueError(f"a repository called '{self.repo}'")
        if not _REVISION.fullmatch(self.revision):
            raise ValueError(f"'{self.revision}', which is no revision in full")

    @property
    def files(self) -> tuple[HubFile, ...]:
        """Return all of its files: small ones first, so that a mistake shows early."""
        return (self.agent, self.env, *self.spawns, self.checkpoint)

    @property
    def bytes(self) -> int:
        """The size of all files, as far as it is known here."""
        return size(self.files)

    @property
    def exact(self) -> bool:
        """True if `bytes` is exact."""
        return all(file.bytes for file in self.files)


def size(files: Iterable[HubFile]) -> int:
    """The size of some files in bytes, as far as it is known here."""
    return sum(file.bytes or file.about_bytes for file in files)


def read_catalogue(path: Path = CATALOGUE) -> tuple[World, ...]:
    """The worlds of a catalogue, in its order.

    Raises UserError, naming the file, for anything that is not a catalogue.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not TOML: {error}") from error
    try:
        worlds = _worlds(data)
    except UserError as error:
        raise UserError(f"{path} cannot be used: {error}") from error
    return worlds


def find_world(name: str, worlds: Iterable[World]) -> World:
    """The world that `name` spells.

    Case, spaces and punctuation count for nothing: 'MsPacman' and 'ms-pacman' are both Ms. Pac-Man.
    Every world also answers to 'diamond:NAME', and to the emulator's name for its game.
    Raises UserError, suggesting the nearest name, if there is none.
    """
    worlds = tuple(worlds)
    wanted = _letters(re.sub(r"^diamond[:_-]", "", name.strip().lower()))
    for world in worlds:
        if wanted and wanted in {_letters(world.name), _letters(world.game)}:
            return world
    raise unknown("world", name, [world.name for world in worlds])


def atari(worlds: Iterable[World]) -> tuple[World, ...]:
    """The worlds that the emulator plays too."""
    return tuple(world for world in worlds if world.game)


@dataclass(frozen=True)
class _Catalogue:
    """The file itself: what its worlds have in common, and the rest of each."""

    repo: str
    revision: str
    licence: str
    worlds: tuple[Any, ...]


def _worlds(data: dict[str, Any]) -> tuple[World, ...]:
    whole = plain.read(_Catalogue, data, "catalogue")
    common = {"repo": whole.repo, "revision": whole.revision, "licence": whole.licence}
    if not all(isinstance(world, dict) for world in whole.worlds):
        raise UserError("'worlds' are to be tables")
    named = ((f"worlds[{i}]", common | world) for i, world in enumerate(whole.worlds))
    worlds = tuple(plain.read(World, world, name) for name, world in named)
    keys = [key for w in worlds for key in {_letters(w.name), _letters(w.game)} if key]
    for key in keys:
        if keys.count(key) > 1:
            raise UserError(f"two worlds answer to '{key}'")
    return worlds


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
