"""Frames packed as in episodes and journals: `CHUNK` consecutive ones to a zlib stream."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError

CHUNK = 8  # frames compressed together: a short window touches few bytes


def chunks_of(start: int, stop: int) -> slice:
    """Return the range of chunks that hold frames start to stop - 1."""
    return slice(start // CHUNK, -(-stop // CHUNK))


def unpack(
    chunks: Iterable[bytes | bytearray], start: int, stop: int, frame_shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Decode frames start to stop - 1, uint8 (stop - start, H, W, 3), from their chunks.

    Raises UserError when a chunk does not hold what it should.
    """
    frames = np.empty((stop - start, *frame_shape), np.uint8)
    for number, chunk in enumerate(chunks, start // CHUNK):
        first = number * CHUNK
        data = np.frombuffer(unpack_chunk(chunk, frame_shape), np.uint8)
        begin, end = max(start, first), min(stop, first + CHUNK)
        frames[begin - start : end - start] = data.reshape(CHUNK, *frame_shape)[
            begin - first : end - first
        ]
    return frames


def unpack_chunk(chunk: bytes | bytearray, frame_shape: tuple[int, int, int]) -> bytes:
    """Decompress the pixels of `CHUNK` frames. Raises UserError for a stream of another size."""
    size = CHUNK * math.prod(frame_shape)
    inflate = zlib.decompressobj()
    try:
        # One byte more than fits: a stream of endless zeros must not fill the memory.
        data = inflate.decompress(chunk, size + 1)
    except zlib.error as error:
        raise UserError(f"{CHUNK} frames in a row are damaged ({error})") from error
    if len(data) != size or not inflate.eof:
        raise UserError(f"{CHUNK} frames in a row are not as large as they should be")
    return data
