"""DIAMOND's checkpoints: one flat file of weights for all networks of a world, in and out.

Sizes are read from the tensors; what no tensor tells (frame sizes, noise) is as in
models/diamond/config.py. Every tensor is compared, by name and shape, with what the networks need.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from base.errors import UserError
from models.diamond import config as diamond
from models.diamond import torch_file
from models.diamond.names import Network, layout
from models.networks.actor_critic import ActorCritic, ActorCriticConfig
from models.networks.denoiser import Denoiser, DenoiserConfig, Upsampler
from models.networks.reward_model import RewardModel, RewardModelConfig
from models.networks.unet import UNetConfig

DENOISER = "denoiser.inner_model."
UPSAMPLER = "upsampler.inner_model."
REWARD_MODEL = "rew_end_model."
ACTOR_CRITIC = "actor_critic."
PREFIXES = (DENOISER, UPSAMPLER, REWARD_MODEL, ACTOR_CRITIC)

Weights = Mapping[str, Tensor]
Some = TypeVar("Some", Denoiser, Upsampler, RewardModel, ActorCritic)


@dataclass(frozen=True)
class AtariNetworks:
    """The networks of an Atari game's checkpoint."""

    denoiser: Denoiser
    reward_model: RewardModel
    actor_critic: ActorCritic


@dataclass(frozen=True)
class CsgoNetworks:
    """The networks of CS:GO's checkpoint."""

    denoiser: Denoiser
    upsampler: Upsampler


def load_atari(path: Path, size_px: tuple[int, int] | None = None) -> AtariNetworks:
    """The networks of a checkpoint as Atari games have it: float32, in evaluation mode. Most
    weights stay in the file until they are used, so it must stay as it is.

    size_px: height and width of the frames, which are square unless given.
    Raises UserError, naming the file, for anything else.
    """
    weights = _read(path, (DENOISER, REWARD_MODEL, ACTOR_CRITIC))
    with _describing(path):
        rewards = reward_model_config(weights)
        height, width = size_px or _square(rewards, weights)
        _check_size(rewards, weights, height, width)
        like = replace(diamond.atari_denoiser(1), height=height, width=width)
        denoiser = Denoiser(denoiser_config(weights, DENOISER, like))
        reward_model = RewardModel(replace(rewards, height=height, width=width))
        player = replace(actor_critic_config(weights), height=height, width=width)
        actor_critic = ActorCritic(player)
    return AtariNetworks(
        _filled(denoiser, weights, DENOISER, path),
        _filled(reward_model, weights, REWARD_MODEL, path),
        _filled(actor_critic, weights, ACTOR_CRITIC, path),
    )


def load_csgo(path: Path) -> CsgoNetworks:
    """The networks of CS:GO's checkpoint, as `load_atari` gives them."""
    weights = _read(path, (DENOISER, UPSAMPLER))
    with _describing(path):
        denoiser = Denoiser(denoiser_config(weights, DENOISER, diamond.csgo_denoiser()))
        upsampler = Upsampler(denoiser_config(weights, UPSAMPLER, diamond.csgo_upsampler()))
    return CsgoNetworks(
        _filled(denoiser, weights, DENOISER, path), _filled(upsampler, weights, UPSAMPLER, path)
    )


def to_checkpoint(networks: AtariNetworks | CsgoNetworks) -> dict[str, Tensor]:
    """The flat file that would load as these networks: fresh float32 tensors by DIAMOND's names."""
    if isinstance(networks, CsgoNetworks):
        return to_diamond(networks.denoiser, DENOISER) | to_diamond(networks.upsampler, UPSAMPLER)
    return (
        to_diamond(networks.denoiser, DENOISER)
        | to_diamond(networks.reward_model, REWARD_MODEL)
        | to_diamond(networks.actor_critic, ACTOR_CRITIC)
    )


def to_diamond(network: Network, prefix: str) -> dict[str, Tensor]:
    """One network's weights by DIAMOND's names, each after `prefix`."""
    state = network.state_dict()
    made = {}
    for entry in layout(network, prefix):
        whole = state[entry.ours].detach().float()
        parts = (whole.T if entry.turned else whole).split([shape[0] for shape in entry.shapes])
        for name, part in zip(entry.theirs, parts, strict=True):
            made[name] = part.clone(memory_format=torch.contiguous_format)
    return made


def denoiser_config(weights: Weights, prefix: str, like: DenoiserConfig) -> DenoiserConfig:
    """Read the architecture of a checkpoint's denoiser; what no tensor tells is as in `like`.

    This and the next two raise KeyError, IndexError or ValueError for what cannot be.
    """
    actions = weights.get(f"{prefix}act_emb.0.weight")
    return replace(
        like,
        actions=0 if actions is None else len(actions),
        context=weights[f"{prefix}conv_in.weight"].shape[1] // 3 - 1,
        unet=_unet(
            weights,
            _levels(weights, f"{prefix}unet.d_blocks"),
            cond=len(weights[f"{prefix}cond_proj.0.weight"]),
        ),
        noised_context=f"{prefix}noise_cond_emb.weight" in weights,
    )


def reward_model_config(weights: Weights) -> RewardModelConfig:
    """Read the architecture of a checkpoint's reward and ending model, but for the frames' size."""
    actions = weights[f"{REWARD_MODEL}act_emb.weight"]
    levels = _levels(weights, f"{REWARD_MODEL}encoder.blocks")
    return replace(
        diamond.atari_reward_model(len(actions)),
        encoder=_unet(weights, levels[:-1], cond=actions.shape[1]),  # the last is the middle
        lstm=weights[f"{REWARD_MODEL}lstm.weight_hh_l0"].shape[1],
    )


def actor_critic_config(weights: Weights) -> ActorCriticConfig:
    """Read the architecture of a checkpoint's player, but for the size of frames."""
    stage = f"{ACTOR_CRITIC}encoder.encoder.{{}}.f.2.weight"
    stages = _while_there(weights, stage, first=1, step=2)  # there is a pooling between each two
    return replace(
        diamond.atari_actor_critic(len(weights[f"{ACTOR_CRITIC}actor_linear.weight"])),
        channels=tuple(len(weights[name]) for name in stages),
        lstm=weights[f"{ACTOR_CRITIC}lstm.weight_hh"].shape[1],
    )


def _cells(config: RewardModelConfig, weights: Weights) -> int:
    """Return how many cells the reward model's LSTM takes of a frame, by its width.

    Raises ValueError if that is none that its encoder could leave.
    """
    taken, channels = weights[f"{REWARD_MODEL}lstm.weight_ih_l0"].shape[1], config.encoder.channels
    if not taken or taken % channels[-1]:
        raise ValueError(
            f"its LSTM takes {taken} numbers, and its encoder leaves {channels[-1]} a cell"
        )
    return int(taken) // channels[-1]


def _square(config: RewardModelConfig, weights: Weights) -> tuple[int, int]:
    """Height and width of the frames, which DIAMOND has square: the LSTM's width tells them."""
    cells = _cells(config, weights)
    side = math.isqrt(cells)
    if side**2 != cells:
        raise UserError(
            f"frames of {cells * config.encoder.multiple**2} pixels, of which its weights are, are "
            "not square: say in a profile (--profile GAME.toml) how wide and high they are"
        )
    return side * config.encoder.multiple, side * config.encoder.multiple


def _check_size(config: RewardModelConfig, weights: Weights, height: int, width: int) -> None:
    """Raise UserError if the networks were trained on frames of another size."""
    multiple = config.encoder.multiple
    if height % multiple or width % multiple:
        raise UserError(f"its frames need sides that are multiples of {multiple} pixels")
    if (cells := _cells(config, weights)) * multiple**2 != height * width:
        pixels, side = cells * multiple**2, math.isqrt(cells) * multiple
        likely = f": size_px = [{side}, {side}]" if side**2 == pixels else ""
        raise UserError(
            f"its weights are of frames of {pixels} pixels, and {width} x {height} are "
            f"{width * height}; put the right size into the profile{likely}"
        )


def _levels(weights: Weights, prefix: str) -> list[list[str]]:
    """Return the names of each level's residual blocks, finest level first."""
    levels: list[list[str]] = []
    while blocks := _while_there(weights, f"{prefix}.{len(levels)}.resblocks.{{}}.conv1.weight"):
        levels.append([name.removesuffix(".conv1.weight") for name in blocks])
    return levels


def _unet(weights: Weights, levels: list[list[str]], cond: int) -> UNetConfig:
    return diamond.unet(
        channels=tuple(len(weights[f"{blocks[0]}.conv1.weight"]) for blocks in levels),
        depths=tuple(len(blocks) for blocks in levels),
        attention=tuple(f"{blocks[0]}.attn.qkv_proj.weight" in weights for blocks in levels),
        cond=cond,
    )


def _while_there(weights: Weights, name: str, first: int = 0, step: int = 1) -> list[str]:
    """List `name` with first, first + step and so on in it, while there is such a tensor."""
    names = map(name.format, itertools.count(first, step))
    return list(itertools.takewhile(weights.__contains__, names))


def _read(path: Path, prefixes: tuple[str, ...]) -> Weights:
    """The tensors of a file; UserError unless all belong to these networks."""
    path = Path(path)
    data = torch_file.content(path)
    if isinstance(data, dict) and "agent" in data and "opt" in data:
        agents = path.parent / "agent_versions"
        newest = max(agents.glob("agent_epoch_*.pt"), default=agents / "agent_epoch_*.pt")
        raise UserError(
            f"{path} is the state of a training that goes on; take an agent of it: {newest}"
        )
    weights = torch_file.weights_in(path, data, mark=f"{DENOISER}conv_in.weight")
    for name in weights:
        if name.startswith(PREFIXES) and not name.startswith(prefixes):
            raise _unknown(path, name)
    if others := sorted({name.split(".")[0] for name in weights if not name.startswith(PREFIXES)}):
        listed = ", ".join(map(torch_file.literal, others))
        without = torch_file.saving(path, f"k.split('.')[0] not in [{listed}]")
        raise UserError(f"{_unknown(path, others[0])}; if the world needs none of it: {without}")
    return weights


@contextmanager
def _describing(path: Path) -> Iterator[None]:
    """Build networks of shapes alone; UserError if the file's tensors make no network."""
    try:
        with torch.device("meta"):
            yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except KeyError as error:
        raise UserError(f"{path} lacks {error}") from error
    except (IndexError, ValueError) as error:
        raise UserError(f"{path} describes an impossible network: {error}") from error


def _filled(network: Some, weights: Weights, prefix: str, path: Path) -> Some:
    """Put a file's weights into a network that has only shapes so far.

    Raises UserError, naming the tensor, for one that is missing, unknown or of another shape.
    """
    entries = list(layout(network, prefix))
    expected = {name: s for e in entries for name, s in zip(e.theirs, e.shapes, strict=True)}
    for name, shape in expected.items():
        if name not in weights:
            raise UserError(f"{path} lacks '{name}'")
        if (found := tuple(weights[name].shape)) != shape:
            raise UserError(f"{path} has '{name}' of shape {found}, not {shape}")
    for name in weights:
        if name.startswith(prefix) and name not in expected:
            raise _unknown(path, name)
    state = {}
    for entry in entries:
        parts = [weights[name] for name in entry.theirs]
        whole = torch.cat(parts) if len(parts) > 1 else parts[0]
        state[entry.ours] = (whole.T if entry.turned else whole).contiguous()
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _unknown(path: Path, name: str) -> UserError:
    return UserError(f"{path} holds '{name[:80]}', which is not known here")
