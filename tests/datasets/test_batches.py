"""Windows and batches: the right frames with the right steps, the same ones every time."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from datasets.batches import Batch, Batches, prefetch
from datasets.segments import Segments
from datasets.store import Store
from tests.support.recordings import record_toys, toy_episode

LENGTHS = (30, 5, 17, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toys")
    record_toys(folder, *LENGTHS)
    return folder


@pytest.fixture(scope="module", params=[0.0, 1.0, 30e-6], ids=["disk", "memory", "some of both"])
def store(folder: Path, request: pytest.FixtureRequest) -> Store:
    return Store(folder, memory_gb=request.param)


@given(data=st.data())
def test_a_window_is_what_reading_everything_gives(store: Store, data: st.DataObject) -> None:
    episode = data.draw(st.integers(0, len(LENGTHS) - 1))
    start = data.draw(st.integers(0, LENGTHS[episode]))
    stop = data.draw(st.integers(start + 1, LENGTHS[episode] + 1))
    first, steps = toy_episode(LENGTHS[episode], seed=episode)
    frames = np.stack([first, *(step.frame for _, step in steps)])
    nothing = np.zeros(4, np.float32)
    window = store.read(episode, start, stop)
    np.testing.assert_array_equal(window.frames, frames[start:stop])
    actions = np.stack([*(action for action, _ in steps), nothing])
    np.testing.assert_array_equal(window.actions, actions[start:stop])
    rewards = [step.reward for _, step in steps] + [0]
    np.testing.assert_array_equal(window.rewards, rewards[start:stop])
    ended = [step.ended for _, step in steps] + [False]
    np.testing.assert_array_equal(window.ended, ended[start:stop])
    assert not window.life_lost.any()


def test_a_window_may_be_written_to(store: Store) -> None:
    window = store.read(0, 0, 10)
    for array in filter(lambda part: part is not None, vars(window).values()):
        array[:] = 1
    assert store.read(0, 0, 10).frames.max() > 1
    assert store.read(0, 0, 10).actions.min() == 0


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (3, 3), (0, 32)])
def test_a_window_outside_the_episode_is_our_own_bug(store: Store, start: int, stop: int) -> None:
    with pytest.raises(IndexError):
        store.read(0, start, stop)


def test_every_number_of_a_split_is_on_one_side_and_stays_there(tmp_path: Path) -> None:
    record_toys(tmp_path, 2)
    assert Store(tmp_path).split() == ([0], [])
    record_toys(tmp_path, 2)
    assert Store(tmp_path).split() == ([0], [1])
    record_toys(tmp_path, *[2] * 10)
    assert Store(tmp_path).split() == ([0, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1, 11])
    (tmp_path / "episode_000000.h5").write_bytes(b"")
    store = Store(tmp_path)
    held_out = [store.numbers[i] for i in store.split()[1]]
    assert held_out == [1, 11]


def test_segments_are_all_windows_of_all_their_episodes(store: Store) -> None:
    segments = Segments(store, [2, 0, 3], length=6)
    places = [segments.place(i) for i in range(len(segments))]
    expected = [(2, i) for i in range(13)] + [(0, i) for i in range(26)]
    assert places == expected
    assert segments[0].valid.all()
    with pytest.raises(IndexError):
        segments.place(len(segments))


def test_segments_before_an_episodes_start_are_padded_and_marked(store: Store) -> None:
    segments = Segments(store, [3], length=5, least_valid=2)
    assert [segments.place(i) for i in range(len(segments))] == [(3, -3), (3, -2)]
    segment = segments[1]
    assert segment.valid.tolist() == [False, False, True, True, True]
    plain = store.read(3, 0, 3)
    np.testing.assert_array_equal(segment.window.frames[2:], plain.frames)
    np.testing.assert_array_equal(segment.window.frames[:2], plain.frames[[0, 0]])
    np.testing.assert_array_equal(segment.window.actions[2:], plain.actions)
    assert not segment.window.actions[:2].any()
    assert segment.window.ended.tolist() == [False, False, False, True, False]


def test_too_short_episodes_are_a_clear_error(store: Store) -> None:
    with pytest.raises(UserError, match="no episode of 40 frames or more to draw from; record"):
        Segments(store, [0, 1, 2, 3], length=40)
    with pytest.raises(UserError, match="no episode of 2 frames"):
        Segments(store, [], length=2)


def test_every_window_is_drawn_sometimes(store: Store) -> None:
    segments = Segments(store, [1, 3], length=3)
    rng = np.random.default_rng(0)
    drawn = {segments.sample(rng).window.frames.tobytes() for _ in range(200)}
    assert len(drawn) == len(segments) == 5


def _same(one: Batch, other: Batch) -> bool:
    names = [name for name, part in vars(one).items() if part is not None]
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_a_batch_depends_on_seed_and_number_alone(folder: Path) -> None:
    def batches(seed: int, memory_gb: float) -> Batches:
        return Batches(Segments(Store(folder, memory_gb), [0, 1, 2], 6, 3), 4, seed)

    one, other = batches(1, 0.0), batches(1, 1.0)
    later = one[5]
    for i in range(5):
        one[i]
    assert _same(later, other[5])
    assert not _same(one[5], one[6])
    assert not _same(one[5], batches(2, 0.0)[5])


def test_events_are_drawn_as_often_as_asked_and_rare_ones_as_often_as_others(
    store: Store,
) -> None:
    segments = Segments(store, range(len(store)), 4)
    kinds = segments.eventful()
    for numbers in kinds:
        for number in numbers.tolist():
            window = segments[number].window
            assert window.rewards[-2] or window.life_lost[-2] or window.ended[-2]
    eventful = {number for numbers in kinds for number in numbers.tolist()}
    for number in set(range(len(segments))) - eventful:
        window = segments[number].window
        assert not (window.rewards[-2] or window.life_lost[-2] or window.ended[-2])
    assert len(kinds) >= 2 and any(segments[int(n)].window.ended[-2] for n in kinds[-1])

    batch = Batches(segments, 600, seed=0, share_events=0.5)[0]
    ended = batch.ended[:, -2].float().mean().item()
    assert ended == pytest.approx(0.5 / len(kinds), abs=0.1)
    plain = Batches(segments, 600, seed=0)[0]
    assert ended > 2 * plain.ended[:, -2].float().mean().item()


def test_by_their_weight_events_are_as_frequent_as_they_were_recorded(store: Store) -> None:
    segments = Segments(store, range(len(store)), 4)
    batch = Batches(segments, 3000, seed=0, share_events=0.5)[0]
    recorded = np.mean([segments[i].window.ended[-2] for i in range(len(segments))])
    weighed = (batch.ended[:, -2] * batch.weight).mean().item()
    assert weighed == pytest.approx(recorded, rel=0.1)
    assert batch.weight.mean().item() == pytest.approx(1, rel=0.1)
    assert Batches(segments, 5, seed=0)[0].weight.tolist() == [1] * 5


def test_a_batch_is_its_windows_with_colours_first(store: Store) -> None:
    segments = Segments(store, [0, 2], 6, 3)
    batch = Batches(segments, 4, seed=9)[2]
    rng = np.random.default_rng([9, 2])
    windows = [segments.sample(rng) for _ in range(4)]
    assert batch.frames.shape == (4, 6, 3, 8, 8) and batch.frames.dtype == torch.uint8
    assert batch.frames.is_contiguous()
    assert batch.actions.dtype == batch.rewards.dtype == torch.float32
    assert batch.ended.dtype == batch.life_lost.dtype == batch.valid.dtype == torch.bool
    for i, segment in enumerate(windows):
        frames = batch.frames[i].permute(0, 2, 3, 1).numpy()
        np.testing.assert_array_equal(frames, segment.window.frames)
        np.testing.assert_array_equal(batch.actions[i], segment.window.actions)
        np.testing.assert_array_equal(batch.rewards[i], segment.window.rewards)
        np.testing.assert_array_equal(batch.ended[i], segment.window.ended)
        np.testing.assert_array_equal(batch.valid[i], segment.valid)
    assert _same(batch.to("cpu"), batch)


def test_prefetching_gives_the_same_batches_and_ends_when_closed(store: Store) -> None:
    batches = Batches(Segments(store, [0], 4), 2, seed=0)
    ahead = prefetch(batches, start=3)
    for i, batch in enumerate(itertools.islice(ahead, 10)):
        assert _same(batch, batches[3 + i])
    ahead.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_an_error_while_prefetching_reaches_the_consumer(tmp_path: Path) -> None:
    record_toys(tmp_path, 30)
    store = Store(tmp_path)
    store.paths[0].unlink()
    ahead = prefetch(Batches(Segments(store, [0], 4), 2, seed=0), start=0)
    with pytest.raises(UserError, match="cannot read frames"):
        next(ahead)


def test_no_file_stays_open_between_reads(tmp_path: Path) -> None:
    """Systems allow some hundreds; HDF5's caches of 64 open ones grew memory for an hour."""
    record_toys(tmp_path, *[4] * 8)
    before = _open_files()
    store = Store(tmp_path)
    for episode in [0, 1, 2, 3, 4, 5, 6, 7, 0, 7, 3]:
        first, _ = toy_episode(4, seed=episode)
        np.testing.assert_array_equal(store.read(episode, 0, 1).frames[0], first)
    assert _open_files() == before


def _open_files() -> int:
    """How many this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0
