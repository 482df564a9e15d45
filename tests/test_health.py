"""What inspecting a recording counts, draws and warns of."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from base.errors import UserError
from datasets.health import examine, sample_frames, warnings
from datasets.recording import Recording
from datasets.store import Store
from engine.contracts import CsgoActions, Step
from tests.recordings import record_toys, toy_episode, toy_info
from tests.toy_world import ACTIONS
from tools.inspect import InspectConfig, inspect


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
    assert any("the action rightclick is hardly used (0 steps)" in sentence for sentence in said)
    assert not any("action x" in sentence for sentence in said)


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
    assert "the picture stands still in 100% of the time" in list(warnings(health))


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
        ("nfr" * 10, "", "the action LEFT is hardly used"),
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
    monkeypatch.setattr("datasets.health.FEW_STEPS", 300)
    record_toys(tmp_path, *[30] * 10)
    assert list(warnings(examine(Store(tmp_path)))) == []


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
    inspect(InspectConfig(tmp_path / "toys"))
    inspect(InspectConfig(tmp_path / "toys", sheet=tmp_path / "here.png"))
    said = capsys.readouterr().out
    assert "episodes:   2 by random 2 (100.0%)" in said
    assert "steps:      65 (0.1 minutes); 25 to 40 an episode" in said
    assert "warning: 65 steps are few" in said
    sheets = [tmp_path / "toys" / "contact_sheet.png", tmp_path / "here.png"]
    for sheet in sheets:
        assert cv2.imread(str(sheet)).std() > 5
    record_toys(tmp_path / "toys", 3)  # its own contact sheet does not make a folder foreign


def test_inspecting_nothing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no recorded episode that can be read; record some"):
        inspect(InspectConfig(tmp_path))
    with pytest.raises(UserError, match=r"cannot open .*missing: No such file"):
        inspect(InspectConfig(tmp_path / "missing"))
