"""A world between two cartridges: python -m tools.blend FIRST SECOND OUT."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError, run_main

PROGRAM = "python -m tools.blend"


@dataclass(frozen=True)
class BlendConfig:
    """Mix the weights of two cartridges, of which one was trained on from the other.

    Between two such there is often one that dreams better than both (Wortsman et al. 2022, "Model
    soups"): what one has unlearnt the other still has. Mixed are the denoisers and, where both have
    one, the networks that enlarge; all else is as in SECOND. FIRST may see fewer frames.
    """

    first: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIRST")]
    """A cartridge: its folder, or the name of one in cartridges/."""
    second: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SECOND")]
    """Another, trained with --start-from FIRST."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write."""
    share: float = 0.5
    """Share of SECOND in it, from 0 to 1."""

    def __post_init__(self) -> None:
        """Raise UserError for a share that cannot be."""
        if not 0 <= self.share <= 1:
            raise UserError(f"--share must be from 0 to 1, not {self.share:g}")


def main() -> None:
    """Parse the command line and blend."""
    config = tyro.cli(BlendConfig, prog=PROGRAM)
    from tools.app.blending import blend

    said = f"{PROGRAM} {shlex.join(sys.argv[1:])}"
    blend(config.first, config.second, config.out, said, config.share)


if __name__ == "__main__":
    run_main(main)
