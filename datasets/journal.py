"""An episode while it is being recorded: a file that is only ever appended to.

Blocks of (length, CRC-32, payload). The first holds the metadata, each of the others `CHUNK`
frames and how they came to be, so whatever was written whole can be read back after a crash.
FORMAT.md has the layout.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.chunks import CHUNK, chunks_of, unpack, unpack_chunk
from datasets.episode import EpisodeInfo, check_sizes, info_from_json, write_episode
from datasets.packed import PackedEpisode, PackedSteps, Steps
from engine.contracts import Frame

VERSION = 1
MAGIC = "dreamcart journal"
# zlib levels: more is slower than an emulator. Large frames hardly shrink further by the higher
# one, which takes them twice as long.
COMPRESSION, QUICK_COMPRESSION = 4, 1
LARGE_BYTES = 50_000  # a frame of 128 x 128 pixels
ENDED, TRUNCATED, LIFE_LOST = 1, 2, 4

_frame = struct.Struct("<II")  # a block's length and checksum
_counts = struct.Struct("<II")  # rows and bytes of JSON in a chunk's block
_DAMAGE = (
    struct.error,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
)  # what reading bytes that only look like ours can raise


@dataclass(frozen=True)
class Row:
    """One frame, and the step that led to it (all zero for an episode's first frame)."""

    frame: Frame
    action: NDArray[np.float32]
    reward: float = 0.0
    flags: int = 0


def header_block(info: EpisodeInfo, frame_shape: tuple[int, int, int]) -> bytes:
    """A journal's first block."""
    header = {
        "format": MAGIC,
        "version": VERSION,
        "frame_shape": list(frame_shape),
        "info": info.to_json(),
    }
    return _block(json.dumps(header).encode())


def chunk_block(rows: list[Row], mixture: Mapping[str, int]) -> bytes:
    """The block of up to `CHUNK` rows; only an episode's last may have fewer."""
    frames = np.zeros((CHUNK, *rows[0].frame.shape), np.uint8)
    for i, row in enumerate(rows):
        frames[i] = row.frame
    note = json.dumps(dict(mixture)).encode()
    level = COMPRESSION if rows[0].frame.nbytes < LARGE_BYTES else QUICK_COMPRESSION
    return _block(
        _counts.pack(len(rows), len(note))
        + note
        + np.stack([row.action for row in rows]).astype("<f4").tobytes()
        + np.array([row.reward for row in rows], "<f4").tobytes()
        + np.array([row.flags for row in rows], np.uint8).tobytes()
        + zlib.compress(frames.tobytes(), level)
    )


def finish_journal(journal: Path, episode: Path) -> int:
    """Turn a journal into an episode file and remove it; the number of steps.

    Also how a journal is rescued that a crash left: a torn tail is dropped, and an episode that
    was not over counts as truncated. One without a single whole step is only removed.
    Raises UserError, leaving the journal, when it cannot be read or the episode not written.
    """
    info, frame_shape, chunks, steps = read_journal(journal)
    if len(steps):
        write_episode(episode, info, frame_shape, chunks, steps)
    try:
        journal.unlink()
    except OSError as error:
        raise UserError(f"cannot remove {journal}: {error.strerror or error}") from error
    return len(steps)


class JournalFile(PackedEpisode):
    """A journal read as an episode, in the way of `EpisodeFile`: for one that must stay as it is.

    Raises UserError for a journal that holds no whole step or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info, self.frame_shape, self._chunks, steps = read_journal(path)
        if not len(steps):
            raise UserError(f"{path} holds no whole step")
        self.packed = PackedSteps(steps)

    def read_frames(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames start to stop - 1, uint8 (stop - start, H, W, 3); 0 <= start < stop <= T + 1."""
        self.check_window(start, stop)
        return unpack(self._chunks[chunks_of(start, stop)], start, stop, self.frame_shape)


def read_journal(
    path: Path,
) -> tuple[EpisodeInfo, tuple[int, int, int], list[bytes], Steps]:
    """Metadata, frame shape, compressed chunks and steps of the whole blocks of a journal.

    A journal cut before its first block ends gives UserError, as does a file of another kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    blocks = _blocks(data)
    try:
        info, frame_shape = _read_header(next(blocks, None))
        chunks: list[bytes] = []
        parts: list[_Part] = []
        for payload in blocks:
            part = _read_chunk(payload, info.actions.size, frame_shape)
            chunks.append(part.chunk)
            parts.append(part)
            if len(part.rewards) < CHUNK:
                break
        if parts:
            info = replace(info, mixture=parts[-1].mixture)
        return info, frame_shape, chunks, _join(parts, info.actions.size)
    except UserError as error:
        raise UserError(f"{path} cannot be rescued: {error}") from error


@dataclass(frozen=True)
class _Part:
    chunk: bytes
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    flags: NDArray[np.uint8]
    mixture: dict[str, int]


def _block(payload: bytes) -> bytes:
    return _frame.pack(len(payload), zlib.crc32(payload)) + payload


def _blocks(data: bytes) -> Iterator[bytes]:
    """The payloads of whole blocks, up to the first torn one."""
    at = 0
    while at + _frame.size <= len(data):
        length, check = _frame.unpack_from(data, at)
        payload = data[at + _frame.size : at + _frame.size + length]
        if len(payload) < length or zlib.crc32(payload) != check:
            return
        yield payload
        at += _frame.size + length


def _read_header(payload: bytes | None) -> tuple[EpisodeInfo, tuple[int, int, int]]:
    if payload is None:
        raise UserError("it does not begin with a whole block")
    try:
        header: Any = json.loads(payload)
        if header["format"] != MAGIC:
            raise UserError("it is not a journal")
        if header["version"] != VERSION:
            raise UserError(f"its version is {header['version']}, this program reads {VERSION}")
        height, width, colours = (int(n) for n in header["frame_shape"])
        info = info_from_json(header["info"])
    except _DAMAGE as error:
        raise UserError(f"its header is damaged ({error})") from error
    check_sizes((height, width, colours), info.actions.size)
    return info, (height, width, colours)


def _read_chunk(payload: bytes, width: int, frame_shape: tuple[int, int, int]) -> _Part:
    """Check a chunk's block as far as its frames' size; UserError if it is not one."""
    try:
        rows, note_bytes = _counts.unpack_from(payload)
        if not 0 < rows <= CHUNK:
            raise UserError(f"a block holds {rows} frames")
        at = _counts.size + note_bytes
        note = json.loads(payload[_counts.size : at])
        actions = np.frombuffer(payload, "<f4", rows * width, at).reshape(rows, width)
        at += actions.nbytes
        rewards = np.frombuffer(payload, "<f4", rows, at)
        at += rewards.nbytes
        flags = np.frombuffer(payload, np.uint8, rows, at)
        chunk = payload[at + flags.nbytes :]
        unpack_chunk(chunk, frame_shape)
        if not (np.isfinite(actions).all() and np.isfinite(rewards).all()):
            raise UserError("a block holds numbers that are not finite")
        mixture = {str(way): int(steps) for way, steps in note.items()}
    except _DAMAGE as error:
        raise UserError(f"a block is damaged ({error})") from error
    return _Part(chunk, actions.astype(np.float32), rewards.astype(np.float32), flags, mixture)


def _join(parts: list[_Part], width: int) -> Steps:
    """The steps of all rows but the first, which only has the first frame."""
    empty = np.zeros((0, width), np.float32)
    actions = np.concatenate([empty, *(part.actions for part in parts)])[1:]
    rewards = np.concatenate([empty[:, 0], *(part.rewards for part in parts)])[1:]
    flags = np.concatenate([np.zeros(0, np.uint8), *(part.flags for part in parts)])[1:]
    ended = (flags & ENDED) > 0
    truncated = (flags & TRUNCATED) > 0
    if len(flags) and not ended[-1]:
        truncated[-1] = True
    return Steps(actions, rewards, ended, truncated, (flags & LIFE_LOST) > 0)


def append(descriptor: int, data: bytes) -> None:
    """Write all of `data` at a descriptor's end, without buffering it in this process."""
    while data:
        data = data[os.write(descriptor, data) :]
