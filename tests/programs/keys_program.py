"""Tells of real keys; run by test_window_keys.py under a display of its own.

python -m tests.programs.keys_program: prints, as JSON, a line of what keys are shown as, then the
name of each key that is pressed. After a "w" that is shown as something else than at the start it
prints that; it ends by Esc, or after a minute.
"""

from __future__ import annotations

import json
import time

from engine.input.key_names import written
from engine.input.keyboard import WRITING, letter_of
from engine.ui.pygame.window import open_window
from engine.ui.screen import KeyDown


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    """Listen until Esc."""
    window = open_window("keys")
    while not window.poll(0.1):
        pass  # until it is shown
    shown = {place.name: written(place.name) for place in WRITING}
    say(shown | {"typed by w": letter_of("w")})
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for event in window.poll(0.1):
            if not isinstance(event, KeyDown):
                continue
            if event.key == "escape":
                return window.close()
            say(event.key)
            if event.key == "w" and written("w") != shown["w"]:
                say(written("w"))


if __name__ == "__main__":
    main()
