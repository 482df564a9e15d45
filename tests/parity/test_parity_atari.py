"""An Atari checkpoint's networks compute what DIAMOND's own code computed of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.diamond.config import DEPARTURES
from models.diamond.weights import AtariNetworks
from models.networks.actor_critic import lambda_returns
from models.sampler import karras_sampler, trajectory
from tests.support import parity
from tests.support.parity import assert_near, assert_same_levels, assert_same_picture, one_hot

Case = tuple[AtariNetworks, dict[str, Tensor]]
ACTIONS = 6
SAMPLERS = {
    "euler1": karras_sampler(1, 0.002, 5.0, **DEPARTURES),
    "euler3": karras_sampler(3, 0.002, 5.0, **DEPARTURES),
    "heun3": karras_sampler(3, 0.002, 5.0, order=2, **DEPARTURES),
    "churn4": karras_sampler(
        4, 0.002, 5.0, s_churn=2.0, s_tmin=0.05, s_tmax=4.0, s_noise=1.003, **DEPARTURES
    ),
}


@pytest.fixture(params=parity.SAVED_AS)
def case(request: pytest.FixtureRequest) -> Case:
    return parity.atari(request.param)


@torch.no_grad()
def test_conditioners(case: Case) -> None:
    networks, recorded = case
    scales = networks.denoiser.scales(recorded["sigma"])
    for name, made in zip(("c_in", "c_skip", "c_out"), scales, strict=True):
        assert_near(made.flatten(), recorded[f"cond.{name}"])
    told: list[Tensor] = []
    embedding = networks.denoiser.noise_embedding
    with embedding.register_forward_pre_hook(lambda _, inputs: told.append(inputs[0])):
        denoised(case)
    assert_near(told[0], recorded["cond.c_noise"])


def denoised(case: Case) -> Tensor:
    networks, recorded = case
    actions = one_hot(recorded["act"], ACTIONS)
    return networks.denoiser(recorded["x"], recorded["sigma"], recorded["obs"], actions)


@torch.no_grad()
def test_denoiser(case: Case) -> None:
    networks, recorded = case
    x, sigma, actions = recorded["x"], recorded["sigma"], one_hot(recorded["act"], ACTIONS)
    c_in, c_skip, c_out = networks.denoiser.scales(sigma)
    output = networks.denoiser.network(x * c_in, sigma, recorded["obs"], actions)
    assert_near(output, recorded["model_output"])
    assert_same_levels(denoised(case), recorded["denoised"], c_skip * x + c_out * output)


@pytest.mark.parametrize("name", SAMPLERS)
@torch.no_grad()
def test_sampler(name: str, case: Case) -> None:
    networks, recorded = case
    denoiser, config = networks.denoiser, SAMPLERS[name]
    as_recorded = parity.described("atari")["samplers"][name]
    assert as_recorded.pop("num_steps_denoising") == config.steps
    assert as_recorded.items() <= vars(config).items()
    assert_near(torch.tensor([*config.sigmas, 0.0]), recorded[f"sampler.{name}.sigmas"])

    context, actions = recorded["obs"], one_hot(recorded["act"], ACTIONS)
    draws = [recorded[f"sampler.{name}.noise.{i}"] for i in range(config.draws(4))]
    assert f"sampler.{name}.noise.{len(draws)}" not in recorded
    noise = torch.stack(draws, dim=1)

    def denoise(x: Tensor, sigma: float, seen: Tensor) -> Tensor:
        return denoiser(x, torch.full((len(x),), sigma), seen, actions)

    for i, x in enumerate(trajectory(denoise, noise, context, config), 1):
        assert_same_picture(x, recorded[f"sampler.{name}.traj.{i}"])
    assert i == config.steps and f"sampler.{name}.traj.{i + 1}" not in recorded
    made = denoiser.sample(noise, context, actions, config)
    assert_same_picture(made, recorded[f"sampler.{name}.out"])


@torch.no_grad()
def test_reward_model(case: Case) -> None:
    networks, recorded = case
    frames, following = recorded["rew.obs"], recorded["rew.next_obs"]
    actions = one_hot(recorded["rew.act"], ACTIONS)
    rewards, ends, (h, c) = networks.reward_model.sequence(frames, actions, following)
    assert_near(rewards, recorded["rew.logits_rew"])
    assert_near(ends, recorded["rew.logits_end"])
    assert_near(h[None], recorded["rew.hx"])
    assert_near(c[None], recorded["rew.cx"])
    reward, end, _ = networks.reward_model(frames[:, 0], actions[:, 0], following[:, 0], (h, c))
    assert_near(reward[:, None], recorded["rew.step2.logits_rew"])
    assert_near(end[:, None], recorded["rew.step2.logits_end"])


@torch.no_grad()
def test_actor_critic(case: Case) -> None:
    networks, recorded = case
    state = (recorded["ac.hx0"], recorded["ac.cx0"])
    logits, value, (h, c) = networks.actor_critic(recorded["rew.obs"][:, 0], state)
    assert_near(logits, recorded["ac.logits"])
    assert_near(value, recorded["ac.value"])
    assert_near(h, recorded["ac.hx"])
    assert_near(c, recorded["ac.cx"])


def test_lambda_returns() -> None:
    _, recorded = parity.atari()
    made = lambda_returns(
        recorded["lambda.rew"],
        recorded["lambda.end"].bool(),
        recorded["lambda.trunc"].bool(),
        recorded["lambda.val_bootstrap"],
        gamma=0.985,
        lam=0.95,
    )
    assert_near(made, recorded["lambda.returns"])
