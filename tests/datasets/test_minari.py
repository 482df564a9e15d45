"""Recordings to Minari and back, datasets of others, and files that are no dataset at all."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import minari as library
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from minari.data_collector import EpisodeBuffer

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from datasets.episode import EpisodeInfo
from datasets.importers import minari
from datasets.recording import Recording
from datasets.store import Store
from engine.contracts import ActionSpace, CsgoActions, HeldActions, Step
from tests.support.recordings import Here, record_toys, toy_info
from tools.export_minari import ExportMinariConfig, export_minari
from tools.importing.minari import import_minari
from tools.options.imports import MinariImport

ROOT = Path(__file__).resolve().parents[2]
NAME = "dreamcart/toy-v0"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Minari's own place, for this test alone; what reads it begins at once."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.setattr("tools.importing.minari.IsolatedProcess", Here)
    return tmp_path / "minari"


@pytest.fixture(scope="module")
def isolated() -> Iterator[IsolatedProcess]:
    with IsolatedProcess(limit_s=60) as running:
        yield running


def record_buttons(folder: Path, actions: ActionSpace) -> None:
    """Record an episode of a game with a multi-hot action space, cut off after five steps."""
    rng = np.random.default_rng(3)
    info = EpisodeInfo("buttons", actions, 16.0, seed=4, player="human", mixture={"human": 5})
    frames = rng.integers(0, 256, (6, 30, 56, 3), dtype=np.uint8)
    with Recording(folder, "buttons") as recording:
        recording.begin(info, frames[0])
        for i in range(1, 6):
            step = Step(frames[i], i / 3, truncated=i == 5, life_lost=i == 2)
            recording.add(actions.random(rng), step, {"human": i})


def assert_same(first: Store, second: Store) -> None:
    assert len(first) == len(second)
    for i in range(len(first)):
        assert first.episode_info(i).to_json() == second.episode_info(i).to_json()
        stop = first.length(i) + 1
        assert np.array_equal(first.read(i, 0, stop).frames, second.read(i, 0, stop).frames)
        for name in ("actions", "rewards", "ended", "truncated", "life_lost"):
            ours, theirs = getattr(first.steps(i), name), getattr(second.steps(i), name)
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs), name


@pytest.mark.parametrize("kind", ["choices", "csgo", "held"])
def test_all_comes_back_from_minari(tmp_path: Path, kind: str) -> None:
    if kind == "choices":
        record_toys(tmp_path / "a", 20, 3, shape=(40, 40))
    else:
        held = HeldActions("buttons", {"jump": ("space",), "fire": ("left button",)})
        record_buttons(tmp_path / "a", CsgoActions() if kind == "csgo" else held)
    export_minari(ExportMinariConfig(tmp_path / "a", NAME))
    import_minari(MinariImport(NAME, tmp_path / "b"))
    assert_same(Store(tmp_path / "a"), Store(tmp_path / "b"))


def test_minari_itself_reads_what_was_exported(tmp_path: Path) -> None:
    record_toys(tmp_path / "a", 20, 3, shape=(40, 40))
    store = Store(tmp_path / "a")
    minari.export(store, NAME)
    dataset = library.load_dataset(NAME)
    assert (dataset.total_episodes, dataset.total_steps) == (2, 23)
    assert dataset.action_space == spaces.Discrete(4)
    episode = dataset[0]
    assert np.array_equal(episode.observations, store.read(0, 0, 21).frames)
    assert np.array_equal(episode.actions, store.steps(0).actions.argmax(axis=1))
    assert episode.terminations[-1] and not episode.truncations.any()
    assert dataset.storage.metadata["description"].startswith("toy at 15 steps a second")


def foreign(
    observations: Any,
    actions: Any,
    frames: spaces.Space,
    choices: spaces.Space,
    lossy: bool = False,
) -> None:
    """A dataset that somebody else made, in JPEG if `lossy`."""
    count = len(next(iter(actions.values())) if isinstance(actions, dict) else actions)
    if isinstance(actions, tuple):
        count = len(actions[0])
    buffer = EpisodeBuffer(
        observations=observations,
        actions=actions,
        rewards=np.arange(count, dtype=np.float64),
        terminations=np.arange(count) == count - 1,
        truncations=np.zeros(count, bool),
    )
    library.create_dataset_from_buffers(
        "some/images-v2",
        [buffer],
        observation_space=frames,
        action_space=choices,
        jpeg_encoding=lossy,
    )


@pytest.mark.filterwarnings("ignore")
def test_pictures_of_others_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grey = np.repeat(np.arange(0, 210, 30, dtype=np.uint8), 48 * 64).reshape(7, 48, 64)
    numbers = np.array([5, 7, 6, 5, 5, 7])
    box = spaces.Box(0, 255, (48, 64), np.uint8)
    foreign(grey, numbers, box, spaces.Discrete(3, start=5), lossy=True)
    with pytest.raises(UserError, match="say it with --fps"):
        import_minari(MinariImport("some/images-v2", tmp_path / "a"))
    with pytest.raises(UserError, match=r"breakout has 4 actions and the dataset 3"):
        import_minari(MinariImport("some/images-v2", tmp_path / "a", game="breakout", fps=15))
    import_minari(MinariImport("some/images-v2", tmp_path / "a", fps=15, player="human"))
    assert "wrote 1 episodes of 6 steps" in capsys.readouterr().out
    store = Store(tmp_path / "a")
    assert (store.info.game, store.info.player) == ("some-images-v2", "human")
    assert store.info.actions.names == ("action 0", "action 1", "action 2")
    steps = store.steps(0)
    assert steps.actions.argmax(axis=1).tolist() == [0, 2, 1, 0, 0, 2]
    assert steps.rewards.tolist() == [0, 1, 2, 3, 4, 5] and steps.ended.tolist()[-2:] == [0, 1]
    frames = store.read(0, 0, 7).frames.astype(int)
    assert frames.shape == (7, 48, 64, 3) and np.abs(frames - grey[..., None]).max() <= 3
    with pytest.raises(UserError, match="holds recordings already"):
        import_minari(MinariImport("some/images-v2", tmp_path / "a", fps=15))


PICTURE = spaces.Box(0, 255, (40, 40, 3), np.uint8)
PLAYED = np.random.default_rng(8).integers(0, 256, (7, 40, 32, 3), dtype=np.uint8)
GREY = PLAYED[..., 0]


def rows(samples: list[Any]) -> Any:
    """Samples of a space, one after the other, as Minari's buffers hold them."""
    if isinstance(samples[0], dict):
        return {name: rows([sample[name] for sample in samples]) for name in samples[0]}
    if isinstance(samples[0], tuple):
        return tuple(rows(list(part)) for part in zip(*samples, strict=True))
    return np.stack(samples)


def in_a_row(frames: np.ndarray, count: int = 4) -> np.ndarray:
    """Frames (N, ...) as (N, count, ...): each with those before it, as FrameStack makes them."""
    padded = np.concatenate([np.repeat(frames[:1], count - 1, axis=0), frames])
    return np.stack([padded[i : i + len(frames)] for i in range(count)], axis=1)


def imported(folder: Path, **options: Any) -> np.ndarray:
    """The frames of the one episode of `foreign`."""
    import_minari(MinariImport("some/images-v2", folder, fps=15, **options))
    return Store(folder).read(0, 0, 7).frames


def box_of(observations: np.ndarray) -> spaces.Box:
    high = 255 if observations.dtype == np.uint8 else 1
    return spaces.Box(0, high, observations.shape[1:], observations.dtype.type)


COLOUR_ROW, GREY_ROW = in_a_row(PLAYED), in_a_row(GREY)  # (N, K, H, W, 3), (N, K, H, W)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("observations", "shown"),
    [
        (GREY_ROW, GREY),
        (np.moveaxis(GREY_ROW, 1, -1), GREY),
        (np.moveaxis(GREY_ROW[:, ::-1], 1, -1), GREY),  # the newest first
        (GREY_ROW[..., None], GREY),
        (GREY_ROW[:, :, None], GREY),
        (in_a_row(GREY, 2), GREY),
        (COLOUR_ROW, PLAYED),
        (np.moveaxis(COLOUR_ROW, 1, -1), PLAYED),
        (np.moveaxis(COLOUR_ROW, -1, 2), PLAYED),
        (np.moveaxis(COLOUR_ROW, 1, 3).reshape(7, 40, 32, 12), PLAYED),
        (np.moveaxis(COLOUR_ROW, -1, 2).reshape(7, 12, 40, 32), PLAYED),
        (np.dstack([PLAYED.reshape(280, 32, 3), np.full((280, 32), 255, np.uint8)]), PLAYED),
        (np.moveaxis(PLAYED, -1, 1), PLAYED),
        ((PLAYED / 255).astype(np.float32), PLAYED),
        ((PLAYED / 255).astype(np.float64), PLAYED),
        ((GREY_ROW / 255).astype(np.float32), GREY),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}",
)
def test_the_newest_picture_is_taken_however_they_lie(
    tmp_path: Path, observations: np.ndarray, shown: np.ndarray
) -> None:
    if len(observations) != 7:
        observations = observations.reshape(7, 40, 32, 4)
    shown = shown if shown.ndim == 4 else np.repeat(shown[..., None], 3, axis=3)
    foreign(observations, np.zeros(6, int), box_of(observations), spaces.Discrete(2))
    np.testing.assert_array_equal(imported(tmp_path / "a"), shown)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bounds", [(0.0, 255.0), (-1.0, 1.0)])
def test_floats_are_read_by_the_bounds_of_their_space(
    tmp_path: Path, bounds: tuple[float, float]
) -> None:
    black, white = bounds
    values = (PLAYED / 255 * (white - black) + black).astype(np.float32)
    box = spaces.Box(black, white, PLAYED.shape[1:], np.float32)
    foreign(values, np.zeros(6, int), box, spaces.Discrete(2))
    np.testing.assert_array_equal(imported(tmp_path / "a"), PLAYED)


@pytest.mark.filterwarnings("ignore")
def test_floats_beyond_their_space_are_refused(tmp_path: Path) -> None:
    values = (PLAYED / 200).astype(np.float32)
    foreign(values, np.zeros(6, int), box_of(values), spaces.Discrete(2))
    with pytest.raises(UserError, match="go beyond 0 and 1"):
        imported(tmp_path / "a")


@pytest.mark.filterwarnings("ignore")
def test_the_one_picture_among_other_observations_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As ViZDoom's environments give them."""
    numbers = np.zeros((7, 1), np.float32)
    space = spaces.Dict(
        {
            "gamevariables": spaces.Box(-1, 1, (1,)),
            "screen": spaces.Box(0, 255, (40, 32, 3), np.uint8),
        }
    )
    foreign(
        {"gamevariables": numbers, "screen": PLAYED}, np.zeros(6, int), space, spaces.Discrete(2)
    )
    lossy = imported(tmp_path / "a").astype(int)  # Minari's JPEG of noise
    assert np.abs(lossy - PLAYED).mean() < 40
    assert "pictures: observation screen" in capsys.readouterr().out
    with pytest.raises(UserError, match="its observation gamevariables is no picture"):
        minari.find("some/images-v2", "gamevariables")
    with pytest.raises(UserError, match="did you mean 'screen'"):
        minari.find("some/images-v2", "sceen")


@pytest.mark.filterwarnings("ignore")
def test_of_several_pictures_one_is_named(tmp_path: Path) -> None:
    box = spaces.Box(0, 1, (40, 32, 3), np.float32)
    space = spaces.Tuple([box, spaces.Dict({"map": box, "health": spaces.Box(0, 1, (1,))})])
    seen, there = (PLAYED / 255).astype(np.float32), (PLAYED[::-1] / 255).astype(np.float32)
    inner = {"map": there, "health": np.zeros((7, 1), np.float32)}
    foreign((seen, inner), np.zeros(6, int), space, spaces.Discrete(2))
    with pytest.raises(UserError, match=r"say which with --observation NAME: 0, 1/map"):
        imported(tmp_path / "a")
    np.testing.assert_array_equal(imported(tmp_path / "a", observation="0"), PLAYED)
    np.testing.assert_array_equal(imported(tmp_path / "b", observation="1/map"), PLAYED[::-1])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("space", "actions", "held"),
    [
        (spaces.MultiDiscrete([2, 2]), [[0, 1], [1, 1], [0, 0]], [[0, 1], [1, 1], [0, 0]]),
        (
            spaces.MultiDiscrete([3, 2], start=[-1, 5]),
            [[-1, 5], [0, 6], [1, 5]],
            [[0, 0, 0], [1, 0, 1], [0, 1, 0]],
        ),
        (spaces.MultiBinary((1, 2)), [[[0, 1]], [[1, 1]], [[0, 0]]], [[0, 1], [1, 1], [0, 0]]),
    ],
    ids=str,
)
def test_several_choices_at_once_are_buttons(
    tmp_path: Path, space: spaces.Space, actions: list[Any], held: list[Any]
) -> None:
    """The first of each choice is nothing pressed."""
    foreign(GREY[:4], np.array(actions), spaces.Box(0, 255, (40, 32), np.uint8), space)
    import_minari(MinariImport("some/images-v2", tmp_path / "a", fps=15))
    store = Store(tmp_path / "a")
    assert store.steps(0).actions.tolist() == held
    assert store.info.actions.names == tuple(f"button {i + 1}" for i in range(len(held[0])))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("frames", "choices", "says"),
    [
        (spaces.Box(0, 1, (7,), np.float32), spaces.Discrete(2), "holds no images"),
        (spaces.Box(-9, 9, (7, 40, 40), np.float32), spaces.Discrete(2), "holds no images"),
        (spaces.Box(0, 255, (99, 99, 99), np.uint8), spaces.Discrete(2), "holds no images"),
        (PICTURE, spaces.Box(-1, 1, (2,)), r"the kind Box \(2,\), .*: make a few choices"),
        (
            PICTURE,
            spaces.Dict({"camera": spaces.Box(-1, 1, (2,)), "jump": spaces.Discrete(2)}),
            r"the kind Dict \(camera Box, jump Discrete\), in parts: put them together as one",
        ),
        (PICTURE, spaces.Tuple([spaces.Discrete(2)]), r"the kind Tuple \(0 Discrete\), in parts"),
    ],
)
def test_what_is_not_played_by_pictures_is_refused(
    tmp_path: Path, frames: spaces.Space, choices: spaces.Space, says: str
) -> None:
    observations = [frames.sample() for _ in range(3)]
    foreign(observations, rows([choices.sample() for _ in range(2)]), frames, choices)
    with pytest.raises(UserError, match=says) as raised:
        minari.find("some/images-v2")
    assert "\n" not in str(raised.value)


def test_no_environment_is_built_from_what_a_file_names(tmp_path: Path, place: Path) -> None:
    record_toys(tmp_path / "a", 3)
    minari.export(Store(tmp_path / "a"), NAME)
    path, trace = place / NAME / "data" / "metadata.json", tmp_path / "trace"
    data = json.loads(path.read_text())
    del data["observation_space"]
    spec = {
        "id": "Evil-v0", "entry_point": "os:mkdir", "kwargs": {"path": str(trace)},
        "additional_wrappers": [], "disable_env_checker": True,
    }  # fmt: skip
    path.write_text(json.dumps({**data, "env_spec": json.dumps(spec)}))
    with pytest.raises(UserError, match="describes no Minari dataset"):
        minari.find(NAME)
    assert not trace.exists()
    with pytest.raises(Exception):  # noqa: B017 - mkdir makes no environment
        library.MinariDataset(path.parent)
    assert trace.exists()  # Minari itself would have run it: else this test could not fail


def test_names_are_checked_and_nothing_is_overwritten(tmp_path: Path, place: Path) -> None:
    record_toys(tmp_path / "a", 3)
    store = Store(tmp_path / "a")
    for name in ("toy", "../toy-v0", "a/../../b-v0", "/toy-v0", ""):
        with pytest.raises(UserError, match="no name of a Minari dataset"):
            minari.export(store, name)
    folder = minari.export(store, NAME)
    with pytest.raises(UserError, match="already"):
        minari.export(store, NAME)
    assert (folder / "data" / "main_data.hdf5").is_file()
    with pytest.raises(UserError, match="no Minari dataset other/toy-v0"):
        minari.find("other/toy-v0")


def test_an_export_that_fails_leaves_nothing(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_toys(tmp_path / "a", 3, 3)

    def full(steps: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        minari.export(Store(tmp_path / "a"), NAME, full)
    assert not (place / NAME).exists()


KILLED = """
import os, signal, sys
from datasets.importers import minari
from datasets.store import Store
minari.export(Store(sys.argv[1]), sys.argv[2], lambda steps: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_an_export_that_was_killed_is_no_dataset(tmp_path: Path, place: Path) -> None:
    """Half of it was one, and nothing told that the rest was missing."""
    record_toys(tmp_path / "a", 3, 3)
    program = [sys.executable, "-c", KILLED, str(tmp_path / "a"), NAME]
    assert subprocess.run(program, cwd=ROOT).returncode == -signal.SIGKILL
    with pytest.raises(UserError, match="no Minari dataset"):
        minari.find(NAME)
    minari.export(Store(tmp_path / "a"), NAME)
    assert minari.find(NAME).episodes == 2


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a small dataset."""
    folder = tmp_path_factory.mktemp("exported")
    record_toys(folder / "a", 4, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "minari"))
        return minari.export(Store(folder / "a"), NAME) / "data"


def read_or_refused(isolated: IsolatedProcess, folder: Path) -> None:
    """Read all of a dataset, or be told in one line why not."""
    try:
        source = minari.find(str(folder))
        isolated.call(str(folder), minari.own_info, source)
    except UserError as error:
        assert "\n" not in str(error)
        return
    for i in range(min(source.episodes, 3)):
        try:
            episode = isolated.call(str(folder), minari.read, source, i, toy_info())
        except UserError as error:
            assert str(folder) in str(error) and "\n" not in str(error)
        else:
            assert len(episode.frames) == len(episode.steps) + 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_are_a_dataset_or_one_line(
    isolated: IsolatedProcess, exported: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Whatever was done to either file, the reader answers, and this process lives."""
    name = data.draw(st.sampled_from(["main_data.hdf5", "metadata.json"]))
    shutil.copytree(exported, tmp_path / "data", dirs_exist_ok=True)
    whole = (exported / name).read_bytes()
    if data.draw(st.booleans()):
        damaged = bytearray(whole)
        # HDF5 keeps most of what tells where things are within the first kilobytes.
        places = st.integers(0, len(whole) - 1) | st.integers(0, min(len(whole), 4096) - 1)
        for at, by in data.draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1)):
            damaged[at] ^= by
        changed = bytes(damaged)
    else:
        changed = data.draw(st.binary(max_size=200)) or whole[: data.draw(st.integers(0, 9000))]
    (tmp_path / "data" / name).write_bytes(changed)
    read_or_refused(isolated, tmp_path / "data")


def test_claims_that_no_memory_holds_are_one_line(
    isolated: IsolatedProcess, exported: Path, tmp_path: Path
) -> None:
    shutil.copytree(exported, tmp_path / "data")
    with h5py.File(tmp_path / "data" / "main_data.hdf5", "a") as file:
        del file["episode_0/rewards"]
        file["episode_0"].create_dataset("rewards", shape=(1 << 42,), chunks=(1,), dtype=np.float64)
    source = minari.find(str(tmp_path / "data"))
    if sys.platform == "linux":
        with pytest.raises(UserError, match=r"episode 0 of .* is damaged"):
            isolated.call("it", minari.read, source, 0, toy_info())
    assert len(isolated.call("it", minari.read, source, 1, toy_info()).steps) == 3
