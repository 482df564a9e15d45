"""An episode while it is being recorded: a file that is only ever appended to.

Blocks of (length, CRC-32, payload). The first holds the metadata, each of the others `CHUNK`
frames and how they came to be, so whatever was written whole can be read back after a crash, and
from both sides of what a disk damaged. FORMAT.md has the layout.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import read_bytes
from base.sizes import GB
from datasets.chunks import CHUNK, chunks_of, unpack, unpack_chunk
from datasets.episode import EpisodeInfo, check_sizes, info_from_json, write_episode
from datasets.packed import PackedEpisode, PackedSteps, Steps
from engine.contracts import Frame, State

VERSION, STATES_VERSION = 1, 2  # without states, and with them
MAGIC = "dreamcart journal"
LARGEST_BYTES = 16 * GB  # of a journal that is read into memory
# zlib levels: more is slower than an emulator. Large frames hardly shrink further by the higher
# one, which takes them twice as long.
COMPRESSION, QUICK_COMPRESSION = 4, 1
LARGE_BYTES = 50_000  # a frame of 128 x 128 pixels
ENDED, TRUNCATED, LIFE_LOST = 1, 2, 4

_frame = struct.Struct("<II")  # a block's length and checksum
_counts = struct.Struct("<II")  # rows and bytes of JSON in a chunk's block
# What a block of frames begins with after length and checksum, its 1 to `CHUNK` rows and its note.
_BLOCK_START = re.compile(rb"[\x01-\x08]\0\0\0..\0\0\{", re.DOTALL)
_MOST_TIMES = 16  # that a journal's bytes are looked at again, searching
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
    """One frame, and the step that led to it (all zero for an episode's first frame).

    state: the game's state at the frame (S,), where the episode's metadata names S values.
    """

    frame: Frame
    action: NDArray[np.float32]
    reward: float = 0.0
    flags: int = 0
    state: State | None = None


def header_block(info: EpisodeInfo, frame_shape: tuple[int, int, int]) -> bytes:
    """A journal's first block."""
    header = {
        "format": MAGIC,
        "version": STATES_VERSION if info.state_names else VERSION,
        "frame_shape": list(frame_shape),
        "info": info.to_json(),
    }
    return _block(json.dumps(header).encode())


def _header_start() -> bytes:
    """What the payload of every journal's first block begins with, as `header_block` makes it."""
    return json.dumps({"format": MAGIC}).encode().rstrip(b"}")


def chunk_block(rows: list[Row], mixture: Mapping[str, int]) -> bytes:
    """The block of up to `CHUNK` rows; only an episode's last may have fewer."""
    frames = np.zeros((CHUNK, *rows[0].frame.shape), np.uint8)
    for i, row in enumerate(rows):
        frames[i] = row.frame
    note = json.dumps(dict(mixture)).encode()
    states = [row.state for row in rows if row.state is not None]
    level = COMPRESSION if rows[0].frame.nbytes < LARGE_BYTES else QUICK_COMPRESSION
    return _block(
        _counts.pack(len(rows), len(note))
        + note
        + np.stack([row.action for row in rows]).astype("<f4").tobytes()
        + np.array([row.reward for row in rows], "<f4").tobytes()
        + np.array([row.flags for row in rows], np.uint8).tobytes()
        + np.array(states, "<f4").tobytes()
        + zlib.compress(frames.tobytes(), level)
    )


class EmptyJournalError(UserError):
    """A journal without a whole step: a recorder was killed just as it began."""


class DamagedJournalError(UserError):
    """A journal of which something amid the rest cannot be read."""


@dataclass(frozen=True)
class Stretch:
    """Whole blocks of a journal in a row, as an episode that begins with the first one's frame.

    info:   the episode's metadata; `mixture` counts from the stretch before on.
    chunks: compressed frames, and states: those of the game, as `datasets.episode.write_episode`
            takes them.
    """

    info: EpisodeInfo
    chunks: list[bytes]
    steps: Steps
    states: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Journal:
    """What can be read of a journal.

    stretches: one, or several with something damaged between them; each has a step or more.
    damage:    what is wrong with the first block that is damaged; empty where none is.
    """

    frame_shape: tuple[int, int, int]
    stretches: list[Stretch]
    damage: str


def finish_journal(journal: Path, episode: Path) -> int:
    """Turn a journal into an episode file and remove it; the number of steps.

    Also how a journal is rescued that a crash left: a torn tail is dropped, and an episode that
    was not over counts as truncated. One without a single whole step is only removed.
    Raises UserError, leaving the journal, when it cannot be read or the episode not written, and
    DamagedJournalError when there is damage amid it, since removing it would lose what is left.
    """
    steps = 0
    try:
        read = read_journal(journal)
    except EmptyJournalError:
        pass
    else:
        if read.damage:
            raise DamagedJournalError(f"{journal} is damaged: {read.damage}")
        (stretch,) = read.stretches
        write_stretch(episode, read, stretch)
        steps = len(stretch.steps)
    try:
        journal.unlink()
    except OSError as error:
        raise UserError(f"cannot remove {journal}: {error.strerror or error}") from error
    return steps


def write_stretch(path: Path, journal: Journal, stretch: Stretch) -> None:
    """Write a stretch of a journal as an episode file. Raises UserError."""
    write_episode(
        path, stretch.info, journal.frame_shape, stretch.chunks, stretch.steps, stretch.states
    )


class JournalEpisode(PackedEpisode):
    """A stretch of a journal read in the way of `EpisodeFile`: of one that must stay as it is."""

    def __init__(self, path: Path, journal: Journal, stretch: Stretch) -> None:
        self.path = path
        self.info, self.frame_shape = stretch.info, journal.frame_shape
        self._chunks = stretch.chunks
        self.packed, self.states = PackedSteps(stretch.steps), stretch.states

    def read_frames(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Frames start to stop - 1, uint8 (stop - start, H, W, 3); 0 <= start < stop <= T + 1."""
        self.check_window(start, stop)
        return unpack(self._chunks[chunks_of(start, stop)], start, stop, self.frame_shape)


def read_journal(path: Path) -> Journal:
    """The whole blocks of a journal: all but a torn tail, and but those that are damaged.

    Raises EmptyJournalError for one that holds no step, and UserError when it is of another kind,
    when its first block is damaged, or when no step is left of it.
    """
    try:
        data = read_bytes(path, LARGEST_BYTES)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    if _is_blank(data):
        raise EmptyJournalError(f"{path} holds no whole step")
    blocks = _blocks(data)
    try:
        info, frame_shape = _read_header(next(blocks, None))
        runs, damage = _runs(blocks, info, frame_shape)
        stretches = list(_stretches(runs, info))
        if damage and not stretches:
            raise UserError(damage)
    except UserError as error:
        raise UserError(f"{path} cannot be rescued: {error}") from error
    if not stretches:
        raise EmptyJournalError(f"{path} holds no whole step")
    return Journal(frame_shape, stretches, damage)


@dataclass(frozen=True)
class _Part:
    chunk: bytes
    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    flags: NDArray[np.uint8]
    states: NDArray[np.float32]
    mixture: dict[str, int]


def _block(payload: bytes) -> bytes:
    return _frame.pack(len(payload), zlib.crc32(payload)) + payload


def _is_blank(data: bytes) -> bool:
    """Whether a kill, or a power cut, came before a journal's first block was whole."""
    if next(_blocks(data), b"") != b"":
        return False
    begun, start = data[_frame.size :], _header_start()
    return start.startswith(begun[: len(start)]) or not data.strip(b"\0")


def _blocks(data: bytes) -> Iterator[bytes | None]:
    """The payloads of whole blocks, and None for each place that is damaged.

    Damage is what is followed by a whole block, or has all the bytes that it should have; else it
    is the torn end of what a crash cut short, and left out.
    """
    at, effort = 0, _MOST_TIMES * len(data)
    while at < len(data):
        payload = _payload_at(data, at)
        if payload is None:
            end, effort = _next_block(data, at + 1, effort)
            if _is_whole(data, at, end):  # it was the length that was damaged
                payload = data[at + _frame.size : end]
            elif end == len(data) and _is_torn(data, at):
                return
            yield payload
            at = end
        else:
            yield payload
            at += _frame.size + len(payload)


def _payload_at(data: bytes, at: int) -> bytes | None:
    """The payload of the block that begins at a byte; None if there is no whole one."""
    if at + _frame.size > len(data):
        return None
    end = at + _frame.size + _frame.unpack_from(data, at)[0]
    return data[at + _frame.size : end] if _is_whole(data, at, end) else None


def _is_whole(data: bytes, at: int, end: int) -> bool:
    """Whether a block from `at` to `end` is as its checksum says."""
    start = at + _frame.size
    if not start < end <= len(data):
        return False
    return zlib.crc32(memoryview(data)[start:end]) == _frame.unpack_from(data, at)[1]


def _is_torn(data: bytes, at: int) -> bool:
    """Whether what begins at a byte is no whole block, or blank as a power cut leaves it."""
    if at + _frame.size > len(data) or not data[at:].strip(b"\0"):
        return True
    return at + _frame.size + _frame.unpack_from(data, at)[0] > len(data)


def _next_block(data: bytes, at: int, effort: int) -> tuple[int, int]:
    """Where the next whole block of frames begins, or the end; and what is left of an effort.

    effort: how many bytes may be looked at; a file made to be searched for ever is given up.
    """
    for match in _BLOCK_START.finditer(data, at + _frame.size):
        start = match.start() - _frame.size
        length = _frame.unpack_from(data, start)[0]
        effort -= min(length, len(data) - start)
        if effort < 0:
            break
        if _payload_at(data, start) is not None:
            return start, effort
    return len(data), effort


def _runs(
    blocks: Iterator[bytes | None], info: EpisodeInfo, frame_shape: tuple[int, int, int]
) -> tuple[list[list[_Part]], str]:
    """Blocks of frames in a row, from the first one and from each place of damage on; and the
    first damage, in words."""
    runs: list[list[_Part]] = [[]]
    damage = ""
    for payload in blocks:
        try:
            if payload is None:
                raise UserError("a block does not match its checksum")
            part = _read_chunk(payload, info, frame_shape)
        except UserError as error:
            damage = damage or str(error)
            runs.append([])
            continue
        if runs[-1] and len(runs[-1][-1].rewards) < CHUNK:
            damage = damage or "it goes on after its last block"
            runs.append([])
        runs[-1].append(part)
    return runs, damage


def _stretches(runs: list[list[_Part]], info: EpisodeInfo) -> Iterator[Stretch]:
    """Runs of blocks as episodes, those of them that have a step."""
    before: Mapping[str, int] = {}
    for parts in filter(None, runs):
        mixture = parts[-1].mixture
        steps = _join(parts, info.actions.size)
        if len(steps):
            played = {way: max(n - before.get(way, 0), 0) for way, n in mixture.items()}
            states = np.concatenate([part.states for part in parts]) if info.state_names else None
            chunks = [part.chunk for part in parts]
            yield Stretch(replace(info, mixture=played), chunks, steps, states)
        before = mixture


def _read_header(payload: bytes | None) -> tuple[EpisodeInfo, tuple[int, int, int]]:
    if payload is None:
        raise UserError("it does not begin with a whole block")
    try:
        header: Any = json.loads(payload)
        if header["format"] != MAGIC:
            raise UserError("it is not a journal")
        if header["version"] not in (VERSION, STATES_VERSION):
            raise UserError(
                f"its version is {header['version']}, this program reads {VERSION} and "
                f"{STATES_VERSION}"
            )
        height, width, colours = (int(n) for n in header["frame_shape"])
        info = info_from_json(header["info"])
        if bool(info.state_names) != (header["version"] == STATES_VERSION):
            raise UserError("its version does not fit its state")
    except _DAMAGE as error:
        raise UserError(f"its header is damaged ({error})") from error
    check_sizes((height, width, colours), info.actions.size)
    return info, (height, width, colours)


def _read_chunk(payload: bytes, info: EpisodeInfo, frame_shape: tuple[int, int, int]) -> _Part:
    """Check a chunk's block as far as its frames' size; UserError if it is not one."""
    width, values = info.actions.size, len(info.state_names)
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
        at += flags.nbytes
        states = np.frombuffer(payload, "<f4", rows * values, at).reshape(rows, values)
        chunk = payload[at + states.nbytes :]
        unpack_chunk(chunk, frame_shape)
        if not all(np.isfinite(numbers).all() for numbers in (actions, rewards, states)):
            raise UserError("a block holds numbers that are not finite")
        mixture = {str(way): int(steps) for way, steps in note.items()}
    except _DAMAGE as error:
        raise UserError(f"a block is damaged ({error})") from error
    numbers = (part.astype(np.float32) for part in (actions, rewards, states))
    actions, rewards, states = numbers
    return _Part(chunk, actions, rewards, flags, states, mixture)


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
