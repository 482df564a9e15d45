"""Recording: what goes in comes out, whatever ends it, and only where it belongs."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from base.errors import UserError
from datasets import journal
from datasets.chunks import CHUNK
from datasets.folder import numbered
from datasets.recording import Recording
from datasets.store import Store
from engine.games.atari import AtariWorld
from engine.games.atari_players import RandomPlayer
from tests.support.recordings import record_toys, toy_episode, toy_info


@pytest.mark.parametrize("length", [1, CHUNK - 2, CHUNK - 1, CHUNK, 3 * CHUNK + 5])
def test_what_goes_in_comes_out(tmp_path: Path, length: int) -> None:
    record_toys(tmp_path, length)
    first, steps = toy_episode(length, seed=0)
    store = Store(tmp_path)
    assert (len(store), store.length(0), store.skipped) == (1, length, {})
    window = store.read(0, 0, length + 1)
    np.testing.assert_array_equal(window.frames, [first, *(step.frame for _, step in steps)])
    recorded = store.steps(0)
    np.testing.assert_array_equal(recorded.actions, [action for action, _ in steps])
    np.testing.assert_array_equal(recorded.rewards, [step.reward for _, step in steps])
    np.testing.assert_array_equal(recorded.ended, [step.ended for _, step in steps])
    assert recorded.ended[-1] and not recorded.truncated.any()
    info = store.episode_info(0)
    assert info == toy_info(seed=0).__class__(
        **{**vars(toy_info(seed=0)), "mixture": {"random": length}}
    )
    assert [path.suffix for path in tmp_path.iterdir() if path.name[0] != "."] == [".h5"]


def test_an_episode_cut_short_is_kept_as_truncated(tmp_path: Path) -> None:
    first, steps = toy_episode(20)
    with pytest.raises(KeyboardInterrupt), Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        for action, step in steps[:13]:
            recording.add(action, step, {})
        raise KeyboardInterrupt
    steps_read = Store(tmp_path).steps(0)
    assert len(steps_read) == 13
    assert steps_read.truncated.tolist() == [False] * 12 + [True]
    assert not steps_read.ended.any()


def test_recording_again_appends(tmp_path: Path) -> None:
    record_toys(tmp_path, 5, 6)
    record_toys(tmp_path, 7)
    store = Store(tmp_path)
    assert [store.length(i) for i in range(len(store))] == [5, 6, 7]
    assert [store.episode_info(i).seed for i in range(3)] == [0, 1, 2]


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="not empty and holds no recording"):
        Recording(tmp_path, "toy")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_another_game_is_refused(tmp_path: Path) -> None:
    record_toys(tmp_path, 5)
    with pytest.raises(UserError, match="holds recordings of toy, not pong"):
        Recording(tmp_path, "pong")
    record_toys(tmp_path, 5)  # the refusal let go of the folder


def test_what_no_training_would_take_beside_the_rest_is_refused(tmp_path: Path) -> None:
    """Hours of play were recorded after a frame size had changed, and training left them out."""
    record_toys(tmp_path, 5)
    with pytest.raises(
        UserError, match="whose frame size is 8×8, and of these it is 16×16; choose"
    ):
        record_toys(tmp_path, 5, shape=(16, 16))
    assert len(Store(tmp_path)) == 1
    with Recording(tmp_path / "new", "toy") as recording:  # nor within a session
        for side in (8, 16):
            first, _ = toy_episode(1, shape=(side, side))
            if side == 8:
                recording.begin(toy_info("toy", 0), first)
            else:
                with pytest.raises(UserError, match="16×16"):
                    recording.begin(toy_info("toy", 0), first)


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    first, steps = toy_episode(20)
    with Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        recording.add(*steps[0], {})
        with pytest.raises(UserError, match="being recorded to by another"):
            Recording(tmp_path, "toy")


def test_reading_leaves_a_recording_in_progress_alone(tmp_path: Path) -> None:
    record_toys(tmp_path, 5)
    first, steps = toy_episode(2 * CHUNK + 3)
    with Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        for action, step in steps[:-1]:
            recording.add(action, step, {})
        while not (journals := list(numbered(tmp_path, "journal").values())):
            time.sleep(0.001)
        store = Store(tmp_path)
        assert len(store) == 1
        assert store.skipped == {journals[0]: f"{journals[0]} is being recorded"}
        recording.add(*steps[-1], {})
    assert Store(tmp_path).length(1) == 2 * CHUNK + 3


def test_a_killed_recording_reads_back(tmp_path: Path) -> None:
    """SIGKILL in mid-episode: all blocks written until then are there, and are the real game."""
    command = [sys.executable, "-m", "tools.record", "breakout", "--player", "random"]
    options = ["--steps", "1000000", "--out", str(tmp_path), "--seed", "5"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL, text=True)
    try:
        while not any(
            path.stat().st_size > 5000 for path in numbered(tmp_path, "journal").values()
        ):
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert numbered(tmp_path, "journal")
    (tmp_path / ".episode_000000.half.h5").write_bytes(b"killed while this was written")

    store = Store(tmp_path)
    assert not store.skipped and not numbered(tmp_path, "journal")
    assert not list(tmp_path.glob(".episode_*"))
    last = len(store) - 1
    assert store.length(last) >= 2 * CHUNK
    assert store.steps(last).truncated[-1]
    _check_is_the_real_game(store, last)

    record = [*command, "--steps", "20", "--out", str(tmp_path), "--seed", "5"]
    subprocess.run(record, check=True, capture_output=True)
    assert len(Store(tmp_path)) == last + 2


def _wait_for_a_journal(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until an episode is well under way."""
    while process.poll() is None:
        for path in numbered(folder, "journal").values():
            # It may be over, and the journal gone, between listing and looking.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > 5000:
                    return
        time.sleep(0.01)
    raise AssertionError("the recorder ended by itself")


def _check_is_the_real_game(store: Store, episode: int) -> None:
    world = AtariWorld("breakout")
    info = store.episode_info(episode)
    frame = world.reset(info.seed)
    player = RandomPlayer(world, info.seed)
    window = store.read(episode, 0, store.length(episode) + 1)
    for t in range(store.length(episode)):
        np.testing.assert_array_equal(window.frames[t], frame)
        action = player.act(frame)
        np.testing.assert_array_equal(window.actions[t], action)
        frame = world.step(action).frame
    np.testing.assert_array_equal(window.frames[-1], frame)


def test_ctrl_c_ends_a_recording_cleanly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.record", "breakout", "--steps", "1000000", "--out", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _wait_for_a_journal(tmp_path, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 0
    assert not numbered(tmp_path, "journal")
    store = Store(tmp_path)
    steps = sum(store.length(i) for i in range(len(store)))
    assert said.startswith(f"recorded {steps} steps ")
    assert store.steps(len(store) - 1).truncated[-1]


def test_a_full_disk_stops_the_recording_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up in the second episode: the first remains, and the second's whole blocks."""
    record_toys(tmp_path, 10)
    room = 4000
    real_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real_write(descriptor, data[:room])
        room -= written
        return written

    monkeypatch.setattr(journal.os, "write", write)
    message = f"cannot record to {tmp_path}: No space left on device; what was recorded .* is kept"
    first, steps = toy_episode(500)
    with pytest.raises(UserError, match=message), Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        for action, step in steps:
            recording.add(action, step, {})
    monkeypatch.undo()

    store = Store(tmp_path)
    assert [store.length(0), len(store)] == [10, 2]
    kept = store.length(1)
    assert CHUNK - 1 <= kept < 500 and kept % CHUNK == CHUNK - 1
    frames = store.read(1, 0, kept + 1).frames
    np.testing.assert_array_equal(frames[0], first)
    np.testing.assert_array_equal(frames[1:], [step.frame for _, step in steps[:kept]])


def test_a_disk_too_full_for_the_episode_file_keeps_its_journal_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal fits, the episode made of it does not: reading must not need room either."""

    def write_episode(path: Path, *_: object) -> None:
        raise UserError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(journal, "write_episode", write_episode)
    message = "episode_000000.h5: No space left on device; what was recorded until then is kept"
    with pytest.raises(UserError, match=message):
        record_toys(tmp_path, 21)
    store = Store(tmp_path)
    assert not store.skipped and store.length(0) == 21
    first, steps = toy_episode(21, seed=0)
    frames = [first, *(step.frame for _, step in steps)]
    for start, stop in [(0, 22), (0, 1), (7, 9), (8, 16), (21, 22), (3, 22)]:
        np.testing.assert_array_equal(store.read(0, start, stop).frames, frames[start:stop])
    with pytest.raises(IndexError):
        store.read(0, 5, 23)
    monkeypatch.undo()
    assert numbered(tmp_path, "journal")
    np.testing.assert_array_equal(Store(tmp_path).read(0, 0, 22).frames, frames)
    assert not numbered(tmp_path, "journal")


def test_an_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write to"):
        Recording(tmp_path / "file" / "folder", "toy")
