"""Damaged files, for tests of what reads them: bytes flipped, fields overwritten, ends cut off."""

from __future__ import annotations

from hypothesis import strategies as st

# What lengths, counts and addresses of a field would have to be to lead far astray.
_TELLING = [0, 1, 8, 1 << 20, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 16, (1 << 64) - 1]


def flipped(whole: bytes, start: int = 0) -> st.SearchStrategy[bytes]:
    """A file of which some bytes, from `start` on, are others."""
    flip = st.tuples(st.integers(start, len(whole) - 1), st.integers(1, 255))
    flips = st.lists(flip, min_size=1, unique_by=lambda flip: flip[0])
    return flips.map(lambda flips: _flip(whole, flips))


def overwritten(whole: bytes, start: int = 0) -> st.SearchStrategy[bytes]:
    """A file in which fields of 1 to 8 bytes, from `start` on, hold very small or large numbers."""
    telling = st.sampled_from(_TELLING) | st.just(len(whole)) | st.integers(0, 1000)
    field = st.tuples(st.integers(start, len(whole) - 8), telling, st.sampled_from([1, 2, 4, 8]))
    return st.lists(field, min_size=1, max_size=4).map(lambda fields: _overwrite(whole, fields))


def cut(whole: bytes) -> st.SearchStrategy[bytes]:
    """The beginning of a file."""
    return st.integers(0, len(whole) - 1).map(lambda length: whole[:length])


def _flip(whole: bytes, flips: list[tuple[int, int]]) -> bytes:
    made = bytearray(whole)
    for at, by in flips:
        made[at] ^= by
    return bytes(made)


def _overwrite(whole: bytes, fields: list[tuple[int, int, int]]) -> bytes:
    made = bytearray(whole)
    for at, value, size in fields:
        made[at : at + size] = value.to_bytes(8, "little")[:size]
    return bytes(made)
