"""The figures of a cartridge, checked with dreams whose quality is known beforehand."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from base.errors import UserError
from base.psnr import MOST_DB
from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from datasets.store import Store
from engine.contracts import ActionSpace, Step
from engine.games.atari import AtariWorld
from engine.games.atari_players import ScriptedPlayer
from models.cartridge.manifest import Manifest
from models.runtime.frame_step import PlayStep
from models.runtime.sampler_cache import PreparedStep, SamplingOptions
from models.runtime.selection import Choice, Inputs, Runner
from tests.support.recordings import record_toys
from tests.support.tiny_cartridge import CONTEXT, manifest, write_tiny_cartridge
from tests.support.toy_world import ACTIONS
from tools import evaluate
from tools.evaluation import breakout_scores
from tools.evaluation import dream_scores as scores
from tools.evaluation.breakout_futures import BreakoutFutures
from tools.evaluation.dreams import Dream, Dreamer, Excerpt, Footage


def of(side_px: int, actions: ActionSpace) -> Manifest:
    """A world of such frames and actions."""
    return replace(manifest(side_px, (16,)), actions=actions)


def footage(folder: Path, world: Manifest) -> Footage:
    """Recordings of which all is held out."""
    found = Footage(folder, world)
    found.held_out = list(range(len(found.store)))
    return found


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Two short recorded games of Breakout."""
    folder = tmp_path_factory.mktemp("games")
    world = AtariWorld("breakout")
    with Recording(folder, "breakout") as recording:
        for seed in range(2):
            player = ScriptedPlayer(world, seed)
            frame = world.reset(seed)
            info = EpisodeInfo(
                "breakout",
                world.actions,
                world.rate_fps,
                seed,
                "scripted",
                emulator=world.provenance,
            )
            recording.begin(info, frame)
            for _ in range(150):
                action = player.act(frame)
                step = world.step(action)
                frame = step.frame
                recording.add(action, step, {})
    return footage(folder, of(64, world.actions))


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Two recorded games of the toy world, in which no two moments look the same."""
    folder = tmp_path_factory.mktemp("toys")
    record_toys(folder, 60, 60)
    return footage(folder, of(8, ACTIONS))


class Oracle:
    """Knows what was recorded after every context, and dims it by some levels."""

    choice = Choice("torch", "cpu", "float32")

    def __init__(self, store: Store, dim: int = 0) -> None:
        self.dim = dim
        self.next: dict[int, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}
        for episode in range(len(store)):
            window = store.read(episode, 0, store.length(episode) + 1)
            for t in range(CONTEXT - 1, store.length(episode)):
                reward = np.eye(3)[int(np.sign(window.rewards[t])) + 1]
                flags = np.array([window.life_lost[t], window.ended[t]]) - 0.5
                told = np.concatenate([reward, flags]).astype(np.float32)
                seen = hash(window.frames[t + 1 - CONTEXT : t + 1].tobytes())
                self.next[seen] = window.frames[t + 1], told

    def run(self, inputs: Inputs) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        frame, events = self.next[hash(inputs["frames"].tobytes())]
        return np.clip(frame.astype(int) - self.dim, 0, 255).astype(np.uint8), events


class Still:
    """Repeats the last frame and tells of nothing."""

    choice = Oracle.choice

    def run(self, inputs: Inputs) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        return inputs["frames"][-1].copy(), np.array([0, 1, 0, -1, -1], np.float32)


class Told(PlayStep):
    """A step of which only the names of its outputs matter."""

    outputs = ("frame", "events")
    noises: Mapping[str, tuple[int, ...]] = {}


def nothing() -> None:
    """No progress to show."""


def dreaming(runner: Runner, footage: Footage) -> Dreamer:
    return Dreamer(
        PreparedStep(SamplingOptions(1, 0.0, "float32"), Told(), runner), CONTEXT, footage, nothing
    )


def held(footage: Footage, steps: int, count: int = 20) -> list[Excerpt]:
    return footage.excerpts(CONTEXT + steps, count)


def followed(dreamer: Dreamer, recorded: list[Excerpt]) -> list[Dream]:
    return [dreamer.follow(excerpt, seed) for seed, excerpt in enumerate(recorded)]


def test_single_steps_of_a_dream_that_is_right_and_of_one_that_stands_still(toys: Footage) -> None:
    right = scores.one_step(dreaming(Oracle(toys.store), toys), held(toys, 1))
    still = scores.one_step(dreaming(Still(), toys), held(toys, 1))
    for name in ("psnr_1_db", "psnr_1_all_db", "psnr_1_of_mean_error_db"):
        assert right[name] == MOST_DB
        baseline = name.replace("_db", "_still_db")
        assert still[name] == pytest.approx(still[baseline])
        assert still[name] == pytest.approx(right[baseline])
        assert 10 < right[baseline] < 40
    assert still["psnr_1_gain_db"] == pytest.approx(0)
    assert right["psnr_1_gain_db"] == pytest.approx(MOST_DB - right["psnr_1_still_db"])


def test_steps_in_which_nothing_changes_do_not_flatter(games: Footage) -> None:
    """Before the ball is served the picture stands still, and guessing it is no feat."""
    recorded = held(games, 1, count=300)
    changed = [e for e in recorded if (e.window.frames[-1] != e.window.frames[-2]).any()]
    assert 0 < len(changed) < len(recorded)
    dreamer = dreaming(Still(), games)
    every, moving = scores.one_step(dreamer, recorded), scores.one_step(dreamer, changed)
    assert every["psnr_1_db"] == pytest.approx(moving["psnr_1_db"])
    assert every["psnr_1_all_db"] > moving["psnr_1_all_db"]
    assert every["psnr_1_steps"] == len(changed)


def test_long_dreams_are_fed_their_own_frames(toys: Footage) -> None:
    recorded = held(toys, 30, count=4)
    dreamer = dreaming(Oracle(toys.store), toys)
    right = followed(dreamer, recorded)
    for dream, excerpt in zip(right, recorded, strict=True):
        np.testing.assert_array_equal(dream.frames, excerpt.window.frames[CONTEXT:])
    figures = scores.last_frames(dreamer, right, recorded)
    assert figures["psnr_30_db"] == MOST_DB and figures["psnr_30_starts"] == 4
    assert figures["sharpness_30"] == figures["contrast_30"] == 1
    still = followed(dreaming(Still(), toys), recorded)
    assert scores.last_frames(dreamer, still, recorded)["psnr_30_db"] == pytest.approx(
        figures["psnr_30_still_db"]
    )
    with pytest.raises(KeyError):  # a wrong frame comes back as context, which nobody recorded
        followed(dreaming(Oracle(toys.store, dim=9), toys), recorded)


def test_dreams_that_go_grey_and_dreams_that_go_blurred() -> None:
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (3, 12, 20, 3), dtype=np.uint8).repeat(3, 1).repeat(3, 2)
    grey = (real // 2 + 64).astype(np.uint8)
    assert scores.looks(grey, real) == pytest.approx({"sharpness": 0.5, "contrast": 0.5}, abs=0.02)
    blurred = np.stack([cv2.blur(frame, (3, 3)) for frame in real])
    found = scores.looks(blurred, real)
    assert found["sharpness"] < 0.75 and found["sharpness"] < found["contrast"] < 1


def test_actions_arrive_beside_their_frames(toys: Footage) -> None:
    excerpt, given = held(toys, 6, count=1)[0], []

    class Listener(Still):
        def run(self, inputs: Inputs) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            given.append(inputs["actions"])
            return super().run(inputs)

    dreamer = dreaming(Listener(), toys)
    dreamer.follow(excerpt, 0)
    for step, actions in enumerate(given):
        np.testing.assert_array_equal(actions, excerpt.window.actions[step : step + CONTEXT])
    assert len(given) == 6
    given.clear()
    dreamer.hold(excerpt, ACTIONS.one_hot(2), 3, 0)
    told = np.concatenate([excerpt.window.actions[: CONTEXT - 1], ACTIONS.one_hot(2)[None]])
    np.testing.assert_array_equal(given[0], told)
    np.testing.assert_array_equal(given[2][1:], [*told[3:], *ACTIONS.one_hot(2)[None].repeat(2, 0)])


def test_a_dream_with_and_without_a_ball(games: Footage) -> None:
    # At an episode's beginning the ball is still to come.
    begun = [games.at(episode, 0, CONTEXT + 30) for episode in games.held_out]
    recorded = [excerpt.window for excerpt in (*begun, *held(games, 30, count=6))]
    right = [Dream(window.frames[CONTEXT:]) for window in recorded]
    figures = breakout_scores.life(right, recorded, CONTEXT)
    assert figures["life"] == figures["life_one_ball"] == figures["life_first_10"] == 1
    assert figures["ball_without_one"] == 0
    empty = []
    for dream in right:
        frames = dream.frames.copy()
        frames[10:, 29:57, 3:61] = 0  # the ball goes out in mid-game
        empty.append(Dream(frames))
    figures = breakout_scores.life(empty, recorded, CONTEXT)
    assert figures["life_first_10"] == 1 and figures["life_last_10"] == 0
    assert 0 < figures["life"] < 0.6


@pytest.mark.parametrize("steps", [1, 50])
def test_the_error_of_a_share_is_of_dreams_not_of_their_steps(steps: int) -> None:
    """Fifty steps of a dream that all go as its first do tell no more than one."""
    lived = np.arange(8).repeat(steps).reshape(8, steps) % 2 == 0
    all_of_it = np.ones_like(lived)
    error = breakout_scores.share_error(lived, all_of_it)
    assert error == pytest.approx(np.std(lived[:, 0], ddof=1) / np.sqrt(8))
    assert breakout_scores.share_error(lived, lived) == 0
    assert np.isnan(breakout_scores.share_error(lived, ~all_of_it))
    assert np.isnan(breakout_scores.share_error(lived[:1], all_of_it[:1]))


def test_the_error_of_a_share_is_how_far_other_dreams_would_be_off() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 50, 4000)
    of = np.arange(50) < sizes[:, None]
    hits = np.arange(50) < sizes[:, None] * rng.random((4000, 1))
    draws = [slice(i, i + 40) for i in range(0, 4000, 40)]
    spread = np.std([breakout_scores.share(hits[draw], of[draw]) for draw in draws])
    told = np.mean([breakout_scores.share_error(hits[draw], of[draw]) for draw in draws])
    assert told == pytest.approx(spread, rel=0.2)


def test_what_no_picture_tells_is_drawn_anew_and_nothing_else(games: Footage) -> None:
    """How often the paddle was hit is not seen: some later hit makes the ball quicker, or not."""
    futures, rng = BreakoutFutures(games, CONTEXT), np.random.default_rng(0)
    varied = 0
    for start in held(games, 80, count=6):
        assert futures.leads_to(start)
        draws = {futures.follow(start, rng).tobytes() for _ in range(8)}
        assert start.window.frames[CONTEXT:].tobytes() in draws
        varied += len(draws) > 1
    assert varied
    for excerpt in held(games, CONTEXT + 2, count=12):  # before any hit can count
        np.testing.assert_array_equal(futures.follow(excerpt, rng), excerpt.window.frames[CONTEXT:])
    figures = breakout_scores.life_of_game(games, held(games, 30, count=6), CONTEXT)
    assert 0.5 < figures["life_game"] <= 1


def test_recordings_that_the_game_cannot_be_played_to_have_no_such_figure(
    games: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.evaluation.dreams.provenance_of", lambda world: {"version": "other"})
    assert breakout_scores.life_of_game(games, held(games, 30, count=2), CONTEXT) == {}


def test_events_that_are_told_and_that_are_missed(toys: Footage) -> None:
    right = scores.events(dreaming(Oracle(toys.store), toys))
    assert right["reward_seen"] == right["ended_seen"] == 1
    assert right["reward_false"] == right["ended_false"] == right["life_lost_false"] == 0
    assert "life_lost_seen" not in right, "the toy has no lives"
    deaf = scores.events(dreaming(Still(), toys))
    assert deaf["reward_seen"] == deaf["ended_seen"] == 0

    class Alarmed(Still):
        def run(self, inputs: Inputs) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            return inputs["frames"][-1].copy(), np.array([0, 0, 1, 1, 1], np.float32)

    alarmed = scores.events(dreaming(Alarmed(), toys))
    assert set(alarmed.values()) == {1.0}


class Film(AtariWorld):
    """The emulator, seen through a filter that may break the picture from step 50 on."""

    def __init__(self, damage: str) -> None:
        super().__init__("breakout")
        self.damage, self.count = damage, 0
        self.kept = np.zeros(self.frame_shape, np.uint8)

    def step(self, action: NDArray[np.float32]) -> Step:
        self.count += 1
        step = super().step(action)
        frame = step.frame
        if self.count >= 50:
            if self.damage == "walls":
                frame = frame // 2
            elif self.damage == "field":
                frame[30:50, 10:20] = 99
            elif self.damage == "paddle":
                frame[57:59, 4:60] = 0
            elif self.damage == "bricks":
                frame[17:24, 4:60] = 0
            elif self.damage == "longest_still":
                frame = self.kept
        self.kept = frame
        return Step(frame, step.reward, step.ended, life_lost=step.life_lost)


@pytest.mark.parametrize("damage", ["none", "walls", "field", "paddle", "bricks", "longest_still"])
def test_random_play_that_goes_to_pieces(damage: str) -> None:
    figures = breakout_scores.endurance(Film(damage), 120, seed=0, advance=nothing)
    asked = evaluate.ASKED["breakout"]
    broken = {n for n, value in figures.items() if n in asked and value > asked[n][1]}
    assert (
        f"random_play_{damage}" in broken
        or f"random_play_without_{damage}" in broken
        or (damage == "none" and not broken)
    )


def toy_command(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    arguments = [str(folder / "tiny"), "--data", str(folder / "data"), *more]
    monkeypatch.setattr(sys, "argv", ["evaluate", *arguments])
    evaluate.main()


def test_the_command_prints_json_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    described = manifest(side_px=8, channels=(16,))
    write_tiny_cartridge(tmp_path / "tiny", described)
    record_toys(tmp_path / "data", 70, 70)
    brief = ("--play-seconds", "2", "--play-starts", "2", "--starts", "2", "--frames", "5")
    toy_command(tmp_path, monkeypatch, "--json", *brief)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["cartridge"] == "tiny" and figures["psnr_50_starts"] == 2
    assert 0 < figures["psnr_1_db"] < 60
    assert 0 <= figures["unreal_1s"] <= 1 and "unreal_10s" not in figures
    assert "life" not in figures, "what a ball is, is known for Breakout alone"
    assert "turn" not in figures and "upsampler_db" not in figures


def test_what_is_asked_is_said_beside_the_figures() -> None:
    figures = {"psnr_1_db": 50, "control": 0.9, "random_play_without_walls": 7, "sharpness_100": 1}
    lines = evaluate.table(figures, evaluate.ASKED["breakout"]).splitlines()
    told = [line.split(maxsplit=1)[1] for line in lines]
    assert told == ["50  at least 52.0", "0.9  at least 1.0", "7  at most 0", "1"]
    shooter = evaluate.table(figures, evaluate.ASKED["doom"])
    assert "1  at least 0.7, at most 1.3" in shooter and "48" not in shooter


def test_recordings_of_another_world_are_refused(tmp_path: Path) -> None:
    record_toys(tmp_path / "data", 12, 12)
    with pytest.raises(UserError, match="has frames of 8 x 8, the cartridge dreams 16 x 16"):
        Footage(tmp_path / "data", manifest())
    with pytest.raises(UserError, match="is a recording of toy and has other actions than"):
        Footage(tmp_path / "data", of(8, replace(ACTIONS, names=("STAY", "UP", "DOWN", "OUT"))))
    assert Footage(tmp_path / "data", of(8, ACTIONS)).held_out == [1]
    record_toys(tmp_path / "single", 12)
    with pytest.raises(UserError, match="single episode"):
        Footage(tmp_path / "single", of(8, ACTIONS))
