"""Cartridges and saved moments of before play on: tests/data/old_cartridge was written when worlds
insisted and had a decider."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
from hypothesis import given
from hypothesis import strategies as st

from base.cartridges import CARD, PREVIEW
from base.errors import UserError
from models.cartridge.manifest import Manifest, Preset, manifest_from_json
from models.cartridge.old_cards import renewed
from models.cartridge.reader import check, load, weights_file
from models.cartridge.writer import save
from models.dream import open_world
from models.sampler import Sampler, karras_sampler
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge
from tools.app.blending import blend

OLD = Path(__file__).parents[2] / "data" / "old_cartridge"


def test_it_is_read_as_its_first_step_without_a_decider() -> None:
    card = json.loads((OLD / CARD).read_text("utf-8"))
    assert card["sampler"] == {"name": "insist", "sigmas": [2.0, 0.5]}
    stored = safetensors.torch.load_file(OLD / weights_file("denoiser"))
    decider = {name for name in stored if name.startswith("decider.")}
    assert decider and card["denoiser"]["decider"] == 1
    world = load(OLD)
    assert world.manifest.sampler == Sampler((2.0,))
    assert world.networks["denoiser"].state_dict().keys() == stored.keys() - decider


def test_it_plays_as_one_that_is_written_now(tmp_path: Path) -> None:
    world, now = load(OLD), tmp_path / "now"
    save(now, world.manifest, world.networks, world.starts, (OLD / PREVIEW).read_bytes(), "")
    assert "decider" not in (now / CARD).read_text("utf-8")
    assert "decider" not in load(now).networks["denoiser"].state_dict()
    frames = []
    for path in (OLD, now):
        dream = open_world(check(path), device="cpu", precision="float32")
        dream.reset(seed=3)
        frames.append([dream.step(dream.actions.named("LEFT")).frame for _ in range(4)])
    np.testing.assert_array_equal(frames[0], frames[1])
    assert np.std(frames[0]) > 5


def test_a_moment_of_more_steps_goes_on_with_those_that_there_are() -> None:
    """Games that were saved while the world took two steps could not be opened any more."""
    dream = open_world(check(OLD), device="cpu", precision="float32")
    moment = dict(dream.snapshot())
    frame = dream.step(dream.actions.named("LEFT")).frame
    moment["clock"] = moment["clock"].copy()
    assert moment["clock"][3] == 1
    moment["clock"][3] = 2
    dream.restore(moment)
    np.testing.assert_array_equal(dream.step(dream.actions.named("LEFT")).frame, frame)
    moment["clock"][3] = 0
    with pytest.raises(UserError, match="its 'clock' does not fit"):
        dream.restore(moment)


def test_it_can_be_blended(tmp_path: Path) -> None:
    now = write_tiny_cartridge(tmp_path / "now", load(OLD).manifest, seed=5)
    for first, second in ((OLD, now), (now, OLD)):
        blend(str(first), str(second), tmp_path / "out", "said")
        assert load(tmp_path / "out").manifest.sampler == Sampler((2.0,))


def load_card(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((path / CARD).read_text("utf-8"))
    del data["format"], data["version"], data["files"]
    return data


def as_written(world: Manifest) -> dict[str, Any]:
    """What a card holds of a world."""
    data: dict[str, Any] = json.loads(json.dumps(world.to_json()))
    return data


def with_presets(**insisting: bool) -> dict[str, Any]:
    """A card with presets of three steps, each of which says whether it insists."""
    sampler = karras_sampler(3, 0.1, 2.0)
    world = dataclasses.replace(
        manifest(),
        sampler=None,
        reward_end=None,
        presets=dict.fromkeys(insisting, Preset(sampler)),
    )
    data = as_written(world)
    for name, insist in insisting.items():
        sampler = {"steps": 3, "sigma_min": 0.1, "sigma_max": 2.0, "rho": 7.0, "insist": insist}
        data["presets"][name]["frame"] = sampler
    return data


def test_of_a_preset_that_insisted_the_first_step_is_left() -> None:
    presets = manifest_from_json(with_presets(plain=False, keen=True)).presets
    assert presets["plain"].frame == karras_sampler(3, 0.1, 2.0)
    assert presets["keen"].frame.sigmas == (2.0,)


def test_a_walk_by_eulers_method_keeps_all_of_its_levels() -> None:
    data = as_written(manifest())
    data["sampler"]["name"] = "euler"
    assert manifest_from_json(data) == manifest()


@pytest.mark.parametrize(
    ("sampler", "says"),
    [
        ({"name": "insist", "sigmas": []}, "must be positive and falling"),
        ({"name": "insist", "sigmas": "2"}, "'card.sampler.sigmas' has a value"),
        ({"name": "insist"}, "'card.sampler' lacks 'sigmas'"),
        ({"name": [], "sigmas": [2.0]}, "not known here: 'name'"),
    ],
)
def test_what_was_refused_before_still_is(sampler: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        manifest_from_json({**as_written(manifest()), "sampler": sampler})


def test_levels_between_two_are_given_one_by_one_now() -> None:
    """As those of every world with presets that was written before."""
    shipped = load_card(Path(__file__).parents[3] / "cartridges" / "doom")
    assert shipped["presets"]["fast"]["frame"]["sigma_max"] == 2.0
    preset = manifest_from_json(shipped).presets["fast"]
    assert preset.frame == karras_sampler(1, 1.0, 2.0)
    assert preset.upsampling == karras_sampler(1, 1.0, 2.0, s_tmin=1.0, s_tmax=2.0, s_noise=0.9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"steps": 0}, "a sampler has 1 to 100 steps, not 0"),
        ({"sigma_min": 2.0}, "must rise between 0 and 1000.0, not 2.0 and 2.0"),
        ({"rho": 0}, "rho must be between 1 and 100, not 0.0"),
        ({"steps": "3"}, "not known here: 'sigma_max'"),
        ({"order": 3}, "order must be 1 or 2, not 3"),
    ],
)
def test_levels_that_cannot_be_are_refused(change: dict[str, Any], says: str) -> None:
    data = with_presets(plain=False)
    data["presets"]["plain"]["frame"].update(change)
    with pytest.raises(UserError, match=says):
        manifest_from_json(data)


NAMES = st.sampled_from(
    [
        "frame",
        "insist",
        "steps",
        "sigma_min",
        "sigma_max",
        "rho",
        "name",
        "sigmas",
        "decider",
        "other",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=4),
    max_leaves=12,
)
PARTS = st.sampled_from(["denoiser", "upsampler", "sampler", "presets"])


@given(st.dictionaries(PARTS, JSON))
def test_any_card_is_read_or_refused(parts: dict[str, Any]) -> None:
    whole = as_written(manifest())
    assert renewed(renewed(parts)) == renewed(parts) or parts != parts  # nan is not itself
    try:
        assert isinstance(manifest_from_json({**whole, **parts}), Manifest)
    except UserError as error:
        assert "\n" not in str(error)


def test_no_file_of_it_may_be_altered(tmp_path: Path) -> None:
    path = Path(shutil.copytree(OLD, tmp_path / "old"))
    with open(path / weights_file("denoiser"), "r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    with pytest.raises(UserError, match="was altered"):
        load(path)
