"""The frame prior: what it leaves alone, what it learns to mend, and that play goes through it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from base.errors import UserError
from models.cartridge.reader import check, load
from models.dream import open_world
from models.networks.frame_prior import FramePrior, FramePriorConfig
from models.networks.unet import UNetConfig
from tests.support.networks import awaken
from tests.support.tiny_cartridge import manifest, tiny_prior, write_tiny_cartridge
from training.losses.frame_prior import (
    BLOTTED,
    BLURRED,
    MOMENTS,
    SPOILT,
    blurred,
    prior_loss,
    spoilt,
)

GREY_LEVEL = 1 / 127.5
SIDE = 16


def frames_of(count: int, height: int = SIDE, width: int = SIDE, seed: int = 0) -> Tensor:
    """Black frames, each with a white bar as wide as it is somewhere below the middle."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.full((count, 3, height, width), -1.0)
    for frame in frames:
        y = int(torch.randint(height // 2, height - 1, (), generator=generator))
        frame[:, y : y + 2] = 1.0
    return frames


def moments_of(count: int, height: int = SIDE, width: int = SIDE, seed: int = 0) -> Tensor:
    """MOMENTS such frames in a row, in each of which the bar is a pixel lower."""
    first = frames_of(count, height, width, seed)
    return torch.stack([first.roll(i, dims=2) for i in range(MOMENTS)], dim=1)


def test_a_new_prior_leaves_a_frame_as_it_is() -> None:
    """To the grey level next to it: all that it does is to allow for the noise that it assumes."""
    prior = FramePrior(tiny_prior())
    frames = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    with torch.no_grad():
        mended = prior.mend(frames)
    assert (mended - frames).abs().max() < GREY_LEVEL


@torch.no_grad()
def test_mended_frames_stay_between_black_and_white() -> None:
    prior = awaken(FramePrior(tiny_prior()))
    mended = prior.mend(3 * frames_of(2))
    assert mended.min() == -1 and mended.max() == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"height": 0}, "height and width must be positive"),
        ({"sigma": 0.0}, "sigma must be between 0 and 1, not 0.0"),
        ({"sigma": 1.5}, "sigma must be between 0 and 1, not 1.5"),
        ({"sigma": float("nan")}, "sigma must be between 0 and 1, not nan"),
        ({"unet": UNetConfig((8,), (1,), (False,), cond=15)}, "unet.cond must be even"),
    ],
)
def test_impossible_priors_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(tiny_prior(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(16, 16), (13, 9), (8, 35), (5, 4)])
def test_damage_fits_frames_of_any_size(size: tuple[int, int]) -> None:
    """Also those whose sides the blots and their coarse colours do not divide."""
    clean, sigma = frames_of(6, *size), torch.full((6,), 0.05)
    damaged = spoilt(clean, sigma, torch.Generator().manual_seed(0))
    assert damaged.shape == clean.shape and damaged.isfinite().all()
    prior = FramePrior(FramePriorConfig(*size, UNetConfig((8, 16), (1, 1), (False,) * 2, cond=16)))
    loss = prior_loss(prior, moments_of(6, *size), torch.Generator().manual_seed(0))
    assert loss.ndim == 0 and loss > 0


def test_noise_is_everywhere_and_blots_are_on_a_part_of_many_frames() -> None:
    clean, sigma = torch.rand(400, 3, 1, 1) * 2 - 1, torch.full((400,), 1e-4)
    clean = clean.expand(-1, -1, SIDE, SIDE)  # plain colours: another one shining through shows
    damaged = spoilt(clean, sigma, torch.Generator().manual_seed(0))
    off = (damaged - clean).abs().amax(dim=1)
    assert (off > 0).float().mean() > 0.99
    blotted = (off > 5e-3).flatten(1).any(dim=1).float().mean().item()
    # The other half of blots has coarse colours, as faint as the noise.
    assert blotted == pytest.approx(SPOILT / 2, abs=0.1)
    share = (off > 5e-3).float().mean().item()
    assert 0 < share < BLOTTED * SPOILT


@pytest.mark.parametrize("length", [MOMENTS, 9])
def test_of_moments_that_shine_through_one_another_the_last_is_the_strongest(length: int) -> None:
    """Each has a square of its own: as bright as it shines through."""
    moments = torch.zeros(500, length, 3, SIDE, SIDE)
    for i in range(length):
        moments[:, i, :, i, 0] = 1.0
    light = blurred(moments, torch.Generator().manual_seed(0))[:, 0, :length, 0]
    torch.testing.assert_close(light.sum(dim=1), torch.ones(500))
    *earlier, last = light.unbind(dim=1)
    assert (light >= 0).all()
    assert (last == 1).float().mean().item() == pytest.approx(1 - BLURRED, abs=0.1)
    assert not torch.stack(earlier)[: length - MOMENTS].any()
    strongest = light.argmax(dim=1) == length - 1
    assert strongest.all()


def test_a_seed_decides_the_damage() -> None:
    clean, moments = frames_of(4), moments_of(4)
    prior = awaken(FramePrior(tiny_prior()))
    first, again, other = (
        (
            spoilt(clean, torch.full((4,), 0.1), torch.Generator().manual_seed(seed)),
            prior_loss(prior, moments, torch.Generator().manual_seed(seed)),
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert not torch.equal(first[0], other[0]) and first[1] != other[1]


def test_it_learns_to_mend_what_dreams_spoil() -> None:
    """And to leave a good frame good."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    prior = FramePrior(tiny_prior(sigma=0.2))
    optimizer = torch.optim.Adam(prior.parameters(), 3e-3)
    clean = frames_of(16, seed=9)
    damaged = spoilt(clean, torch.full((16,), 0.2), torch.Generator().manual_seed(2))

    def off(frames: Tensor) -> float:
        with torch.no_grad():
            return (prior.mend(frames) - clean).square().mean().sqrt().item()

    before = off(damaged)
    for update in range(120):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - update / 120)
        optimizer.zero_grad()
        prior_loss(prior, moments_of(16, seed=update), generator).backward()
        optimizer.step()
    assert off(damaged) < 0.75 * before
    assert off(clean) < 0.5 * before


def test_a_world_with_one_is_written_read_and_played_through_it(tmp_path: Path) -> None:
    of = dataclasses.replace(manifest(), frame_prior=tiny_prior(sigma=0.5))
    with_it, without = (
        write_tiny_cartridge(tmp_path / name, world)
        for name, world in (("with", of), ("without", manifest()))
    )
    world, plain = load(with_it), load(without)
    assert world.manifest == of and (with_it / "frame_prior.safetensors").exists()
    for name, weight in plain.networks["denoiser"].state_dict().items():
        assert torch.equal(weight, world.networks["denoiser"].state_dict()[name])
    made = []
    for path in (with_it, without):
        dream = open_world(check(path), device="cpu", precision="float32")
        dream.reset(seed=1)
        made.append(dream.step(dream.actions.named("LEFT")).frame)
    prior = world.networks["frame_prior"]
    assert isinstance(prior, FramePrior)
    frame = torch.from_numpy(made[1]).permute(2, 0, 1)[None] / 127.5 - 1
    expected = ((prior.mend(frame)[0].permute(1, 2, 0) + 1) * 127.5).round().numpy()
    assert np.abs(made[0] - expected).max() <= 1
    assert np.abs(made[0] - made[1].astype(int)).max() > 20


def test_a_prior_of_other_frames_or_of_a_world_of_presets_is_refused() -> None:
    with pytest.raises(UserError, match="frames of different sizes"):
        dataclasses.replace(manifest(), frame_prior=tiny_prior(2 * SIDE))
    wide = dataclasses.replace(tiny_prior(), unet=UNetConfig((4096,), (1,), (False,), cond=16))
    with pytest.raises(UserError, match="4096 channels are more than there can be"):
        dataclasses.replace(manifest(), frame_prior=wide)
