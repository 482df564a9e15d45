"""tools.blend: worlds between two."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from base.errors import UserError
from models.cartridge.manifest import Preset
from models.cartridge.reader import load
from models.sampler import karras_sampler
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge
from tools.app.blending import blend
from tools.blend import BlendConfig


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    first, second = (tmp_path / name for name in ("first", "second"))
    return write_tiny_cartridge(first, seed=1), write_tiny_cartridge(second, seed=2)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_lie_between_those_of_the_two(
    two: tuple[Path, Path], tmp_path: Path, share: float
) -> None:
    out = tmp_path / "out"
    blend(str(two[0]), str(two[1]), out, "as it was said", share)
    first, second, made = (load(path) for path in (*two, out))
    for name, weight in made.networks["denoiser"].state_dict().items():
        one, other = (c.networks["denoiser"].state_dict()[name] for c in (first, second))
        expected = one + share * (other - one)
        torch.testing.assert_close(weight, expected, atol=1e-3, rtol=1e-2)  # stored as bfloat16
    head, own = (c.networks["reward_end"].state_dict() for c in (made, second))
    assert all(torch.equal(head[name], own[name]) for name in own)
    assert list(made.manifest.source["commands"])[-1] == "as it was said"
    assert "as it was said" in (out / "README.md").read_text()
    assert made.starts.keys() == second.starts.keys()


def test_networks_that_enlarge_are_mixed_where_both_have_one(
    two: tuple[Path, Path], tmp_path: Path
) -> None:
    small = manifest().denoiser
    large = dataclasses.replace(small, height=32, width=32, actions=0)
    sampler = karras_sampler(1, 0.5, 2.0)
    of = dataclasses.replace(
        manifest(),
        upsampler=large,
        sampler=None,
        reward_end=None,
        presets={"fast": Preset(sampler, sampler)},
    )
    enlarging = [write_tiny_cartridge(tmp_path / f"large{seed}", of, seed) for seed in (3, 4)]
    for first, second, both in ((*enlarging, True), (two[0], enlarging[1], False)):
        out = tmp_path / f"out{both}"
        blend(str(first), str(second), out, "said", 0.25)
        own, made = (load(path).networks["upsampler"].state_dict() for path in (second, out))
        other = load(first).networks["upsampler"].state_dict() if both else own
        for name, weight in made.items():
            expected = other[name] + 0.25 * (own[name] - other[name])
            torch.testing.assert_close(weight, expected, atol=1e-3, rtol=1e-2)


def test_the_first_may_have_seen_fewer_frames(two: tuple[Path, Path], tmp_path: Path) -> None:
    world = manifest()
    seen = world.denoiser.context
    longer = dataclasses.replace(
        world.denoiser, context=2 * seen, last_actions=world.denoiser.actions_told
    )
    of = dataclasses.replace(world, denoiser=longer)
    second, out = write_tiny_cartridge(tmp_path / "longer", of, seed=2), tmp_path / "out"
    blend(str(two[0]), str(second), out, "said", 0.0)
    made, first = (load(path).networks["denoiser"] for path in (out, two[0]))
    generator = torch.Generator().manual_seed(0)
    height, width, actions = longer.height, longer.width, longer.actions
    frames = torch.rand(1, 2 * seen, 3, height, width, generator=generator) * 2 - 1
    x = torch.randn(1, 3, height, width, generator=generator)
    acted = torch.rand(1, 2 * seen, actions, generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(
            made(x, torch.ones(1), frames, acted),
            first(x, torch.ones(1), frames[:, -seen:], acted[:, -seen:]),
            atol=1e-3,
            rtol=1e-3,
        )


@pytest.mark.parametrize("other", ["wider", "of another target"])
def test_networks_that_are_not_alike_are_refused(
    other: str, two: tuple[Path, Path], tmp_path: Path
) -> None:
    """Weights of one shape mean something else where the network's answer does."""
    world = manifest()
    wider = dataclasses.replace(world.denoiser.unet, cond=2 * world.denoiser.unet.cond)
    changed: dict[str, Any] = {"wider": {"unet": wider}}.get(other, {"target": "frame"})
    assert changed.get("target") != world.denoiser.target
    denoiser = dataclasses.replace(world.denoiser, **changed)
    path = write_tiny_cartridge(tmp_path / "other", dataclasses.replace(world, denoiser=denoiser))
    with pytest.raises(UserError, match="are not of one kind"):
        blend(str(two[0]), str(path), tmp_path / "out", "said")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_impossible_shares_are_refused(share: float) -> None:
    with pytest.raises(UserError, match="--share must be from 0 to 1"):
        BlendConfig("a", "b", Path("c"), share)
