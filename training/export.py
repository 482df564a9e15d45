"""From a training run to a cartridge that can be played."""

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
from engine.video import contact_sheet, encode_png
from models.cartridge_writer import save
from models.manifest import Levels, Manifest
from training.config import TrainConfig
from training.data import Data
from training.scores import Scores
from training.update import Learner

STARTS = 32
LICENCE = "MIT (weights); the pictures show the recorded game and belong to its makers"


def describe_world(name: str, config: TrainConfig, data: Data) -> Manifest:
    """The manifest of the cartridge that a run will make, without what only the run can tell.

    name: its short name. Raises UserError for a world that no cartridge can hold.
    """
    info, (height, width, _) = data.store.info, data.store.frame_shape
    try:
        return Manifest(
            name=name,
            title=name.replace("_", " ").title(),
            denoiser=config.denoiser(height, width, info.actions.size),
            reward_end=config.reward_end(height, width),
            actions=info.actions,
            rate_fps=info.rate_fps,
            sampler=Levels("euler", config.sigmas),
            licence=LICENCE,
            source={"data": describe(data), "training": dataclasses.asdict(config)},
        )
    except ValueError as error:
        raise UserError(f"this network cannot be built: {error}") from error


def export(
    path: Path,
    world: Manifest,
    learner: Learner,
    data: Data,
    scores: Scores,
    updates: int,
    made_by: Mapping[str, Any],
) -> None:
    """Write the averaged weights as the cartridge `path`, replacing an older one there.

    world: as `describe_world` made it. Starting contexts come from held-out episodes.
    made_by: commands and the like, for its card; plain data.
    Raises UserError when the disk refuses or something else is in the way.
    """
    metrics = {
        "updates": updates,
        "held_out_psnr_1": round(scores.psnr_1, 3),
        "held_out_psnr_n": round(scores.psnr_n, 3),
    }
    manifest = dataclasses.replace(world, metrics=metrics, source={**made_by, **world.source})
    frames, actions = starting_contexts(data, world.denoiser.context)
    preview = encode_png(contact_sheet([f[-1] for f in frames], 4, 2))
    save(
        path,
        manifest,
        {"denoiser": learner.denoiser_ema, "reward_end": learner.head_ema},
        {"frames": frames, "actions": actions},
        preview,
        card(manifest),
        torch.bfloat16,
    )


def starting_contexts(data: Data, length: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Up to STARTS contexts of held-out episodes, spread evenly over all of their moments.

    From each of them the game went on for as long as evaluations dream, so no start is a game
    about to end. Returns frames uint8 (S, T, H, W, 3) and actions float32 (S, T, A).
    """
    windows = [segment.window for segment in data.scored.spread(STARTS)]
    frames = np.stack([window.frames[:length] for window in windows])
    return frames, np.stack([window.actions[:length] for window in windows])


def describe(data: Data) -> dict[str, Any]:
    """What a dataset is, for a card: plain data."""
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


def card(manifest: Manifest) -> str:
    """The cartridge's README: what it is, how it was made, how well it dreams."""
    source = manifest.source
    keys = "\n".join(
        f"- {button}: {', '.join(keys)}" for button, keys in manifest.actions.keys.items()
    )
    metrics = "\n".join(f"- {key}: {value}" for key, value in manifest.metrics.items())
    commands = "\n".join(f"    {command}" for command in source.get("commands", []))
    data = "\n".join(f"- {key}: {value}" for key, value in source["data"].items())
    return f"""# {manifest.title}

A world model: a network that dreams the next frame from the last {manifest.denoiser.context} and
what you press. Play it with `python play.py` and this folder's path.

## Keys

{keys}

## How it was made

{commands}

{data}

## Figures

{metrics}

Licence: {manifest.licence}.
"""
