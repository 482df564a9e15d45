"""DIAMOND's own episodes: read as data, checked, and written as recordings."""

from __future__ import annotations

import io
import os
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from datasets.episode import EpisodeInfo
from datasets.importers import diamond_episodes
from datasets.importers.foreign import ForeignEpisode, numbered_choices
from datasets.store import Store
from engine.contracts import CsgoActions
from tests.support.damage import cut, flipped
from tests.support.recordings import Here
from tools.importing.diamond import import_diamond
from tools.options.imports import DiamondImport

INFO = EpisodeInfo("some", numbered_choices(4), 15.0, seed=0, player="agent")


def frames(count: int, height: int = 6, width: int = 8) -> Tensor:
    """Frames in DIAMOND's order of axes, each of another colour."""
    rng = np.random.default_rng(count)
    return torch.from_numpy(rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8))


def episode(count: int = 5, over: bool = True, **changes: Any) -> dict[str, Any]:
    """What DIAMOND saves of an episode of `count` steps."""
    shown = frames(count + 1)
    end = torch.zeros(count, dtype=torch.uint8)
    end[-1] = over
    data = {
        "obs": shown[:-1],
        "act": torch.arange(count) % 4,
        "rew": torch.arange(count, dtype=torch.float32),
        "end": end,
        "trunc": torch.zeros(count, dtype=torch.uint8),
        "info": {"final_observation": shown[-1].div(255).mul(2).sub(1)} if over else {},
    }
    return {**data, **changes}


def saved(data: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(data, buffer)
    return buffer.getvalue()


def write(folder: Path, number: int, data: Any) -> Path:
    """Save an episode where DIAMOND does."""
    path = folder / f"{0:03d}" / f"{0:02d}" / f"{number % 10}" / f"{number}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else saved(data))
    return path


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.importing.diamond.IsolatedProcess", Here)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("episodes") / "0.pt"


def test_episodes_become_recordings_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (count, over) in enumerate([(5, True), (3, False)] + [(2, True)] * 9):
        write(tmp_path / "train", number, episode(count, over))
    (tmp_path / "train" / "info.pt").write_bytes(b"not an episode")
    import_diamond(DiamondImport(tmp_path / "train", tmp_path / "out", game="Breakout"))
    assert "wrote 11 episodes of 25 steps" in capsys.readouterr().out
    store = Store(tmp_path / "out")
    assert [store.length(i) for i in range(len(store))] == [5, 2, *[2] * 9]
    assert store.info.actions.names == ("NOOP", "FIRE", "RIGHT", "LEFT")
    assert (store.info.game, store.info.rate_fps, store.info.player) == ("breakout", 15, "agent")
    whole = store.read(0, 0, 6)
    assert np.array_equal(whole.frames, frames(6).permute(0, 2, 3, 1))  # the last one as well
    assert whole.actions[:5].argmax(axis=1).tolist() == [0, 1, 2, 3, 0]
    assert whole.rewards.tolist() == [0, 1, 2, 3, 4, 0]
    assert whole.ended.tolist() == [False] * 4 + [True, False]
    # Where the last step led is not known of an episode that was not over.
    assert np.array_equal(store.read(1, 0, 3).frames, frames(4)[:3].permute(0, 2, 3, 1))
    assert store.steps(1).truncated.tolist() == [False, True] and not store.steps(1).ended.any()


def test_numbers_of_other_types_are_numbers_too(tmp_path: Path) -> None:
    rewards = torch.arange(5, dtype=torch.float64, requires_grad=True)
    path = write(tmp_path, 0, episode(rew=rewards, end=torch.zeros(5, dtype=torch.bfloat16)))
    read = diamond_episodes.read(path, INFO)
    assert read.steps.rewards.tolist() == [0, 1, 2, 3, 4] and not read.steps.ended.any()


def test_episodes_may_be_in_any_kind_of_dict(tmp_path: Path) -> None:
    whole = episode()
    path = write(tmp_path, 0, OrderedDict(whole, info=OrderedDict(whole["info"])))
    assert len(diamond_episodes.read(path, INFO).frames) == 6


def test_buttons_of_csgo_are_known_by_their_number(tmp_path: Path) -> None:
    actions, rng = CsgoActions(), np.random.default_rng(0)
    held = np.stack([actions.random(rng) for _ in range(5)]).astype(np.float64)
    info = {"original_file_id": "1-200/hdf5_dm_july2021_1.hdf5"}
    data = episode(5, False, act=torch.from_numpy(held), info=info)
    write(tmp_path / "low_res", 0, data)
    import_diamond(DiamondImport(tmp_path / "low_res", tmp_path / "out", player="human"))
    store = Store(tmp_path / "out")
    assert (store.info.game, store.info.rate_fps, store.info.player) == ("csgo", 16, "human")
    assert isinstance(store.info.actions, CsgoActions)
    assert np.array_equal(store.steps(0).actions, held[:4])


def test_one_bad_file_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "src", 0, episode())
    write(tmp_path / "src", 1, saved(episode())[:-300])
    write(tmp_path / "src", 2, episode(4, act=torch.tensor([0, 1, 2, 6])))
    import_diamond(DiamondImport(tmp_path / "src", tmp_path / "out"))
    out = capsys.readouterr().out
    assert out.count("left out:") == 1 and "1.pt is damaged" in out and "wrote 2 episodes" in out
    # Without a game, there are as many actions as are taken anywhere.
    assert Store(tmp_path / "out").info.actions.names[-1] == "action 6"
    with pytest.raises(UserError, match="7 actions in it, and breakout has 4"):
        import_diamond(DiamondImport(tmp_path / "src", tmp_path / "b", game="breakout"))
    with pytest.raises(UserError, match="holds no episodes of DIAMOND"):
        import_diamond(DiamondImport(tmp_path / "out", tmp_path / "b"))
    write(tmp_path / "bad", 0, b"")
    with pytest.raises(UserError, match=r"0\.pt"):
        import_diamond(DiamondImport(tmp_path / "bad", tmp_path / "b"))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", ["obs", "act", "rew"])
def test_a_flipped_bit_leaves_an_episode_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """It makes another picture, action or reward that could well be."""
    whole = episode(4)
    write(tmp_path / "src", 0, whole)
    file, tensor = bytearray(saved(whole)), whole[name].numpy().tobytes()
    file[file.index(tensor)] ^= 1
    write(tmp_path / "src", 1, bytes(file))
    import_diamond(DiamondImport(tmp_path / "src", tmp_path / "out"))
    out = capsys.readouterr().out
    assert out.count("left out:") == 1 and "1.pt is damaged" in out and "wrote 1 episodes" in out


def test_an_import_that_was_stopped_goes_on_when_the_same_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        write(tmp_path / "src", number, episode(number + 3))
    config = DiamondImport(tmp_path / "src", tmp_path / "out", fps=10)
    read, done = diamond_episodes.read, list[str]()

    def stopped_once(path: Path, info: EpisodeInfo) -> ForeignEpisode:
        done.append(path.name)
        if len(done) == 2:
            raise KeyboardInterrupt
        return read(path, info)

    monkeypatch.setattr(diamond_episodes, "read", stopped_once)
    with pytest.raises(KeyboardInterrupt):
        import_diamond(config)
    import_diamond(config)
    assert done == ["0.pt", "1.pt", "1.pt", "2.pt"]
    assert "wrote 3 episodes of 12 steps" in capsys.readouterr().out
    with pytest.raises(UserError, match="not of this import"):
        import_diamond(replace(config, fps=12))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"obs": frames(5).int()}, "its frames are torch.int32"),
        ({"obs": frames(5) / 255 * 4 - 2}, r"floats beyond \[-1, 1\]"),
        ({"obs": torch.full((5, 3, 6, 8), torch.nan)}, r"floats beyond \[-1, 1\]"),
        ({"obs": frames(5).permute(0, 2, 3, 1)}, r"not \(T, 3, H, W\)"),
        ({"obs": frames(4)}, "'act' of .5,. with frames of .4"),
        ({"obs": frames(1).expand(5, 3, 6, 8)[:, :, :1, :1].expand(5, 3, 999, 999)}, "claim more"),
        ({"act": torch.tensor([0, 1, 2, 3, -1])}, "has the action -1"),
        ({"act": torch.tensor([0, 1, 2, 3, 4])}, "the action 4, and the game has 4"),
        ({"act": torch.zeros(5)}, "no numbers of actions"),
        ({"act": torch.full((5, 4), 0.5)}, "'act' that is neither 0 nor 1"),
        ({"act": torch.ones(5, 3)}, "it has 3 buttons, not 4"),
        ({"rew": torch.full((5,), torch.inf)}, "rewards that are no finite numbers"),
        ({"rew": torch.zeros(5, 1)}, "'rew' of"),
        ({"rew": torch.zeros(5, dtype=torch.complex64)}, "complex numbers"),
        ({"end": torch.full((5,), 2)}, "'end' that is neither 0 nor 1"),
        ({"end": torch.ones(5)}, "it ends before its last step"),
        ({"trunc": torch.zeros(5).to_sparse()}, "'trunc' is no plain tensor"),
        ({"info": {"final_observation": frames(2)}}, "final observation of another shape"),
        ({"info": {"final_observation": "none"}}, "'final_observation' is no plain tensor"),
        ({"info": []}, "is no episode of DIAMOND"),
        ({"info": {"folder": Path("/")}}, "more than plain data"),
    ],
)
def test_what_no_episode_can_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    path = write(tmp_path, 0, episode(**changes))
    with pytest.raises(UserError, match=says) as caught:
        diamond_episodes.read(path, INFO)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


class Executes:
    """A pickle of this makes a folder when it is loaded by any usual means."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = write(tmp_path, 0, episode(info={"x": Executes(tmp_path / "trace")}))
    with pytest.raises(UserError, match="was refused"):
        diamond_episodes.read(path, INFO)
    assert not (tmp_path / "trace").exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / "trace").exists()  # it would have run: else this test could not fail


BYTES = saved(episode())


def read_or_refused(path: Path) -> None:
    try:
        read = diamond_episodes.read(path, INFO)
    except UserError as error:
        assert str(path) in str(error) and "\n" not in str(error)
    else:
        assert len(read.frames) == len(read.steps) + 1 and read.frames.nbytes < len(BYTES)
        assert np.array_equal(read.frames, frames(6).permute(0, 2, 3, 1))


@given(flipped(BYTES))
def test_flipped_bytes_make_no_other_episode(file: Path, damaged: bytes) -> None:
    file.write_bytes(damaged)
    read_or_refused(file)


@given(st.binary(max_size=2000) | cut(BYTES))
def test_any_other_file_is_one_line(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    read_or_refused(file)


def slow_to_hash(depth: int) -> bytes:
    """A pickle of a dict whose key is a tuple of the same tuple twice, and so on: 2^depth steps."""
    twice = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) + b"0"
                     for i in range(depth))  # fmt: skip
    return b"\x80\x02)q\x000" + twice + b"}h" + bytes([depth]) + b"Ns."


@pytest.mark.slow
def test_a_file_that_would_take_for_ever_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "0.pt"
    with zipfile.ZipFile(io.BytesIO(BYTES)) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            whole = source.read(name)
            target.writestr(name, slow_to_hash(64) if name.endswith("data.pkl") else whole)
    with IsolatedProcess(limit_s=20) as isolated, pytest.raises(UserError, match="takes over 20 s"):
        isolated.call(str(path), diamond_episodes.read, path, INFO)
