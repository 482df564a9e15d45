"""What inspecting a recording counts, draws and warns of."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from base.errors import UserError
from datasets.episode import stamped
from datasets.inspect.colours import channel_order
from datasets.inspect.health import examine
from datasets.inspect.motion import explain_motion
from datasets.inspect.repeats import RepeatFinder
from datasets.inspect.verdict import clipped, to_record, warnings
from datasets.recording import Recording
from datasets.samples import sample_frames, sample_ranges
from datasets.store import Store
from engine.contracts import CsgoActions, Step
from tests.support.recordings import record_toys, toy_episode, toy_info
from tests.support.toy_world import ACTIONS
from tools.inspection import health_report
from tools.inspection.folders import inspect
from tools.inspection.histograms import length_counts


def _record(folder: Path, actions: str, rewards: str = "", still: bool = False) -> None:
    """One episode with an action for each letter and a reward for each digit, never ended."""
    space = {"n": "NOOP", "f": "FIRE", "r": "RIGHT", "l": "LEFT"}
    frame = np.zeros((8, 8, 3), np.uint8)
    with Recording(folder, "toy") as recording:
        recording.begin(toy_info(seed=recording.number), frame)
        for i, letter in enumerate(actions):
            frame = frame if still else np.full_like(frame, i % 2 + 1)
            reward = float(rewards[i]) if rewards else 0.0
            recording.add(ACTIONS.named(space[letter]), Step(frame, reward), {"hand": i + 1})


def test_counts_are_those_of_what_was_recorded(tmp_path: Path) -> None:
    record_toys(tmp_path, 40, 25)
    _record(tmp_path, "nnfrl", "00203")
    health = examine(Store(tmp_path))
    names = [ACTIONS.describe(a) for n in (0, 1) for a, _ in toy_episode((40, 25)[n], n)[1]]
    names += ["NOOP", "NOOP", "FIRE", "RIGHT", "LEFT"]
    assert health.actions == {name: names.count(name) for name in ACTIONS.names}
    assert health.idle == names.count("NOOP")
    fired = names.count("FIRE") - 1
    assert health.rewards == {1.0: fired, 2.0: 1, 3.0: 1}
    assert (health.steps, health.lengths) == (70, [40, 25, 5])
    assert (health.ended, health.lives_lost) == (2, 0)
    assert health.mixture == {"random": 65, "hand": 5}
    assert health.players == {"random": 3}
    assert not health.frozen and not health.duplicates and not health.skipped


def test_buttons_that_are_held_together_count_each(tmp_path: Path) -> None:
    """Only the first of them counted once, and steps without one as running forwards."""
    frame = np.zeros((8, 8, 3), np.uint8)
    space, held = CsgoActions(), ["w", "w+space+mouse(30,0)", "idle", "click", "idle", "mouse(0,4)"]
    with Recording(tmp_path, "toy") as recording:
        recording.begin(replace(toy_info(), actions=space), frame)
        for i, name in enumerate(held):
            recording.add(space.named(name), Step(frame), {"hand": i + 1})
    health = examine(Store(tmp_path))
    done = {"w": 2, "space": 1, "click": 1, "mouse": 2}
    assert health.actions == dict.fromkeys(space.pressed(np.zeros((0, 51), np.float32)), 0) | done
    assert health.idle == 2
    said = list(warnings(health))
    (never,) = (sentence for sentence in said if sentence.startswith("never used"))
    assert "rightclick" in never and "mouse" not in never and "x+" not in never
    assert health.mouse["right"][30] == 1 and health.mouse["right"][0] == 5
    assert health.mouse["down"][4] == 1


def test_a_frozen_stretch_is_told_with_its_place(tmp_path: Path) -> None:
    """Two seconds at 15 steps a second are 30 steps; blocks of frames must not cut a stretch."""
    first, steps = toy_episode(600)
    with Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), first)
        for i, (action, step) in enumerate(steps):
            if 240 <= i < 275:  # frames 240 to 275 equal: across the border of a block
                step = replace(step, frame=steps[239][1].frame)
            if 500 <= i < 529:  # one step too short to tell
                step = replace(step, frame=steps[499][1].frame)
            recording.add(action, step, {})
    (stretch,) = examine(Store(tmp_path)).frozen
    assert (stretch.path.name, stretch.start, stretch.steps) == ("episode_000000.h5", 240, 35)


def test_a_stretch_at_the_end_counts_too(tmp_path: Path) -> None:
    _record(tmp_path, "n" * 50, still=True)
    health = examine(Store(tmp_path))
    (stretch,) = health.frozen
    assert (stretch.start, stretch.steps) == (0, 50)
    assert "the picture stands still in 98% of the time" in list(warnings(health))


def test_copies_and_damaged_files_are_named(tmp_path: Path) -> None:
    record_toys(tmp_path, 10, 11, 12)
    shutil.copy(tmp_path / "episode_000001.h5", tmp_path / "episode_000007.h5")
    (tmp_path / "episode_000009.h5").write_bytes(b"nonsense")
    health = examine(Store(tmp_path))
    (pair,) = health.duplicates
    assert [path.name for path in pair] == ["episode_000007.h5", "episode_000001.h5"]
    said = list(warnings(health))
    assert "episode_000007.h5 is a copy of episode_000001.h5: remove it" in said
    assert any("episode_000009.h5 is not an episode file" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("actions", "rewards", "says"),
    [
        ("nfrl" * 10, "", "40 steps are few"),
        ("nfrl" * 10, "", "there is one episode only"),
        ("nfr" * 10, "", "never used: LEFT"),
        ("n" + "fr" * 100 + "l", "", "hardly used: NOOP (1 steps), LEFT (1 steps)"),
        ("nnnnnfrl", "", "nothing is pressed in 62% of the steps"),
        ("nfrl", "", "no reward was ever earned"),
        ("nfrl", "0001", "no game was ever over"),
    ],
)
def test_what_will_hurt_is_said(tmp_path: Path, actions: str, rewards: str, says: str) -> None:
    _record(tmp_path, actions, rewards)
    said = list(warnings(examine(Store(tmp_path))))
    assert any(says in sentence for sentence in said)


def test_a_good_recording_earns_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.inspect.verdict.FEW_STEPS", 300)
    record_toys(tmp_path, *[30] * 10, shape=(16, 16))
    health = examine(Store(tmp_path))
    assert list(warnings(health)) == to_record(health) == []


def test_what_to_record_more_of_is_said(tmp_path: Path) -> None:
    _record(tmp_path, "nnnnnnnnnfr")
    assert to_record(examine(Store(tmp_path))) == [
        "play in all (19989 steps)",
        "episodes (9)",
        "LEFT, where the game has it",
        "play with something pressed",
        "rewards, if the game has any",
        "games that are played to their end",
    ]


def test_a_mouse_at_the_end_of_its_range_is_told(tmp_path: Path) -> None:
    frame, space = np.zeros((8, 8, 3), np.uint8), CsgoActions()
    held = ["mouse(1000,0)", "mouse(-5000,2)", "mouse(500,0)", "idle"]
    with Recording(tmp_path, "toy") as recording:
        recording.begin(replace(toy_info(), actions=space), frame)
        for name in held:
            recording.add(space.named(name), Step(frame), {})
    health = examine(Store(tmp_path))
    assert clipped(health) == {"right": 0.5, "down": 0.0}
    (said,) = (s for s in warnings(health) if "end of its range" in s)
    assert said.startswith("the mouse's motion right is at the end of its range in 50%")


def _pictures(*numbers: int) -> list[np.ndarray]:
    """A picture for each number: equal ones for equal numbers."""
    return [np.full((2, 2, 3), number, np.uint8) for number in numbers]


def test_what_was_recorded_before_is_told_with_its_place() -> None:
    """A stretch counts by what moves in it; frames beside a gap do not follow one another."""
    one, other = Path("one"), Path("other")
    stretches = RepeatFinder(least=4)
    stretches.follow(one, 0, _pictures(*range(10)))
    stretches.follow(other, 0, _pictures(50, 51, 2, 3, 3, 3, 4, 5, 6, 7, 52))
    stretches.follow(other, 100, _pictures(0, 1, 2, 3))  # too short
    stretches.follow(other, 200, _pictures(4, 5, 6, 7))  # and not its sequel
    stretches.finish()
    (found,) = stretches.repeated
    assert (found.path, found.start, found.steps) == (other, 2, 5)
    assert stretches.frozen == []


def test_a_large_store_is_looked_at_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.inspect.health.MOST_FRAMES", 130)
    record_toys(tmp_path, 300, 200)
    store = Store(tmp_path)
    health = examine(store)
    assert (health.frames, health.looked_at) == (502, 120)  # two places of four seconds
    everything = sample_ranges(store, 60, most=1000)
    assert sum(place.stop - place.start for place in everything) == 502
    assert sample_ranges(store, 60, most=3) == sorted(
        set(everything) & set(sample_ranges(store, 60, most=3)), key=everything.index
    )


def test_frames_that_cannot_be_read_are_told_and_the_rest_is_counted(tmp_path: Path) -> None:
    record_toys(tmp_path, 40, 25)
    path = tmp_path / "episode_000001.h5"
    with h5py.File(path, "r") as file:
        at = file["frames"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at : at + 200] = bytes(200)
    path.write_bytes(stamped(bytes(data)))
    health = examine(Store(tmp_path))
    assert list(health.skipped) == [path]
    assert any(s.startswith(f"left out: cannot read frames from {path}") for s in warnings(health))
    assert health.lengths == [40, 25]


@functools.cache
def _wall() -> np.ndarray:
    rocks = np.random.default_rng(5).integers(0, 255, (6, 200, 3), np.uint8)
    return cv2.resize(rocks, (1600, 48), interpolation=cv2.INTER_CUBIC)


def _scene(shift: int) -> np.ndarray:
    """A wall of rocks, of which one sees what is at `shift`."""
    return np.ascontiguousarray(_wall()[:, shift : shift + 64])


@pytest.mark.parametrize("late", [0, 3, -2])
def test_a_mouse_that_turns_the_picture_explains_its_motion(tmp_path: Path, late: int) -> None:
    """Recorded in step, and with pictures that come late, or before what they should follow."""
    space, rng = CsgoActions(), np.random.default_rng(1)
    turns = rng.choice([-100, -30, 0, 30, 100], 220).tolist()
    at = np.clip(700 + np.cumsum(turns) // 20, 0, 1400).tolist()
    with Recording(tmp_path, "toy") as recording:
        recording.begin(replace(toy_info(), actions=space), _scene(700))
        for i in range(10, 210):
            action = space.named(f"mouse({turns[i]},0)")
            recording.add(action, Step(_scene(at[i - late])), {})
    store = Store(tmp_path)
    (right,) = explain_motion(store, {})  # the mouse never goes down
    assert right.axis == "mouse right" and right.correlation < -0.8
    assert right.lag == late
    assert right.in_step == (late == 0)
    assert ("out of step" in " ".join(warnings(examine(store)))) == (late != 0)


def test_keys_that_do_nothing_explain_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with Recording(tmp_path, "toy") as recording:
        recording.begin(toy_info(), _scene(700))
        for shift in rng.integers(600, 800, 200).tolist():
            recording.add(ACTIONS.one_hot(int(rng.integers(4))), Step(_scene(shift)), {})
    health = examine(Store(tmp_path))
    (keys,) = health.explained
    assert keys.axis == "left and right" and "hardly explained" in str(keys)
    assert any("actions hardly explain how the picture moves" in s for s in warnings(health))


def test_the_order_of_channels_is_guessed_and_never_certain() -> None:
    noise = np.random.default_rng(3).integers(-40, 40, (60, 80, 3))
    sky, sand = np.array([110, 150, 210]), np.array([190, 150, 100])
    whole = np.where(np.arange(60)[:, None, None] < 30, sky, sand) + noise
    outdoors = whole.astype(np.uint8)
    assert str(channel_order([outdoors])).startswith("likely RGB")
    assert channel_order([outdoors[..., ::-1]]).order == "BGR"
    indoors = (sand + noise).astype(np.uint8)
    assert str(channel_order([indoors[..., ::-1]])).startswith("possibly BGR")
    grey = (100 + noise // 4).astype(np.uint8)
    assert channel_order([grey]).order == "unknown"
    drawn = np.full((60, 80, 3), (40, 40, 250), np.uint8)
    assert "few colours" in str(channel_order([drawn]))


@pytest.mark.parametrize("episodes", [1, 2, 3, 9])
def test_a_contact_sheet_has_a_frame_for_each_place(tmp_path: Path, episodes: int) -> None:
    record_toys(tmp_path, *range(5, 5 + episodes))
    store = Store(tmp_path)
    frames = sample_frames(store, rows=3, columns=4)
    assert len(frames) == 12
    np.testing.assert_array_equal(frames[0], store.read(0, 0, 1).frames[0])
    last = store.length((2 * episodes) // 3)
    np.testing.assert_array_equal(
        frames[-1], store.read((2 * episodes) // 3, last, last + 1).frames[0]
    )


def test_inspecting_prints_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_toys(tmp_path / "toys", 40, 25)
    inspect(tmp_path / "toys")
    inspect(tmp_path / "toys", sheet=tmp_path / "here.png")
    said = capsys.readouterr().out
    assert "episodes:   2 by random 2 (100.0%)" in said
    assert "steps:      65 (0.1 minutes); 25 to 40 an episode" in said
    assert "looked at:  100% of the frames" in said
    assert "warning: 65 steps are few" in said
    assert "verdict: record more of: play in all (19935 steps); episodes (8)\n" in said
    for folder, name in (("toys", "contact_sheet.png"), ("", "here.png")):
        for drawn in (name, "histograms.png"):
            picture = cv2.imread(str(tmp_path / folder / drawn))
            assert picture is not None and picture.std() > 5
    record_toys(tmp_path / "toys", 3)  # its own contact sheet does not make a folder foreign


def test_two_sizes_of_the_same_episodes_are_both_inspected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_toys(tmp_path / "low", 20, 10, shape=(8, 8))
    record_toys(tmp_path / "full", 20, shape=(16, 16))
    inspect(tmp_path)
    said = capsys.readouterr().out
    assert "8 x 8 pixels" in said and "16 x 16 pixels" in said
    assert f"1 episodes of {tmp_path / 'low'} are not in {tmp_path / 'full'}, the first" in said
    inspect(tmp_path, as_json=True)
    low, full = json.loads(capsys.readouterr().out)
    assert (low["steps"], full["steps"]) == (30, 20)
    assert full["actions"].keys() == set(ACTIONS.names) and full["record_more_of"]
    with pytest.raises(UserError, match=r"--sheet is for one folder; inspect .*low and .*full"):
        inspect(tmp_path, sheet=tmp_path / "sheet.png")


def test_lengths_fall_into_ranges_that_hold_them_all() -> None:
    assert length_counts([5]) == {"5-5": 1}
    assert length_counts([5, 6, 6, 8]) == {"5-5": 1, "6-6": 2, "7-7": 0, "8-8": 1}
    many = length_counts(list(range(100, 300)))
    assert len(many) == 12 and sum(many.values()) == 200


def test_inspecting_nothing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no recorded episode that can be read; record some"):
        inspect(tmp_path)
    with pytest.raises(UserError, match=r"cannot open .*missing: No such file"):
        inspect(tmp_path / "missing")


def test_rewards_by_one_name_are_counted_together_and_the_rarest_not_one_by_one(
    tmp_path: Path,
) -> None:
    """Of fifty rewards near a million the last of each name counted, and the line had no end."""
    _record(tmp_path, "n" * 30)
    health = examine(Store(tmp_path))
    health.rewards.update({1e6 + i: i for i in range(1, 51)})
    named = health_report.to_json(tmp_path, health)["rewards"]
    assert len(named) < 10 and sum(named.values()) == sum(range(51))
    line = next(line for line in health_report.described(health) if line.startswith("rewards:"))
    assert "and 30 others" in line
