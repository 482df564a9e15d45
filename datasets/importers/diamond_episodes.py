"""DIAMOND's own episodes (.pt files of torch.save): read as data, nothing in them is executed.

A file is a dict of tensors with T rows: `obs` uint8 (T, 3, H, W), RGB; `act` (T,) numbers of
actions, or (T, A) of 0 and 1; `rew`, `end` and `trunc` (T,); and `info`, a dict, in which
`final_observation`, float (3, H, W) in [-1, 1], is what the last step led to. DIAMOND keeps that of
episodes that are over alone: of any other the last step, which leads nowhere, is left out here.
An `end` may be a life lost, where DIAMOND was told to end its episodes so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from base.errors import UserError
from base.torch_file import check_claims, is_plain, load
from datasets.episode import EpisodeInfo, Steps
from datasets.importers.foreign import ForeignEpisode

RANGE_SLACK = 1e-3  # around [-1, 1], for numbers that were computed
_NAME = re.compile(r"([0-9]{1,9})\.pt")
_NAMES = ("obs", "act", "rew", "end", "trunc")


@dataclass(frozen=True)
class Actions:
    """Actions of an episode.

    multi_hot: 0 or 1 for each of several buttons; else one number a step.
    count: how many buttons there are, or one more than the largest number.
    """

    multi_hot: bool
    count: int


def find(folder: Path) -> list[Path]:
    """The episode files anywhere in a folder, by their numbers. UserError if there are none."""
    try:
        paths = [path for path in Path(folder).rglob("*.pt") if _NAME.fullmatch(path.name)]
    except OSError as error:
        raise UserError(f"cannot open {folder}: {error.strerror or error}") from error
    if not paths:
        raise UserError(
            f"{folder} holds no episodes of DIAMOND: files 0.pt, 1.pt, ... in folders of their own"
        )
    return sorted(paths, key=lambda path: (int(path.stem), path))


def read_actions(path: Path) -> Actions:
    """Read the actions of an episode without its frames. Raises UserError."""
    with _explained(path):
        actions = _tensors(path)["act"]
        if actions.ndim == 2:
            return Actions(True, actions.shape[1])
        return Actions(False, int(actions.max()) + 1)


def read(path: Path, info: EpisodeInfo) -> ForeignEpisode:
    """An episode, as `info` says that it was played. Raises UserError, naming the file."""
    with _explained(path):
        data = _tensors(path)
        frames = _frames(data["obs"])
        if "final_observation" in data:
            frames = np.concatenate([frames, _frames(data["final_observation"][None])])
        count = len(frames) - 1
        if not count:
            raise UserError("its only step leads nowhere")
        steps = Steps(
            actions=_vectors(data["act"][:count], info.actions.size),
            rewards=data["rew"][:count].to(torch.float32).numpy(),
            ended=(data["end"][:count] == 1).numpy(),
            truncated=(data["trunc"][:count] == 1).numpy(),
            life_lost=np.zeros(count, bool),
        )
        return ForeignEpisode(info, frames, steps)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn any error that malformed tensors raise into a UserError that names the file."""
    try:
        yield
    except UserError as error:
        text = str(error)
        raise error if str(path) in text else UserError(f"{path} cannot be read: {text}") from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no episode that could be") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of an episode by name: of the right types, and as many rows in each."""
    data: Any = load(path, "episode of DIAMOND")
    if (
        not isinstance(data, dict)
        or set(data) != {*_NAMES, "info"}
        or not isinstance(data["info"], dict)
    ):
        raise UserError(f"{path} is no episode of DIAMOND: it holds no {', '.join(_NAMES)}, info")
    tensors = {name: data[name] for name in _NAMES}
    if "final_observation" in data["info"]:
        tensors["final_observation"] = data["info"]["final_observation"]
    for name, tensor in tensors.items():
        if not is_plain(tensor):
            raise UserError(f"{path} is no episode of DIAMOND: '{name}' is no plain tensor")
    tensors = {name: tensor.detach() for name, tensor in tensors.items()}
    check_claims(path, tensors.values())
    obs, act = tensors["obs"], tensors["act"]
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if obs.ndim != 4 or obs.shape[1] != 3 or not obs.numel():
        raise UserError(f"{path} has frames of the shape {shapes['obs']}, not (T, 3, H, W)")
    if act.ndim not in (1, 2) or not act.numel():
        raise UserError(f"{path} has actions of the shape {shapes['act']}, not (T,) or (T, A)")
    for name in _NAMES[1:]:
        if shapes[name][:1] != shapes["obs"][:1] or (name != "act" and len(shapes[name]) != 1):
            raise UserError(f"{path} has '{name}' of {shapes[name]} with frames of {shapes['obs']}")
    if shapes.get("final_observation", shapes["obs"][1:]) != shapes["obs"][1:]:
        raise UserError(f"{path} has a final observation of another shape than its frames")
    _check_values(path, tensors)
    return tensors


def _check_values(path: Path, tensors: dict[str, Tensor]) -> None:
    """Raise UserError unless actions are numbers or 0/1, flags 0/1, and rewards finite."""
    act = tensors["act"]
    if any(tensor.is_complex() for tensor in tensors.values()):
        raise UserError(f"{path} holds complex numbers")
    if act.ndim == 1 and (act.is_floating_point() or act.dtype == torch.bool):
        raise UserError(f"{path} has actions of {act.dtype}, which are no numbers of actions")
    if act.ndim == 1 and int(act.min()) < 0:
        raise UserError(f"{path} has the action {int(act.min())}")
    binary = ["end", "trunc", *(["act"] if act.ndim == 2 else [])]
    for name in binary:
        if not bool(((tensors[name] == 0) | (tensors[name] == 1)).all()):
            raise UserError(f"{path} has '{name}' that is neither 0 nor 1")
    if not bool(tensors["rew"].isfinite().all()):
        raise UserError(f"{path} has rewards that are no finite numbers")


def _frames(obs: Tensor) -> NDArray[np.uint8]:
    """Frames (N, 3, H, W), uint8 or floats in [-1, 1], as uint8 (N, H, W, 3)."""
    if obs.is_floating_point():
        if not bool((obs.abs() <= 1 + RANGE_SLACK).all()):  # not true of NaN either
            raise UserError("its frames are floats beyond [-1, 1]")
        obs = ((obs.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    elif obs.dtype != torch.uint8:
        raise UserError(f"its frames are {obs.dtype}")
    return np.ascontiguousarray(obs.permute(0, 2, 3, 1).numpy())


def _vectors(actions: Tensor, size: int) -> NDArray[np.float32]:
    """Actions as vectors (T, size) of an action space."""
    if actions.ndim == 2:
        if actions.shape[1] != size:
            raise UserError(f"it has {actions.shape[1]} buttons, not {size}")
        return actions.to(torch.float32).numpy().copy()
    largest = int(actions.max())
    if largest >= size:
        raise UserError(f"it has the action {largest}, and the game has {size} actions")
    return np.eye(size, dtype=np.float32)[actions.numpy()]
