"""From a training run to a cartridge: what comes out can be played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from base.errors import UserError
from models.cartridge.reader import load
from models.dream import DiffusionWorld
from models.runtime.sampler_cache import SamplerCache
from tests.support.networks import awaken
from tests.support.recordings import record_toys
from tests.support.tiny_training import TINY, record_enough, tiny_data, tiny_learner
from training.data import Data
from training.export import STARTS, describe_world, export, starting_contexts
from training.scores import Scores

SCORES = Scores(30.12345, 20.5, 25.0, 15.0, "still", 8, np.zeros((4, 4, 3), np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return tiny_data(record_enough(tmp_path_factory.mktemp("toys")))


def test_what_is_exported_plays(data: Data, tmp_path: Path) -> None:
    learner = tiny_learner(data)
    awaken(learner.denoiser_ema, seed=1)
    learner.denoiser_ema.unet.conv_out.weight.mul_(9)  # what is faint is taken for none
    awaken(learner.averages["head"], seed=2)
    world = describe_world("toy_world", TINY, data, None)
    made_by = {"commands": ["python -m tools.train --data toys", "... --resume"]}
    for updates in (5, 10):  # the second takes the place of the first
        export(tmp_path / "out", world, learner, data, SCORES, updates, made_by, None)
    cartridge = load(tmp_path / "out")
    assert set(cartridge.networks) == {"denoiser", "reward_end", "frame_prior"}
    for name, weight in learner.denoiser_ema.state_dict().items():
        stored = cartridge.networks["denoiser"].state_dict()[name]
        torch.testing.assert_close(stored, weight, rtol=0.01, atol=1e-6)  # bf16 on disk

    manifest = cartridge.manifest
    assert (manifest.name, manifest.title) == ("toy_world", "Toy World")
    assert manifest.metrics == {
        "updates": 10,
        "held_out_psnr_1": 30.123,
        "held_out_psnr_n": 20.5,
    }
    assert manifest.source["commands"] == made_by["commands"]
    assert manifest.source["training"]["channels"] == [8, 16]
    assert manifest.source["data"]["steps_by_player"] == {"random": 1012}
    assert manifest.source["data"]["episodes_held_out"] == 1
    assert cv2.imread(str(tmp_path / "out" / "preview.png")) is not None
    readme = (tmp_path / "out" / "README.md").read_text()
    for said in ("# Toy World", "- fire: space", "    ... --resume", "- updates: 10", "MIT"):
        assert said in readme

    dream = DiffusionWorld(cartridge, SamplerCache(cartridge, device="cpu", precision="float32"))
    first = dream.reset(seed=3)
    made = dream.step(dream.actions.named("LEFT")).frame
    assert made.shape == (8, 8, 3) and (made != first).any()


def test_starts_come_from_held_out_games_that_go_on(data: Data) -> None:
    starts = starting_contexts(data, TINY.context)
    # Its 13 frames are dreamed through whole, so there is one such start, and that is a new game.
    first = data.store.read(1, 0, 1)
    assert (starts["frames"] == first.frames).all() and starts["frames"].shape[:2] == (1, 4)
    np.testing.assert_array_equal(starts["actions"][0, -1], first.actions[0])
    assert not starts["actions"][0, :-1].any()


def test_the_first_start_is_a_new_game(tmp_path: Path) -> None:
    """The first used to be some moment of a game, and after a game over play went on there."""
    record_toys(tmp_path, 1000, 900, 900)
    data = tiny_data(tmp_path)
    frames = starting_contexts(data, TINY.context)["frames"]
    first = data.store.read(data.held_out[0], 0, 1).frames
    assert (frames[0] == first).all() and not (frames[1] == first).all()


def test_starts_are_spread_over_all_held_out_games(tmp_path: Path) -> None:
    record_toys(tmp_path, 1000, 60, *(3,) * 9, 90)  # numbers 1 and 11 are held out
    data = tiny_data(tmp_path)
    assert [data.store.length(episode) for episode in data.held_out] == [60, 90]
    frames = starting_contexts(data, TINY.context)["frames"]
    assert len(frames) == STARTS
    first = data.store.read(1, 0, 1).frames
    assert (frames[0] == first).all()
    # The middle of the last of twelve shares of 8 and 38 windows.
    np.testing.assert_array_equal(frames[-1], data.store.read(11, 36, 40).frames)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"channels": (4096,), "depths": (1,)}, "4096 channels are more than there can be"),
        ({"channels": (8, 16), "depths": (1, 9)}, "9 depth are more than there can be"),
        ({"channels": (8, 16), "depths": (1,)}, "one entry for each level"),
        ({"cond": 12}, "unet.cond must be a multiple of 8"),
        ({"sigma_data": 0.0}, "sigma_data must be positive"),
    ],
)
def test_what_no_cartridge_can_hold_is_refused(
    data: Data, wrong: dict[str, object], says: str
) -> None:
    config = replace(TINY, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=says):
        describe_world("toy", config, data, None)


def test_a_world_without_a_name_is_refused(data: Data) -> None:
    with pytest.raises(UserError, match="needs a name"):
        describe_world("", TINY, data, None)
