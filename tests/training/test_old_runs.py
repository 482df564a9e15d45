"""Training runs of before, in tests/data/old_runs: two configurations from before there was a frame
prior, a run of streams, and all presets. They are resumed, or refused in one line."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base import plain
from base.errors import UserError
from models.cartridge.reader import load
from tests.support.tiny_training import PLAINLY, TINY, Train
from training import checkpoint
from training.recipes import run_config
from training.recipes.old_runs import FIELDS as RENAMED
from training.recipes.old_runs import ROLLOUTS, renewed
from training.recipes.presets import PRESETS, Preset
from training.recipes.world import TrainConfig

pytest_plugins = "tests.support.training_runs"
OLD = Path(__file__).parents[1] / "data" / "old_runs"


def old(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((OLD / f"{name}.json").read_text("utf-8"))
    return data


def test_a_run_of_one_noise_level_goes_on_without_a_frame_prior(
    train: Train, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended in a traceback: the checkpoint has no weights of a prior."""
    before = ("--samples", "1", "--lags", "0", "1", "2", "3", "--prior-channels")
    assert train("--updates", "2", *before, *PLAINLY) == 0
    config = {**old("one"), "data": str(data)}
    assert "prior_channels" not in config["train"] and config["train"]["sigmas"] == [2.0]
    (tmp_path / "run" / run_config.NAME).write_text(json.dumps(config))
    assert train("--resume", "--updates", "3") == 0
    assert "going on after update 2" in capsys.readouterr().out
    changed: dict[str, Any] = {"samples": 1, "lags": (0, 1, 2, 3), "prior_channels": ()}
    now = TrainConfig().energy_from  # it has none
    expected = replace(TINY, updates=3, energy_from=now, **changed)
    assert run_config.load(tmp_path / "run").train == expected
    assert set(load(tmp_path / "run" / "cartridge").networks) == {"denoiser", "reward_end"}


def test_a_run_of_streams_goes_on_with_rollouts(train: Train, data: Path, tmp_path: Path) -> None:
    """As a run that was begun before its fields, and the parts of its checkpoint, got new names."""
    run = tmp_path / "run"
    run.mkdir()
    packed = (OLD / "streams" / f"{checkpoint.NAME}.xz").read_bytes()
    (run / checkpoint.NAME).write_bytes(lzma.decompress(packed))
    config = json.loads((OLD / "streams" / run_config.NAME).read_text("utf-8"))
    (run / run_config.NAME).write_text(json.dumps({**config, "data": str(data)}))
    before = checkpoint.load(run)
    assert before is not None
    streams = before["learner"]["streams"]
    assert train("--resume", "--updates", "3") == 0
    after = checkpoint.load(run)
    assert after is not None and after["update"] == 3
    rollouts = after["learner"]["rollouts"]
    assert rollouts.keys() == {ROLLOUTS.get(name, name) for name in streams}
    # Each has gone a step on, or was started anew.
    ages, ages_before = rollouts["ages"], streams["ages"]
    assert ((ages == ages_before + 1) | (ages <= 1)).all()
    recipe = run_config.load(run).train
    assert isinstance(recipe, TrainConfig)
    assert (recipe.rollouts, recipe.rollout_steps, recipe.keep_diverged_share) == (2, 5, 0.4)


# What presets were, where they are others now.
FORMER: dict[str, dict[str, Any]] = {
    "small": {
        "samples": 1,
        "lags": tuple(range(8)),
        "channels": (64, 96, 128, 160),
        "prior_channels": (32, 64, 128),
    },
}


@pytest.mark.parametrize("preset", PRESETS)
def test_recipes_of_before_are_read_as_those_of_now(preset: Preset) -> None:
    saved = {**json.loads((OLD / "presets.json").read_text("utf-8"))[preset], "seed": 5}
    data = renewed({**old("one"), "train": saved, "preset": preset})
    read = plain.read(run_config.RunConfig, data, "config")
    assert read.train == replace(PRESETS[preset], seed=5, **FORMER.get(preset, {}))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("two", {}, "it learns at 2 noise levels"),
        ("one", {"hard_places": "places.csv"}, "it learns from listed hard places"),
        ("one", {"share_later": 0.2}, "it learns at lower noise levels"),
    ],
)
def test_what_is_no_longer_taught_is_refused_in_one_line(
    train: Train, tmp_path: Path, name: str, change: dict[str, Any], says: str
) -> None:
    config = old(name)
    config["train"].update(change)
    run = tmp_path / "run"
    run.mkdir()
    (run / run_config.NAME).write_text(json.dumps(config))
    with pytest.raises(UserError, match=f"{run} cannot be resumed: {says}.*--start-from"):
        train("--resume")


def test_a_run_of_now_is_as_it_was() -> None:
    for config in (None, [], {}, {"train": None}, {"train": {"sigma": 1.0}}):
        assert renewed(config) is config


VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.lists(st.floats())
NAMES = ["sigmas", "share_first", "share_later", "hard_places", "prior_channels", *RENAMED]
FIELDS = st.sampled_from(NAMES)


@given(st.dictionaries(FIELDS, VALUES))
def test_any_old_recipe_is_read_or_refused(change: dict[str, Any]) -> None:
    config = old("one")
    config["train"].update(change)
    try:
        now = renewed(config)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        names = set(now["train"])
        known = {*TrainConfig.__dataclass_fields__, "dreamed_share", "sequence_length"}
        assert names <= known and "sigma" in names
