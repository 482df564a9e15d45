"""Weights from a file that torch.save wrote (.pt), read as data: nothing in it is executed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from base.errors import UserError


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a flat checkpoint by name, mapped from the file, which must stay as it is.

    Raises UserError, naming the file, unless it holds nothing but finite float32 tensors.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        data: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was refused: it is damaged, or holds more than plain weights"
        ) from error
    except Exception as error:  # a damaged file can make the reader say anything
        raise UserError(f"{path} is damaged, or no checkpoint") from error
    if type(data) is not dict or not all(isinstance(name, str) for name in data):
        raise UserError(f"{path} is no checkpoint: it does not hold tensors by name")
    for name, tensor in data.items():
        if type(tensor) is not Tensor or tensor.is_sparse or tensor.device.type != "cpu":
            raise UserError(f"{path} is no checkpoint: '{name[:60]}' is no plain tensor")
        if tensor.dtype != torch.float32 or not tensor.numel():
            raise UserError(f"{path} does not hold float32 numbers as '{name[:60]}'")
    # Tensors may share memory, or repeat one number as often as they like.
    if sum(tensor.nbytes for tensor in data.values()) > size:
        raise UserError(f"{path} was refused: its tensors claim more than its {size} bytes")
    for name, tensor in data.items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{path} has weights that are no finite numbers: {name[:60]}")
    return data
