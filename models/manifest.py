"""What cartridge.json says of a world: what its networks are made of and how it is played."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from base import plain
from base.errors import UserError
from engine.contracts import ActionSpace, actions_from_json
from models.denoiser import DenoiserConfig
from models.reward_end import RewardEndConfig
from models.sampler import check_sigmas

# Far beyond what plays in real time, and small enough that no JSON can ask for all memory.
MOST_PIXELS = 512 * 512
LIMITS = {
    "levels": 6, "channels": 2048, "depth": 8, "cond": 4096, "patch": 8,
    "context": 64, "actions": 512, "sigmas": 100,
}  # fmt: skip
SMALLEST_SIDE_PX = 8  # the reward and ending head shrinks a frame eightfold


@dataclass(frozen=True)
class SamplerConfig:
    """How play walks from noise to a frame: the sampler's name and its noise levels, falling."""

    name: Literal["euler"]
    sigmas: tuple[float, ...]

    def __post_init__(self) -> None:
        check_sigmas(self.sigmas)


@dataclass(frozen=True)
class Manifest:
    """A world apart from its weights and pictures.

    name:     short, for file names and commands. title: for people.
    denoiser, reward_end: what the two networks are made of.
    sampler:  how play walks from noise to a frame.
    actions:  the action space with its key names.
    rate_fps: natural steps per second.
    licence:  of the weights and pictures.
    metrics:  measured figures by name.
    source:   the data and the commands that made it, by any names; for people.

    Raises UserError for parts that do not fit together or that ask for too much.
    """

    name: str
    title: str
    denoiser: DenoiserConfig
    reward_end: RewardEndConfig
    sampler: SamplerConfig
    actions: ActionSpace
    rate_fps: float
    licence: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config, head = self.denoiser, self.reward_end
        if not self.name or not self.title:
            raise UserError("a world needs a name and a title")
        if not 0 < self.rate_fps <= 1000:
            raise UserError(f"a world cannot make {self.rate_fps} steps a second")
        if config.actions != self.actions.size:
            raise UserError(
                f"the denoiser takes {config.actions} actions and the action space has "
                f"{self.actions.size}"
            )
        if (head.height, head.width) != (config.height, config.width):
            raise UserError("the two networks are for frames of different sizes")
        if head.frames > config.context + 1:
            raise UserError("reward_end looks at more frames than the context and the new one")
        self._check_limits()

    def _check_limits(self) -> None:
        config = self.denoiser
        sizes = {
            "levels": len(config.unet.channels),
            "channels": max(*config.unet.channels, self.reward_end.channels),
            "depth": max(config.unet.depths),
            "cond": config.unet.cond,
            "patch": config.unet.patch,
            "context": config.context,
            "actions": config.actions,
            "sigmas": len(self.sampler.sigmas),
        }
        for name, size in sizes.items():
            if size > LIMITS[name]:
                raise UserError(f"{size} {name} are more than there can be ({LIMITS[name]})")
        height, width = config.height, config.width
        if height * width > MOST_PIXELS or min(height, width) < SMALLEST_SIDE_PX:
            raise UserError(f"frames cannot be {height} x {width} pixels")

    def to_json(self) -> dict[str, Any]:
        """Plain data; `manifest_from_json` reads it."""
        shallow = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name in ("denoiser", "reward_end", "sampler"):
            shallow[name] = dataclasses.asdict(shallow[name])
        return {
            **shallow,
            "actions": self.actions.to_json(),
            "metrics": dict(self.metrics),
            "source": dict(self.source),
        }


def manifest_from_json(data: Mapping[str, Any]) -> Manifest:
    """Read what `Manifest.to_json` wrote. Raises UserError on anything else."""
    return plain.read(Manifest, {**data, "actions": actions_from_json(data.get("actions"))}, "card")
