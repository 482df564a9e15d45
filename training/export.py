"""Export of a training run as a cartridge that can be played."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from base.errors import UserError
from engine.media.video import contact_sheet, encode_png
from models.cartridge.manifest import Manifest, Preset
from models.cartridge.reader import Cartridge
from models.cartridge.writer import save
from models.sampler import Sampler
from training.data import Data
from training.learners.base import Learner
from training.recipes.presets import Recipe
from training.recipes.two_sizes import UpsamplerConfig
from training.recipes.world import TrainConfig
from training.scores import Scores

STARTS = 12
LICENCE = "MIT (weights); the pictures show the recorded game and belong to its makers"


def describe_world(name: str, recipe: Recipe, data: Data, onto: Cartridge | None) -> Manifest:
    """Return the manifest of the cartridge that a run will make, but for what only the run tells.

    name: its short name. onto: the world that an upsampler is for, None for other recipes.
    Raises UserError for a world that no cartridge can hold.
    """
    info, (height, width, _) = data.store.info, data.store.frame_shape
    source = {"data": describe(data), "training": dataclasses.asdict(recipe)}
    try:
        if isinstance(recipe, UpsamplerConfig):
            assert onto is not None
            return enlarged_world(name, recipe, data, onto.manifest, source)
        manner: dict[str, Any] = {}
        if isinstance(recipe, TrainConfig):
            manner["reward_end"] = recipe.reward_end(height, width)
            manner["sampler"] = recipe.sampler
            manner["frame_prior"] = recipe.frame_prior(height, width)
        else:
            samplers = recipe.samplers().items()
            manner["presets"] = {way: Preset(sampler) for way, sampler in samplers}
        return Manifest(
            name=name,
            title=name.replace("_", " ").title(),
            denoiser=recipe.denoiser(height, width, info.actions.size),
            actions=info.actions,
            rate_fps=info.rate_fps,
            licence=LICENCE,
            source=source,
            **manner,
        )
    except ValueError as error:
        raise UserError(f"this network cannot be built: {error}") from error


def enlarged_world(
    name: str, recipe: UpsamplerConfig, data: Data, world: Manifest, source: Mapping[str, Any]
) -> Manifest:
    """Return the manifest of a world with an upsampler to the large frames of recordings.

    What tells rewards and ends, plays, or mends frames is left behind: with an upsampler nothing
    does.
    Raises UserError for recordings that are not of this world, and ValueError for an upsampler
    that cannot be built.
    """
    assert data.large is not None
    _check_fit(world, data)
    tall, wide, _ = data.large.store.frame_shape
    return dataclasses.replace(
        world,
        name=name,
        reward_end=None,
        actor_critic=None,
        frame_prior=None,
        upsampler=recipe.upsampler(tall, wide),
        sampler=None,
        presets={
            way: Preset(frame_sampler(world, way), sampler)
            for way, sampler in recipe.samplers().items()
        },
        # Of a world that has an upsampler already, what made the network that dreams is all that
        # stays.
        source={**source, "denoiser": world.source.get("denoiser", world.source)},
    )


def _check_fit(world: Manifest, data: Data) -> None:
    """Raise UserError unless frames and actions are this world's, and episodes long enough."""
    config, (height, width, _) = world.denoiser, data.store.frame_shape
    if (config.height, config.width) != (height, width):
        raise UserError(
            f"{world.name} makes frames of {config.height} x {config.width} pixels, and the small "
            f"ones recorded in {data.store.folder} have {height} x {width}"
        )
    if world.actions.names != data.store.info.actions.names:
        raise UserError(f"{world.name} has other actions than {data.store.folder}")
    if data.scored.length < config.context:
        raise UserError(
            f"{world.name} begins from {config.context} frames, and the episodes of "
            f"{data.store.folder} that are kept for testing have {data.scored.length} at most"
        )


def frame_sampler(world: Manifest, way: str) -> Sampler:
    """Return how a world makes its frames, in the way that goes with one of an upsampler's."""
    if world.sampler is not None:
        return world.sampler
    return world.presets.get(way, next(iter(world.presets.values()))).frame


def export(
    path: Path,
    world: Manifest,
    learner: Learner,
    data: Data,
    scores: Scores,
    updates: int,
    made_by: Mapping[str, Any],
    onto: Cartridge | None,
) -> None:
    """Write the averaged weights as the cartridge `path`, replacing an older one there.

    world, onto: as `describe_world` made it, and of what. Starting contexts come from held-out
    episodes. made_by: commands and the like, for its card; plain data.
    Raises UserError when the disk refuses or something else is in the way.
    """
    figures = {
        "updates": updates,
        "held_out_psnr_1": round(scores.psnr_1, 3),
        "held_out_psnr_n": round(scores.psnr_n, 3),
    }
    if onto is not None:
        figures = {f"upsampler_{name}": value for name, value in figures.items()}
    manifest = dataclasses.replace(
        world, metrics={**world.metrics, **figures}, source={**made_by, **world.source}
    )
    starts = starting_contexts(data, world.denoiser.context)
    last = starts["large"] if "large" in starts else starts["frames"][:, -1]
    preview = encode_png(contact_sheet(list(last), 4, 2))
    networks = {**(onto.networks if onto else {}), **learner.played()}
    save(path, manifest, networks, starts, preview, card(manifest), torch.bfloat16)


def starting_contexts(data: Data, length: int) -> dict[str, NDArray[Any]]:
    """Return up to STARTS contexts of held-out episodes.

    First a new game, as early as the recipe learns from, then others spread evenly over all
    moments.

    From each of them the game went on for as long as evaluations go, so no start is a game
    about to end. As cartridges have it: frames uint8 (S, T, H, W, 3), actions float32 (S, T, A)
    and, of recordings in two sizes, large uint8 (S, H', W', 3).
    """
    earliest = data.segments.earliest
    fresh = [(episode, earliest) for episode in data.held_out if (episode, 0) in data.scored][:1]
    spread = [data.scored.place(index) for index in data.scored.spread_over(STARTS)]
    places = fresh + spread[len(fresh) :]
    windows = [data.scored.read(*place, length).window for place in places]
    starts: dict[str, NDArray[Any]] = {
        "frames": np.stack([window.frames for window in windows]),
        "actions": np.stack([window.actions for window in windows]),
    }
    if data.large is not None:
        last = [(episode, first + length - 1) for episode, first in places]
        starts["large"] = np.concatenate([data.large.read(e, at, at + 1) for e, at in last])
    return starts


def describe(data: Data) -> dict[str, Any]:
    """Describe a dataset for a card, as plain data."""
    store = data.store
    steps: Counter[str] = Counter()
    for episode in range(len(store)):
        steps[store.episode_info(episode).player] += store.length(episode)
    return {
        "game": store.info.game,
        "emulator": dict(store.info.emulator),
        "steps_by_player": dict(steps),
        "episodes": len(store),
        "episodes_held_out": len(data.held_out),
    }


def remade(manifest: Manifest, said: str, **changes: Any) -> Manifest:
    """Return the manifest of what a command line made of a world, not measured yet.

    said: that line. changes: fields that are others now.
    """
    source = dict(manifest.source)
    source["commands"] = [*source.get("commands", []), said]
    return dataclasses.replace(manifest, source=source, metrics={}, **changes)


def card(manifest: Manifest) -> str:
    """Write the cartridge's README: what it is, how it was made, how well it dreams."""
    source = manifest.source
    keys = "\n".join(
        f"- {button}: {', '.join(keys)}" for button, keys in manifest.actions.keys.items()
    )
    metrics = "\n".join(f"- {key}: {value}" for key, value in manifest.metrics.items())
    said = [*source.get("denoiser", {}).get("commands", []), *source.get("commands", [])]
    commands = "\n".join(f"    {command}" for command in said)
    data = "\n".join(f"- {key}: {value}" for key, value in source.get("data", {}).items())
    large = " A second network enlarges it." if manifest.upsampler else ""
    return f"""# {manifest.title}

A world model: a network that dreams the next frame from the last {manifest.denoiser.context} and
what you press.{large} Play it with `python play.py` and this folder's path.

## Keys

{keys}

## How it was made

{commands}

{data}

## Figures

{metrics}

Licence: {manifest.licence}.
"""
