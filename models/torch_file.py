"""Weights from a file that torch.save wrote (.pt), read as data: nothing in it is executed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from base.errors import UserError
from base.torch_file import check_claims, is_plain, load


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a flat checkpoint by name, mapped from the file, which must stay as it is.

    Raises UserError, naming the file, unless it holds nothing but finite float32 tensors.
    """
    path = Path(path)
    data = load(path, "checkpoint")
    # What nn.Module.state_dict gives is an OrderedDict, which a file can give attributes of any
    # name: the dict's own methods are asked, not those that the file may have put in their place.
    data = dict(dict.items(data)) if isinstance(data, dict) else data
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        raise UserError(f"{path} is no checkpoint: it does not hold tensors by name")
    for name, tensor in data.items():
        if not is_plain(tensor):
            raise UserError(f"{path} is no checkpoint: '{name[:60]}' is no plain tensor")
        if tensor.dtype != torch.float32 or not tensor.numel():
            raise UserError(f"{path} does not hold float32 numbers as '{name[:60]}'")
    check_claims(path, data.values())
    for name, tensor in data.items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{path} has weights that are no finite numbers: {name[:60]}")
    return data
