"""The cartridge: one playable world as a folder of plain files.

    cartridge.json          format, version, what manifest.py describes, and the files
    denoiser.safetensors    weights, and likewise for each network that the world has:
                            reward_end.safetensors, upsampler.safetensors,
                            actor_critic.safetensors, frame_prior.safetensors,
                            place_memory.safetensors, pose.safetensors
    keyframes.safetensors   of a world with a place memory: frames uint8 (K, H, W, 3) and poses
                            float32 (K, 4), from which views are recalled
    starts.safetensors      frames uint8 (S, T, H, W, 3) and actions float32 (S, T, A): places to
                            begin from; row t of the actions was taken at frame t, and the last
                            row counts for nothing, since the player decides it. With an upsampler
                            also large uint8 (S, H', W', 3), the last frame as it was shown. Maybe
                            following float32 (S, N, A): what a player did at the last frame
                            and went on to do. With a place memory also pose float32 (S, 4), where
                            the last frame was taken, and moved float32 (S, 2), the map units that
                            the step to it led along x and y
    preview.png             a picture of the world
    README.md               its card, for people

cartridge.json lists the size and SHA-256 of every file that the program reads; loading checks
them all. What a cartridge says is data: it names no code to run and no path to follow, and sizes
are limited before anything is built from them. models/cartridge/writer.py writes cartridges.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from base import plain
from base.cartridges import CARD, LARGEST_CARD_BYTES, PREVIEW, check_part, read_part
from base.errors import UserError
from base.files import sha256
from models.cartridge.manifest import Manifest, manifest_from_json
from models.cartridge.old_cards import without_decider
from models.networks.actor_critic import ActorCritic, ActorCriticConfig
from models.networks.denoiser import Denoiser, DenoiserConfig, Upsampler
from models.networks.frame_prior import FramePrior, FramePriorConfig
from models.networks.keyframes import Keyframes
from models.networks.place_memory import PlaceMemory, PlaceMemoryConfig
from models.networks.pose import PoseConfig, PoseModel
from models.networks.reward_end import RewardEnd, RewardEndConfig
from models.networks.reward_model import RewardModel, RewardModelConfig

FORMAT = "dreamcart cartridge"
VERSION = 1
NETWORKS = (
    "denoiser",
    "reward_end",
    "upsampler",
    "actor_critic",
    "frame_prior",
    "place_memory",
    "pose",
)  # as the manifest calls them
STARTS, KEYFRAMES = "starts.safetensors", "keyframes.safetensors"
MOST_KEYFRAMES = 65_536
U8, F32 = np.dtype(np.uint8), np.dtype(np.float32)
STORED = (torch.float32, torch.bfloat16, torch.float16)

Networks = Mapping[str, nn.Module]  # by their names in NETWORKS
Starts = Mapping[str, NDArray[Any]]  # "frames", "actions" and perhaps "large" and "following"


@dataclass(frozen=True)
class FileEntry:
    """Size and hex SHA-256 of a file, as cartridge.json lists it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Cartridge:
    """A loaded cartridge: its networks in evaluation mode, and places to begin from.

    networks: those that the manifest describes, by the names in NETWORKS.
    starts:   arrays as in the module's docstring.
    weights:  names the networks' files by their content, and keyframes if there are any.
    keyframes: what views are recalled from, in a world with a place memory.
    """

    manifest: Manifest
    networks: Networks
    starts: Starts
    weights: str
    keyframes: Keyframes | None = None


@dataclass(frozen=True)
class Checked:
    """A cartridge's folder in which every file is what its card lists.

    entries: its files by name.
    """

    path: Path
    manifest: Manifest
    entries: Mapping[str, FileEntry]

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(entry.bytes for entry in self.entries.values())

    def load(self, dtype: torch.dtype = torch.float32) -> Cartridge:
        """Read the files, and check that they hold what the manifest says.

        dtype: of the weights in memory. Raises UserError, naming the file, if they do not.
        """
        try:
            with torch.device("meta"):  # shapes alone: the weights come from the files
                networks = {name: build(self.manifest, name) for name in described(self.manifest)}
        except ValueError as error:
            raise UserError(
                f"{self.path / CARD} describes an impossible network: {error}"
            ) from error
        starts = _read_starts(self.path / STARTS, self.manifest)
        for name, network in networks.items():
            _put_weights(network, self.path / weights_file(name), dtype)
        keyframes = _read_keyframes(self.path / KEYFRAMES, self.manifest)
        deciding = [weights_file(name) for name in networks] + [KEYFRAMES] * bool(keyframes)
        weights = "-".join(self.entries[name].sha256 for name in deciding)
        return Cartridge(self.manifest, networks, starts, weights, keyframes)


def check(path: Path) -> Checked:
    """Compare a cartridge's files with its card: each is read once.

    Raises UserError, naming the file, if one is missing or damaged.
    """
    path = Path(path)
    manifest, entries = read_card(path)
    for name, entry in entries.items():
        _check_file(path, name, entry)
    return Checked(path, manifest, entries)


def load(path: Path, dtype: torch.dtype = torch.float32) -> Cartridge:
    """Read a cartridge and check all of it.

    dtype: of the weights in memory.
    Raises UserError, naming the file, for anything that is not a whole cartridge.
    """
    return check(path).load(dtype)


def described(manifest: Manifest) -> tuple[str, ...]:
    """Return which of NETWORKS a world has."""
    return tuple(name for name in NETWORKS if getattr(manifest, name) is not None)


def build(manifest: Manifest, name: str) -> nn.Module:
    """Build a network of NETWORKS that the manifest describes. ValueError for an impossible one."""
    match getattr(manifest, name):
        case DenoiserConfig() as config:
            return Upsampler(config) if name == "upsampler" else Denoiser(config)
        case RewardEndConfig() as config:
            return RewardEnd(config)
        case RewardModelConfig() as config:
            return RewardModel(config)
        case ActorCriticConfig() as config:
            return ActorCritic(config)
        case FramePriorConfig() as config:
            return FramePrior(config)
        case PlaceMemoryConfig() as config:
            return PlaceMemory(config)
        case PoseConfig() as config:
            return PoseModel(config)
    raise KeyError(name)


def read_card(path: Path) -> tuple[Manifest, dict[str, FileEntry]]:
    """Read a cartridge's manifest and its list of files, without reading those.

    Raises UserError unless cartridge.json is there, whole, and of a version known here.
    """
    card = Path(path) / CARD
    try:
        data: Any = json.loads(read_part(Path(path), CARD, LARGEST_CARD_BYTES).decode())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{card} is truncated or altered: it is not JSON") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise UserError(f"{card} does not describe a cartridge")
    version = data.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise UserError(
            f"{card} has format version {plain.short(version)}; this program reads {VERSION}"
        )
    try:
        files = data.pop("files", None)
        manifest = manifest_from_json(data)
        return manifest, _entries(files, manifest)
    except UserError as error:
        raise UserError(f"{card} cannot be used: {error}") from error


def lower(
    network: nn.Module, weights: Mapping[str, Tensor], dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return a network's weights with its matrices in `dtype` and all else in float32.

    Matrices are nearly all of its size. Frequencies, biases and norms are few, and what they are
    added to or multiplied with shows every error.
    """
    matrices = {name for name, weight in network.named_parameters() if weight.ndim > 1}
    return {name: t.to(dtype if name in matrices else torch.float32) for name, t in weights.items()}


def weights_file(network: str) -> str:
    """Return the name of the file with a network's weights."""
    return f"{network}.safetensors"


def file_names(manifest: Manifest) -> tuple[str, ...]:
    """List the files of a cartridge that its card lists."""
    bank = (KEYFRAMES,) if manifest.place_memory else ()
    return (*map(weights_file, described(manifest)), *bank, STARTS, PREVIEW)


def check_starts(starts: Starts, manifest: Manifest) -> None:
    """Raise ValueError unless all starting contexts are as the manifest says.

    There is at least one, but for a game that the emulator begins.
    """
    config, large = manifest.denoiser, manifest.upsampler
    frames, actions = starts["frames"], starts["actions"]
    count = len(frames)
    if not (count or manifest.game) or (frames.dtype, actions.dtype) != (U8, F32):
        raise ValueError(f"{count} starts of {frames.dtype} frames and {actions.dtype} actions")
    if frames.shape[1:] != (config.context, config.height, config.width, 3):
        raise ValueError(f"frames of shape {frames.shape}")
    if actions.shape != (count, config.context, config.actions) or not np.isfinite(actions).all():
        raise ValueError(f"actions of shape {actions.shape}, or not finite")
    known = {"frames", "actions", "following"} | ({"large"} if large else set())
    known |= {"pose", "moved"} if manifest.place_memory else set()
    if extra := sorted(set(starts) - known):
        raise ValueError(f"{extra[0][:60]!r}, which is no part of them")
    if large:
        shown = starts["large"]
        if shown.shape != (count, large.height, large.width, 3) or shown.dtype != U8:
            raise ValueError(f"large frames of shape {shown.shape} and type {shown.dtype}")
    for name, width in (("pose", 4), ("moved", 2)) if manifest.place_memory else ():
        told = starts[name]
        if told.shape != (count, width) or told.dtype != F32 or not np.isfinite(told).all():
            raise ValueError(f"'{name}' of shape {told.shape} and type {told.dtype}, or not finite")
    if "following" in starts:
        following = starts["following"]
        if following.shape[::2] != (count, config.actions) or following.dtype != F32:
            raise ValueError(f"following actions of shape {following.shape}")
        if not np.isfinite(following).all():
            raise ValueError("following actions that are no finite numbers")


def check_keyframes(keyframes: Keyframes | None, manifest: Manifest) -> None:
    """ValueError unless there are keyframes as the manifest says, or none where it has no place
    memory."""
    memory = manifest.place_memory
    if (keyframes is None) != (memory is None):
        raise ValueError("a world with a place memory needs keyframes, and no other has any")
    if keyframes is None or memory is None:
        return
    shape = tuple(keyframes.frames.shape[1:])
    if shape != (memory.height, memory.width, 3) or keyframes.unit != memory.unit:
        raise ValueError(f"keyframes of shape {shape} and unit {keyframes.unit:g}")
    if not memory.sources <= len(keyframes) <= MOST_KEYFRAMES:
        raise ValueError(f"{len(keyframes)} keyframes")


def _entries(data: Any, manifest: Manifest) -> dict[str, FileEntry]:
    """The list of files: exactly those of the format, so no name can lead anywhere else."""
    names = file_names(manifest)
    if not isinstance(data, dict):
        raise UserError("it lacks its list of files")
    if extra := sorted(set(data) - set(names)):
        raise UserError(f"it lists {extra[0][:60]!r}, which is no file of a cartridge")
    if absent := sorted(set(names) - set(data)):
        raise UserError(f"it does not list {absent[0]}")
    return {name: plain.read(FileEntry, data[name], name) for name in names}


def _check_file(folder: Path, name: str, entry: FileEntry) -> None:
    """Raise UserError unless a file is where the cartridge is and holds what the card says."""
    file = folder / name
    try:
        check_part(folder, name)
        if file.exists() and not file.is_file():
            raise UserError(f"{file} is not a file")
        size = file.stat().st_size
        if size != entry.bytes:
            raise UserError(f"{file} is truncated or altered: {size} bytes, not {entry.bytes}")
        if sha256(file) != entry.sha256:
            raise UserError(f"{file} was altered: its SHA-256 is not the one in {CARD}")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error


def _put_weights(network: nn.Module, path: Path, dtype: torch.dtype) -> None:
    """Put stored weights into a network that has only shapes so far."""
    try:
        stored = without_decider(safetensors.torch.load_file(path))
        for name, tensor in stored.items():
            if tensor.dtype not in STORED or not bool(tensor.isfinite().all()):
                raise UserError(f"{path} has weights that are no finite numbers: {name}")
        network.load_state_dict(lower(network, stored, dtype), assign=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} does not hold the weights that {CARD} describes") from error
    network.eval().requires_grad_(False)


def _read_starts(path: Path, manifest: Manifest) -> Starts:
    try:
        starts: Starts = safetensors.numpy.load_file(path)
        check_starts(starts, manifest)
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} does not hold starting contexts: {error}") from error
    return starts


def _read_keyframes(path: Path, manifest: Manifest) -> Keyframes | None:
    if manifest.place_memory is None:
        return None
    try:
        stored = safetensors.torch.load_file(path)
        if extra := sorted(set(stored) - {"frames", "poses"}):
            raise ValueError(f"{extra[0][:60]!r}, which is no part of them")
        keyframes = Keyframes(stored["frames"], stored["poses"], manifest.place_memory.unit)
        check_keyframes(keyframes, manifest)
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} does not hold keyframes: {error}") from error
    return keyframes
