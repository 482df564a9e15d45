"""DIAMOND checkpoints into cartridges and back: python -m tools.convert SRC OUT."""

from __future__ import annotations

import tyro

from base.errors import run_main
from tools.options.convert import ConvertConfig


def main() -> None:
    """Parse the command line and convert."""
    config = tyro.cli(ConvertConfig, prog="python -m tools.convert")
    from tools.app.conversion import convert

    convert(config)


if __name__ == "__main__":
    run_main(main)
