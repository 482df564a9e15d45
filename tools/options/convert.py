"""Options of python -m tools.convert."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

OWN_LICENCE = "not stated"


@dataclass(frozen=True)
class ConvertConfig:
    """Turn a DIAMOND checkpoint into a cartridge, or a cartridge that came from one back.

    A checkpoint of CS:GO needs its spawn folders. One of an Atari game has to be named, and its
    emulator begins the dream. Of any other game a profile says what is pressed, how fast it steps
    and how large its frames are; without one its actions are numbered.
    """

    src: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """A .pt file, or the folder of a cartridge."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write, or the .pt file."""
    game: str | None = None
    """The Atari game that the checkpoint dreams."""
    spawns: Path | None = None
    """Folder that holds CS:GO's spawn folders 0, 1, ..."""
    profile: Path | None = None
    """A TOML file that describes any other game (engine/profile.py). Its keys are the actions in
    their order, without the first one if that presses nothing."""
    numbered: bool = False
    """Of another game: play it with numbers for its actions."""
    episodes: Path | None = None
    """Folder of DIAMOND's episodes of another game (dataset/test), to begin from. Without them a
    dream begins from a black frame."""
    precision: str = "float32"
    """Data type of the stored weights: float32, bfloat16, float16."""
    licence: str = OWN_LICENCE
    """Of the weights, for the card."""
