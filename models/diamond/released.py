"""Released DIAMOND worlds as cartridges: networks from their checkpoint, places to begin from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from base.errors import UserError
from base.files import open_regular
from engine.contracts import ActionSpace, CsgoActions
from models.cartridge.manifest import Manifest, Preset
from models.diamond import config as diamond
from models.diamond.weights import AtariNetworks, CsgoNetworks, load_atari, load_csgo
from models.diamond.yaml_numbers import read_numbers

ATARI_FPS, CSGO_FPS = 15.0, 16.0
CONTEXT, FOLLOWING = 4, 200  # recorded steps of a spawn: before play begins, and after


@dataclass(frozen=True)
class Released:
    """Parts of a world that models.cartridge.writer.save needs, but for its picture and card."""

    manifest: Manifest
    networks: Mapping[str, nn.Module]
    starts: Mapping[str, NDArray[Any]]


def atari(
    checkpoint: Path, name: str, title: str, game: str, actions: ActionSpace, licence: str
) -> Released:
    """The world of an Atari checkpoint. It has no places to begin from: the emulator makes them.

    game: the emulator's name for it; actions: its minimal action set.
    Raises UserError for a file that is no such checkpoint, or one of a game with other actions.
    """
    networks = load_atari(checkpoint)
    config = networks.denoiser.config
    if config.actions != actions.size:
        raise UserError(
            f"{checkpoint} is of a game with {config.actions} actions, and {title} has "
            f"{actions.size}"
        )
    manifest = _describe(networks, name, title, actions, ATARI_FPS, licence)
    nowhere: dict[str, NDArray[Any]] = {
        "frames": np.zeros((0, config.context, config.height, config.width, 3), np.uint8),
        "actions": np.zeros((0, config.context, actions.size), np.float32),
    }
    return Released(replace(manifest, game=game), _named(networks), nowhere)


def own_game(
    networks: AtariNetworks,
    name: str,
    actions: ActionSpace,
    rate_fps: float,
    licence: str,
    starts: Mapping[str, NDArray[Any]],
) -> Released:
    """The world of a game that no emulator here plays, of networks as Atari games have them.

    starts: places to begin from, as models/cartridge/reader.py describes them; a black frame if
    there are none.
    """
    config = networks.denoiser.config
    if not starts:
        frames = np.zeros((1, config.context, config.height, config.width, 3), np.uint8)
        starts = {"frames": frames, "actions": np.tile(actions.idle(), (1, config.context, 1))}
    title = name.replace("_", " ").title()
    manifest = _describe(networks, name, title, actions, rate_fps, licence)
    return Released(manifest, _named(networks), starts)


def _describe(
    networks: AtariNetworks,
    name: str,
    title: str,
    actions: ActionSpace,
    rate_fps: float,
    licence: str,
) -> Manifest:
    """The manifest of a world that has a reward model and a player."""
    return Manifest(
        name=name,
        title=title,
        actions=actions,
        rate_fps=rate_fps,
        licence=licence,
        denoiser=networks.denoiser.config,
        reward_end=networks.reward_model.config,
        actor_critic=networks.actor_critic.config,
        presets={"standard": Preset(diamond.ATARI)},
    )


def _named(networks: AtariNetworks) -> dict[str, nn.Module]:
    """The networks by the names that a cartridge has for them."""
    return {
        "denoiser": networks.denoiser,
        "reward_end": networks.reward_model,
        "actor_critic": networks.actor_critic,
    }


def csgo(checkpoint: Path, spawns: Sequence[Path], name: str, title: str, licence: str) -> Released:
    """The world of CS:GO's checkpoint, with its spawns (folders) as places to begin from.

    Raises UserError for files that are not what they should be.
    """
    networks = load_csgo(checkpoint)
    manifest = Manifest(
        name=name,
        title=title,
        actions=CsgoActions(),
        rate_fps=CSGO_FPS,
        licence=licence,
        denoiser=networks.denoiser.config,
        upsampler=networks.upsampler.config,
        presets=diamond.CSGO,
    )
    places = [read_spawn(folder) for folder in spawns]
    starts = {part: np.stack([place[part] for place in places]) for part in places[0]}
    networks_ = {"denoiser": networks.denoiser, "upsampler": networks.upsampler}
    return Released(manifest, networks_, starts)


def back(networks: Mapping[str, nn.Module]) -> AtariNetworks | CsgoNetworks:
    """A cartridge's networks as those of a checkpoint; UserError if DIAMOND has no such world."""
    match dict(networks):
        case {"denoiser": denoiser, "reward_end": told, "actor_critic": player}:
            return AtariNetworks(denoiser, told, player)  # type: ignore[arg-type]
        case {"denoiser": denoiser, "upsampler": upsampler}:
            return CsgoNetworks(denoiser, upsampler)  # type: ignore[arg-type]
    raise UserError("only worlds that came from a DIAMOND checkpoint can be turned into one")


def check_numbers(agent: Path, networks: Mapping[str, nn.Module]) -> None:
    """Raise UserError unless a released agent's YAML has the numbers its world is played with.

    What the file does not mention is not compared; what it names is never called.
    """
    numbers = read_numbers(agent)
    for part, name in (("denoiser", "denoiser"), ("upsampler", "upsampler")):
        section = numbers.get(part)
        if name not in networks or not isinstance(section, Mapping):
            continue
        config: Any = networks[name].config
        inner = section.get("inner_model")
        said = {**section, **(inner if isinstance(inner, Mapping) else {})}
        for key, ours in (
            ("sigma_data", config.sigma_data),
            ("sigma_offset_noise", config.sigma_offset),
            ("cond_channels", config.unet.cond),
            ("depths", list(config.unet.depths)),
            ("channels", list(config.unet.channels)),
        ):
            if key in said and said[key] != ours:
                raise UserError(
                    f"{agent} says that the {part}'s {key} is {said[key]}, and its weights are "
                    f"played with {ours}; fetch both from the same revision"
                )


def read_spawn(folder: Path) -> dict[str, NDArray[Any]]:
    """A recorded place to begin from, as a cartridge keeps it: frames, actions, large, following.

    Raises UserError for files that are missing or of other shapes.
    """
    small = (diamond.CSGO_HEIGHT_PX, diamond.CSGO_WIDTH_PX)
    large = tuple(diamond.UPSAMPLING * side for side in small)
    low, full, acted, following = (
        _read_npy(folder / name, (length, *shape))
        for name, length, shape in (
            ("low_res.npy", CONTEXT, (3, *small)),
            ("full_res.npy", CONTEXT, (3, *large)),
            ("act.npy", CONTEXT, (diamond.CSGO_ACTIONS,)),
            ("next_act.npy", FOLLOWING, (diamond.CSGO_ACTIONS,)),
        )
    )
    return {
        "frames": low.transpose(0, 2, 3, 1),
        "actions": acted.astype(np.float32),
        "large": full[-1].transpose(1, 2, 0),
        # What was done at the last frame comes first: the context does not go on without it.
        "following": np.concatenate([acted[-1:], following]).astype(np.float32),
    }


def _read_npy(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An array of bytes, mapped from its file, so that no header can ask for more than there is."""
    try:
        open_regular(path).close()  # NumPy would wait for a pipe
        array: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a damaged header makes numpy raise many kinds
        raise UserError(f"{path} is truncated or altered: it is no array") from error
    if not isinstance(array, np.ndarray) or (array.shape, array.dtype) != (shape, np.uint8):
        raise UserError(f"{path} does not hold bytes of shape {shape}")
    return array
