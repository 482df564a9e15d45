"""What torch.save wrote (.pt), read as data: nothing in it is executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from base.errors import UserError

LARGEST_PICKLE = 1 << 26  # what names and shapes take, and no numbers


def load(path: Path, what: str) -> Any:
    """The content of a file, its tensors mapped from it: it must stay as it is.

    what: it should be, for messages. Raises UserError, naming the file, for anything that holds
    more than plain data, or cannot be read.
    """
    try:
        _refuse_buffers(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} was refused: it is damaged, or holds more than plain data"
        ) from error
    except Exception as error:  # a damaged file can make the reader say anything
        raise UserError(f"{path} is damaged, or no {what}") from error


def _refuse_buffers(path: Path) -> None:
    """UserError for a file that asks for any amount of memory in a few bytes: torch would obey."""
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.filename.endswith(".pkl"):
                continue
            if entry.file_size > LARGEST_PICKLE or b"bytearray" in archive.read(entry):
                raise UserError(f"{path} was refused: it holds more than plain data")


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
