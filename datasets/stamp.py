"""Header line of an episode file: its version, size and checksum. Specified in FORMAT.md."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

from base.errors import UserError
from base.files import open_regular

VERSION, RAW_VERSION = 1, 2  # frames compressed in chunks, and frames as they are
READS = f"this program reads {VERSION} and {RAW_VERSION}"
STAMP_BYTES = 512  # HDF5's user block
MAGIC = "dreamcart episode"


def stamped(file: bytes) -> bytes:
    """Return a file with its header filled in: size and checksum of the rest."""
    return stamp(file) + file[STAMP_BYTES:]


def stamp(file: bytes | memoryview, frames: tuple[int, int] | None = None) -> bytes:
    """Return the header of a file: its size, and a checksum of all that follows.

    frames: first byte and number of bytes of frames that are not compressed: the checksum leaves
            them out.
    """
    first, count = frames or (len(file), 0)
    view = memoryview(file)
    check = zlib.crc32(view[first + count :], zlib.crc32(view[STAMP_BYTES:first]))
    version = RAW_VERSION if frames else VERSION
    line = f"{MAGIC} {version} bytes {len(file)} crc32 {check:08x}"
    if frames:
        line += f" frames {first} {count}"
    return f"{line}\n".encode().ljust(STAMP_BYTES, b" ")


def check_stamp(path: Path) -> tuple[int, int] | None:
    """Return first byte and byte count of a file's uncompressed frames; None if it has none.

    Raises UserError if the file has changed since it was written. Uncompressed frames are not
    checked: HDF5 does not parse them.
    Checked before HDF5 sees a byte, since its library does not promise to survive damaged files.
    """
    try:
        with open_regular(path) as file:
            words = file.read(STAMP_BYTES).decode("latin-1").split()
            size = os.fstat(file.fileno()).st_size
            if words[:2] != MAGIC.split() or len(words) not in (7, 10):
                raise UserError(f"{path} is not an episode file")
            if (words[2], len(words)) not in ((str(VERSION), 7), (str(RAW_VERSION), 10)):
                raise UserError(f"{path} has format version {words[2]}, {READS}")
            if words[4] != str(size):
                raise UserError(f"{path} is damaged: it has {size} bytes, not {words[4]}")
            frames = None
            first, count = size, 0
            if words[8:]:
                first, count = (int(word) if word.isdecimal() else 0 for word in words[8:])
                if not (first > STAMP_BYTES and count > 0 and first + count <= size):
                    raise UserError(f"{path} is damaged: its stamp cannot be")
                frames = first, count
            check = _crc32(file, first - STAMP_BYTES)
            file.seek(first + count)
            if words[6] != f"{_crc32(file, size - first - count, check):08x}":
                raise UserError(f"{path} is damaged: its content does not match its checksum")
            return frames
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _crc32(file: Any, length: int, check: int = 0) -> int:
    """The checksum of the next `length` bytes of a file, going on from `check`."""
    while length > 0 and (block := file.read(min(length, 1 << 20))):
        check = zlib.crc32(block, check)
        length -= len(block)
    return check
