"""Recordings to and from Minari, the Farama Foundation's format for recorded play.

A Minari dataset of ours: frames as they are (not as lossy JPEG), the actions as numbers or as 0/1
by button, `infos["life_lost"]`, and all that is known of an episode as JSON in its metadata, under
`dreamcart`; what Minari has no place for comes back from there.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import minari
import numpy as np
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from minari.storage.datasets_root_dir import get_dataset_path
from numpy.typing import NDArray

from base.errors import UserError
from base.files import read_bytes
from base.sizes import MB
from datasets.episode import EpisodeInfo, Steps, info_from_json
from datasets.importers.foreign import ForeignEpisode
from datasets.importers.minari_actions import ForeignActions, find_actions
from datasets.importers.minari_pictures import Pictures, find_pictures, to_frames
from datasets.store import Store
from engine.contracts import DiscreteActions

OURS = "dreamcart"  # the key of our own metadata
ROOT = "MINARI_DATASETS_PATH"  # Minari's own: where its datasets are
SMALLEST_EPISODE_BYTES = 100  # far below what any takes
LARGEST_METADATA_BYTES = 256 * MB  # Minari lists the least and the largest value of every pixel
_ID = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*-v[0-9]{1,6}")


@dataclass(frozen=True)
class MinariSource:
    """A Minari dataset as it describes itself.

    folder: where its data is. episodes: how many there are.
    """

    folder: Path
    episodes: int
    pictures: Pictures
    actions: ForeignActions


def export(store: Store, name: str, watch: Callable[[int], object] = lambda steps: None) -> Path:
    """Write recordings as the Minari dataset `name`, such as "dreamcart/breakout-v0"; its folder.

    It goes to Minari's own place, where `minari.load_dataset(name)` finds it. watch: told the
    steps of each episode written. Raises UserError for a name that Minari does not know or has
    already, and when the disk refuses; then nothing is left of it.
    """
    folder = _place(name)
    if folder.exists():
        raise UserError(f"there is a Minari dataset {name} already: {folder}; choose another name")
    root = folder.parents[name.count("/")]
    try:
        # Aside until it is whole: Minari takes half a dataset for a smaller one.
        with TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as aside:
            with _kept_in(aside):
                _write(store, name, watch)
            folder.parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(aside) / name, folder)
    except (OSError, RuntimeError) as error:  # HDF5 says either
        reason = getattr(error, "strerror", "") or " ".join(str(error).split())
        raise UserError(f"cannot write {folder}: {reason}") from error
    return folder


@contextmanager
def _kept_in(root: str) -> Iterator[None]:
    """Make Minari keep its datasets in another folder within the block."""
    before = os.environ.get(ROOT)
    os.environ[ROOT] = root
    try:
        yield
    finally:
        del os.environ[ROOT]
        if before is not None:
            os.environ[ROOT] = before


def find(name: str, observation: str = "") -> MinariSource:
    """The Minari dataset in a folder, or of this name in Minari's own place.

    observation: which of its pictures, if there are several. Raises UserError if there is none,
    and for one that is not of images and of actions that are choices or buttons.
    """
    folders = [Path(name), Path(name) / "data"]
    if _ID.fullmatch(name):
        folders.append(_place(name) / "data")
    folder = next((f for f in folders if (f / "metadata.json").is_file()), None)
    if folder is None:
        raise UserError(
            f"there is no Minari dataset {name}; name a folder that holds one, or fetch it with: "
            "minari download NAME"
        )
    try:
        data = json.loads(read_bytes(folder / "metadata.json", LARGEST_METADATA_BYTES))
        # Without its spaces Minari would build the environment that the file names: run its code.
        frames, actions = (json.loads(data[f"{s}_space"]) for s in ("observation", "action"))
        try:
            pictures, choices = find_pictures(frames, observation), find_actions(actions)
        except UserError as error:
            raise UserError(f"{folder} cannot be imported: {error}") from error
        source = MinariSource(folder, _episodes(folder, data), pictures, choices)
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder / 'metadata.json'} describes no Minari dataset") from error
    return source


def read(source: MinariSource, episode: int, fallback: EpisodeInfo) -> ForeignEpisode:
    """An episode of a dataset.

    fallback: what to say of an episode that does not come from here; its action space is as large
              as the dataset's. Raises UserError, with the reason, for one that is damaged.
    """
    with _explained(f"episode {episode} of {source.folder}"):
        dataset = minari.MinariDataset(source.folder)
        data = dataset[episode]
        (metadata,) = dataset.storage.get_episode_metadata([episode])
        info = _own_info(metadata, source) or fallback
        frames = to_frames(data.observations, source.pictures)
        return ForeignEpisode(info, frames, _steps(data, source))


def own_info(source: MinariSource) -> EpisodeInfo | None:
    """Return the EpisodeInfo in a dataset's first episode, if this program exported the dataset.

    Raises UserError for one that is damaged.
    """
    with _explained(str(source.folder)):
        (metadata,) = minari.MinariDataset(source.folder).storage.get_episode_metadata([0])
        return _own_info(metadata, source)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn any error in reading a dataset into a UserError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError as error:
        raise UserError(f"{what}: {error}") from error
    except ImportError as error:
        raise UserError(f"{what} is in a format that needs more: {error}") from error
    except Exception as error:  # a damaged file can make the reader say anything
        raise UserError(f"{what} is damaged") from error


def _place(name: str) -> Path:
    """Return the folder in which Minari keeps the dataset of a name."""
    if not _ID.fullmatch(name):
        raise UserError(
            f"'{name}' is no name of a Minari dataset; those are like dreamcart/breakout-v0"
        )
    try:
        return get_dataset_path(name)
    except OSError as error:
        raise UserError(
            f"cannot write to Minari's folder: {error.strerror or error}; MINARI_DATASETS_PATH "
            "names another"
        ) from error


def _write(store: Store, name: str, watch: Callable[[int], object]) -> None:
    info = store.info
    space = (
        spaces.Discrete(info.actions.size)
        if isinstance(info.actions, DiscreteActions)
        else spaces.MultiBinary(info.actions.size)
    )
    players = sorted({store.episode_info(i).player for i in range(len(store))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari asks for authors and environments
        dataset = minari.create_dataset_from_buffers(
            name,
            [_buffer(store, 0)],
            observation_space=spaces.Box(0, 255, store.frame_shape, np.uint8),
            action_space=space,
            algorithm_name=", ".join(players),
            description=f"{info.game} at {info.rate_fps:g} steps a second, recorded with Dreamcart;"
            f" actions: {', '.join(info.actions.names)}",
            data_format="hdf5",
            jpeg_encoding=False,
        )
        watch(store.length(0))
        for i in range(1, len(store)):
            dataset.update_dataset_from_buffer([_buffer(store, i)])
            watch(store.length(i))
    known = [{OURS: json.dumps(store.episode_info(i).to_json())} for i in range(len(store))]
    dataset.storage.update_episode_metadata(known)


def _buffer(store: Store, episode: int) -> EpisodeBuffer:
    """An episode as Minari takes it."""
    steps, actions = store.steps(episode), store.steps(episode).actions
    if isinstance(store.info.actions, DiscreteActions):
        numbers: NDArray[Any] = actions.argmax(axis=1)
        if not np.array_equal(actions, np.eye(store.info.actions.size)[numbers]):
            raise UserError(f"{store.paths[episode]} has steps of more than one action")
    else:
        numbers = actions.astype(np.int8)
        if not np.array_equal(actions, numbers != 0):
            raise UserError(f"{store.paths[episode]} has actions that are neither 0 nor 1")
    return EpisodeBuffer(
        seed=store.episode_info(episode).seed,
        observations=store.read(episode, 0, store.length(episode) + 1).frames,
        actions=numbers,
        rewards=steps.rewards,
        terminations=steps.ended,
        truncations=steps.truncated,
        infos={"life_lost": np.concatenate([[False], steps.life_lost])},  # a row a frame
    )


def _episodes(folder: Path, data: Any) -> int:
    """Read the number of episodes from a dataset's metadata. UserError if it is impossible."""
    episodes = int(data["total_episodes"])
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if not 0 < episodes <= size // SMALLEST_EPISODE_BYTES:
        raise UserError(f"{folder} says that it holds {episodes} episodes, in {size} bytes")
    return episodes


def _own_info(metadata: Any, source: MinariSource) -> EpisodeInfo | None:
    """Read the EpisodeInfo that this program exported; None if it was not exported from here."""
    text = metadata.get(OURS)
    if not isinstance(text, str):
        return None
    try:
        info = info_from_json(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UserError("its metadata is damaged") from error
    if info.actions.size != source.actions.size:
        raise UserError(
            f"its metadata is of {info.actions.size} actions, not {source.actions.size}"
        )
    return info


def _steps(data: Any, source: MinariSource) -> Steps:
    rewards = np.asarray(data.rewards)
    count = len(rewards)
    vectors = source.actions.to_vectors(data.actions, count)
    ended, truncated = np.asarray(data.terminations), np.asarray(data.truncations)
    if rewards.dtype.kind not in "iuf" or ended.dtype != bool or truncated.dtype != bool:
        raise UserError("its rewards, terminations or truncations are of another type")
    lives = np.asarray((data.infos or {}).get("life_lost", ()))
    known = lives.dtype == bool and lives.shape == (count + 1,)
    return Steps(
        vectors,
        rewards.astype(np.float32),
        ended,
        truncated,
        lives[1:] if known else np.zeros(count, bool),
    )
