"""The cartridge: one playable world as a folder of plain files.

    cartridge.json          format, version, what models/manifest.py describes, and the files
    denoiser.safetensors    weights
    reward_end.safetensors  weights
    starts.safetensors      frames uint8 (S, T, H, W, 3) and actions float32 (S, T, A): places to
                            begin from; row t of the actions was taken at frame t, and the last
                            row counts for nothing, since the player decides it
    preview.png             a picture of the world
    README.md               its card, for people

cartridge.json lists the size and SHA-256 of every file that the program reads; loading checks
them all. What a cartridge says is data: it names no code to run and no path to follow, and sizes
are limited before anything is built from them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from base import plain
from base.cartridges import CARD
from base.errors import UserError
from base.files import sha256, sync_folder
from models.denoiser import Denoiser
from models.manifest import Manifest, manifest_from_json
from models.reward_end import RewardEnd

FORMAT = "dreamcart cartridge"
VERSION = 1
DENOISER = "denoiser.safetensors"
REWARD_END = "reward_end.safetensors"
STARTS = "starts.safetensors"
PREVIEW = "preview.png"
README = "README.md"
FILES = (DENOISER, REWARD_END, STARTS, PREVIEW)
LARGEST_CARD_BYTES = 1 << 20
STORED = (torch.float32, torch.bfloat16, torch.float16)

Network = TypeVar("Network", bound=nn.Module)
Starts = dict[str, NDArray[Any]]  # "frames" and "actions"


@dataclass(frozen=True)
class FileEntry:
    """Size and hex SHA-256 of a file, as cartridge.json lists it."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Cartridge:
    """A loaded cartridge: float32 networks in evaluation mode, and places to begin from.

    frames:  uint8 (S, T, H, W, 3). actions: float32 (S, T, A).
    weights: names the networks' files by their content.
    """

    manifest: Manifest
    denoiser: Denoiser
    reward_end: RewardEnd
    frames: NDArray[np.uint8]
    actions: NDArray[np.float32]
    weights: str


def save(
    path: Path,
    manifest: Manifest,
    denoiser: Denoiser,
    reward_end: RewardEnd,
    frames: NDArray[np.uint8],
    actions: NDArray[np.float32],
    preview_png: bytes,
    readme: str,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write a cartridge: the whole folder appears at once, and what was there stays until then.

    frames, actions: starting contexts, shapes as in the module's docstring.
    preview_png: an encoded picture. readme: the card. dtype: what weights are stored as.
    Raises UserError when the disk refuses and when `path` holds anything but a cartridge.
    """
    path = Path(path)
    check_place(path)
    starts: Starts = {
        "frames": np.ascontiguousarray(frames),
        "actions": np.ascontiguousarray(actions),
    }
    _check_starts(starts, manifest)
    contents = {
        DENOISER: safetensors.torch.save(_stored(denoiser, dtype)),
        REWARD_END: safetensors.torch.save(_stored(reward_end, dtype)),
        STARTS: safetensors.numpy.save(starts),
        PREVIEW: preview_png,
        README: readme.encode(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            for name, content in contents.items():
                _write(folder / name, content)
            files = {
                name: {"bytes": len(contents[name]), "sha256": sha256(folder / name)}
                for name in FILES
            }
            card = {"format": FORMAT, "version": VERSION, **manifest.to_json(), "files": files}
            _write(folder / CARD, (json.dumps(card, indent=2) + "\n").encode())
            folder.chmod(0o755)
            _move_into_place(folder, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def check_place(path: Path) -> None:
    """UserError if `path` holds anything that `save` would not replace."""
    if not _may_replace(path):
        raise UserError(f"{path} is in the way and is not a cartridge; remove it or choose another")


def load(path: Path) -> Cartridge:
    """Read a cartridge and check all of it.

    Raises UserError, naming the file, for anything that is not a whole cartridge.
    """
    path = Path(path)
    manifest, entries = read_card(path)
    for name, entry in entries.items():
        _check_file(path, name, entry)
    try:
        with torch.device("meta"):  # shapes alone: the weights come from the files
            denoiser, reward_end = Denoiser(manifest.denoiser), RewardEnd(manifest.reward_end)
    except ValueError as error:
        raise UserError(f"{path / CARD} describes an impossible network: {error}") from error
    starts = _read_starts(path / STARTS, manifest)
    return Cartridge(
        manifest,
        _with_weights(denoiser, path / DENOISER),
        _with_weights(reward_end, path / REWARD_END),
        starts["frames"],
        starts["actions"],
        weights=f"{entries[DENOISER].sha256}-{entries[REWARD_END].sha256}",
    )


def read_card(path: Path) -> tuple[Manifest, dict[str, FileEntry]]:
    """A cartridge's manifest and its list of files, without reading those.

    Raises UserError unless cartridge.json is there, whole, and of a version known here.
    """
    card = Path(path) / CARD
    try:
        if card.stat().st_size > LARGEST_CARD_BYTES:
            raise UserError(f"{card} is too large to be a cartridge's")
        data: Any = json.loads(card.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {card}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{card} is truncated or altered: it is not JSON") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise UserError(f"{card} does not describe a cartridge")
    version = data.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise UserError(f"{card} has format version {version!r}; this program reads {VERSION}")
    try:
        entries = _entries(data.pop("files", None))
        return manifest_from_json(data), entries
    except UserError as error:
        raise UserError(f"{card} cannot be used: {error}") from error


def _entries(data: Any) -> dict[str, FileEntry]:
    """The list of files: exactly those of the format, so no name can lead anywhere else."""
    if not isinstance(data, dict):
        raise UserError("it lacks its list of files")
    if extra := sorted(set(data) - set(FILES)):
        raise UserError(f"it lists '{extra[0][:60]}', which is no file of a cartridge")
    if absent := sorted(set(FILES) - set(data)):
        raise UserError(f"it does not list {absent[0]}")
    return {name: plain.read(FileEntry, data[name], name) for name in FILES}


def _check_file(folder: Path, name: str, entry: FileEntry) -> None:
    """UserError unless a file is in the folder itself and holds what the card says."""
    file = folder / name
    try:
        if file.resolve().parent != folder.resolve():
            raise UserError(f"{file} leads out of the cartridge's folder")
        if file.exists() and not file.is_file():
            raise UserError(f"{file} is not a file")
        size = file.stat().st_size
        if size != entry.bytes:
            raise UserError(f"{file} is truncated or altered: {size} bytes, not {entry.bytes}")
        if sha256(file) != entry.sha256:
            raise UserError(f"{file} was altered: its SHA-256 is not the one in {CARD}")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error


def _with_weights(network: Network, path: Path) -> Network:
    """Put stored weights, as float32, into a network that has only shapes so far."""
    try:
        stored = safetensors.torch.load_file(path)
        for name, tensor in stored.items():
            if tensor.dtype not in STORED or not bool(tensor.isfinite().all()):
                raise UserError(f"{path} has weights that are no finite numbers: {name}")
        network.load_state_dict({k: t.float() for k, t in stored.items()}, assign=True)
    except (SafetensorError, RuntimeError, ValueError, KeyError, OSError) as error:
        raise UserError(f"{path} does not hold the weights that {CARD} describes") from error
    return network.eval().requires_grad_(False)


def _read_starts(path: Path, manifest: Manifest) -> Starts:
    try:
        starts: Starts = safetensors.numpy.load_file(path)
        _check_starts(starts, manifest)
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(f"{path} does not hold starting contexts: {error}") from error
    return starts


def _check_starts(starts: Starts, manifest: Manifest) -> None:
    """ValueError unless there is a start, and frames and actions are as the manifest says."""
    config = manifest.denoiser
    frames, actions = starts["frames"], starts["actions"]
    count = len(frames)
    if not count or frames.dtype != np.uint8 or actions.dtype != np.float32:
        raise ValueError(f"{count} starts of {frames.dtype} frames and {actions.dtype} actions")
    if frames.shape[1:] != (config.context, config.height, config.width, 3):
        raise ValueError(f"frames of shape {frames.shape}")
    if actions.shape != (count, config.context, config.actions) or not np.isfinite(actions).all():
        raise ValueError(f"actions of shape {actions.shape}, or not finite")


def _stored(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    # Weights trained in channels_last lie otherwise in memory than safetensors writes them.
    stored = network.state_dict().items()
    return {name: t.detach().cpu().to(dtype).contiguous() for name, t in stored}


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _may_replace(path: Path) -> bool:
    """Nothing is there, or an empty folder, or a cartridge of any version."""
    if not path.exists() and not path.is_symlink():
        return True
    if not path.is_dir() or path.is_symlink():
        return False
    if not any(path.iterdir()):
        return True
    try:
        data = json.loads((path / CARD).read_text("utf-8"))
        return isinstance(data, dict) and data.get("format") == FORMAT
    except (OSError, ValueError, RecursionError):
        return False


def _move_into_place(folder: Path, path: Path) -> None:
    """Rename a finished folder to `path`; a cartridge that was there goes only after that."""
    sync_folder(folder)
    old = folder.with_name(f"{folder.name}.old")
    if path.exists():
        path.rename(old)
    try:
        folder.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)
