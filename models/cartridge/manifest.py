"""Manifest of a world, as in cartridge.json: its networks' architecture and how it is played."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from base import plain
from base.errors import UserError
from engine.contracts import ActionSpace, actions_from_json
from models.cartridge.old_cards import renewed
from models.networks.actor_critic import ActorCriticConfig
from models.networks.denoiser import DenoiserConfig
from models.networks.frame_prior import FramePriorConfig
from models.networks.place_memory import PlaceMemoryConfig
from models.networks.pose import PoseConfig
from models.networks.reward_end import RewardEndConfig
from models.networks.reward_model import RewardModelConfig
from models.networks.unet import UNetConfig
from models.sampler import Sampler

# Far beyond what plays in real time, and small enough that no JSON can ask for all memory.
MOST_PIXELS = 512 * 512
LIMITS = {
    "levels": 6, "channels": 2048, "depth": 8, "cond": 4096, "patch": 8,
    "context": 64, "actions": 512, "sigmas": 100, "memory": 4096,
}  # fmt: skip
SMALLEST_SIDE_PX = 8  # the reward and ending head shrinks a frame eightfold


@dataclass(frozen=True)
class Preset:
    """Samplers of play: of frames and, in a world that has an upsampler, of enlarging them."""

    frame: Sampler
    upsampling: Sampler | None = None


@dataclass(frozen=True)
class Manifest:
    """A world apart from its weights and pictures.

    name:     short, for file names and commands. title: for people.
    actions:  the action space with its key names.
    rate_fps: natural steps per second.
    licence:  of the weights and pictures.
    denoiser: what makes the next frame; `upsampler`, if there is one, enlarges it.
    reward_end: what tells rewards and ends; None in a world without. With presets it is a model
              with a memory.
    actor_critic: a player that comes with the world.
    frame_prior: what keeps a long dream among possible frames; for a world with a `sampler`.
    place_memory, pose: what shows a place as it was recorded, and what tells where the player is;
              both or neither, for a denoiser that sees one recalled view.
    sampler:  how frames are sampled in play; or else `presets`, of which the first is played
              unless another is asked for.
    game:     the emulator's name for the game, where starting contexts are to come from it.
    metrics:  measured figures by name.
    source:   the data and the commands that made it, by any names; for people.

    Raises UserError for parts that do not fit together or that ask for too much.
    """

    name: str
    title: str
    actions: ActionSpace
    rate_fps: float
    licence: str
    denoiser: DenoiserConfig
    reward_end: RewardEndConfig | RewardModelConfig | None = None
    upsampler: DenoiserConfig | None = None
    actor_critic: ActorCriticConfig | None = None
    frame_prior: FramePriorConfig | None = None
    place_memory: PlaceMemoryConfig | None = None
    pose: PoseConfig | None = None
    sampler: Sampler | None = None
    presets: Mapping[str, Preset] = field(default_factory=dict)
    game: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.denoiser
        if not self.name or not self.title:
            raise UserError("a world needs a name and a title")
        if not "".join((self.name, self.title, self.licence, self.game)).isprintable():
            raise UserError("name, title, licence and game must be of characters to be printed")
        shown = (self.name, self.title, self.licence, self.game, *self.presets, *self.metrics)
        shown += (*self.actions.names, *self.actions.keys)
        if max(map(len, shown)) > plain.LONGEST_NAME:
            raise UserError(
                f"name, title, licence, game and all other names have {plain.LONGEST_NAME} "
                "characters at most"
            )
        if not 0 < self.rate_fps <= 1000:
            raise UserError(f"a world cannot make {self.rate_fps} steps a second")
        if config.actions != self.actions.size:
            raise UserError(
                f"the denoiser takes {config.actions} actions and the action space has "
                f"{self.actions.size}"
            )
        if (self.sampler is None) == (not self.presets):
            raise UserError("a world needs either a sampler or presets")
        if self.sampler is not None and not isinstance(self.reward_end, RewardEndConfig):
            raise UserError("a world with a sampler needs a reward_end that looks at frames alone")
        if self.sampler is not None and self.upsampler is not None:
            raise UserError("a world with an upsampler needs presets")
        told = isinstance(self.reward_end, RewardModelConfig)
        if self.presets and self.reward_end is not None and (self.upsampler or not told):
            raise UserError("a world of presets has an upsampler, a reward model or neither")
        for preset in self.presets.values():
            if (preset.upsampling is None) != (self.upsampler is None):
                raise UserError("an upsampler and its sampler come together or not at all")
        self._check_companions()
        for network in filter(None, (config, self.upsampler)):
            _check_limits(network.height, network.width, network.context, network.unet)
            _within("actions", network.actions)
        if self.sampler is not None:
            _within("sigmas", len(self.sampler.sigmas))

    def _check_companions(self) -> None:
        """Raise UserError unless the other networks are for the denoiser's frames and actions."""
        config, told, player = self.denoiser, self.reward_end, self.actor_critic
        for other in (told, player, self.frame_prior, self.place_memory):
            if other and (other.height, other.width) != (config.height, config.width):
                raise UserError("the networks are for frames of different sizes")
            if isinstance(other, RewardModelConfig | ActorCriticConfig):
                if other.actions != config.actions:
                    raise UserError("the networks are for different numbers of actions")
                _within("memory", other.lstm)
        if isinstance(told, RewardEndConfig):
            if told.frames > config.context + 1:
                raise UserError("reward_end looks at more frames than the context and the new one")
            _within("channels", told.channels)
        if isinstance(told, RewardModelConfig):
            _check_limits(told.height, told.width, 2, told.encoder)
        if player is not None:
            _within("channels", max(player.channels))
            _within("levels", len(player.channels))
        if self.frame_prior is not None:
            if self.sampler is None:
                raise UserError("a frame prior needs a world with a sampler")
            _check_limits(config.height, config.width, 1, self.frame_prior.unet)
        self._check_places()
        if self.upsampler is not None:
            large = self.upsampler
            if large.height % config.height or large.width % config.width:
                raise UserError("the upsampler's frames are no multiple of the denoiser's")
            if large.height // config.height != large.width // config.width:
                raise UserError("the upsampler's frames have other proportions")

    def _check_places(self) -> None:
        """UserError unless place memory and pose go with each other and with the denoiser."""
        memory, pose = self.place_memory, self.pose
        if (memory is None) != (pose is None):
            raise UserError("a place memory and a pose come together or not at all")
        if self.denoiser.recalled != (memory is not None):
            raise UserError("a denoiser sees one recalled view in a world with a place memory")
        if memory is not None:
            _check_limits(memory.height, memory.width, 1, memory.unet)
        if pose is not None:
            if pose.actions != self.denoiser.actions:
                raise UserError("the networks are for different numbers of actions")
            _within("memory", max(pose.memory, pose.hidden))
            _within("channels", pose.features)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is not there; `manifest_from_json` reads it."""
        data = {"name": self.name, "title": self.title, "actions": self.actions.to_json()}
        for field_ in dataclasses.fields(self):
            value = getattr(self, field_.name)
            if field_.name not in data and value not in (None, {}, ""):
                data[field_.name] = _plain(value)
        return data


def manifest_from_json(data: Mapping[str, Any]) -> Manifest:
    """Read what `Manifest.to_json` wrote, once or now. Raises UserError on anything else."""
    actions = actions_from_json(data.get("actions"))
    return plain.read(Manifest, {**renewed(data), "actions": actions}, "card")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _check_limits(height: int, width: int, context: int, unet: UNetConfig) -> None:
    """Raise UserError for a network over such frames that would be too large to build."""
    for name, size in (
        ("levels", len(unet.channels)),
        ("channels", max(unet.channels)),
        ("depth", max(unet.depths)),
        ("cond", unet.cond),
        ("patch", unet.patch),
        ("context", context),
    ):
        _within(name, size)
    if height * width > MOST_PIXELS or min(height, width) < SMALLEST_SIDE_PX:
        raise UserError(f"frames cannot be {height} x {width} pixels")


def _within(name: str, size: int) -> None:
    if size > LIMITS[name]:
        raise UserError(f"{size} {name} are more than there can be ({LIMITS[name]})")
