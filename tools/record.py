"""Record gameplay: python -m tools.record breakout --player scripted --steps 20000 --out DIR.

`python -m tools.record screen` records any other game from the screen.
"""

from __future__ import annotations

import sys

import tyro

from base.errors import run_main
from tools.options.record import RecordConfig, ScreenConfig

PROGRAM = "python -m tools.record"


def main() -> None:
    """Parse the command line and record; `screen` has options of its own."""
    if sys.argv[1:2] == ["screen"]:
        screen = tyro.cli(ScreenConfig, prog=f"{PROGRAM} screen", args=sys.argv[2:])
        from tools.capture.record_screen import record_screen

        record_screen(screen)
    else:
        config = tyro.cli(RecordConfig, prog=PROGRAM)
        from tools.capture.record_game import record

        record(config)


if __name__ == "__main__":
    run_main(main)
