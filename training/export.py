"""From a training run to a cartridge that can be played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from datasets.segments import Segments
from engine.video import contact_sheet
from models import cartridge
from models.manifest import Manifest, SamplerConfig
from training.scores import Scores
from training.trainer import Data
from training.update import Learner

STARTS = 32
LICENCE = "MIT (weights); the pictures show the recorded game and belong to its makers"


def export(
    path: Path,
    name: str,
    learner: Learner,
    data: Data,
    scores: Scores,
    updates: int,
    made_by: Mapping[str, Any],
) -> None:
    """Write the averaged weights as the cartridge `path`, replacing an older one there.

    Its starting contexts come from held-out episodes. made_by: commands and the like, for its
    card. Raises UserError when the disk refuses or something else is in the way.
    """
    config, info = learner.config, data.store.info
    frames, actions = starting_contexts(data, config.context)
    manifest = Manifest(
        name=name,
        title=name.replace("_", " ").title(),
        denoiser=learner.denoiser.config,
        reward_end=learner.head.config,
        actions=info.actions,
        rate_fps=info.rate_fps,
        sampler=SamplerConfig("euler", config.sigmas),
        licence=LICENCE,
        metrics={
            "updates": updates,
            "held_out_psnr_1": round(scores.psnr_1, 3),
            "held_out_psnr_n": round(scores.psnr_n, 3),
        },
        source={**made_by, "data": describe(data), "training": config.to_json()},
    )
    encoded, preview = cv2.imencode(
        ".png", cv2.cvtColor(contact_sheet([f[-1] for f in frames], 4, 2), cv2.COLOR_RGB2BGR)
    )
    assert encoded, "OpenCV encodes any uint8 picture as PNG"
    cartridge.save(
        path,
        manifest,
        learner.denoiser_ema,
        learner.head_ema,
        frames,
        actions,
        preview.tobytes(),
        card(manifest),
        torch.bfloat16,
    )


def starting_contexts(data: Data, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to STARTS contexts of held-out episodes, spread evenly over all of their moments.

    Returns frames uint8 (S, T, H, W, 3) and actions float32 (S, T, A).
    """
    segments = Segments(data.store, data.held_out, length)
    chosen = np.linspace(0, len(segments) - 1, min(STARTS, len(segments))).astype(int)
    windows = [segments[int(i)].window for i in np.unique(chosen)]
    return np.stack([w.frames for w in windows]), np.stack([w.actions for w in windows])


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
