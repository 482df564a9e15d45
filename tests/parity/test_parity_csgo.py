"""CS:GO's checkpoint computes what DIAMOND's own code computed of it, in play and in training."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from models.diamond import config as diamond
from models.diamond.config import DEPARTURES
from models.diamond.weights import CsgoNetworks
from models.runtime.frame_step import enlarged_context
from models.sampler import karras_sampler
from models.schedule import lognormal
from tests.support import parity
from tests.support.parity import assert_near, assert_same_levels, assert_same_picture
from training.losses.sequence import Noising, sequence_losses

Case = tuple[CsgoNetworks, dict[str, Tensor]]
PRESETS = ("fast", "quality")


@pytest.fixture(params=parity.SAVED_AS)
def case(request: pytest.FixtureRequest) -> Case:
    return parity.csgo(request.param)


@torch.no_grad()
def test_denoiser(case: Case) -> None:
    networks, recorded = case
    denoiser, sigma, context = networks.denoiser, recorded["sigma"], recorded["obs"]
    actions, noised = recorded["act"].float(), recorded["sigma_cond"]
    told: list[Tensor] = []
    assert denoiser.context_noise_embedding is not None
    with denoiser.context_noise_embedding.register_forward_pre_hook(
        lambda _, inputs: told.append(inputs[0])
    ):
        denoised = denoiser(recorded["x"], sigma, context, actions, noised)
        unnoised = denoiser(recorded["x"], sigma, context, actions)
    assert_near(torch.cat(told), torch.tensor([recorded["cond.c_noise_cond"].item(), 0.0]))
    c_in, c_skip, c_out = denoiser.scales(sigma)
    given = (recorded["x"] * c_in, sigma, context, actions)
    output, unnoised_output = denoiser.network(*given, noised), denoiser.network(*given)
    assert_near(output, recorded["model_output"])
    for made, name, out in (
        (denoised, "denoised", output),
        (unnoised, "denoised_no_cond", unnoised_output),
    ):
        assert_same_levels(made, recorded[name], c_skip * recorded["x"] + c_out * out)


@pytest.mark.parametrize("preset", PRESETS)
@torch.no_grad()
def test_next_frame(preset: str, case: Case) -> None:
    networks, recorded = case
    config = diamond.CSGO[preset].frame
    as_recorded = parity.described("csgo")["samplers"][preset]
    steps = as_recorded.pop("num_steps_denoising")
    assert karras_sampler(steps, **as_recorded, **DEPARTURES) == config
    start, *rest = draws(recorded, f"sampler.{preset}")
    # Every second draw was made for nothing: offset noise, times 0.
    context_noise = [noise.unflatten(1, (4, 3)) for noise in rest[1::2]]
    noise = torch.cat((start[:, None], *context_noise), dim=1)
    made = networks.denoiser.sample(noise, recorded["obs"], recorded["act"].float(), config)
    assert_same_picture(made, recorded[f"sampler.{preset}.out"])


@torch.no_grad()
def test_enlarging() -> None:
    _, recorded = parity.csgo()
    made = enlarged_context(recorded["ups.prev_full"][:, 0], recorded["ups.low"])
    assert_near(made[:, 0], recorded["ups.prev_full"][:, 0])
    assert_near(made[:, 1], recorded["ups.low_bicubic"])


@pytest.mark.parametrize("preset", PRESETS)
@torch.no_grad()
def test_upsampler(preset: str, case: Case) -> None:
    networks, recorded = case
    config = diamond.CSGO[preset].upsampling
    as_recorded = parity.described("csgo")["upsamplers"][preset]
    steps = as_recorded.pop("num_steps_denoising")
    assert karras_sampler(steps, **as_recorded, **DEPARTURES) == config
    assert_near(torch.tensor([*config.sigmas, 0.0]), recorded[f"ups.{preset}.sigmas"])
    context = enlarged_context(recorded["ups.prev_full"][:, 0], recorded["ups.low"])
    noise = torch.stack(list(draws(recorded, f"ups.{preset}")), dim=1)
    made = networks.upsampler.sample(noise, context, None, config)
    assert_same_picture(made, recorded[f"ups.{preset}.out"])


@torch.no_grad()
def test_training_loss(case: Case) -> None:
    networks, recorded = case
    drawn = draws(recorded, "train")

    def level(z: Tensor) -> Tensor:
        return lognormal(z, mean=-1.2, deviation=1.2)

    noisings = []
    for _ in range(3):
        on_context = {
            "context_sigma": level(next(drawn)),
            "context_offset": next(drawn).unflatten(1, (4, 3)),
            "context_noise": next(drawn).unflatten(1, (4, 3)),
        }
        sigma, offset, noise = level(next(drawn)), next(drawn), next(drawn)
        noisings.append(Noising(sigma, noise, offset, **on_context))
    assert not list(drawn)
    frames, actions = recorded["train.obs"], recorded["train.act"].float()
    losses = list(sequence_losses(networks.denoiser, frames, actions, noisings))
    assert_near(torch.stack(losses).mean(), recorded["train.loss"])


def draws(recorded: dict[str, Tensor], of: str) -> Iterator[Tensor]:
    """Every draw of unit noise that was recorded of something, in order."""
    i = 0
    while (noise := recorded.get(f"{of}.noise.{i}")) is not None:
        yield noise
        i += 1
