"""Import recordings made elsewhere: python -m tools.import csgo|diamond|minari|video."""

from __future__ import annotations

import tyro

from base.errors import run_main
from tools.options.imports import (
    CsgoImport,
    DiamondImport,
    ImportCommand,
    MinariImport,
    VideoImport,
)


def main() -> None:
    """Parse the command line and import."""
    command: CsgoImport | DiamondImport | MinariImport | VideoImport = tyro.cli(
        ImportCommand,
        prog="python -m tools.import",
        description="Turn recordings made elsewhere into a folder of episodes to train on.",
    )
    match command:
        case CsgoImport():
            from tools.importing.csgo import import_csgo

            import_csgo(command)
        case DiamondImport():
            from tools.importing.diamond import import_diamond

            import_diamond(command)
        case MinariImport():
            from tools.importing.minari import import_minari

            import_minari(command)
        case VideoImport():
            from tools.importing.video import import_films

            import_films(command)


if __name__ == "__main__":
    run_main(main)
