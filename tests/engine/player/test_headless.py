"""Playing without a window: the same frames for the same seed and actions, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from base.errors import UserError
from engine.player.headless import RunFiles, run, run_demo
from tests.support.scripted_game import dream
from tests.support.toy_world import MouseToy, SwitchingToy, ToyWorld, square_x


def frames_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        return archive["frames"]


def test_frames_are_those_the_steps_made(tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("RIGHT*3  # then nothing, for the other four\nFIRE\n")
    path = tmp_path / "out.npz"
    report = run(ToyWorld, RunFiles(frames=path), steps=8, actions=script, seed=4, start=2)
    played = ["RIGHT"] * 3 + ["FIRE"] + ["NOOP"] * 4
    with np.load(path, allow_pickle=False) as archive:
        assert np.array_equal(archive["frames"], dream(played, seed=4, start=2)[1:])
        assert archive["frames"].dtype == np.uint8
        assert archive["rewards"].dtype == np.float32
        assert archive["rewards"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
        assert archive["ended"].dtype == np.bool_
        assert not archive["ended"].any()
    assert report["reward"] == 1.0


def test_actions_of_counter_strike_are_played_from_a_file(tmp_path: Path) -> None:
    script, path = tmp_path / "script.txt", tmp_path / "out.npz"
    script.write_text("d+space+mouse(30,-4)*2\nidle\na\n")
    run(MouseToy, RunFiles(frames=path), steps=6, actions=script, seed=4)
    seen = [square_x(frame) for frame in frames_of(path)]
    assert seen == [1, 2, 2, 1, 1, 1]
    run(MouseToy, RunFiles(), steps=30)  # a player of chance can play it too


def test_a_world_may_be_shown_side_by_side_from_the_beginning(tmp_path: Path) -> None:
    def open_world() -> SwitchingToy:
        world = SwitchingToy(ToyWorld())
        world.switch("f2")
        return world

    wanted = RunFiles(tmp_path / "out.npz", tmp_path / "out.mp4", tmp_path / "out.png")
    run(open_world, wanted, steps=5)
    assert frames_of(tmp_path / "out.npz").shape == (5, 16, 32, 3)


def test_a_game_that_ends_is_followed_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    script = tmp_path / "script.txt"
    script.write_text("")
    run(lambda: ToyWorld(length=3), RunFiles(frames=path), steps=7, actions=script, seed=5, start=1)
    three, four = dream(["NOOP"] * 3, 5, 1)[1:], dream(["NOOP"] * 3, 6, 2)[1:]
    with np.load(path) as archive:
        assert np.array_equal(archive["frames"], three + four + dream(["NOOP"], 7, 3)[1:])
        assert archive["ended"].tolist() == [False, False, True] * 2 + [False]


def test_the_same_seed_plays_the_same_game_and_another_one_does_not(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.npz", "b.npz", "c.npz")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        run(ToyWorld, RunFiles(frames=path), steps=30, seed=seed)
    a, b, c = map(frames_of, paths)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_the_report_has_milliseconds_for_each_stage(tmp_path: Path) -> None:
    class Named(ToyWorld):
        runtime = "a very small computer"

    path = tmp_path / "report.json"
    wanted = RunFiles(report=path, video=tmp_path / "a.mp4")
    run(Named, wanted, steps=12, seed=3)
    report = json.loads(path.read_text())
    assert (report["cartridge"], report["seed"], report["steps"]) == ("toy", 3, 12)
    assert report["runtime"] == "a very small computer"
    assert report["steps_per_s"] > 0
    for stage in ("model", "encode"):
        assert report["stages"][stage]["count"] == 12
        assert report["stages"][stage]["median_ms"] <= report["stages"][stage]["p95_ms"]


def test_the_film_has_a_picture_for_each_step(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    run(ToyWorld, RunFiles(video=path), steps=25)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25


def test_the_demo_is_twenty_seconds_long_with_a_contact_sheet_beside_it(tmp_path: Path) -> None:
    class Slow(ToyWorld):
        rate_fps = 1.5

    made = run_demo(Slow, tmp_path / "out")
    assert made.video is not None and made.sheet is not None
    with av.open(str(made.video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
        assert container.duration == 20_000_000  # microseconds
    assert made.sheet.parent == made.video.parent == tmp_path / "out"
    assert cv2.imread(str(made.sheet)).shape[2] == 3


def test_the_world_is_closed_whatever_happens(tmp_path: Path) -> None:
    world = ToyWorld()
    with pytest.raises(UserError, match="cannot read"):
        run(lambda: world, RunFiles(), steps=1, actions=tmp_path / "missing")
    assert world.closed
