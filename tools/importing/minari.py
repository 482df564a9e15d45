"""Import of Minari datasets of images."""

from __future__ import annotations

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from base.terminal import say
from datasets.episode import EpisodeInfo
from datasets.importers import minari
from datasets.importers.foreign import numbered_buttons, numbered_choices
from engine.contracts import ActionSpace
from tools.importing.parts import atari_actions, check_out, import_all, report
from tools.options.imports import MinariImport


def import_minari(config: MinariImport) -> None:
    """Import a dataset; says what was written and what was left out."""
    source = minari.find(config.src, config.observation)
    what, pictures = str(source.folder.resolve()), source.pictures
    part = f", observation {config.observation}" if config.observation else ""
    keys = [config.key(f"{what} {i}{part}") for i in range(source.episodes)]
    check_out(config.out, keys)
    with IsolatedProcess() as process:
        info = process.call(what, minari.own_info, source) or _told(config, source)
        steps, refused = import_all(
            config.out,
            info.game,
            keys,
            lambda i: process.call(what, minari.read, source, i, info),
        )
    if pictures.name or pictures.stack > 1:
        which = f"observation {pictures.name}" if pictures.name else "observations"
        newest = f"; each has {pictures.stack} frames, of which the newest was taken"
        say(f"pictures: {which}{newest if pictures.stack > 1 else ''}")
    report(config.out, steps, refused)


def _told(config: MinariImport, source: minari.MinariSource) -> EpisodeInfo:
    """Return the facts about episodes that were not exported from here, from the options."""
    if not config.fps:
        raise UserError("Minari does not say how many steps a second make: say it with --fps 15")
    name, actions = config.src.rstrip("/").replace("/", "-"), _space(source)
    if config.game:
        if not source.actions.discrete:
            raise UserError("--game names an Atari game, and this dataset has several buttons")
        name, actions = atari_actions(config.game, source.actions.size)
        if actions.size != source.actions.size:
            raise UserError(
                f"{name} has {actions.size} actions and the dataset {source.actions.size}; without "
                "--game they are numbered"
            )
    return EpisodeInfo(name, actions, config.fps, seed=0, player=config.player)


def _space(source: minari.MinariSource) -> ActionSpace:
    """An action space without names, as large as the dataset's."""
    if source.actions.discrete:
        return numbered_choices(source.actions.size)
    return numbered_buttons("Minari", source.actions.size)
