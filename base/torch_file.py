"""Files of torch.save (.pt), read as data: nothing in them is executed.

All files of torch.save are read here, and checked before: a zip archive by the sums that it keeps
of its members, and what came before zip archives (PyTorch 1.5 and older) by its length alone.
"""

from __future__ import annotations

import mmap
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from base.errors import UserError
from base.files import open_regular

LARGEST_PICKLE = 1 << 26  # what names and shapes take, and no numbers
CHUNK_BYTES = 1 << 22
ZIP = b"PK\x03\x04"
PICKLE = b"\x80"  # any pickle of protocol 2 or later
OLD_FORMAT = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the number that begins a file of before zip
HEAD_BYTES = 64
ASKS_FOR_MEMORY = b"bytearray"  # what a pickle calls to get any amount of it
OTHERS = {  # the first bytes of what is often met in the place of a checkpoint
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself with git lfs pull",
    b"<": "a web page: download the file itself",
    b"\x1f\x8b": "compressed by gzip: unpack it with gunzip",
    b"\x89HDF": "an HDF5 file",
}

# How Python opens what is not read here; {path} is a literal.
BY_TORCH = "torch.load({path}, 'cpu', weights_only=False)"
BY_JIT = "torch.jit.load({path}, 'cpu')"
BY_PICKLE = "__import__('pickle').load(open({path}, 'rb'))"


class NotPlainError(UserError):
    """A file that may well be whole, and holds what cannot be read as data.

    opened_by: the Python expression, around the file's {path}, that reads all of it and runs what
    it says.
    """

    def __init__(self, line: str, opened_by: str = BY_TORCH) -> None:
        super().__init__(line)
        self.opened_by = opened_by


class Unread:
    """Stand-in for a NumPy number in a file, of which nothing is kept."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


# Trainers keep such numbers beside the weights. NumPy's own functions would have to be trusted.
torch.serialization.add_safe_globals(
    [
        (Unread, name)
        for name in ("numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    ]
)


def load(path: Path, what: str, *, mapped: bool = True) -> Any:
    """The content of a file.

    what: it should be, for messages. mapped: its tensors are mapped from the file where it can be
    done, so that it must stay as it is.
    Raises UserError, naming the file, for what is damaged or cannot be read, and NotPlainError for
    anything that holds more than plain data.
    """
    try:
        in_zip = _is_zip(path, what)
        (_check_zip if in_zip else _check_old)(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of protocols: what comes of them is told below
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped and in_zip)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except UserError:
        raise
    except pickle.UnpicklingError as error:
        special = _what_is_special(str(error), in_zip)
        raise NotPlainError(f"{path} was refused: {special}") from error
    except Exception as error:  # a damaged file can make the reader say anything
        raise UserError(f"{path} is damaged, or no {what}") from error


def is_plain(value: Any) -> bool:
    """Return True for an ordinary tensor, with its numbers in memory."""
    return (
        type(value) in (Tensor, torch.nn.Parameter)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def tensors_in(data: Any) -> Iterator[Tensor]:
    """Yield all tensors in nested dicts, lists and tuples, each container looked into once."""
    waiting, seen = [data], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(dict.values(value) if isinstance(value, dict) else value)


def check_claims(path: Path, tensors: Iterable[Tensor]) -> None:
    """UserError if the tensors of a file claim to hold more than the whole file does.

    Tensors may share memory, or repeat one number as often as they like.
    """
    size = path.stat().st_size
    if sum(tensor.nbytes for tensor in tensors) > size:
        raise UserError(f"{path} was refused: its tensors claim more than its {size} bytes")


def _is_zip(path: Path, what: str) -> bool:
    """Return True if a file of torch.save is a zip archive. UserError for any other file."""
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(ZIP):
        return True
    if head.startswith(PICKLE) and OLD_FORMAT in head:
        return False
    if head.startswith(PICKLE):
        raise NotPlainError(f"{path} is a pickle that torch.save did not write", BY_PICKLE)
    if head[8:10] == b'{"':
        raise UserError(f"{path} is no {what}: it is a safetensors file")
    for magic, kind in OTHERS.items():
        if head.lstrip().startswith(magic):
            raise UserError(f"{path} is no {what}: it is {kind}")
    raise UserError(f"{path} is damaged, or no {what}")


def _check_zip(path: Path) -> None:
    """UserError for an archive whose members are not what was written, that torch.save did not
    write, or that asks for any amount of memory in a few bytes: torch would obey."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename.rpartition("/")[2] for member in members}
            if "constants.pkl" in names:
                raise NotPlainError(f"{path} is a program of TorchScript", BY_JIT)
            if "data.pkl" not in names:
                raise UserError(f"{path} is a zip archive that torch.save did not write: unpack it")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise NotPlainError(f"{path} was packed anew by another program")
            # Sums can be left out, by torch.serialization.set_crc32_options.
            summed = any(member.CRC for member in members)
            for member in members:
                is_pickle = member.filename.endswith(".pkl")
                if is_pickle and member.file_size > LARGEST_PICKLE:
                    raise UserError(f"{path} was refused: it holds more than plain data")
                if summed or is_pickle:
                    _check_member(path, archive, member, is_pickle, summed)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else "it ends too soon"
        raise UserError(f"{path} is damaged ({reason}); copy or download it again") from error


def _check_member(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, is_pickle: bool, summed: bool
) -> None:
    """Read a member, which compares it with its sum. BadZipFile if it is another."""
    if not summed:
        member.CRC = None  # type: ignore[assignment]  # nothing to compare with
    with archive.open(member) as file:
        if not is_pickle:
            while file.read(CHUNK_BYTES):
                pass
        elif ASKS_FOR_MEMORY in file.read():
            raise UserError(f"{path} was refused: it holds more than plain data")


def _check_old(path: Path) -> None:
    """UserError for a file that asks for any amount of memory in a few bytes."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        if whole.find(ASKS_FOR_MEMORY) >= 0:
            raise UserError(f"{path} was refused: it holds more than plain data")


def _what_is_special(said: str, in_zip: bool) -> str:
    """Return why torch does not read a pickle as data, from its message."""
    if found := re.search(r"GLOBAL ([\w.]+)", said):
        return f"it holds more than plain data ({found[1][:80]})"
    if "Unsupported operand" in said:
        return "its pickle is of a protocol that is not read as plain data (2 and 3 are)"
    return f"it {'' if in_zip else 'is damaged, or '}holds more than plain data"
