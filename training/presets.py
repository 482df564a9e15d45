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
