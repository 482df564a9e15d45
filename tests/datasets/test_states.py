"""State columns: kept at every frame through crashes, refused where a file lies about them."""

from __future__ import annotations

import functools
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import UserError
from datasets.batches import Batches, join
from datasets.chunks import CHUNK
from datasets.episode import EpisodeFile, EpisodeInfo, info_from_json, write_raw_episode
from datasets.folder import numbered
from datasets.journal import Row, _block, chunk_block, header_block, read_journal
from datasets.recording import Recording
from datasets.segments import Segments
from datasets.stamp import STAMP_BYTES, stamped
from datasets.store import Store
from engine.contracts import Step, state_names_of, state_of
from tests.support.damage import flipped, overwritten
from tests.support.recordings import record_toys, toy_episode, toy_info
from tests.support.toy_world import ToyWorld

LENGTH = 2 * CHUNK + 3
NAMES = ("x", "angle")
STATES = np.arange(2 * (LENGTH + 1), dtype=np.float32).reshape(-1, 2) / 4


def stated_info() -> EpisodeInfo:
    return replace(toy_info(), state_names=NAMES)


def record_stated(folder: Path) -> None:
    first, steps = toy_episode(LENGTH, shape=(4, 4))
    with Recording(folder, "toy") as recording:
        recording.begin(stated_info(), first, STATES[0])
        for (action, step), state in zip(steps, STATES[1:], strict=True):
            recording.add(action, replace(step, state=state), {})


@functools.cache
def journal() -> bytes:
    first, steps = toy_episode(LENGTH, shape=(4, 4))
    rows = [Row(first, np.zeros(4, np.float32), state=STATES[0])]
    rows += [
        Row(step.frame, action, step.reward, 0, state)
        for (action, step), state in zip(steps, STATES[1:], strict=True)
    ]
    blocks = [chunk_block(rows[i : i + CHUNK], {}) for i in range(0, len(rows), CHUNK)]
    return header_block(stated_info(), (4, 4, 3)) + b"".join(blocks)


@functools.cache
def episode() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        record_stated(Path(folder))
        return next(iter(numbered(Path(folder), "h5").values())).read_bytes()


def read(data: bytes, name: str) -> Store | UserError:
    """A folder with a file of these bytes, read; the error of one line if it cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        try:
            store = Store(Path(folder), memory_gb=1)
            store.read(0, 0, store.length(0) + 1)
        except UserError as error:
            assert "\n" not in str(error)
            return error
        return store


def test_states_come_back_at_every_frame(tmp_path: Path) -> None:
    record_stated(tmp_path)
    store = Store(tmp_path)
    assert store.state_names == NAMES
    np.testing.assert_array_equal(store.states(0), STATES)
    np.testing.assert_array_equal(store.read(0, 3, 9).states, STATES[3:9])


def test_so_they_do_of_frames_that_are_not_compressed(tmp_path: Path) -> None:
    record_stated(tmp_path / "packed")
    file = EpisodeFile(tmp_path / "packed" / "episode_000000.h5")
    frames = file.read_frames(0, LENGTH + 1)
    (tmp_path / "raw").mkdir()
    path = tmp_path / "raw" / "episode_000000.h5"
    write_raw_episode(path, file.info, frames, file.steps, file.states)
    np.testing.assert_array_equal(EpisodeFile(path).states, STATES)


def test_a_torn_journal_keeps_the_states_of_its_whole_blocks(tmp_path: Path) -> None:
    path = tmp_path / "episode_000000.journal"
    path.write_bytes(journal()[:-5])
    (stretch,) = read_journal(path).stretches
    np.testing.assert_array_equal(stretch.states, STATES[: 2 * CHUNK])
    np.testing.assert_array_equal(Store(tmp_path).states(0), STATES[: 2 * CHUNK])


def test_windows_and_batches_have_states(tmp_path: Path) -> None:
    record_stated(tmp_path)
    segments = Segments(Store(tmp_path), [0], length=6, least_valid=3)
    before = segments.read(0, -2).window.states
    np.testing.assert_array_equal(before, STATES[[0, 0, 0, 1, 2, 3]])
    batch = Batches(segments, 4, seed=0)[0]
    assert batch.states is not None and batch.states.shape == (4, 6, 2)
    both = join(batch, batch.rows(slice(1))).to("cpu")
    assert both.states is not None and len(both.states) == 5


def test_recordings_without_states_stay_as_they_were(tmp_path: Path) -> None:
    record_toys(tmp_path, 12)
    store = Store(tmp_path)
    assert store.state_names == () and store.states(0) is None
    with h5py.File(store.paths[0]) as file:
        assert "states" not in file and "state_names" not in file.attrs
    assert "state_names" not in toy_info().to_json()
    batch = Batches(Segments(store, [0], 4), 2, seed=0)[0]
    assert batch.states is None and join(batch, batch).states is None


def test_a_folder_of_both_kinds_gives_no_states(tmp_path: Path) -> None:
    record_stated(tmp_path)
    record_toys(tmp_path, 12, shape=(4, 4))
    store = Store(tmp_path)
    assert len(store) == 2 and not store.skipped
    assert store.state_names == () and store.read(0, 0, 2).states is None


def test_worlds_without_a_state_say_so() -> None:
    world = ToyWorld()
    assert state_names_of(world) == () and state_of(world) is None


@pytest.mark.parametrize("state", [None, np.zeros(3, np.float32)])
def test_a_step_without_its_state_is_a_bug(tmp_path: Path, state: np.ndarray | None) -> None:
    first, ((action, step), *_) = toy_episode(2, shape=(4, 4))
    with Recording(tmp_path, "toy") as recording:
        recording.begin(stated_info(), first, STATES[0])
        with pytest.raises(ValueError, match="without the state x, angle"):
            recording.add(action, Step(step.frame, state=state), {})


@pytest.mark.parametrize(
    "names", ["x", [1], [""], ["x", "x"], ["a\n"], ["a" * 5000], [str(i) for i in range(65)]]
)
def test_impossible_names_are_refused(names: object) -> None:
    with pytest.raises(UserError, match="metadata is damaged"):
        info_from_json({**toy_info().to_json(), "state_names": names})


def rewritten(tmp_path: Path, states: np.ndarray | None, names: list[str]) -> bytes:
    path = tmp_path / "episode_000000.h5"
    path.write_bytes(episode())
    with h5py.File(path, "r+") as file:
        del file["states"]
        file.attrs["state_names"] = json.dumps(names)
        if states is not None:
            file["states"] = states
    return stamped(path.read_bytes())


@pytest.mark.parametrize(
    ("states", "names"),
    [
        (None, ["x", "angle"]),
        (STATES[:-1], ["x", "angle"]),
        (STATES, ["x"]),
        (STATES.astype(np.float64), ["x", "angle"]),
        (np.full_like(STATES, np.nan), ["x", "angle"]),
        (np.zeros((0, 2), np.float32), ["x", "angle"]),
    ],
)
def test_a_file_that_lies_about_its_states_is_refused(
    tmp_path: Path, states: np.ndarray | None, names: list[str]
) -> None:
    assert isinstance(read(rewritten(tmp_path, states, names), "episode_000000.h5"), UserError)


def test_states_that_nothing_names_are_left_out(tmp_path: Path) -> None:
    store = read(rewritten(tmp_path, STATES, []), "episode_000000.h5")
    assert isinstance(store, Store) and store.states(0) is None


def test_a_journal_whose_version_does_not_fit_its_state_is_refused(tmp_path: Path) -> None:
    header = header_block(stated_info(), (4, 4, 3))[8:]
    lying = _block(header.replace(b'"version": 2', b'"version": 1', 1))
    whole = journal()
    rest = whole[len(header) + 8 :]
    assert "version does not fit" in str(read(lying + rest, "episode_000000.journal"))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_data_or_one_line(data: st.DataObject) -> None:
    whole = episode()
    damaged = data.draw(flipped(whole, STAMP_BYTES) | overwritten(whole, STAMP_BYTES))
    store = read(stamped(damaged), "episode_000000.h5")
    assert isinstance(store, UserError) or store.length(0)
    blocks = journal()
    at = len(header_block(stated_info(), (4, 4, 3)))
    payload = data.draw(flipped(blocks[at + 8 :]))
    read(blocks[:at] + _block(payload), "episode_000000.journal")
