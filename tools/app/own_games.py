"""DIAMOND worlds of games that no emulator here plays: their actions, and where they begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from datasets.episode import EpisodeInfo
from datasets.importers import diamond_episodes
from datasets.importers.foreign import ForeignEpisode, numbered_choices
from engine.contracts import ActionSpace, DiscreteActions
from engine.profile import read_profile
from models.diamond.released import ATARI_FPS, Released, own_game
from models.diamond.weights import load_atari
from models.networks.denoiser import DenoiserConfig

STARTS = 32  # at most
NOTHING = "nothing"  # what the action is called that holds no button


def with_profile(checkpoint: Path, path: Path, episodes: Path | None, licence: str) -> Released:
    """The world of a checkpoint, as a profile describes its game.

    episodes: a folder of DIAMOND's, to begin from. Raises UserError for what does not go together.
    """
    profile = read_profile(path)
    networks = load_atari(checkpoint, (profile.height_px, profile.width_px))
    config = networks.denoiser.config
    buttons, mouse = profile.actions.buttons, profile.actions.mouse
    idle = config.actions - len(buttons)
    actions: ActionSpace
    if mouse and config.actions == profile.actions.size:
        actions = profile.actions
    elif not mouse and idle in (0, 1):
        names = (*[NOTHING] * idle, *buttons)
        choices = (*[()] * idle, *((button,) for button in buttons))
        actions = DiscreteActions(names, choices, profile.actions.keys)
    else:
        raise UserError(
            f"{checkpoint} is of a game with {config.actions} actions, and {path} has "
            f"{profile.actions.size}: list in [keys] what each action presses, in their order, "
            "without the first one if it presses nothing; or leave them numbered (--numbered)"
        )
    starts = read_starts(episodes, actions, config) if episodes else {}
    return own_game(networks, profile.name, actions, profile.rate_fps, licence, starts)


def numbered(checkpoint: Path, name: str, episodes: Path | None, licence: str) -> Released:
    """The world of a checkpoint of which only the numbers of its actions are known."""
    networks = load_atari(checkpoint)
    config = networks.denoiser.config
    actions = numbered_choices(config.actions)
    starts = read_starts(episodes, actions, config) if episodes else {}
    return own_game(networks, name, actions, ATARI_FPS, licence, starts)


def read_starts(
    folder: Path, actions: ActionSpace, config: DenoiserConfig
) -> dict[str, np.ndarray]:
    """Places to begin from, as models/cartridge/reader.py describes them: the middles of episodes.

    Raises UserError if there is none, or if the frames are of another size than the dream's.
    """
    paths = diamond_episodes.find(folder)
    chosen = [paths[i * len(paths) // STARTS] for i in range(STARTS)] if paths[STARTS:] else paths
    info = EpisodeInfo("dream", actions, ATARI_FPS, seed=0, player="agent")
    began: list[tuple[np.ndarray, np.ndarray]] = []
    refused: list[str] = []
    with IsolatedProcess() as process:
        for path in chosen:
            try:
                episode = process.call(str(path), diamond_episodes.read, path, info)
                began.append(_middle(episode, path, config))
            except UserError as error:
                refused.append(str(error))
    if not began:
        raise UserError(f"{folder} holds no place to begin from: {refused[0]}")
    frames, acted = zip(*began, strict=True)
    return {"frames": np.stack(frames), "actions": np.stack(acted)}


def _middle(
    episode: ForeignEpisode, path: Path, config: DenoiserConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The context in the middle of an episode: frames, and the actions taken at them."""
    height, width = episode.frames.shape[1:3]
    if (height, width) != (config.height, config.width):
        raise UserError(
            f"{path} has frames of {width} x {height} pixels, and the dream's are "
            f"{config.width} x {config.height}"
        )
    if len(episode.steps) < config.context:
        raise UserError(f"{path} is shorter than the {config.context} frames that a dream sees")
    at = (len(episode.steps) - config.context) // 2
    context = slice(at, at + config.context)
    return episode.frames[context], episode.steps.actions[context]
