"""The judge of how a camera moves, held to Doom itself, and Doom played again from recordings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets.episode import EpisodeInfo
from datasets.siblings import Siblings
from engine.contracts import CsgoActions, provenance_of
from engine.games.doom import DoomWorld
from engine.games.doom_player import ExploringPlayer
from tests.support.tiny_cartridge import CONTEXT, manifest
from tools.evaluation import shooter_scores
from tools.evaluation.camera_probe import travelled
from tools.evaluation.dreams import Footage
from tools.evaluation.shooter_scores import HELD_STEPS, LEFT

EXPLORED = 40


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Footage]:
    """Exploring Doom, and at the end of each episode holding the mouse to the left."""
    folder, world = tmp_path_factory.mktemp("doom"), DoomWorld()
    with Siblings(folder, "doom") as recording:
        for seed in (3, 4):
            frame, player = world.reset(seed), ExploringPlayer(world, seed)
            actions, rate, made_by = world.actions, world.rate_fps, provenance_of(world)
            info = EpisodeInfo("doom", actions, rate, seed, "scripted", emulator=made_by)
            recording.begin(info, frame)
            for t in range(EXPLORED + HELD_STEPS):
                action = player.act(frame) if t < EXPLORED else actions.named(LEFT)
                step = world.step(action)
                recording.add(action, step, {})
                frame = step.frame
    world.close()
    tiny = manifest()
    denoiser = replace(tiny.denoiser, height=30, width=56, actions=CsgoActions().size)
    told = replace(tiny.reward_end, height=30, width=56)  # type: ignore[type-var]
    of = replace(tiny, denoiser=denoiser, actions=CsgoActions(), reward_end=told)
    yield Footage(folder, of)


def test_the_real_camera_is_seen_to_go_where_it_is_told(footage: Footage) -> None:
    starts = footage.excerpts(CONTEXT + HELD_STEPS, 6)
    figures = shooter_scores.game_camera(footage, starts, CONTEXT)
    assert figures == {"turn_game": 1.0, "walk_game": 1.0, "camera_starts_game": 6}


def test_a_moment_is_led_to_and_gone_on_from_as_it_was_recorded(footage: Footage) -> None:
    from tools.evaluation.doom_futures import DoomFutures

    start = footage.at(1, EXPLORED + 1 - CONTEXT, CONTEXT + HELD_STEPS)
    with DoomFutures(footage, CONTEXT) as game:
        assert game.leads_to(start)
        shown = game.hold(start, CsgoActions().named(LEFT), HELD_STEPS)
    np.testing.assert_array_equal(shown, start.window.frames[CONTEXT:])


def test_moments_that_nothing_leads_to_are_left_out(
    footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts = footage.excerpts(CONTEXT + HELD_STEPS, 2)
    by_hand = replace(footage.store.info, player="human")
    monkeypatch.setattr(footage.store, "episode_info", lambda episode: by_hand)
    assert shooter_scores.game_camera(footage, starts, CONTEXT) == {}


@pytest.mark.parametrize("shape", [(30, 56), (150, 280)])
def test_motions_of_a_known_size_are_measured(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    height, width = shape
    blobs = rng.integers(0, 256, (9, 15, 3), dtype=np.uint8)
    picture = cv2.resize(blobs, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)

    def seen(right: float, growth: float) -> np.ndarray:
        middle = np.array([width / 2, height / 2])
        move = np.array([[growth, 0.0, 0.0], [0.0, growth, 0.0]])
        move[:, 2] = middle * (1 + np.array([2 * right, 0])) - growth * 2 * middle
        return cv2.warpAffine(picture, move, (width, height), flags=cv2.INTER_AREA)

    slid = travelled([seen(0.02 * t, 1) for t in range(5)])
    assert slid.right == pytest.approx(0.08, abs=0.015) and abs(slid.growth) < 0.05
    grown = travelled([seen(0, 1.04**t) for t in range(5)])
    assert grown.growth == pytest.approx(0.16, abs=0.04) and abs(grown.right) < 0.01
    still = travelled([seen(0, 1)] * 3)
    assert (still.right, still.growth) == (0, 0)


def test_a_picture_of_nothing_does_not_move() -> None:
    nothing = travelled([np.full((30, 56, 3), 90, np.uint8)] * 3)
    assert (nothing.right, nothing.growth) == (0, 0)
