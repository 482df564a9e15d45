"""Recordings in two sizes: every example has its own large frames, of its own moments."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from base.errors import UserError
from datasets.segments import Segments
from datasets.store import Store
from tests.support.recordings import record_in_two_sizes, record_toys
from training.pairs import LargeFrames, PairBatches, PairedSegments, collate_pairs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shooter")
    record_in_two_sizes(made, 20, 30, 12)
    return made


def paired(folder: Path, length: int = 2, episodes: tuple[int, ...] = (0, 1, 2)) -> PairedSegments:
    low = Store(folder / "low", memory_gb=0.1)
    large = LargeFrames(folder / "full", low, memory_gb=0.1)
    return PairedSegments(Segments(low, episodes, length), large)


def assert_of_one_moment(small: np.ndarray, large: np.ndarray) -> None:
    """Every second pixel of a large frame is a small one's; the others are darker."""
    np.testing.assert_array_equal(large[..., 1::2, 1::2, :], small)


def test_each_example_has_its_own_large_frames(folder: Path) -> None:
    """Windows of one episode once shared what told where they lie: the last one read counted for
    all of them, and an upsampler was scored against frames of other moments."""
    segments = paired(folder, episodes=(1,))
    windows = [segments[i] for i in range(len(segments))]  # all at once, before any is looked at
    assert len(windows) == 30
    recorded = Store(folder / "full").read(0 + 1, 0, 31).frames
    for first, window in enumerate(windows):
        np.testing.assert_array_equal(window.large, recorded[first : first + 2])
        assert_of_one_moment(window.small.window.frames, window.large)
    assert len({window.large.tobytes() for window in windows}) > 5


def test_what_is_done_to_one_example_shows_in_no_other(folder: Path) -> None:
    segments = paired(folder)
    one, again, next_one = segments[3], segments[3], segments[4]
    one.large[:] = 0
    one.small.window.frames[:] = 0
    np.testing.assert_array_equal(again.large, segments[3].large)
    assert_of_one_moment(again.small.window.frames, again.large)
    assert_of_one_moment(next_one.small.window.frames, next_one.large)
    assert again.large.any() and next_one.large.any()


def test_a_batch_of_a_number_is_always_the_same(folder: Path) -> None:
    batches = PairBatches(paired(folder), 5, seed=3)
    one, again, other = batches[7], PairBatches(paired(folder), 5, seed=3)[7], batches[8]
    assert one.small.shape == (5, 2, 3, 10, 16) and one.large.shape == (5, 2, 3, 20, 32)
    assert torch.equal(one.large, again.large) and torch.equal(one.small, again.small)
    assert not torch.equal(one.large, other.large)
    assert torch.equal(one.large[..., 1::2, 1::2], one.small)


def test_rows_of_batches_go_through_windows_moment_by_moment(folder: Path) -> None:
    batches = PairBatches(paired(folder, length=4), 6, seed=3)
    for index in range(7):
        now, then = batches[index], batches[index + 1]
        assert now.goes_on.sum() == 4  # of six rows, and windows of three moments
        for row in range(6):
            if then.goes_on[row]:
                assert torch.equal(then.large[row, 0], now.large[row, 1])
                assert torch.equal(then.small[row, 0], now.small[row, 1])
        assert torch.equal(now.large[..., 1::2, 1::2], now.small)
    assert len({batches[3 * i].large[0].numpy().tobytes() for i in range(8)}) > 4


def test_small_frames_of_before_are_read_along(folder: Path) -> None:
    """A world that dreams on from recorded frames needs as many as it sees, and their actions."""
    plain, longer = paired(folder, length=4), paired(folder, length=4)
    longer.before = 3
    first, later = collate_pairs([longer.part(0, 0, 2)]), collate_pairs([longer.part(0, 3, 4)])
    assert first.small.shape[1] == 5 and first.large.shape[1] == 2
    assert torch.equal(first.small[:, 3:], collate_pairs([plain.part(0, 0, 2)]).small)
    assert (first.small[:, :3] == first.small[:, 3:4]).all() and not first.actions[:, :3].any()
    recorded = longer.small.store.read(0, 0, 4)
    assert torch.equal(later.actions[0], torch.from_numpy(recorded.actions))
    assert torch.equal(later.small[0, :, :, 0, 0], torch.from_numpy(recorded.frames[:, 0, 0]))


def test_windows_spread_over_episodes_are_those_of_the_small_frames(folder: Path) -> None:
    segments = paired(folder, length=4)
    spread = collate_pairs(segments.spread(6))
    small = [segment.window.frames for segment in segments.small.spread(6)]
    np.testing.assert_array_equal(spread.small.permute(0, 1, 3, 4, 2).numpy(), np.stack(small))
    assert torch.equal(spread.large[..., 1::2, 1::2], spread.small)


def test_episodes_without_their_like_are_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "full" / "episode_000000.h5").unlink()
    shutil.copy(tmp_path / "full" / "episode_000002.h5", tmp_path / "full" / "episode_000001.h5")
    large = LargeFrames(tmp_path / "full", Store(tmp_path / "low"), memory_gb=0)
    assert list(large.missing) == [0, 1]
    assert "episode_000000.h5 has no episode beside it in full" in large.missing[0]
    assert "has 30 steps, and the episode beside it in full has 12" in large.missing[1]
    assert large.read(2, 0, 1).shape == (1, 20, 32, 3)  # by number, not by place


@pytest.mark.parametrize("shape", [(8, 8), (10, 16), (25, 32), (20, 48)])
def test_sizes_that_do_not_go_together_are_refused(
    folder: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    record_toys(tmp_path, 5, shape=shape)
    with pytest.raises(UserError, match=f"have {shape[0]} x {shape[1]} pixels, and .* 10 x 16"):
        LargeFrames(tmp_path, Store(folder / "low"), memory_gb=0)
