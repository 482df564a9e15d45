"""The trainer's runs on a user's recordings: where they lie, and the networks that each trains.

They are my_NAME, my_NAME.2, ... in the folder of worlds, after the folder of the recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from base.cartridges import LARGE
from base.folders import worlds_folder
from training import progress

if TYPE_CHECKING:  # torch comes with it
    from training.recipes.presets import Preset


@dataclass(frozen=True)
class Part:
    """The training of one network of a world.

    folder: of the trainer's run. preset: its recipe. world: the cartridge that it makes better;
    None for the first network, which makes one.
    """

    folder: Path
    preset: Preset
    world: Path | None = None

    @property
    def share(self) -> float | None:
        """Fraction of it that is done; None if it has not begun."""
        told = progress.read(self.folder)
        return None if told is None else told[0] / told[1]


def run_folder(name: str, number: int) -> Path:
    """Return the folder of run 1, 2, ... on some recordings, whose names have no dot."""
    return worlds_folder() / (f"my_{name}" if number == 1 else f"my_{name}.{number}")


def runs(name: str) -> int:
    """Return the number of runs on some recordings; 1 if there is none, which is the next then."""
    number = 1
    while run_folder(name, number + 1).is_dir():
        number += 1
    return number


def plain(run: Path) -> str:
    """Return the name of a run's world."""
    return run.name.replace(".", "_")


def parts_of(run: Path, presets: Sequence[Preset]) -> list[Part]:
    """The parts of a run, by the recipes of its networks: one that dreams and one that enlarges."""
    first, *further = presets
    return [Part(run, first), *(Part(run / LARGE, name, run / "cartridge") for name in further)]


def share_done(parts: Sequence[Part]) -> float | None:
    """Return the fraction of all parts that is done; None if the first has not begun."""
    if parts[0].share is None:
        return None
    return sum(part.share or 0.0 for part in parts) / len(parts)
