"""Check for damage that sends the HDF5 library into an endless loop.

The texts of a file's attributes are in a "global heap" (section III.E of the HDF5 file format
specification), whose objects tell how long they are, and nothing else protects. The library
follows these lengths without looking whether they lead on.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from base.errors import UserError

_HEAP = b"GCOL\x01"  # what a collection begins with: its name and version
_header = struct.Struct("<4sB3xQ")  # name, version, size of the whole collection
_object = struct.Struct("<HH4xQ")  # number, uses, size; number 0 is free space, with its header


def check_global_heaps(path: Path, frames: tuple[int, int] | None) -> None:
    """Raise UserError if the HDF5 library would never finish reading a global heap of the file.

    frames: where frames lie that are not compressed, first byte and count; they are not searched.
    """
    try:
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            first, count = frames or (len(data), 0)
            for start, stop in ((0, first), (first + count, len(data))):
                at = data.find(_HEAP, start, stop)
                while at >= 0:
                    if not _leads_on(data, at):
                        raise UserError(f"{path} is damaged: texts in it have impossible lengths")
                    at = data.find(_HEAP, at + 1, stop)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _leads_on(data: mmap.mmap, at: int) -> bool:
    """Tell whether the objects of the collection at `at` follow one another to its end."""
    if at + _header.size > len(data):
        return False
    *_, size = _header.unpack_from(data, at)
    end, at = at + size, at + _header.size
    if end > len(data):
        return False
    while at + _object.size <= end:
        number, _, size = _object.unpack_from(data, at)
        needed = size if number == 0 else _object.size + -(-size // 8) * 8
        if needed < _object.size or at + needed > end:
            return False
        at += needed
    return True
