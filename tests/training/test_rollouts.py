"""Rollouts that go on from update to update: where they go, and when they start over."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor

from datasets.batches import Batch, collate
from datasets.segments import Segments
from datasets.store import Store
from tests.support.recordings import record_toys
from training.rollouts import BRIEF_STEPS, BUFFER_SIZE, RUN_UP, Rollouts

CONTEXT = 3
LENGTHS = (30, 9, 17)


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Segments:
    folder = tmp_path_factory.mktemp("toys")
    record_toys(folder, *LENGTHS)
    return Segments(Store(folder, memory_gb=1), [0, 1, 2], CONTEXT + 1)


def rollouts(
    segments: Segments,
    count: int = 4,
    keep_diverged: int = 0,
    most_steps: int = 1000,
    diverged_light: float = 1.4,
    hard_start_share: float = 0.5,
    seed: int = 0,
) -> Rollouts:
    return Rollouts(
        segments, count, keep_diverged, most_steps, diverged_light, hard_start_share, seed
    )


def started(running: Rollouts) -> Batch:
    """The first batch, with all rollouts as young as later ones are when they are started."""
    batch = running.batch(0)
    running.ages[:] = 0
    return batch


def roll_perfectly(running: Rollouts, update: int) -> Batch:
    batch = running.batch(update)
    running.advance(batch.frames[:, -1], batch.frames[:, -1])
    return batch


def test_a_perfect_rollout_is_the_recording_step_by_step(segments: Segments) -> None:
    running = rollouts(segments)
    places, ages = running.places.clone(), running.ages.clone()
    compared = 0
    for update in range(60):
        batch = running.batch(update)
        # Its own past is the recorded past, and the window is where the dream has come to.
        assert torch.equal(running.context, batch.frames[:, :-1])
        for row, (episode, first) in enumerate(running.places.tolist()):
            window = segments.read(episode, first).window
            assert torch.equal(
                batch.frames[row].permute(0, 2, 3, 1), torch.from_numpy(window.frames)
            )
        for row, age in enumerate(ages.tolist()):
            if age >= 0:
                assert running.places[row].tolist() == places[row].tolist()
                compared += 1
        running.advance(batch.frames[:, -1], batch.frames[:, -1])
        places, ages = running.places.clone(), running.ages.clone()
    assert compared > 100


def test_the_end_of_an_episode_starts_a_rollout_over(segments: Segments) -> None:
    running, ends = rollouts(segments, count=6), 0
    for update in range(60):
        roll_perfectly(running, update)
        for (episode, first), age in zip(
            running.places.tolist(), running.ages.tolist(), strict=True
        ):
            frames_left = LENGTHS[episode] + 1 - first
            assert (age < 0) == (frames_left < CONTEXT + 1)
            ends += age < 0
    assert ends > 5


def test_a_rollout_is_started_over_when_it_is_old(segments: Segments) -> None:
    running = rollouts(segments, count=1, most_steps=4)
    ages = []
    for update in range(40):
        running.batch(update)
        ages.append(int(running.ages[0]))
        roll_perfectly(running, update)
    assert max(ages) == 3 and ages.count(0) >= 9


def test_the_first_rollouts_are_of_all_ages(segments: Segments) -> None:
    """Or those that are never lost would all be young, and all be old, at the same updates."""
    running = rollouts(segments, count=100, most_steps=5)
    running.batch(0)
    assert running.ages.unique().tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(running.context, running.batch(1).frames[:, :-1])


def test_a_rollout_that_lost_the_recording_is_started_over_and_others_keep_their_own_frames(
    segments: Segments,
) -> None:
    running = rollouts(segments, count=3)
    batch = started(running)
    running.places[:] = torch.tensor([0, 5])  # far from the episode's end
    true = batch.frames[:, -1]
    nearly = true.int().add(1).clamp(0, 255).to(torch.uint8)
    dreamed = torch.stack((nearly[0], 255 - true[1], nearly[2]))
    running.advance(dreamed, batch.frames[:, -1])
    assert running.ages.tolist() == [1, -1, 1]
    following = running.batch(1)
    assert torch.equal(running.context[0, -1], nearly[0])
    assert not torch.equal(running.context[0], following.frames[0, :-1])
    assert torch.equal(running.context[1], following.frames[1, :-1])  # as recorded


def test_a_rollout_that_endures_goes_on_without_what_went_elsewhere(segments: Segments) -> None:
    running = rollouts(segments, count=3, keep_diverged=2)
    frames = torch.full((3, CONTEXT + 1, 3, 20, 40), 60, dtype=torch.uint8)
    frames[:, :, :, 4, 9] = 255
    started(running)
    running.context = frames[:, :-1].clone()
    running.displaced = torch.zeros(len(frames), CONTEXT, 20, 40, dtype=torch.bool)
    running.places[:] = torch.tensor([0, 5])
    assert running.loss_mask().all()
    dreamed = frames[:, -1].clone()
    dreamed[:, :, 4, 9], dreamed[:, :, 4, 3] = 60, 255  # the dot took another way
    running.advance(dreamed, frames[:, -1])
    assert running.ages.tolist() == [1, 1, -1]
    assert running.hard[-1].tolist() == [0, 5]

    mask = running.loss_mask()
    assert not mask[:2, 0, :10, :16].any()
    assert mask[:2, 0, 11:].all() and mask[:2, 0, :, 16:].all()
    # What is lost already is not lost once more, and comes back when it does.
    running.advance(dreamed, frames[:, -1])
    assert running.ages.tolist()[:2] == [2, 2]
    assert (running.hard[:-1] < 0).all()
    for _ in range(CONTEXT):
        running.advance(frames[:, -1], frames[:, -1])
    assert running.loss_mask().all()


@pytest.mark.parametrize("dreamed_level", [250, 65])
def test_what_vanished_is_to_come_back_and_what_appeared_is_to_go(
    segments: Segments, dreamed_level: int
) -> None:
    """A paddle that faded in a corner was left out of all that was learnt, and never came back."""
    running = rollouts(segments, count=1, keep_diverged=1)
    frames = torch.full((1, CONTEXT + 1, 3, 20, 40), 250, dtype=torch.uint8)
    frames[:, :, :, 4, 9:12] = 315 - dreamed_level  # a bar, or none
    frames[:, :, :, 15, 30] = 0
    started(running)
    running.context = frames[:, :-1].clone()
    running.displaced = torch.zeros(len(frames), CONTEXT, 20, 40, dtype=torch.bool)
    running.places[:] = torch.tensor([0, 5])
    dreamed = frames[:, -1].clone()
    dreamed[:, :, 4, 9:12] = dreamed_level
    running.advance(dreamed, frames[:, -1])
    assert running.hard[-1].tolist() == [0, 5]
    assert running.loss_mask().all()

    dreamed[:, :, 15, 30], dreamed[:, :, 15, 26] = 250, 0  # and a dot is elsewhere besides
    running.advance(dreamed, frames[:, -1])
    mask = running.loss_mask()[0, 0]
    assert mask[:9].all() and not mask[15, 31]


def test_no_rollout_diverges_that_may_differ_in_everything(segments: Segments) -> None:
    running = rollouts(segments, count=2, diverged_light=18)
    batch = started(running)
    running.places[:] = torch.tensor([0, 5])
    running.advance(255 - batch.frames[:, -1], batch.frames[:, -1])
    assert running.ages.tolist() == [1, 1]
    assert running.loss_mask().all() and (running.hard < 0).all()


def test_a_rollout_of_something_else_altogether_is_over(segments: Segments) -> None:
    running = rollouts(segments, count=2, keep_diverged=2)
    batch = started(running)
    running.places[:] = torch.tensor([0, 5])
    running.advance(255 - batch.frames[:, -1], batch.frames[:, -1])
    assert running.ages.tolist() == [-1, -1]


@pytest.mark.parametrize("level", [0, 100, 200])
def test_faint_noise_all_over_is_forgiven_and_a_vanished_dot_is_not(
    segments: Segments, level: int
) -> None:
    """The noise of a whole frame adds up to more than a ball, and such rollouts must go on."""
    running = rollouts(segments, count=3)
    recorded = torch.full((3, CONTEXT + 1, 3, 8, 8), level, dtype=torch.uint8)
    dreamed = recorded[:, -1].int()
    generator = torch.Generator().manual_seed(0)
    dreamed[0] += torch.randint(-9, 10, (3, 8, 8), generator=generator)
    recorded[1, -1, 0, 7, 0] += 55  # in one colour, at the edge
    recorded[1, -1, 0, 7, 1] += 55
    recorded[1, -1, 0, 6, 0] += 55
    recorded[1, -1, 0, 6, 1] += 55
    recorded[2, -1, :, 4, 4] += 55  # a quarter as much
    started(running)
    running.places[:] = torch.tensor([0, 5])
    running.advance(dreamed.clamp(0, 255).to(torch.uint8), recorded[:, -1])
    assert running.ages.tolist() == [1, -1, 1]


def test_rollouts_start_shortly_before_places_where_one_was_lost(segments: Segments) -> None:
    """And other examples are taken from there; as long as none is known, from anywhere."""
    running = rollouts(segments, count=40)
    fresh = collate([segments[i] for i in range(10)])
    batch = started(running)
    assert running.replay(0, fresh, 0.5) is fresh
    running.places[:] = torch.tensor([0, 11])
    dreamed = batch.frames[:, -1].clone()
    dreamed[3] = 255 - dreamed[3]
    running.advance(dreamed, batch.frames[:, -1])
    assert running.hard[-1].tolist() == [0, 11] and (running.hard[:-1] < 0).all()

    replayed = running.replay(0, fresh, 0.5)
    lost = collate([segments.read(0, 11)] * 5)
    assert torch.equal(replayed.frames, torch.cat((lost.frames, fresh.frames[5:])))
    assert torch.equal(replayed.actions, torch.cat((lost.actions, fresh.actions[5:])))

    running.ages[:] = -1
    running.batch(1)
    starts = running.places.tolist()
    near = [first for episode, first in starts if episode == 0 and 10 <= first <= 11]
    assert set(near) == {10, 11} and 10 <= len(near) <= 35
    running.hard_start_share = 1.0
    running.ages[:] = -1
    running.batch(2)
    assert all(episode == 0 and 10 <= first <= 11 for episode, first in running.places.tolist())


def test_rollouts_that_start_before_hard_places_are_brief_unless_they_endure(
    segments: Segments,
) -> None:
    """A dream that got past the place went on for 200 steps, and all the others were easy."""
    running = rollouts(segments, count=6, keep_diverged=2, hard_start_share=1.0)
    batch = started(running)
    running.places[:] = torch.tensor([0, 5])
    true = batch.frames[:, -1]
    dreamed = true.clone()
    dreamed[4] = 255 - true[4]
    running.advance(dreamed, true)
    assert running.hard[-1].tolist() == [0, 5] and (running.hard[:-1] < 0).all()

    running.ages[:] = -1
    running.batch(1)
    running.places[:] = torch.tensor([0, 5])
    frames = torch.full((6, CONTEXT + 1, 3, 20, 40), 60, dtype=torch.uint8)
    running.context = frames[:, :-1].clone()
    running.displaced = torch.zeros(6, CONTEXT, 20, 40, dtype=torch.bool)
    for i in range(BRIEF_STEPS):
        assert (running.ages >= 0).all()
        dreamed = frames[:, -1].clone()
        dreamed[:, :, 4, 9] = 255 if i == 2 else 60  # what just went wrong can still be mended
        running.advance(dreamed, frames[:, -1])
        assert running.diverged[:, -1].all() == (i == 2)
    assert (running.ages < 0).tolist() == [False] * 2 + [True] * 4
    assert BRIEF_STEPS > RUN_UP  # so each comes past the place


def test_a_place_found_hard_again_is_kept_once_and_the_longest_not_found_goes(
    segments: Segments,
) -> None:
    running = rollouts(segments, count=3)
    true = started(running).frames[:, -1]

    def found(*places: tuple[int, int]) -> None:
        running.places = torch.tensor(places)
        running.diverged[:] = False
        running.advance(255 - true, true)

    found((0, 5), (0, 6), (0, 5))
    assert running.hard[-2:].tolist() == [[0, 6], [0, 5]] and (running.hard[:-2] < 0).all()
    for first in range(BUFFER_SIZE - 2):
        found((1, first), (0, 6), (0, 6))
    assert running.hard[[0, -1]].tolist() == [[0, 5], [0, 6]]
    found((2, 0), (2, 1), (0, 6))
    assert running.hard[0].tolist() == [1, 1] and running.hard[-1].tolist() == [0, 6]


def test_seed_and_updates_number_decide(segments: Segments) -> None:
    def sequence(seed: int) -> list[Tensor]:
        running = rollouts(segments, most_steps=3, seed=seed)
        return [roll_perfectly(running, update).frames for update in range(9)]

    first, again, other = sequence(0), sequence(0), sequence(1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_saved_and_loaded_they_go_on_exactly(segments: Segments) -> None:
    running, file = rollouts(segments, most_steps=6), io.BytesIO()
    for update in range(4):
        batch = running.batch(update)
        dreamed = batch.frames[:, -1].roll(update, dims=3)  # some are lost, others are not
        running.advance(dreamed, batch.frames[:, -1])
    torch.save(running.state_dict(), file)
    restored = rollouts(segments, most_steps=6)
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for update in range(4, 16):
        one, other = roll_perfectly(running, update), roll_perfectly(restored, update)
        assert torch.equal(one.frames, other.frames)
        assert torch.equal(running.context, restored.context)
        assert torch.equal(running.ages, restored.ages)
        assert torch.equal(running.hard, restored.hard)


@pytest.mark.parametrize("place", [[0, 28], [1, 7], [3, 0], [0, -1]])
def test_rollouts_of_other_recordings_are_refused(segments: Segments, place: list[int]) -> None:
    """As when episodes were deleted since the run was killed."""
    running = rollouts(segments)
    roll_perfectly(running, 0)
    state = {name: tensor.clone() for name, tensor in running.state_dict().items()}
    state["ages"][2], state["places"][2] = 1, torch.tensor(place)
    with pytest.raises(ValueError, match="goes on where nothing is recorded"):
        running.load_state_dict(state)
    state["ages"][2] = -1  # to be started anew wherever it was
    running.load_state_dict(state)


def test_rollouts_of_another_number_or_size_are_refused(segments: Segments) -> None:
    with pytest.raises(ValueError, match=r"places are \(5, 2\)"):
        rollouts(segments).load_state_dict(rollouts(segments, count=5).state_dict())
