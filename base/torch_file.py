"""What torch.save wrote (.pt), read as data: nothing in it is executed."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from base.errors import UserError


def load(path: Path, what: str) -> Any:
    """The content of a file, its tensors mapped from it: it must stay as it is.

    what: it should be, for messages. Raises UserError, naming the file, for anything that holds
    more than plain data, or cannot be read.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was refused: it is damaged, or holds more than plain data"
        ) from error
    except Exception as error:  # a damaged file can make the reader say anything
        raise UserError(f"{path} is damaged, or no {what}") from error


def is_plain(value: Any) -> bool:
    """Whether something is a tensor like any other, with its numbers in memory."""
    return (
        type(value) is Tensor
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def check_claims(path: Path, tensors: Iterable[Tensor]) -> None:
    """UserError if the tensors of a file claim to hold more than the whole file does.

    Tensors may share memory, or repeat one number as often as they like.
    """
    size = path.stat().st_size
    if sum(tensor.nbytes for tensor in tensors) > size:
        raise UserError(f"{path} was refused: its tensors claim more than its {size} bytes")
