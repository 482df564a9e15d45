"""Numbers that refactoring must not change: losses of updates, and frames that worlds dream.

`python -m tests.support.golden frames|updates` writes them to tests/data/golden anew; do that only
where a change is meant, and say so. The cards there stay: what was written once is read for ever.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from engine.contracts import DENOISING_STEPS, CsgoActions
from models.cartridge.manifest import Preset, manifest_from_json
from models.cartridge.reader import Cartridge, load
from models.dream import CONTEXT_NOISE, DiffusionWorld
from models.runtime import choice as runtime_choice
from models.runtime import sampler_cache
from models.runtime.selection import Choice, Decision, prepare
from tests.support.networks import awaken
from tests.support.recordings import record_in_two_sizes
from tests.support.tiny_cartridge import manifest, networks, starts, write_tiny_cartridge
from tests.support.tiny_training import TINY, TINY_SEQUENCE, TINY_UPSAMPLER, record_enough
from training.beginning import build
from training.data import open_data
from training.recipes.presets import Recipe

FOLDER = Path(__file__).parents[1] / "data" / "golden"
CARDS, FRAMES, UPDATES = (
    FOLDER / name for name in ("cards.json", "frames.safetensors", "updates.json")
)
UPDATE_COUNT = 3
PLAIN = Choice("torch", "cpu", "float32")

SMALL = replace(TINY, rollouts_from=0.15)
RECIPES: dict[str, Recipe] = {
    "small": SMALL,
    "doom": replace(
        SMALL, samples=1, keep_diverged_share=0.0, diverged_light=18.0, replay_share=0.0,
        event_share=0.0, changed_weight=1.0, log_loss=True, texture_weight=24.0,
        frozen_context_share=0.3, lags=(0, 1, 2, 3), prior_channels=(), target="warp",
        sigma_data=0.08,
    ),
    "csgo": TINY_SEQUENCE,
    "csgo-upsampler": TINY_UPSAMPLER,
    "doom-upsampler": replace(
        TINY_UPSAMPLER, attention=(False, False), patch=2, target="change", sigma_data=0.15,
        sigma_offset=0.0, sigma_location=0.69, sigma_scale=0.01, muon_learning_rate=3e-3,
        steps=(1,), churn=0.0, sigma_max=2.0, rollout_steps=3, log_loss=True, dreamed_share=0.25,
    ),
}  # fmt: skip


def updates(name: str, folder: Path) -> list[dict[str, float]]:
    """What the first updates of a recipe report. folder: an empty one for recordings."""
    recipe = RECIPES[name]
    world = None
    if name in ("small", "doom"):
        record_enough(folder / "data")
    else:
        record_in_two_sizes(folder / "data", 990, 40, 30)
    if name == "doom-upsampler":
        preset = Preset(TINY_SEQUENCE.sampler(1))
        of = replace(
            manifest(), actions=CsgoActions(), denoiser=TINY_SEQUENCE.denoiser(10, 16, 51),
            reward_end=None, sampler=None, presets={"fast": preset},
        )  # fmt: skip
        world = load(write_tiny_cartridge(folder / "world", of), torch.bfloat16)
    learner = build(recipe, open_data(folder / "data", recipe, 0.2), torch.device("cpu"), world)
    awaken(learner.denoiser).train()
    return [dict(learner.update(index, learner.batches[index])) for index in range(UPDATE_COUNT)]


def cards() -> dict[str, Any]:
    """The cards of a tiny world of every kind, as they were first written."""
    data: dict[str, Any] = json.loads(CARDS.read_text("utf-8"))
    return data


def frames(card: Mapping[str, Any]) -> np.ndarray:
    """What a world of a card dreams, (N, H, W, 3): as it is, with a step more, and with noise."""
    of = manifest_from_json(card)
    cartridge = Cartridge(of, networks(of), starts(of), "golden")

    def choose(step: Any, example: Any, *_: object, **__: object) -> tuple[Any, Decision]:
        return prepare(step, PLAIN, example), Decision(PLAIN)

    with (
        patch.object(sampler_cache, "choose", choose),
        patch.object(runtime_choice, "cpu_threads", lambda: 1),
    ):
        world = DiffusionWorld(cartridge, sampler_cache.SamplerCache(cartridge))
        world.reset(seed=3)
        left, made = of.actions.named("LEFT"), []
        for knob in ("", DENOISING_STEPS, CONTEXT_NOISE):
            for found in (k for k in world.knobs if k.name == knob):
                world.turn(knob, -1 if found.value == found.choices[-1] else 1)
            made += [world.step(left).frame for _ in range(2)]
    return np.stack(made)


def main(what: str) -> None:
    if what == "frames":
        save_file({name: frames(card) for name, card in cards().items()}, FRAMES)
    else:
        made = {}
        for name in RECIPES:
            with tempfile.TemporaryDirectory() as folder:
                made[name] = updates(name, Path(folder))
        UPDATES.write_text(json.dumps(made, indent=1) + "\n")


def recorded_frames() -> dict[str, np.ndarray]:
    """What those worlds dreamed when this was written."""
    return cast(dict[str, np.ndarray], load_file(FRAMES))


if __name__ == "__main__":
    main(sys.argv[1])
