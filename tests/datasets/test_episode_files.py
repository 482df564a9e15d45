"""Episode files and journals: any bytes give data or one clear line, never a crash."""

from __future__ import annotations

import functools
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import UserError
from datasets import rescue
from datasets.chunks import CHUNK
from datasets.episode import EpisodeFile, write_raw_episode
from datasets.folder import numbered, sole_writer
from datasets.journal import (
    LIFE_LOST,
    EmptyJournalError,
    Row,
    _block,
    _blocks,
    _counts,
    chunk_block,
    finish_journal,
    header_block,
    read_journal,
)
from datasets.packed import Steps
from datasets.stamp import STAMP_BYTES, stamp, stamped
from datasets.store import Store
from tests.support.damage import cut, flipped, overwritten
from tests.support.recordings import record_toys, toy_episode, toy_info

LENGTH = 2 * CHUNK + 3
bytes_of_some_sort = st.binary(max_size=3000)


@functools.cache
def _journal() -> bytes:
    """A journal of `LENGTH` steps, three blocks after the header."""
    first, steps = toy_episode(LENGTH, shape=(4, 4))
    rows = [Row(first, np.zeros(4, np.float32))]
    rows += [
        Row(step.frame, action, step.reward, LIFE_LOST * (i % 2))
        for i, (action, step) in enumerate(steps)
    ]
    blocks = [chunk_block(rows[i : i + CHUNK], {"random": i}) for i in range(0, len(rows), CHUNK)]
    return header_block(toy_info(), (4, 4, 3)) + b"".join(blocks)


@functools.cache
def _episode() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        record_toys(Path(folder), LENGTH)
        return next(iter(numbered(Path(folder), "h5").values())).read_bytes()


def _write_raw(path: Path) -> tuple[np.ndarray, Steps]:
    """An episode whose frames are not compressed, of `LENGTH` steps."""
    first, steps = toy_episode(LENGTH, shape=(4, 4))
    frames = np.stack([first, *(step.frame for _, step in steps)])
    flags = np.zeros(LENGTH, bool)
    rows = Steps(
        np.stack([action for action, _ in steps]),
        np.arange(LENGTH, dtype=np.float32),
        flags,
        np.arange(LENGTH) == LENGTH - 1,
        np.arange(LENGTH) == 5,
    )
    write_raw_episode(path, toy_info(), frames, rows)
    return frames, rows


@functools.cache
def _raw_episode() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _write_raw(Path(folder) / "episode_000000.h5")
        return (Path(folder) / "episode_000000.h5").read_bytes()


def _pixels() -> tuple[int, int]:
    """Where the frames begin and end that are not compressed."""
    first, count = map(int, _raw_episode()[:STAMP_BYTES].split()[-2:])
    return first, first + count


def _open_bytes(data: bytes, name: str) -> Store | UserError:
    """A folder with nothing but a file of these bytes, read; the UserError if it cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        try:
            store = Store(Path(folder), memory_gb=1)
            store.read(0, 0, store.length(0) + 1)  # everything is in memory now
        except UserError as error:
            assert "\n" not in str(error)
            return error
        return store


def _stretches_kept(data: bytes, length: int = LENGTH) -> list[tuple[int, int]]:
    """The steps of a damaged journal that come back, as (first, one after the last) of each
    stretch; they must be those of the episode, and the journal be kept unless it was read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "episode_000000.journal").write_bytes(data)
        try:
            store = Store(folder)
        except UserError as error:
            assert "\n" not in str(error)
            return []
        first, steps = toy_episode(length, shape=(4, 4))
        frames = np.stack([first, *(step.frame for _, step in steps)])
        found = []
        for i in range(len(store)):
            window = store.read(i, 0, store.length(i) + 1)
            start = next(n for n, frame in enumerate(frames) if (frame == window.frames[0]).all())
            stop = start + store.length(i)
            np.testing.assert_array_equal(window.frames, frames[start : stop + 1])
            actions = [action for action, _ in steps[start:stop]]
            np.testing.assert_array_equal(window.actions[:-1], actions)
            assert store.steps(i).truncated[-1] or stop == length
            found.append((start, stop))
        kept = [path.read_bytes() for path in folder.glob("*.journal*")]
        assert kept == ([data] if store.skipped else [])
        return found


def test_a_journal_torn_at_any_byte_gives_all_whole_blocks(tmp_path: Path) -> None:
    whole, path = _journal(), tmp_path / "journal"
    kept = []
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        try:
            journal = read_journal(path)
            assert not journal.damage
            kept.append(len(journal.stretches[0].steps))
        except EmptyJournalError:
            kept.append(0)
    assert kept == sorted(kept)
    assert sorted(set(kept)) == [0, CHUNK - 1, 2 * CHUNK - 1, LENGTH]
    assert kept.count(LENGTH) == 1


WHOLE_BLOCKS = [(0, CHUNK - 1), (CHUNK, 2 * CHUNK - 1), (2 * CHUNK, LENGTH)]


@given(flipped(_journal(), start=len(header_block(toy_info(), (4, 4, 3)))))
@settings(max_examples=150)
def test_damage_costs_a_journal_no_more_than_the_blocks_it_is_in(damaged: bytes) -> None:
    kept = _stretches_kept(damaged)
    steps = {n for start, stop in kept for n in range(start, stop)}
    at = len(header_block(toy_info(), (4, 4, 3)))
    for (start, stop), block in zip(WHOLE_BLOCKS, list(_blocks(_journal()))[1:], strict=True):
        end = at + 8 + len(block)
        if damaged[at:end] == _journal()[at:end]:
            assert set(range(start, stop)) <= steps
        at = end


@given(st.integers(0, 8 * len(_journal()) - 1))
@settings(max_examples=150)
def test_a_flipped_bit_is_never_taken_for_the_end(bit: int) -> None:
    """A bit in an early block once cost all that followed, and the journal was deleted."""
    damaged = bytearray(_journal())
    damaged[bit // 8] ^= 1 << bit % 8
    kept = _stretches_kept(bytes(damaged))
    if bit // 8 >= len(header_block(toy_info(), (4, 4, 3))):
        assert sum(stop - start for start, stop in kept) >= LENGTH - CHUNK - 1
    elif bit < 32:  # how long the first block is: where it ends is seen at the next
        assert kept == [(0, LENGTH)]


@functools.cache
def _long_journal(blocks: int = 30) -> bytes:
    first, steps = toy_episode(blocks * CHUNK - 1, shape=(4, 4))
    rows = [Row(first, np.zeros(4, np.float32))]
    rows += [Row(step.frame, action, step.reward) for action, step in steps]
    parts = [chunk_block(rows[i : i + CHUNK], {"random": i}) for i in range(0, len(rows), CHUNK)]
    return header_block(toy_info(), (4, 4, 3)) + b"".join(parts)


def _with_a_bit_flipped_in(journal: bytes, *blocks: int) -> bytes:
    """Damage amid the payloads of some blocks of frames, counted from 1."""
    damaged, at = bytearray(journal), 0
    for number, payload in enumerate(_blocks(journal)):
        if number in blocks:
            damaged[at + 8 + len(payload) // 2] ^= 4
        at += 8 + len(payload)
    return bytes(damaged)


def test_a_bit_in_the_fourth_of_thirty_blocks_costs_that_block(tmp_path: Path) -> None:
    journal = _with_a_bit_flipped_in(_long_journal(), 4)
    assert _stretches_kept(journal, 30 * CHUNK - 1) == [(0, 23), (32, 239)]
    (tmp_path / "episode_000011.journal").write_bytes(journal)
    record_toys(tmp_path, 5, shape=(4, 4))  # which rescues it first
    store = Store(tmp_path)
    assert store.numbers == [11, 12, 13] and [store.length(i) for i in range(3)] == [23, 207, 5]
    assert store.episode_info(1).emulator["part"] == "2 of 2 of episode 000011"
    assert [store.episode_info(i).mixture for i in range(2)] == [{"random": 16}, {"random": 216}]
    kept = tmp_path / "episode_000011.journal.damaged"
    assert kept.read_bytes() == journal
    assert (
        "what is whole of it is in episode 11 and 12, and the file is kept" in store.skipped[kept]
    )
    kept.unlink()
    assert not Store(tmp_path).skipped


def test_damage_in_several_places_and_at_both_ends(tmp_path: Path) -> None:
    kept = _stretches_kept(_with_a_bit_flipped_in(_long_journal(6), 1, 3, 4), 6 * CHUNK - 1)
    assert kept == [(8, 15), (32, 47)]
    assert _stretches_kept(_with_a_bit_flipped_in(_long_journal(6), 6), 47) == [(0, 39)]
    assert not _stretches_kept(_with_a_bit_flipped_in(_long_journal(2), 1, 2), 15)


def test_a_kill_while_a_damaged_journal_is_taken_apart_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = _with_a_bit_flipped_in(_long_journal(6), 2, 4)
    (tmp_path / "episode_000003.journal").write_bytes(damaged)

    def killed(journal: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rescue, "keep_damaged", killed)
        Store(tmp_path)
    assert list(numbered(tmp_path, "h5")) == [3, 4, 5]
    store = Store(tmp_path)
    assert store.numbers == [3, 4, 5] and [store.length(i) for i in range(3)] == [7, 7, 15]
    assert [path.name for path in tmp_path.glob("*.journal*")] == ["episode_000003.journal.damaged"]


def test_a_damaged_journal_where_nothing_can_be_written_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "episode_000000.journal").write_bytes(_with_a_bit_flipped_in(_long_journal(4), 2))
    (tmp_path / "episode_000001.journal").write_bytes(b"")

    def refused(path: Path, *_: object) -> None:
        raise UserError(f"cannot write {path}")

    monkeypatch.setattr("datasets.rescue.sole_writer", refused)
    store = Store(tmp_path)
    assert [store.length(i) for i in range(len(store))] == [7, 15]
    (reason,) = store.skipped.values()
    assert "is damaged, and not all of it was read" in reason


def test_a_power_cut_that_leaves_zeros_at_the_end_is_a_torn_end(tmp_path: Path) -> None:
    assert _stretches_kept(_journal() + bytes(5000)) == [(0, LENGTH)]


def test_a_journal_made_to_be_searched_for_ever_is_given_up(tmp_path: Path) -> None:
    start = b"\xff\xff\x7f\0" + b"\0" * 4 + b"\x01\0\0\0\x02\0\0\0{}"
    data = header_block(toy_info(), (4, 4, 3)) + b"\x01\0\0\0????!" + start * 200_000
    (tmp_path / "episode_000000.journal").write_bytes(data + bytes(9_000_000))
    with pytest.raises(UserError, match="cannot be rescued: a block does not match its checksum"):
        Store(tmp_path)


@pytest.mark.parametrize("length", [0, 3, 8, 20, 60, 200])
def test_a_journal_whose_recorder_was_killed_as_it_began_is_removed(
    tmp_path: Path, length: int
) -> None:
    record_toys(tmp_path, 5)
    path = tmp_path / "episode_000001.journal"
    for data in (_journal()[:length], bytes(length)):
        path.write_bytes(data)
        with sole_writer(tmp_path):  # a recorder that lives has only just made it
            assert list(Store(tmp_path).skipped) == [path]
        store = Store(tmp_path)
        assert len(store) == 1 and not store.skipped
        assert not path.exists()


def test_what_only_bears_the_name_of_a_journal_is_not_removed(tmp_path: Path) -> None:
    record_toys(tmp_path, 5)
    path = tmp_path / "episode_000001.journal"
    path.write_bytes(b"My diary, from the day on when I began to play")
    assert "does not begin with a whole block" in Store(tmp_path).skipped[path]
    assert path.exists()


@given(st.data())
@settings(max_examples=100)
def test_a_damaged_journal_with_right_checksums_is_data_or_one_line(data: st.DataObject) -> None:
    blocks = list(_blocks(_journal()))
    damaged = data.draw(st.integers(0, len(blocks) - 1))
    whole = blocks[damaged]
    blocks[damaged] = data.draw(cut(whole) | flipped(whole) | overwritten(whole))
    _open_bytes(b"".join(map(_block, blocks)), "episode_000000.journal")


@given(bytes_of_some_sort, st.sampled_from(["h5", "journal"]))
@settings(max_examples=100)
def test_any_bytes_are_refused_in_one_line(data: bytes, suffix: str) -> None:
    assert isinstance(_open_bytes(data, f"episode_000000.{suffix}"), UserError)


@given(st.lists(bytes_of_some_sort, min_size=1, max_size=3), st.booleans())
@settings(max_examples=100)
def test_any_bytes_in_whole_blocks_are_refused_in_one_line(
    payloads: list[bytes], after_a_real_header: bool
) -> None:
    """Even a journal whose checksums are right may hold anything."""
    start = header_block(toy_info(), (4, 4, 3)) if after_a_real_header else b""
    result = _open_bytes(start + b"".join(map(_block, payloads)), "episode_000000.journal")
    assert isinstance(result, UserError)


def test_a_block_that_would_fill_the_memory_is_refused() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    numbers = np.zeros(5, np.float32).tobytes() + b"\0"
    block = _block(_counts.pack(1, 2) + b"{}" + numbers + bomb)
    result = _open_bytes(header_block(toy_info(), (4, 4, 3)) + block, "episode_000000.journal")
    assert isinstance(result, UserError)
    assert "are not as large as they should be" in str(result)


@given(flipped(_episode()) | cut(_episode()))
@settings(max_examples=150)
def test_damage_of_an_episode_file_is_noticed(damaged: bytes) -> None:
    result = _open_bytes(damaged, "episode_000000.h5")
    if isinstance(result, Store):  # only in the blanks between stamp and HDF5
        assert damaged[STAMP_BYTES:] == _episode()[STAMP_BYTES:]
        assert result.length(0) == LENGTH


@given(flipped(_raw_episode()) | cut(_raw_episode()))
@settings(max_examples=150)
def test_damage_of_a_file_of_uncompressed_frames_is_noticed_unless_it_is_of_pixels(
    damaged: bytes,
) -> None:
    """Opening thousands of large files must not read every pixel; HDF5 never sees those bytes."""
    whole, (first, stop) = _raw_episode(), _pixels()
    result = _open_bytes(damaged, "episode_000000.h5")
    if isinstance(result, Store):
        assert (
            damaged[STAMP_BYTES:first] + damaged[stop:] == whole[STAMP_BYTES:first] + whole[stop:]
        )
    else:
        assert damaged[:first] + damaged[stop:] != whole[:first] + whole[stop:]


@given(flipped(_episode(), STAMP_BYTES) | overwritten(_episode(), STAMP_BYTES))
@settings(max_examples=200)
def test_a_damaged_file_with_a_right_checksum_is_data_or_one_line(damaged: bytes) -> None:
    """Whoever made a file could make its stamp, too; then HDF5's library reads what it finds."""
    _open_bytes(stamped(damaged), "episode_000000.h5")


@given(st.data())
@settings(max_examples=200)
def test_so_is_one_of_uncompressed_frames(data: st.DataObject) -> None:
    """Damaged before its frames, or after them, or in what its stamp says of them."""
    whole, (first, stop) = _raw_episode(), _pixels()
    before, after = whole[:first], whole[stop:]
    if data.draw(st.booleans()):
        before = data.draw(flipped(before, STAMP_BYTES) | overwritten(before, STAMP_BYTES))
    else:
        after = data.draw(flipped(after) | overwritten(after))
    damaged = before + whole[first:stop] + after
    moved = data.draw(st.sampled_from([0, 0, 0, -1, 1, 48]))
    line = stamp(damaged, (first + moved, stop - first))
    _open_bytes(line + damaged[STAMP_BYTES:], "episode_000000.h5")


@given(bytes_of_some_sort, st.integers(-1, 4000), st.integers(-1, 1 << 70), st.booleans())
@settings(max_examples=100)
def test_any_bytes_after_a_stamp_are_refused_in_one_line(
    data: bytes, first: int, count: int, after_a_signature: bool
) -> None:
    made = bytes(STAMP_BYTES) + b"\x89HDF\r\n\x1a\n" * after_a_signature + data
    for line in (stamp(made), stamp(made, (first, count))):
        result = _open_bytes(line + made[STAMP_BYTES:], "episode_000000.h5")
        assert isinstance(result, UserError)


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 0), (0, 8), (0, 1 << 20), (1, 1 << 20), (1, (1 << 64) - 16), (1, (1 << 64) - 1)],
)
def test_texts_of_impossible_lengths_are_not_read_for_ever(number: int, size: int) -> None:
    """HDF5's library went round and round in a heap whose objects lead back, or nowhere."""
    made = bytearray(_episode())
    first = made.index(b"GCOL") + 16  # object of the heap: its number, 6 bytes, its size
    struct.pack_into("<HHIQ", made, first, number, 1, 0, size)
    result = _open_bytes(stamped(bytes(made)), "episode_000000.h5")
    assert isinstance(result, UserError)
    assert "texts in it have impossible lengths" in str(result)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda file: file.pop("frames"), "frames"),
        (lambda file: file.pop("rewards"), "rewards"),
        (lambda file: file.attrs.pop("actions"), "actions"),
        (lambda file: file.attrs.modify("actions", "[1, 2"), "Expecting"),
        (lambda file: file.attrs.modify("actions", "[]"), "action space"),
        (lambda file: file.attrs.modify("version", 99), "version is 99, this program reads 1"),
        (lambda file: _set(file, "rate_fps", "fast"), "fast"),
        (lambda file: _set(file, "game", 3), "damaged"),
        (lambda file: _set(file, "game", "toy\x1b[2J"), "cannot be printed"),
        (lambda file: _set(file, "player", "me\nverdict: fine"), "cannot be printed"),
        (lambda file: _replace(file, "rewards", np.zeros(3, np.float32)), "its rewards are"),
        (lambda file: _replace(file, "rewards", np.full(LENGTH, np.nan, np.float32)), "finite"),
        (lambda file: _replace(file, "actions", np.zeros((LENGTH, 9), np.float32)), "its actions"),
        (lambda file: _replace(file, "frames", np.zeros((LENGTH + 1, 8, 8, 1), np.uint8)), "uint8"),
        (lambda file: _replace(file, "frames", np.zeros((LENGTH + 1, 8, 8, 3))), "float64"),
        (lambda file: _replace(file, "frames", file["frames"][()]), "in chunks of None"),
        (lambda file: _set(file, "rate_fps", np.nan), "nan steps a second"),
        (lambda file: _set(file, "rate_fps", 0.0), "0 steps a second"),
        (lambda file: _set(file, "seed", np.inf), "cannot convert"),
        (lambda file: _set(file, "mixture", "[" * 50_000), "recursion"),
        (lambda file: _group(file, "rewards"), "its rewards are not in the file"),
        (lambda file: _elsewhere(file, "rewards"), "its rewards are not in the file"),
        (lambda file: _outside(file, "frames"), "its frames are not in the file"),
        (lambda file: _virtual(file, "rewards"), "its rewards are not in the file"),
        (lambda file: _pack(file, shuffle=True), "its frames are not compressed with gzip alone"),
        (lambda file: _pack(file, {CHUNK: None}), "some of its frames are missing"),
        (lambda file: _pack(file, {CHUNK: 1}), "some of its frames are not compressed"),
        (lambda file: _claim(file), "its frames claim to be .* of which 0 are stored"),
    ],
)  # fmt: skip
def test_a_well_stamped_file_with_wrong_content_is_refused(tmp_path, damage, says) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "episode_000000.h5"
    path.write_bytes(_episode())
    with h5py.File(path, "r+") as file:
        damage(file)
    path.write_bytes(stamped(path.read_bytes()))
    with pytest.raises(UserError, match=f"{path} is not a whole episode.*{says}"):
        EpisodeFile(path)


def _set(file: h5py.File, name: str, value: object) -> None:
    file.attrs[name] = value


def _replace(file: h5py.File, name: str, data: np.ndarray) -> None:
    del file[name]
    file.create_dataset(name, data=data)


def _group(file: h5py.File, name: str) -> None:
    del file[name]
    file.create_group(name)


def _elsewhere(file: h5py.File, name: str) -> None:
    """What another file of this machine holds under this name."""
    shutil.copy(file.filename, f"{file.filename}.other")
    del file[name]
    file[name] = h5py.ExternalLink(f"{file.filename}.other", name)


def _outside(file: h5py.File, name: str) -> None:
    """The bytes of another file of this machine."""
    shape = file[name].shape
    del file[name]
    place = [(f"{file.filename}.other", 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(name, shape=shape, dtype=np.uint8, external=place)


def _virtual(file: h5py.File, name: str) -> None:
    layout = h5py.VirtualLayout(file[name].shape, np.float32)
    layout[:] = h5py.VirtualSource(f"{file.filename}.other", name, layout.shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def _pack(file: h5py.File, masks: dict[int, int | None] | None = None, **filters: bool) -> None:
    """Its frames in chunks as another program might pack them.

    masks: by a chunk's first frame, what filters are left out; None for no chunk at all.
    """
    frames = file["frames"][()]
    del file["frames"]
    size = (CHUNK, *frames.shape[1:])
    made = file.create_dataset(
        "frames", frames.shape, np.uint8, chunks=size, compression="gzip", **filters
    )
    for first in range(0, len(frames), CHUNK):
        mask = (masks or {}).get(first, 0)
        data = np.resize(frames[first : first + CHUNK], size).tobytes()
        if mask is not None:
            packed = data if mask else zlib.compress(data)
            made.id.write_direct_chunk((first, 0, 0, 0), packed, filter_mask=mask)


def _claim(file: h5py.File) -> None:
    """As many frames as no memory holds, none of which is there: it ended in a MemoryError."""
    del file["frames"]
    file.create_dataset(
        "frames", (10**10, 8, 8, 3), np.uint8, chunks=(CHUNK, 8, 8, 3), compression="gzip"
    )


def test_an_hdf5_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "episode_000000.h5"
    with h5py.File(path, "w") as file:
        file["frames"] = np.zeros((4, 8, 8, 3), np.uint8)
    with pytest.raises(UserError, match=r"episode_000000\.h5 is not an episode file"):
        Store(tmp_path)


def test_a_damaged_episode_is_skipped_and_named(tmp_path: Path) -> None:
    record_toys(tmp_path, 10, 11, 12)
    bad = tmp_path / "episode_000001.h5"
    os.truncate(bad, bad.stat().st_size - 1)
    store = Store(tmp_path)
    assert store.numbers == [0, 2]
    assert list(store.skipped) == [bad]
    assert "is damaged: it has" in store.skipped[bad]


def test_a_journal_with_nothing_but_a_first_frame_leaves_no_episode(tmp_path: Path) -> None:
    path, episode = tmp_path / "episode_000000.journal", tmp_path / "episode_000000.h5"
    path.write_bytes(_journal()[: len(header_block(toy_info(), (4, 4, 3)))])
    assert finish_journal(path, episode) == 0
    assert not list(tmp_path.iterdir())


def test_the_journal_of_a_later_format_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "episode_000000.journal"
    path.write_bytes(_block(b'{"format": "dreamcart journal", "version": 3}'))
    with pytest.raises(UserError, match="its version is 3, this program reads 1 and 2"):
        read_journal(path)
    record_toys(tmp_path, 3)
    assert path.exists() and Store(tmp_path).numbers == [1]


def test_frames_that_are_not_compressed_read_like_any_others(tmp_path: Path) -> None:
    frames, rows = _write_raw(tmp_path / "episode_000000.h5")
    store = Store(tmp_path)
    for start, stop in ((0, 1), (3, 9), (LENGTH - 2, LENGTH + 1), (0, LENGTH + 1)):
        window = store.read(0, start, stop)
        np.testing.assert_array_equal(window.frames, frames[start:stop])
        blank = np.zeros((1, 4), np.float32)
        expected = np.concatenate((rows.actions, blank))[start:stop]
        np.testing.assert_array_equal(window.actions, expected)
        assert window.life_lost.tolist() == [t == 5 for t in range(start, stop)]
    np.testing.assert_array_equal(store.steps(0).rewards, rows.rewards)
    with pytest.raises(IndexError):
        store.read(0, 0, LENGTH + 2)
    with h5py.File(store.paths[0]) as file:  # and any HDF5 program finds them
        np.testing.assert_array_equal(file["frames"][()], frames)


def test_actions_that_are_not_0_or_1_come_back_as_they_were(tmp_path: Path) -> None:
    first, steps = toy_episode(LENGTH, shape=(4, 4))
    flags = np.zeros(LENGTH, bool)
    actions = np.random.default_rng(3).normal(size=(LENGTH, 4)).astype(np.float32)
    rows = Steps(actions, np.zeros(LENGTH, np.float32), flags, flags, flags)
    frames = np.stack([first, *(step.frame for _, step in steps)])
    write_raw_episode(tmp_path / "episode_000000.h5", toy_info(), frames, rows)
    store = Store(tmp_path)
    np.testing.assert_array_equal(store.steps(0).actions, actions)
    np.testing.assert_array_equal(store.read(0, 2, 5).actions, actions[2:5])
