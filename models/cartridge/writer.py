"""Writing cartridges, whose format models/cartridge/reader.py describes: the whole folder or
nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor, nn

from base.cartridges import CARD, LARGEST_CARD_BYTES, PREVIEW, README, read_part
from base.errors import UserError
from base.files import sha256, sync_folder
from models.cartridge.manifest import Manifest
from models.cartridge.reader import (
    FORMAT,
    KEYFRAMES,
    STARTS,
    VERSION,
    Networks,
    Starts,
    check_keyframes,
    check_starts,
    described,
    lower,
    weights_file,
)
from models.networks.keyframes import Keyframes


def save(
    path: Path,
    manifest: Manifest,
    networks: Networks,
    starts: Starts,
    preview_png: bytes,
    readme: str,
    dtype: torch.dtype = torch.bfloat16,
    keyframes: Keyframes | None = None,
) -> None:
    """Write a cartridge: the whole folder appears at once, and what was there stays until then.

    networks: all that the manifest describes. starts: arrays as models/cartridge/reader.py
    describes. preview_png: an encoded picture. readme: the card. dtype: what weights are stored as.
    keyframes: of a world with a place memory.
    Raises UserError when the disk refuses and when `path` holds anything but a cartridge.
    """
    path = Path(path)
    check_place(path)
    check_starts(starts, manifest)
    check_keyframes(keyframes, manifest)
    contents = {
        weights_file(name): safetensors.torch.save(_stored(networks[name], dtype))
        for name in described(manifest)
    }
    contents[STARTS] = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in starts.items()}
    )
    if keyframes is not None:
        bank = {"frames": keyframes.frames, "poses": keyframes.poses}
        contents[KEYFRAMES] = safetensors.torch.save(
            {name: tensor.cpu().contiguous() for name, tensor in bank.items()}
        )
    contents[PREVIEW] = preview_png
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            for name, content in contents.items():
                _write(folder / name, content)
            _write(folder / README, readme.encode())
            files = {
                name: {"bytes": len(content), "sha256": sha256(folder / name)}
                for name, content in contents.items()
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
    """Raise UserError if `path` holds anything that `save` would not replace."""
    if not _may_replace(path):
        raise UserError(f"{path} is in the way and is not a cartridge; remove it or choose another")


def _stored(network: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    # Weights trained in channels_last lie otherwise in memory than safetensors writes them.
    stored = lower(network, network.state_dict(), dtype)
    return {name: t.detach().cpu().contiguous() for name, t in stored.items()}


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _may_replace(path: Path) -> bool:
    """Tell whether nothing is there, or an empty folder, or a cartridge of any version."""
    if not path.exists() and not path.is_symlink():
        return True
    if not path.is_dir() or path.is_symlink():
        return False
    if not any(path.iterdir()):
        return True
    try:
        data = json.loads(read_part(path, CARD, LARGEST_CARD_BYTES))
        return isinstance(data, dict) and data.get("format") == FORMAT
    except (UserError, ValueError, RecursionError):
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
