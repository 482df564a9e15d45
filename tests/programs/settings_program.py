"""A program that changes its user's settings now and then, as another one does at the same time.

python -m tests.programs.settings_program FILE NAME COUNT: waits for the file GO beside FILE, then
plays COUNT worlds called NAME0, NAME1, ... and binds a key to the button NAME.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from engine.settings import SettingsFile


def main(path: Path, name: str, count: int) -> None:
    """Change the settings, one entry after the other."""
    settings = SettingsFile(path)
    (path.parent / f"{name}.ready").touch()
    while not (path.parent / "GO").exists():
        time.sleep(0.001)
    for number in range(count):
        settings.played(f"{name}{number}")
    settings.change(keys={**settings.now.keys, name: {"fire": ("x",)}})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
