"""What a shooter is recorded into: two sizes with the same episodes, and files as CS:GO's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from base.errors import UserError
from datasets.episode import EpisodeInfo
from datasets.importers.csgo_layout import FRAME_SHAPE, CsgoFile
from datasets.importers.csgo_recording import CsgoRecording
from datasets.resize import shrink
from datasets.siblings import Siblings
from datasets.store import Store
from engine.contracts import CsgoActions, Step
from engine.games import doom_map
from tools.app.games import Keeper, game_called
from tools.capture.record_game import record
from tools.options.record import RecordConfig

SPACE = CsgoActions()
INFO = EpisodeInfo("doom", SPACE, 16.0, seed=5, player="scripted")
RNG = np.random.default_rng(0)
FRAMES = [RNG.integers(256, size=FRAME_SHAPE).astype(np.uint8) for _ in range(12)]
ACTIONS = [SPACE.random(RNG) for _ in range(12)]


def _play(keeper: Keeper, steps: int) -> None:
    """An episode of the first of `FRAMES` and `ACTIONS`."""
    keeper.begin(INFO, FRAMES[0])
    for t in range(steps):
        keeper.add(ACTIONS[t], Step(FRAMES[t + 1], truncated=t == steps - 1), {"walking": t + 1})


def test_both_sizes_have_the_same_episodes(tmp_path: Path) -> None:
    with Siblings(tmp_path, "doom") as siblings:
        _play(siblings, 9)
        _play(siblings, 4)
        assert siblings.number == 2
    full, low = Store(tmp_path / "full"), Store(tmp_path / "low")
    assert [full.length(i) for i in range(2)] == [low.length(i) for i in range(2)] == [9, 4]
    np.testing.assert_array_equal(full.read(0, 0, 10).frames, FRAMES[:10])
    np.testing.assert_array_equal(low.read(0, 0, 10).frames, shrink(np.stack(FRAMES[:10]), 30, 56))
    for store in (full, low):
        np.testing.assert_array_equal(store.steps(0).actions, ACTIONS[:9])
        assert store.steps(0).truncated.tolist() == [False] * 8 + [True]


def test_numbers_stay_the_same_after_one_size_lost_an_episode(tmp_path: Path) -> None:
    """A crash may come between the two; full 1 beside another low 1 would ruin an upsampler."""
    with Siblings(tmp_path, "doom") as siblings:
        _play(siblings, 4)
        _play(siblings, 4)
    (tmp_path / "low" / "episode_000001.h5").unlink()
    with Siblings(tmp_path, "doom") as siblings:
        assert siblings.number == 2
        _play(siblings, 4)
    assert {path.name for path in (tmp_path / "low").glob("*.h5")} == {
        "episode_000000.h5",
        "episode_000002.h5",
    }
    assert (tmp_path / "full" / "episode_000002.h5").exists()


def test_files_of_the_csgo_layout_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.importers.csgo_recording.FRAMES", 5)
    for _ in range(2):
        with CsgoRecording(tmp_path / "new", "doom") as recording:
            _play(recording, 5)
            _play(recording, 3)  # does not fill a file
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["hdf5_doom_1.hdf5", "hdf5_doom_2.hdf5"]
    with CsgoFile(tmp_path / "new" / names[1]) as file:
        played = file.read(least=5)
    np.testing.assert_array_equal(played.frames, FRAMES[:5])
    np.testing.assert_array_equal(played.actions, ACTIONS[:5])


def test_the_csgo_layout_is_for_games_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="breakout cannot be written in the layout csgo"):
        game_called("breakout").keeper("csgo", tmp_path)
    with pytest.raises(UserError, match="--steps must be a multiple of that, not 1500"):
        RecordConfig("doom", tmp_path, steps=1500, layout="csgo")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="holds other things than doom"):
        game_called("Doom").keeper("csgo", tmp_path)


def test_a_disk_that_refuses_is_told_of(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    tmp_path.touch()
    with pytest.raises(UserError, match="cannot write to"), CsgoRecording(tmp_path / "d", "doom"):
        pass


def test_both_sizes_have_the_pose(tmp_path: Path) -> None:
    command = RecordConfig("doom", tmp_path, player="scripted", steps=20, seed=3)
    record(command)
    full, low = Store(tmp_path / "full"), Store(tmp_path / "low")
    assert full.state_names == low.state_names == ("x", "y", "angle", "pitch")
    states = full.states(0)
    assert states is not None and states.shape == (21, 4) and np.isfinite(states).all()
    np.testing.assert_array_equal(states, low.states(0))
    columns, rows = len(doom_map.PLAN[0]), len(doom_map.PLAN)
    assert (states[:, :2] > 0).all() and (states[:, :2] < doom_map.CELL * max(columns, rows)).all()
