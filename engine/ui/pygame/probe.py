"""Open a window, draw in it and close it, to see whether that works here.

python -m engine.ui.pygame.probe: prints the name of what shows the window; what stops it, as SDL
says it, is the last line of a failure.
"""

from __future__ import annotations

import os
import sys

from base.terminal import say

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # the name below is all that is printed

import numpy as np
import pygame

from engine.ui.pygame.window import DesktopWindow, NoDisplayError, open_window, why_no_display
from engine.ui.screen import Picture


def main() -> int:
    """Open, draw, close; the exit code. Where it is known that nothing is seen, that will do."""
    try:
        window = (DesktopWindow if why_no_display() else open_window)("Dreamcart")
        window.present(Picture(np.zeros((64, 64, 3), np.uint8)))
    except (pygame.error, NoDisplayError) as error:
        say(str(error), error=True)
        return 1
    say(pygame.display.get_driver())
    return 0


if __name__ == "__main__":
    sys.exit(main())
