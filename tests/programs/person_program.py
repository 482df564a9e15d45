"""play.py for test_person.py: it says what its window shows, and does as a pad would.

python -m tests.programs.person_program toy|breakout FOLDER: `toy` puts a toy in the place of the
dream, so that no model is needed. Prints a line of JSON whenever what can be seen has changed;
reads lines such as "pad a down" from its input.
"""

from __future__ import annotations

import json
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pygame

import play
from engine.ui.page_layout import lay_out
from engine.ui.pygame.pads import BUTTONS
from engine.ui.pygame.window import DesktopWindow
from engine.ui.screen import Picture
from tests.support.toy_world import ToyWorld

SHAPE = (64, 64)


class TellingWindow(DesktopWindow):
    """A real window that prints what it shows, when that is something else than before."""

    _told = ""

    def present(self, picture: Picture) -> None:
        super().present(picture)
        told = json.dumps(self._seen(picture))
        if told != self._told:
            self._told = told
            print(told, flush=True)

    def _seen(self, picture: Picture) -> dict[str, Any]:
        seen: dict[str, Any] = {"line": picture.line, "help": bool(picture.help)}
        seen["cells"] = [list(cell) for row in picture.hud for cell in row if cell[0] == "action"]
        seen["frame"] = picture.frame is not None
        if (page := picture.page) is not None:
            layout = lay_out(page, self.size)
            boxes = layout.items if page.dialog is None else layout.choices
            left, top = self._window.position
            seen["page"] = page.title
            seen["tiles"] = [tile.title for tile in page.tiles or ()]
            seen["marked"] = page.marked
            seen["dialog"] = "" if page.dialog is None else page.dialog.title
            seen["middles"] = {
                item: (left + box.left + box.width // 2, top + box.top + box.height // 2)
                for item, box in boxes.items()
            }
        return seen


class Dream(ToyWorld):
    """What stands in for a dream."""

    game, runtime = "", "a toy"
    provenance = {"device": "toy"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__(shape=SHAPE)


def put_toy_in_place() -> None:
    """Let every cartridge open as a toy."""
    dream, cartridge = types.ModuleType("models.dream"), types.ModuleType("models.cartridge.reader")
    dream.open_world = lambda path, **choices: Dream()  # type: ignore[attr-defined]
    cartridge.check = lambda path: path  # type: ignore[attr-defined]
    sys.modules |= {"models.dream": dream, "models.cartridge.reader": cartridge}


def act_as_pad() -> None:
    """Put what a pad's buttons do, from the input, where SDL puts it."""
    number = {name: button for button, name in BUTTONS.items()}
    # Not sys.stdin: who forks, as a telemetry does, would wait for it for ever.
    for line in open(0, closefd=False):  # noqa: SIM115
        _, name, way = line.split()
        kind = pygame.CONTROLLERBUTTONDOWN if way == "down" else pygame.CONTROLLERBUTTONUP
        pygame.event.post(pygame.Event(kind, instance_id=0, button=number[name]))


def main(kind: str, folder: Path) -> int:
    """Open the menu, as `python play.py` does."""
    if kind == "toy":
        put_toy_in_place()
    play.open_window = TellingWindow
    threading.Thread(target=act_as_pad, daemon=True).start()
    return play.main(play.Flags(folder=folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
