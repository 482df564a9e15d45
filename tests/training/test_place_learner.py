"""Learning places: what is learnt from, and runs that go on where they stopped."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch

from base.errors import UserError
from tests.support.tiny_places import (
    BUTTONS,
    CAMERA,
    DEGREES_PER_COUNT,
    MOUSE_X,
    MOUSE_Y,
    STRIDE,
    episode,
)
from training import checkpoint
from training.learners.place_learner import PlaceLearner, build_places
from training.places import PlaceBank, PlaceBatches, PlacedEpisode, Places
from training.recipes.place import PlaceConfig
from training.recipes.presets import Recipe
from training.recipes.run_config import RunConfig
from training.speed import Choice
from training.trainer import Run

TINY = PlaceConfig(
    updates=4,
    batch=4,
    bank=20,
    apart=8,
    sources=3,
    unit=40.0,
    view_degrees=2 * float(np.degrees(np.arctan(CAMERA.width / 2 / CAMERA.focal_px))),
    channels=(8, 16),
    depths=(1, 1),
    cond=16,
    walks=4,
    known=2,
    steps=4,
    degrees_per_count=DEGREES_PER_COUNT,
    lowest=-20.0,
    highest=20.0,
    cell=8.0,
    warmup=2,
)


@pytest.fixture(scope="module")
def places() -> Places:
    return Places([episode(seed) for seed in range(4)])


@pytest.fixture(scope="module")
def held_out() -> Places:
    return Places([episode(100)])


def learner(places: Places, held_out: Places, recipe: PlaceConfig = TINY) -> PlaceLearner:
    mouse = (MOUSE_X, MOUSE_Y)
    return build_places(recipe, places, held_out, BUTTONS, mouse, torch.device("cpu"))


def test_episodes_need_a_pose_for_each_frame() -> None:
    good = episode(0, 6)
    for poses in (good.poses[:-1], good.poses[:, :3], np.full_like(good.poses, np.nan)):
        with pytest.raises(UserError, match="pose"):
            PlacedEpisode(good.frames, poses, good.actions)
    with pytest.raises(UserError, match="an action between"):
        PlacedEpisode(good.frames, good.poses, good.actions[:-1])
    with pytest.raises(UserError, match="no episodes with poses"):
        Places([])


def test_walks_never_lead_from_one_episode_into_the_next(places: Places) -> None:
    rows = places.beginnings(10)
    assert len(rows) == 4 * 51  # of 61 frames each
    poses, actions = places.walks(rows, 10)
    assert poses.shape == (len(rows), 11, 4)
    assert actions.shape == (len(rows), 10, BUTTONS + 6)
    assert poses[..., :2].diff(dim=1).norm(dim=2).max() < STRIDE + 1e-3
    assert (actions[..., BUTTONS : BUTTONS + 3].sum(dim=2) == 1).all()  # no row of padding
    with pytest.raises(UserError, match="record longer ones"):
        places.beginnings(61)


def test_keyframes_near_in_time_do_not_count(places: Places) -> None:
    bank = PlaceBank(places, 60, 40.0, seed=0)
    assert len(bank.keyframes) == 60
    rows = torch.arange(20, 40)
    near = bank.near(places, rows, 10_000)
    assert near.sum(dim=1).eq(near[0].sum()).all()  # all of the same episode
    assert bank.near(places, rows, 5).sum() < near.sum()
    batches = PlaceBatches(places, bank, 8, 3, 10_000, 2, 6, seed=0)
    asked = torch.from_numpy(np.random.default_rng([0, 5]).integers(len(places), size=8))
    batch = batches[5]
    assert torch.equal(batch.poses, places.poses[asked])
    for row, poses in zip(asked.tolist(), batch.taken_from, strict=True):
        own = places.poses[places.episode == places.episode[row]]
        assert not (poses[:, None] == own).all(dim=2).any()


def test_a_batch_depends_on_the_seed_and_its_number_alone(places: Places) -> None:
    bank = PlaceBank(places, 20, 40.0, seed=0)
    first, again = (PlaceBatches(places, bank, 4, 3, 8, 2, 6, seed=3)[7] for _ in range(2))
    other = PlaceBatches(places, bank, 4, 3, 8, 2, 6, seed=4)[7]
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.walks, again.walks)
    assert not torch.equal(first.poses, other.poses)
    assert first.frames.shape == (4, 3, CAMERA.height, CAMERA.width)
    assert first.sources.shape == (4, 3, 3, CAMERA.height, CAMERA.width)


def test_an_update_tells_losses_and_gradient_norms(places: Places, held_out: Places) -> None:
    training = learner(places, held_out)
    before = {name: net.state_dict() for name, net in training.networks.items()}
    before = {name: {k: v.clone() for k, v in state.items()} for name, state in before.items()}
    losses = training.update(0, training.batches[0])
    assert list(losses) == ["view", "walk", "view_norm", "walk_norm"]
    assert min(losses.values()) > 0
    for name, network in training.networks.items():
        assert any(not torch.equal(v, before[name][k]) for k, v in network.state_dict().items())


def test_views_are_scored_beside_the_nearest_keyframe(places: Places, held_out: Places) -> None:
    training = learner(places, held_out, replace(TINY, bank=100))
    scores = training.score()
    assert scores.plain == "nearest"
    assert scores.steps == TINY.steps
    assert scores.psnr_1 > scores.plain_1  # turned to the view, even before it has learnt
    assert scores.strip.ndim == 3


def test_views_of_recorded_frames_are_recalled_as_in_play(places: Places, held_out: Places) -> None:
    training = learner(places, held_out, replace(TINY, bank=len(places), apart=10_000))
    rows = torch.arange(70)
    true = places.frames[rows].permute(0, 3, 1, 2).float()
    told = training.recorded_views(rows).float()
    known = training.views(places.poses[rows]).float()
    assert told.shape == true.shape
    # With every frame in the bank the nearest is the frame itself, unless its episode is barred.
    assert (known - true).abs().mean() < (told - true).abs().mean()


def run_of(folder: Path, training: PlaceLearner) -> Run:
    (folder / "strips").mkdir(parents=True, exist_ok=True)
    config = RunConfig(
        cast(Recipe, training.recipe), "data", Choice("fp32", False, ""), evaluate_every=2
    )
    return Run(folder, config, training, lambda scores, done: None)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    places: Places, held_out: Places, tmp_path: Path
) -> None:
    whole = run_of(tmp_path / "whole", learner(places, held_out))
    assert whole.train()
    halfway = learner(places, held_out)
    for index in range(2):
        halfway.update(index, halfway.batches[index])
    folder = tmp_path / "stopped"
    folder.mkdir()
    checkpoint.save(folder, {"update": 2, "learner": halfway.state_dict()})
    state = checkpoint.load(folder)
    assert state is not None
    resumed = run_of(folder, learner(places, held_out))
    resumed.restore(state)
    assert resumed.train()
    one, two = io.BytesIO(), io.BytesIO()
    torch.save(whole.learner.state_dict(), one)
    torch.save(resumed.learner.state_dict(), two)
    assert one.getvalue() == two.getvalue()
    assert set(whole.learner.played()) == {"place_memory", "pose"}


@pytest.mark.parametrize(
    "change", [{"bank": 0}, {"view_degrees": 180.0}, {"apart": -1}, {"ema": 1.0}, {"steps": 0}]
)
def test_what_nothing_can_be_trained_with_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(UserError):
        replace(TINY, **change)
