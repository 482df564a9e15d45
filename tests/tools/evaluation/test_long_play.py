"""Long play: each figure tells a good dream from a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from base.errors import UserError
from datasets.recording import Recording
from datasets.store import Store
from engine.games.atari import AtariWorld
from models.cartridge.reader import check
from models.dream import open_world
from tests.support.recordings import record_toys, toy_episode, toy_info
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge
from tests.support.toy_world import ACTIONS, ToyWorld
from tools.evaluation import breakout_scores, curves, long_play
from tools.evaluation import told_apart as told_apart_module
from tools.evaluation.dreams import Footage, frames_of
from tools.evaluation.long_play import (
    LongPlay,
    LoopingPlayer,
    Play,
    judged,
    lives,
    over_time,
    tells_lost_lives,
)
from tools.evaluation.patches import LEAST_LEVELS, PatchBank, cut
from tools.evaluation.text import REGIONS, readable
from tools.evaluation.told_apart import told_apart


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads that wait for each other are slow where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pictures(count: int, seed: int, shape: tuple[int, int] = (16, 16)) -> np.ndarray:
    """Frames of a bright square somewhere on black: those of a seed are like those of another."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((count, *shape, 3), np.uint8)
    for frame in frames:
        y, x = (int(rng.integers(0, side // 4)) * 4 for side in shape)
        frame[y : y + 4, x : x + 4] = 200
    return frames


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((64, 64), (8, 8)), ((30, 56), (6, 7)), ((8, 8), (8, 8)), ((7, 13), (7, 13))],
)
def test_patches_are_about_seven_pixels_wide(
    shape: tuple[int, int], patch: tuple[int, int]
) -> None:
    frames = np.arange(2 * shape[0] * shape[1] * 3, dtype=np.int64).astype(np.uint8)
    frames = frames.reshape(2, *shape, 3)
    patches = cut(frames)
    places = shape[0] // patch[0] * (shape[1] // patch[1])
    assert patches.shape == (places, 2, patch[0] * patch[1] * 3)
    np.testing.assert_array_equal(
        patches[-1, 1].reshape(*patch, 3), frames[1, -patch[0] :, -patch[1] :]
    )


def test_recorded_frames_are_real_and_dirt_is_not() -> None:
    bank = PatchBank.of(pictures(200, seed=0), pictures(50, seed=1))
    assert bank.far == LEAST_LEVELS
    assert bank.unreal(pictures(40, seed=2)).max() == 0
    dirty = pictures(40, seed=2)
    dirty[:, :8, :8, 0] ^= 60
    assert (bank.unreal(dirty) == 0.25).all(), "one patch of four"
    noise = np.random.default_rng(0).integers(0, 2, dirty.shape).astype(np.uint8)
    assert bank.unreal(pictures(40, seed=2) // 2 * 2 + noise).max() == 0, "a level is nothing"


def test_a_thing_in_a_place_where_it_never_was_is_unreal() -> None:
    recorded = pictures(200, seed=0)
    recorded[:, 8:] = 0
    moved = np.roll(recorded, 8, axis=1)
    assert PatchBank.of(recorded, recorded).unreal(moved).max() > 0


def test_distances_are_exact() -> None:
    rng = np.random.default_rng(0)
    shown, asked = (rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8) for n in (30, 5))
    bank = PatchBank.of(shown, shown)
    off = (asked[:, None].astype(float) - shown[None]).reshape(5, 30, -1)
    expected = np.sqrt((off**2).mean(axis=2)).min(axis=1)
    np.testing.assert_allclose(bank.distances(asked)[:, 0], expected, rtol=1e-4)
    assert bank.distances(shown).max() < 0.05


def test_the_same_frames_cannot_be_told_apart_and_others_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(told_apart_module, "UPDATES", 80)  # for pictures as plain as these
    recorded = pictures(80, 0), pictures(80, 1)
    alike = told_apart((pictures(80, 2), pictures(80, 3)), recorded)
    tinted = tuple(np.maximum(pictures(80, seed), 40) for seed in (2, 3))
    assert alike < 0.65 and told_apart(tinted, recorded) > 0.95


def test_digits_are_read_where_they_stand() -> None:
    world = AtariWorld("breakout")
    frames = [world.reset(0)]
    frames += [world.step(ACTIONS.one_hot(1)).frame for _ in range(40)]
    recorded = np.stack(frames)
    assert readable(recorded[::7], recorded, REGIONS["breakout"]).all()
    smeared = recorded[:3].copy()
    smeared[:, 1:5, 26:32] = cv2.blur(smeared[0, 1:5, 26:32], (5, 5))
    assert not readable(smeared, recorded, REGIONS["breakout"]).any()


def test_a_ball_is_missed_in_flight_and_not_before_it_is_served() -> None:
    field = AtariWorld("breakout").reset(0)
    field[29:57, 4:60] = 0

    def at(y: int | None) -> np.ndarray:
        frame = field.copy()
        if y is not None:
            frame[y, 20:22] = (200, 72, 72)
        return frame

    vanished = breakout_scores.alive(np.stack([at(None), at(35), at(40), at(None)]))["ball"]
    assert vanished.tolist() == [True, True, True, False]
    lost = breakout_scores.alive(np.stack([at(40), at(54), at(None), at(None), at(38)]))["ball"]
    assert lost.all()
    never = breakout_scores.alive(np.stack([at(54)] + [at(None)] * 40))["ball"]
    assert never[: 1 + breakout_scores.SERVED_STEPS].all() and not never[-1]


def test_shares_are_told_for_each_moment_and_minute() -> None:
    at = judged(300 * 15, 15.0)
    assert len(at) == 150 + (4500 - 150) // 5
    seconds = at / 15
    figures = over_time("unreal", (seconds >= 60) * 0.5, seconds)
    assert figures["unreal_1s"] == figures["unreal_10s"] == figures["unreal_60s"] == 0
    assert figures["unreal_300s"] == 0.5 and figures["unreal_minute_1"] == 0
    assert figures["unreal_minute_5"] == 0.5 and "unreal_minute_6" not in figures
    short = over_time("unreal", np.zeros(30), np.arange(30) / 15)
    assert set(short) == {"unreal_1s"}, "what was not played is not told"


def test_a_curve_is_the_mean_around_each_second() -> None:
    seconds = np.arange(30) / 1.0
    steady = curves.smoothed(seconds, np.full(30, 0.25))
    np.testing.assert_allclose(steady, 0.25)
    step = curves.smoothed(seconds, (seconds >= 15).astype(float))
    assert step[0] == 0 and step[-1] == 1 and 0.4 < step[15] < 0.7


def test_recorded_actions_are_played_in_a_loop() -> None:
    player = LoopingPlayer(np.eye(3, dtype=np.float32))
    played = [player.act(np.zeros((1, 1, 3), np.uint8)).argmax() for _ in range(7)]
    assert played == [0, 1, 2, 0, 1, 2, 0]


def test_a_game_that_ends_is_followed_by_the_next() -> None:
    played = long_play.play(
        ToyWorld(length=5), LoopingPlayer(ACTIONS.one_hot(0)[None]), 1, 12, lambda: None
    )
    assert played.frames.shape == (12, 16, 16, 3) and not played.life_lost.any()


def test_lost_lives_are_counted_over_all_plays() -> None:
    frames = np.zeros((30, 1, 1, 3), np.uint8)
    once, never = (Play(frames, np.arange(30) == at) for at in (7, 99))
    assert lives([once, never, once], 15.0) == {
        "lives_lost": 2,
        "seconds_between_lost_lives": 3.0,
    }
    assert lives([never], 15.0) == {"lives_lost": 0}
    assert lives([], 15.0) == {}


def test_whether_lives_are_told_is_seen_in_the_recordings(tmp_path: Path) -> None:
    record_toys(tmp_path, 12)
    assert not tells_lost_lives(Store(tmp_path))
    first, steps = toy_episode(12)
    with Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        for action, step in steps:
            recording.add(action, replace(step, life_lost=True), {})
    assert tells_lost_lives(Store(tmp_path))


def test_frames_are_spread_over_all_episodes(tmp_path: Path) -> None:
    record_toys(tmp_path, 20, 30)
    store = Store(tmp_path)
    assert len(frames_of(store, [0, 1], 10)) == 10
    every = frames_of(store, [0, 1], 1000)
    whole = [store.read(episode, 0, store.length(episode)).frames for episode in (0, 1)]
    np.testing.assert_array_equal(every, np.concatenate(whole))


def test_a_dream_is_measured_and_shown(tmp_path: Path) -> None:
    """The whole section on a tiny world: no scripted player, and no game beside it."""
    world = manifest(side_px=8, channels=(16,))
    write_tiny_cartridge(tmp_path / "tiny", world)
    record_toys(tmp_path / "data", 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70)
    footage, steps = Footage(tmp_path / "data", world), []
    dream = open_world(check(tmp_path / "tiny"), device="cpu", precision="float32")
    figures = long_play.measure(dream, footage, LongPlay(2, 2), tmp_path, lambda: steps.append(1))
    assert len(steps) == 2 * 30 and 0 <= figures["unreal_1s"] <= 1
    assert not any(name.startswith("game_") for name in figures)
    picture = cv2.imread(str(tmp_path / "long_play.png"))
    assert picture is not None and picture.std() > 5
    assert (tmp_path / "long_play.mp4").stat().st_size > 500
    with pytest.raises(UserError, match="cannot write"):
        curves.draw(tmp_path / "long_play.png" / "a.png", np.arange(3.0), {"a": np.zeros(3)}, "t")
