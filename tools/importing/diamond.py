"""Import of DIAMOND's own episodes."""

from __future__ import annotations

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from datasets.episode import EpisodeInfo
from datasets.importers import diamond_episodes
from datasets.importers.foreign import numbered_buttons, numbered_choices
from engine.contracts import ActionSpace, CsgoActions
from engine.games.atari import RATE_FPS
from tools.importing.parts import atari_actions, check_out, import_all, report
from tools.options.imports import DiamondImport

CSGO_FPS = 16.0


def import_diamond(config: DiamondImport) -> None:
    """Import a folder; says what was written and what was left out."""
    paths = diamond_episodes.find(config.src)
    keys = [config.key(path.resolve()) for path in paths]
    check_out(config.out, keys)
    with IsolatedProcess() as process:
        kinds = []
        for path in paths:
            try:
                kinds.append(process.call(str(path), diamond_episodes.read_actions, path))
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
            lambda i: process.call(str(paths[i]), diamond_episodes.read, paths[i], info),
        )
    report(config.out, steps, refused)


def _space(config: DiamondImport, kinds: list[diamond_episodes.Actions]) -> tuple[str, ActionSpace]:
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
