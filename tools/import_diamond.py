"""DIAMOND's own episodes into recordings: python -m tools.import_diamond SRC OUT --game pong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError, run_main
from base.isolated_call import Apart
from datasets.episode import EpisodeInfo
from datasets.importers import diamond_episodes
from datasets.importers.foreign import numbered_buttons, numbered_choices
from engine.contracts import ActionSpace, CsgoActions
from engine.games.atari import RATE_FPS
from tools.capture.imports import ForeignPlay, atari_actions, check_out, import_all, report

CSGO_FPS = 16.0


@dataclass(frozen=True)
class ImportDiamondConfig(ForeignPlay):
    """Turn a folder of DIAMOND's episodes (dataset/train, dataset/test) into recordings.

    Nothing in the files is executed. One that is damaged is left out and listed. Of an episode
    that was not over, the last step is left out: DIAMOND does not keep the frame that it led to.
    The actions of CS:GO are known by their number, at 16 steps a second; others are at 15 without
    --fps, as Atari games have it. An import that was stopped goes on when the same is run again.
    """

    src: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """The folder with the files 0.pt, 1.pt, ... in folders of their own."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder of the recordings: a new or empty one, or one where this import was stopped."""


def main() -> None:
    """Parse the command line and import."""
    import_diamond(tyro.cli(ImportDiamondConfig, prog="python -m tools.import_diamond"))


def import_diamond(config: ImportDiamondConfig) -> None:
    """Import a folder; says what was written and what was left out."""
    paths = diamond_episodes.find(config.src)
    keys = [config.key(path.resolve()) for path in paths]
    check_out(config.out, keys)
    with Apart() as apart:
        kinds = []
        for path in paths:
            try:
                kinds.append(apart.call(str(path), diamond_episodes.read_actions, path))
            except UserError as error:
                if path == paths[-1] and not kinds:
                    raise error
        name, actions = _space(config, kinds)
        fps = config.fps or (CSGO_FPS if kinds[0].multi_hot else RATE_FPS)
        info = EpisodeInfo(name, actions, fps, seed=0, player=config.player)
        steps, refused = import_all(
            config.out,
            name,
            keys,
            lambda i: apart.call(str(paths[i]), diamond_episodes.read, paths[i], info),
        )
    report(config.out, steps, refused)


def _space(
    config: ImportDiamondConfig, kinds: list[diamond_episodes.Actions]
) -> tuple[str, ActionSpace]:
    """The game's name, and an action space that has all actions there are."""
    count = max(kind.count for kind in kinds if kind.multi_hot == kinds[0].multi_hot)
    if config.game:
        if kinds[0].multi_hot:
            raise UserError("--game names an Atari game, and these episodes have several buttons")
        return atari_actions(config.game, count)
    if kinds[0].multi_hot and count == CsgoActions().size:
        return "csgo", CsgoActions()
    name = config.src.resolve().name
    return name, numbered_buttons(name, count) if kinds[0].multi_hot else numbered_choices(count)


if __name__ == "__main__":
    run_main(main)
