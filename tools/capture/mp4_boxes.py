"""The boxes that an MP4 or MOV file consists of, to tell whether it was ever finished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

FIRST = (b"ftyp", b"wide", b"free", b"skip", b"mdat")  # one of these begins such a file
MOST_BOXES = 10_000  # a fragmented film has two a second or so, after its index


def is_unfinished(path: Path) -> bool:
    """Return True for an MP4 or MOV without its whole index, which most programs write last."""
    try:
        size = path.stat().st_size
        boxes = list(_boxes(path, size))
    except OSError:
        return False
    if not boxes or boxes[0][0] not in FIRST:
        return False
    return not any(kind == b"moov" and end <= size for kind, end in boxes)


def _boxes(path: Path, size: int) -> Iterator[tuple[bytes, int]]:
    """The kind of each box at the top of a file, and where it says that it ends."""
    with open(path, "rb") as file:
        at = 0
        for _ in range(MOST_BOXES):
            head = file.read(16)
            if len(head) < 8:
                return
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # too large for four bytes
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:  # up to the end of the file
                length = size - at
            yield head[4:8], at + length
            at += length
            if length < 8 or at >= size:
                return
            file.seek(at)
