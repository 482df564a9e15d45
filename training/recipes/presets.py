"""Presets: the recipes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from training.recipes.two_sizes import SequenceConfig, UpsamplerConfig
from training.recipes.world import TrainConfig

# A saved recipe is of the first of these that has all of its fields.
Recipe = TrainConfig | UpsamplerConfig | SequenceConfig
Preset = Literal["small", "doom", "doom-upsampler", "csgo", "csgo-upsampler"]

# A camera that turns moves every pixel: there is no ball to be lost, and no pixel counts for more.
DOOM = TrainConfig(
    updates=4_600,
    samples=1,
    keep_diverged_share=0.0,
    rollout_steps=10,
    diverged_light=18.0,
    replay_share=0.0,
    event_share=0.0,
    changed_weight=1.0,
    log_loss=True,
    texture_weight=24.0,
    frozen_context_share=0.3,
    prior_channels=(),
    target="warp",
    sigma_data=0.08,
    lags=(0, 1, 2, 3),
    channels=(64, 96, 128, 160),
    cooldown=0.7,
)
# It enlarges in one step, and so learns at the one level of noise that this step begins at.
DOOM_UPSAMPLER = UpsamplerConfig(
    updates=4_000,
    batch=8,
    accumulate=1,
    channels=(96, 64, 64),
    depths=(1, 1, 1),
    attention=(False, False, False),
    patch=5,
    cond=64,
    target="change",
    sigma_data=0.15,
    sigma_offset=0.0,
    sigma_location=0.69,
    sigma_scale=0.01,
    learning_rate=1e-3,
    muon_learning_rate=3e-3,
    cooldown=0.7,
    ema=0.995,
    steps=(1,),
    sigma_max=2.0,
    churn=0.0,
    rollout_steps=100,
    log_loss=True,
    dreamed_share=0.25,
)

PRESETS: Mapping[Preset, Recipe] = {
    "small": TrainConfig(),
    "doom": DOOM,
    "doom-upsampler": DOOM_UPSAMPLER,
    "csgo": SequenceConfig(),
    "csgo-upsampler": UpsamplerConfig(),
}


def presets_for(game: str, in_two_sizes: bool) -> tuple[Preset, ...]:
    """Return the recipes that make a world of a game's recordings, in the order to train them.

    A game that is recorded in two sizes and has recipes of its own, NAME and NAME-upsampler, takes
    those; all others take the small one, which of two sizes learns the small frames.
    """
    names = (game, f"{game}-upsampler") if in_two_sizes else ()
    own = tuple(preset for name in names for preset in PRESETS if preset == name)
    return own if len(own) == 2 else ("small",)
