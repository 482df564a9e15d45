"""Dreams that go on from update to update: where they walk, and when they are started over."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor

from datasets.batches import Batch, collate
from datasets.segments import Segments
from datasets.store import Store
from tests.recordings import record_toys
from training.rollouts import BRIEF_STEPS, KEPT_PLACES, RUN_UP, Streams

CONTEXT = 3
LENGTHS = (30, 9, 17)


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Segments:
    folder = tmp_path_factory.mktemp("toys")
    record_toys(folder, *LENGTHS)
    return Segments(Store(folder, memory_gb=1), [0, 1, 2], CONTEXT + 1)


def streams(
    segments: Segments,
    count: int = 4,
    enduring: int = 0,
    most_steps: int = 1000,
    lost_light: float = 1.4,
    retried: float = 0.5,
    seed: int = 0,
) -> Streams:
    return Streams(segments, count, enduring, most_steps, lost_light, retried, seed)


def started(walking: Streams) -> Batch:
    """The first batch, with all dreams as young as later ones are when they are started."""
    batch = walking.batch(0)
    walking.ages[:] = 0
    return batch


def dream_perfectly(walking: Streams, update: int) -> Batch:
    batch = walking.batch(update)
    walking.advance(batch.frames[:, -1], batch.frames[:, -1])
    return batch


def test_a_perfect_dream_is_the_recording_step_by_step(segments: Segments) -> None:
    walking = streams(segments)
    places, ages = walking.places.clone(), walking.ages.clone()
    walked = 0
    for update in range(60):
        batch = walking.batch(update)
        # Its own past is the recorded past, and the window is where the dream has come to.
        assert torch.equal(walking.context, batch.frames[:, :-1])
        for row, (episode, first) in enumerate(walking.places.tolist()):
            window = segments.read(episode, first).window
            assert torch.equal(
                batch.frames[row].permute(0, 2, 3, 1), torch.from_numpy(window.frames)
            )
        for row, age in enumerate(ages.tolist()):
            if age >= 0:
                assert walking.places[row].tolist() == places[row].tolist()
                walked += 1
        walking.advance(batch.frames[:, -1], batch.frames[:, -1])
        places, ages = walking.places.clone(), walking.ages.clone()
    assert walked > 100


def test_the_end_of_an_episode_starts_a_dream_over(segments: Segments) -> None:
    walking, ends = streams(segments, count=6), 0
    for update in range(60):
        dream_perfectly(walking, update)
        for (episode, first), age in zip(
            walking.places.tolist(), walking.ages.tolist(), strict=True
        ):
            frames_left = LENGTHS[episode] + 1 - first
            assert (age < 0) == (frames_left < CONTEXT + 1)
            ends += age < 0
    assert ends > 5


def test_a_dream_is_started_over_when_it_is_old(segments: Segments) -> None:
    walking = streams(segments, count=1, most_steps=4)
    ages = []
    for update in range(40):
        walking.batch(update)
        ages.append(int(walking.ages[0]))
        dream_perfectly(walking, update)
    assert max(ages) == 3 and ages.count(0) >= 9


def test_the_first_dreams_are_of_all_ages(segments: Segments) -> None:
    """Or those that are never lost would all be young, and all be old, at the same updates."""
    walking = streams(segments, count=100, most_steps=5)
    walking.batch(0)
    assert walking.ages.unique().tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(walking.context, walking.batch(1).frames[:, :-1])


def test_a_dream_that_lost_the_recording_is_started_over_and_others_keep_their_own_frames(
    segments: Segments,
) -> None:
    walking = streams(segments, count=3)
    batch = started(walking)
    walking.places[:] = torch.tensor([0, 5])  # far from the episode's end
    true = batch.frames[:, -1]
    nearly = true.int().add(1).clamp(0, 255).to(torch.uint8)
    dreamed = torch.stack((nearly[0], 255 - true[1], nearly[2]))
    walking.advance(dreamed, batch.frames[:, -1])
    assert walking.ages.tolist() == [1, -1, 1]
    following = walking.batch(1)
    assert torch.equal(walking.context[0, -1], nearly[0])
    assert not torch.equal(walking.context[0], following.frames[0, :-1])
    assert torch.equal(walking.context[1], following.frames[1, :-1])  # as recorded


def test_a_dream_that_endures_goes_on_without_what_went_elsewhere(segments: Segments) -> None:
    walking = streams(segments, count=3, enduring=2)
    frames = torch.full((3, CONTEXT + 1, 3, 20, 40), 60, dtype=torch.uint8)
    frames[:, :, :, 4, 9] = 255
    started(walking)
    walking.context = frames[:, :-1].clone()
    walking.elsewhere = torch.zeros(len(frames), CONTEXT, 20, 40, dtype=torch.bool)
    walking.places[:] = torch.tensor([0, 5])
    assert walking.learnable().all()
    dreamed = frames[:, -1].clone()
    dreamed[:, :, 4, 9], dreamed[:, :, 4, 3] = 60, 255  # the dot took another way
    walking.advance(dreamed, frames[:, -1])
    assert walking.ages.tolist() == [1, 1, -1]
    assert walking.hard[-1].tolist() == [0, 5]

    learnable = walking.learnable()
    assert not learnable[:2, 0, :10, :16].any()
    assert learnable[:2, 0, 11:].all() and learnable[:2, 0, :, 16:].all()
    # What is lost already is not lost once more, and comes back when it does.
    walking.advance(dreamed, frames[:, -1])
    assert walking.ages.tolist()[:2] == [2, 2]
    assert (walking.hard[:-1] < 0).all()
    for _ in range(CONTEXT):
        walking.advance(frames[:, -1], frames[:, -1])
    assert walking.learnable().all()


@pytest.mark.parametrize("dreamed_level", [250, 65])
def test_what_vanished_is_to_come_back_and_what_appeared_is_to_go(
    segments: Segments, dreamed_level: int
) -> None:
    """A paddle that faded in a corner was left out of all that was learnt, and never came back."""
    walking = streams(segments, count=1, enduring=1)
    frames = torch.full((1, CONTEXT + 1, 3, 20, 40), 250, dtype=torch.uint8)
    frames[:, :, :, 4, 9:12] = 315 - dreamed_level  # a bar, or none
    frames[:, :, :, 15, 30] = 0
    started(walking)
    walking.context = frames[:, :-1].clone()
    walking.elsewhere = torch.zeros(len(frames), CONTEXT, 20, 40, dtype=torch.bool)
    walking.places[:] = torch.tensor([0, 5])
    dreamed = frames[:, -1].clone()
    dreamed[:, :, 4, 9:12] = dreamed_level
    walking.advance(dreamed, frames[:, -1])
    assert walking.hard[-1].tolist() == [0, 5]
    assert walking.learnable().all()

    dreamed[:, :, 15, 30], dreamed[:, :, 15, 26] = 250, 0  # and a dot is elsewhere besides
    walking.advance(dreamed, frames[:, -1])
    learnable = walking.learnable()[0, 0]
    assert learnable[:9].all() and not learnable[15, 31]


def test_no_dream_is_lost_that_may_differ_in_everything(segments: Segments) -> None:
    walking = streams(segments, count=2, lost_light=18)
    batch = started(walking)
    walking.places[:] = torch.tensor([0, 5])
    walking.advance(255 - batch.frames[:, -1], batch.frames[:, -1])
    assert walking.ages.tolist() == [1, 1]
    assert walking.learnable().all() and (walking.hard < 0).all()


def test_a_dream_of_something_else_altogether_is_over(segments: Segments) -> None:
    walking = streams(segments, count=2, enduring=2)
    batch = started(walking)
    walking.places[:] = torch.tensor([0, 5])
    walking.advance(255 - batch.frames[:, -1], batch.frames[:, -1])
    assert walking.ages.tolist() == [-1, -1]


@pytest.mark.parametrize("level", [0, 100, 200])
def test_faint_noise_all_over_is_forgiven_and_a_vanished_dot_is_not(
    segments: Segments, level: int
) -> None:
    """The noise of a whole frame adds up to more than a ball, and such dreams must go on."""
    walking = streams(segments, count=3)
    recorded = torch.full((3, CONTEXT + 1, 3, 8, 8), level, dtype=torch.uint8)
    dreamed = recorded[:, -1].int()
    generator = torch.Generator().manual_seed(0)
    dreamed[0] += torch.randint(-9, 10, (3, 8, 8), generator=generator)
    recorded[1, -1, 0, 7, 0] += 55  # in one colour, at the edge
    recorded[1, -1, 0, 7, 1] += 55
    recorded[1, -1, 0, 6, 0] += 55
    recorded[1, -1, 0, 6, 1] += 55
    recorded[2, -1, :, 4, 4] += 55  # a quarter as much
    started(walking)
    walking.places[:] = torch.tensor([0, 5])
    walking.advance(dreamed.clamp(0, 255).to(torch.uint8), recorded[:, -1])
    assert walking.ages.tolist() == [1, -1, 1]


def test_dreams_start_shortly_before_places_where_one_was_lost(segments: Segments) -> None:
    """And other examples are taken from there; as long as none is known, from anywhere."""
    walking = streams(segments, count=40)
    fresh = collate([segments[i] for i in range(10)])
    batch = started(walking)
    assert walking.rehearse(0, fresh, 0.5) is fresh
    walking.places[:] = torch.tensor([0, 11])
    dreamed = batch.frames[:, -1].clone()
    dreamed[3] = 255 - dreamed[3]
    walking.advance(dreamed, batch.frames[:, -1])
    assert walking.hard[-1].tolist() == [0, 11] and (walking.hard[:-1] < 0).all()

    rehearsed = walking.rehearse(0, fresh, 0.5)
    lost = collate([segments.read(0, 11)] * 5)
    assert torch.equal(rehearsed.frames, torch.cat((lost.frames, fresh.frames[5:])))
    assert torch.equal(rehearsed.actions, torch.cat((lost.actions, fresh.actions[5:])))

    walking.ages[:] = -1
    walking.batch(1)
    starts = walking.places.tolist()
    near = [first for episode, first in starts if episode == 0 and 10 <= first <= 11]
    assert set(near) == {10, 11} and 10 <= len(near) <= 35
    walking.retried = 1.0
    walking.ages[:] = -1
    walking.batch(2)
    assert all(episode == 0 and 10 <= first <= 11 for episode, first in walking.places.tolist())


def test_dreams_that_start_before_hard_places_are_brief_unless_they_endure(
    segments: Segments,
) -> None:
    """A dream that got past the place went on for 200 steps, and all the others were easy."""
    walking = streams(segments, count=6, enduring=2, retried=1.0)
    batch = started(walking)
    walking.places[:] = torch.tensor([0, 5])
    true = batch.frames[:, -1]
    dreamed = true.clone()
    dreamed[4] = 255 - true[4]
    walking.advance(dreamed, true)
    assert walking.hard[-1].tolist() == [0, 5] and (walking.hard[:-1] < 0).all()

    walking.ages[:] = -1
    walking.batch(1)
    walking.places[:] = torch.tensor([0, 5])
    frames = torch.full((6, CONTEXT + 1, 3, 20, 40), 60, dtype=torch.uint8)
    walking.context = frames[:, :-1].clone()
    walking.elsewhere = torch.zeros(6, CONTEXT, 20, 40, dtype=torch.bool)
    for i in range(BRIEF_STEPS):
        assert (walking.ages >= 0).all()
        dreamed = frames[:, -1].clone()
        dreamed[:, :, 4, 9] = 255 if i == 2 else 60  # what just went wrong can still be mended
        walking.advance(dreamed, frames[:, -1])
        assert walking.astray[:, -1].all() == (i == 2)
    assert (walking.ages < 0).tolist() == [False] * 2 + [True] * 4
    assert BRIEF_STEPS > RUN_UP  # so each comes past the place


def test_a_place_found_hard_again_is_kept_once_and_the_longest_not_found_goes(
    segments: Segments,
) -> None:
    walking = streams(segments, count=3)
    true = started(walking).frames[:, -1]

    def found(*places: tuple[int, int]) -> None:
        walking.places = torch.tensor(places)
        walking.astray[:] = False
        walking.advance(255 - true, true)

    found((0, 5), (0, 6), (0, 5))
    assert walking.hard[-2:].tolist() == [[0, 6], [0, 5]] and (walking.hard[:-2] < 0).all()
    for first in range(KEPT_PLACES - 2):
        found((1, first), (0, 6), (0, 6))
    assert walking.hard[[0, -1]].tolist() == [[0, 5], [0, 6]]
    found((2, 0), (2, 1), (0, 6))
    assert walking.hard[0].tolist() == [1, 1] and walking.hard[-1].tolist() == [0, 6]


def test_seed_and_updates_number_decide(segments: Segments) -> None:
    def sequence(seed: int) -> list[Tensor]:
        walking = streams(segments, most_steps=3, seed=seed)
        return [dream_perfectly(walking, update).frames for update in range(9)]

    first, again, other = sequence(0), sequence(0), sequence(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_saved_and_loaded_they_go_on_exactly(segments: Segments) -> None:
    walking, file = streams(segments, most_steps=6), io.BytesIO()
    for update in range(4):
        batch = walking.batch(update)
        dreamed = batch.frames[:, -1].roll(update, dims=3)  # some are lost, others are not
        walking.advance(dreamed, batch.frames[:, -1])
    torch.save(walking.state_dict(), file)
    restored = streams(segments, most_steps=6)
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for update in range(4, 16):
        one, other = dream_perfectly(walking, update), dream_perfectly(restored, update)
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(walking.context, restored.context)
        assert torch.equal(walking.ages, restored.ages)
        assert torch.equal(walking.hard, restored.hard)


@pytest.mark.parametrize("place", [[0, 28], [1, 7], [3, 0], [0, -1]])
def test_dreams_of_other_recordings_are_refused(segments: Segments, place: list[int]) -> None:
    """As when episodes were deleted since the run was killed."""
    walking = streams(segments)
    dream_perfectly(walking, 0)
    state = {name: tensor.clone() for name, tensor in walking.state_dict().items()}
    state["ages"][2], state["places"][2] = 1, torch.tensor(place)
    with pytest.raises(ValueError, match="goes on where nothing is recorded"):
        walking.load_state_dict(state)
    state["ages"][2] = -1  # to be started anew wherever it was
    walking.load_state_dict(state)


def test_streams_of_another_number_or_size_are_refused(segments: Segments) -> None:
    with pytest.raises(ValueError, match=r"places are \(5, 2\)"):
        streams(segments).load_state_dict(streams(segments, count=5).state_dict())
