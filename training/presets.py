"""The recipes by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from training.config import TrainConfig
from training.frame_config import SequenceConfig, UpsamplerConfig

# A saved recipe is of the first of these that has all of its fields.
Recipe = TrainConfig | UpsamplerConfig | SequenceConfig
Preset = Literal["small", "csgo", "csgo-upsampler"]

PRESETS: Mapping[Preset, Recipe] = {
    "small": TrainConfig(),
    "csgo": SequenceConfig(),
    "csgo-upsampler": UpsamplerConfig(),
}


def presets_for(game: str, in_two_sizes: bool) -> tuple[Preset, ...]:
    """The recipes that make a world of recordings of a game, in the order to train them.

    A game that is recorded in two sizes and has recipes of its own, NAME and NAME-upsampler, takes
    those; all others take the small one, which of two sizes learns the small frames.
    """
    names = (game, f"{game}-upsampler") if in_two_sizes else ()
    own = tuple(preset for name in names for preset in PRESETS if preset == name)
    return own if len(own) == 2 else ("small",)
