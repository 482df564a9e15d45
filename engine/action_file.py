"""Action files: a list of actions as text, one per line.

    # serve, then go left for eight steps
    FIRE
    LEFT*8

Blank lines and everything after # are ignored. Names are those of the world's action space, in
any case: an Atari game's own, or what is held in Counter-Strike (see engine/csgo_actions.py), as in
`w+space+mouse(30,-4)*16`.
"""

from __future__ import annotations

import re
from pathlib import Path

from base.errors import UserError
from base.files import read_text
from engine.contracts import ActionSpace, ActionVector

MOST_STEPS = 1_000_000
_LINE = re.compile(r"(?P<name>[^*]+?)\s*(?:\*\s*(?P<count>[0-9]{1,9}))?")


def read_actions(path: Path, space: ActionSpace) -> list[ActionVector]:
    """Read the actions in a file, repeats expanded. UserError names the line that is wrong."""
    return parse_actions(read_text(path), space, str(path))


def parse_actions(text: str, space: ActionSpace, source: str) -> list[ActionVector]:
    """Parse the actions in `text`; `source` is named in errors."""
    actions: list[ActionVector] = []
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#", 1)[0].strip()
        if not content:
            continue
        match = _LINE.fullmatch(content)
        if match is None:
            raise UserError(f"{source}, line {number}: expected NAME or NAME*COUNT")
        try:
            vector = space.named(match["name"])
        except UserError as error:
            raise UserError(f"{source}, line {number}: {error}") from error
        count = int(match["count"] or 1)
        if len(actions) + count > MOST_STEPS:
            raise UserError(f"{source}, line {number}: more than {MOST_STEPS} steps in all")
        actions.extend([vector] * count)
    return actions
