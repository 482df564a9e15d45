"""Show what is in a folder of recordings: python -m tools.inspect DIR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import run_main


@dataclass(frozen=True)
class InspectConfig:
    """Print what is in a folder of recordings, draw it, warn of what hurts training, and say what
    to record more of.

    A folder that holds the same episodes in two sizes, in low/ and full/, is inspected twice. All
    steps are counted; frames are looked at by chance where there are too many. Episodes that a
    crash left unfinished are rescued first.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder, as tools.record wrote it."""
    sheet: Path | None = None
    """File of the contact sheet; contact_sheet.png in the folder if not given. The histograms go
    beside it, as histograms.png."""
    json: bool = False
    """Print one line of JSON, a list with an entry for each folder."""
    play: bool = False
    """Walk through the episodes in a window instead."""


def main() -> None:
    """Parse the command line and inspect."""
    config = tyro.cli(InspectConfig, prog="python -m tools.inspect")
    from tools.inspection.folders import inspect

    inspect(config.data, config.sheet, as_json=config.json, play=config.play)


if __name__ == "__main__":
    run_main(main)
