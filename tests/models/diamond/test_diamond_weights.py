"""Checkpoints in DIAMOND's layout: what is in them, at full size, and what is wrong with others."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from base.errors import UserError
from models.diamond import config as diamond
from models.diamond.names import Network, layout
from models.diamond.weights import (
    ACTOR_CRITIC,
    DENOISER,
    REWARD_MODEL,
    UPSAMPLER,
    AtariNetworks,
    load_atari,
    load_csgo,
    to_checkpoint,
)
from models.networks.actor_critic import ActorCritic
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.reward_model import RewardModel
from tests.support import parity
from tests.support.networks import awaken
from tests.support.parity import DATA, described


def names_and_shapes(network: Network, prefix: str) -> dict[str, list[int]]:
    """What a checkpoint would hold of a network."""
    return {
        name: list(shape)
        for entry in layout(network, prefix)
        for name, shape in zip(entry.theirs, entry.shapes, strict=True)
    }


def millions(network: nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


def test_full_size_atari_networks_are_the_released_ones() -> None:
    with torch.device("meta"):
        denoiser = Denoiser(diamond.atari_denoiser(4))
        reward_model = RewardModel(diamond.atari_reward_model(4))
        actor_critic = ActorCritic(diamond.atari_actor_critic(4))
    assert described("atari_breakout_state_dict") == {
        **names_and_shapes(denoiser, DENOISER),
        **names_and_shapes(reward_model, REWARD_MODEL),
        **names_and_shapes(actor_critic, ACTOR_CRITIC),
    }
    assert millions(denoiser) == pytest.approx(4.41, abs=0.005)
    assert millions(reward_model) == pytest.approx(5.9, abs=0.05)
    assert millions(actor_critic) == pytest.approx(3.2, abs=0.05)


def test_full_size_csgo_networks_are_the_released_ones() -> None:
    with torch.device("meta"):
        denoiser = Denoiser(diamond.csgo_denoiser())
        upsampler = Upsampler(diamond.csgo_upsampler())
    assert described("csgo_state_dict") == {
        **names_and_shapes(denoiser, DENOISER),
        **names_and_shapes(upsampler, UPSAMPLER),
    }
    assert millions(denoiser) == pytest.approx(330.5, abs=0.05)
    assert millions(upsampler) == pytest.approx(51.1, abs=0.05)


def test_games_differ_only_where_there_are_actions() -> None:
    with torch.device("meta"):
        few, many = (
            {
                **names_and_shapes(Denoiser(diamond.atari_denoiser(actions)), DENOISER),
                **names_and_shapes(RewardModel(diamond.atari_reward_model(actions)), REWARD_MODEL),
                **names_and_shapes(ActorCritic(diamond.atari_actor_critic(actions)), ACTOR_CRITIC),
            }
            for actions in (4, 18)
        )
    assert {name for name in few if few[name] != many[name]} == {
        f"{DENOISER}act_emb.0.weight",
        f"{REWARD_MODEL}act_emb.weight",
        f"{ACTOR_CRITIC}actor_linear.weight",
        f"{ACTOR_CRITIC}actor_linear.bias",
    }


def test_sizes_are_read_from_the_tensors() -> None:
    networks, _ = parity.atari()
    told = described("atari")
    inner, unet = told["denoiser"]["inner_model"], networks.denoiser.config.unet
    assert networks.denoiser.config.actions == inner["num_actions"] == 6
    assert networks.denoiser.config.context == inner["num_steps_conditioning"]
    assert list(unet.channels) == inner["channels"] and list(unet.depths) == inner["depths"]
    assert (unet.cond, networks.denoiser.config.noised_context) == (inner["cond_channels"], False)
    assert list(unet.attention) == [bool(level) for level in inner["attn_depths"]]
    assert networks.reward_model.config.lstm == told["rew_end_model"]["lstm_dim"]
    assert list(networks.actor_critic.config.channels) == told["actor_critic"]["channels"]
    csgo, _ = parity.csgo()
    told = described("csgo")
    for network, name in ((csgo.denoiser, "denoiser"), (csgo.upsampler, "upsampler")):
        inner, unet = told[name]["inner_model"], network.config.unet
        assert list(unet.channels) == inner["channels"] and list(unet.depths) == inner["depths"]
        assert list(unet.attention) == [bool(level) for level in inner["attn_depths"]]
        assert network.config.sigma_offset == told[name]["sigma_offset_noise"]
        assert network.config.noised_context and unet.middle_attention
    assert (csgo.denoiser.config.actions, csgo.upsampler.config.actions) == (51, 0)
    assert (csgo.denoiser.config.context, csgo.upsampler.config.context) == (4, 2)


@pytest.mark.parametrize("name", ["atari", "csgo"])
def test_a_checkpoint_survives_the_way_there_and_back(name: str) -> None:
    networks, _ = parity.atari() if name == "atari" else parity.csgo()
    made = to_checkpoint(networks)
    original = torch.load(DATA / f"{name}.pt", weights_only=True)
    assert set(made) == set(original)
    for key, tensor in original.items():
        assert torch.equal(made[key], tensor) and made[key].is_contiguous(), key
    storages = {tensor.untyped_storage().data_ptr() for tensor in made.values()}
    assert len(storages) == len(made)  # so that torch.save writes each once and no more


def tiny() -> AtariNetworks:
    """Widths that differ on every level, a player with skips."""
    unet = diamond.unet((8, 16), (1, 2), (False, True), cond=24)
    denoiser = replace(diamond.atari_denoiser(3), unet=unet)
    reward_model = replace(diamond.atari_reward_model(3), encoder=replace(unet, cond=12), lstm=5)
    actor_critic = replace(diamond.atari_actor_critic(3), channels=(8, 16), lstm=5)
    return AtariNetworks(
        awaken(Denoiser(denoiser), 1),
        awaken(RewardModel(reward_model), 2),
        awaken(ActorCritic(actor_critic), 3),
    )


def test_networks_with_every_kind_of_part_survive_it_too(tmp_path: Path) -> None:
    networks = tiny()
    torch.save(to_checkpoint(networks), tmp_path / "tiny.pt")
    again = load_atari(tmp_path / "tiny.pt")
    for part in ("denoiser", "reward_model", "actor_critic"):
        made, expected = getattr(again, part), getattr(networks, part)
        assert made.config == expected.config
        assert not made.training and not any(p.requires_grad for p in made.parameters())
        state = expected.state_dict()
        assert list(made.state_dict()) == list(state)
        assert all(torch.equal(t, state[name]) for name, t in made.state_dict().items())


Damage = Callable[[dict[str, Tensor]], object]
CONV = f"{DENOISER}unet.d_blocks.1.resblocks.0.conv2.weight"
CLOCK = torch.ones(1)
NORM = f"{DENOISER}unet.mid_blocks.resblocks.1.norm2.linear.weight"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda w: w.pop(CONV), f"lacks '{CONV}'"),
        (lambda w: w.pop(NORM), f"lacks '{NORM}'"),
        (lambda w: w.pop(f"{DENOISER}conv_in.weight"), f"lacks '{DENOISER}conv_in.weight'"),
        (lambda w: w.pop(f"{REWARD_MODEL}act_emb.weight"), f"lacks '{REWARD_MODEL}act_emb.weight'"),
        (lambda w: w.pop(f"{ACTOR_CRITIC}lstm.weight_hh"), "lacks 'actor_critic.lstm.weight_hh'"),
        (lambda w: w.update({CONV: torch.ones(16, 16, 3, 1)}), "of shape (16, 16, 3, 1), not (16"),
        (lambda w: w.update({NORM: torch.ones(31, 24)}), "of shape (31, 24), not (32, 24)"),
        (
            lambda w: w.update({f"{ACTOR_CRITIC}actor_linear.weight": torch.ones(4, 5)}),
            "'actor_critic.actor_linear.bias' of shape (3,), not (4,)",
        ),
        (lambda w: w.update({f"{DENOISER}more": torch.ones(1)}), f"holds '{DENOISER}more'"),
        (
            lambda w: w.update({f"{DENOISER}noise_cond_emb.weight": torch.ones(1, 5)}),
            "of shape (1, 5), not (1, 12)",
        ),
        (lambda w: w.update({"optimizer": torch.ones(1)}), "holds 'optimizer'"),
        (
            lambda w: w.update({f"{DENOISER}unet.d_blocks.0.resblocks.1.conv1.weight": w[CONV]}),
            "of shape (16, 16, 3, 3), not (8, 8, 3, 3)",
        ),
        (
            lambda w: w.update(
                {f"{DENOISER}unet.d_blocks.0.resblocks.0.conv1.weight": w[CONV][:1]}
            ),
            "of shape",
        ),
        (
            lambda w: w.update({f"{DENOISER}conv_in.weight": torch.ones(8, 1, 3, 3)}),
            "impossible network: height, width and context",
        ),
        (
            lambda w: w.update({f"{DENOISER}conv_in.weight": torch.ones(8)}),
            "impossible network",
        ),
        (
            lambda w: [w.pop(n) for n in list(w) if n.startswith(DENOISER) and "d_blocks" in n],
            "impossible network: channels, depths",
        ),
        (
            lambda w: [w.pop(n) for n in list(w) if n.startswith(f"{ACTOR_CRITIC}encoder.")],
            "impossible network: a player needs",
        ),
        (
            lambda w: [w.pop(n) for n in list(w) if "encoder.blocks" in n],
            "impossible network: channels, depths",
        ),
        (lambda w: w.clear(), f"lacks '{DENOISER}"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, damage: Damage, says: str) -> None:
    weights = to_checkpoint(tiny())
    damage(weights)
    torch.save(weights, tmp_path / "damaged.pt")
    with pytest.raises(UserError) as caught:
        load_atari(tmp_path / "damaged.pt")
    line = str(caught.value)
    assert says in line and str(tmp_path / "damaged.pt") in line and "\n" not in line


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda w: {name.replace(".", "._orig_mod.", 1): tensor for name, tensor in w.items()},
        lambda w: {f"module.{name}": tensor.half() for name, tensor in w.items()},
        lambda w: {"state_dict": {f"agent.{n}": t for n, t in w.items()}, "opt": {"x": CLOCK}},
        lambda w: {"agent": parity.module(w).state_dict(), "epoch": 3},
        lambda w: {part: {n.removeprefix(f"{part}."): t for n, t in w.items() if n.startswith(part)}
                   for part in ("denoiser", "rew_end_model", "actor_critic")},
        lambda w: {**w, "epoch": np.float64(3), "clock": torch.tensor(7), "args": {"s": [CLOCK]}},
    ],
)  # fmt: skip
def test_a_world_is_found_in_what_a_trainer_wrapped_it_in(
    tmp_path: Path, wrapped: Callable[[dict[str, Tensor]], object]
) -> None:
    networks = tiny()
    for all_ in vars(networks).values():
        all_.half().float()  # so that half precision keeps every number
    torch.save(wrapped(to_checkpoint(networks)), tmp_path / "agent.pt")
    again = to_checkpoint(load_atari(tmp_path / "agent.pt"))
    for name, tensor in to_checkpoint(networks).items():
        assert torch.equal(again[name], tensor), name


def test_of_a_trainers_state_the_newest_agent_is_named(tmp_path: Path) -> None:
    agent = parity.module(to_checkpoint(tiny())).state_dict()
    state = {"_epoch": 3, "agent": agent, "opt": {}, "lr_sched": {}}
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(UserError, match=r"agent_versions/agent_epoch_\*\.pt"):
        load_atari(tmp_path / "state.pt")
    versions = tmp_path / "agent_versions"
    versions.mkdir()
    for epoch in (5, 100):
        torch.save(agent, versions / f"agent_epoch_{epoch:05d}.pt")
    with pytest.raises(UserError, match=r"agent_versions/agent_epoch_00100\.pt"):
        load_atari(tmp_path / "state.pt")
    load_atari(versions / "agent_epoch_00100.pt")


def test_parts_of_another_program_are_left_out_by_the_command_that_is_named(
    tmp_path: Path,
) -> None:
    weights = to_checkpoint(tiny())
    torch.save({**weights, "text.a": CLOCK, "vision.b.c": CLOCK}, tmp_path / "agent.pt")
    with pytest.raises(UserError, match="holds 'text', which is not known here") as caught:
        load_atari(tmp_path / "agent.pt")
    line = str(caught.value)
    command = shlex.split(line[line.index("python -c") :])
    subprocess.run([sys.executable, *command[1:]], check=True)
    load_atari(tmp_path / "agent-plain.pt")


def test_one_worlds_checkpoint_is_not_anothers() -> None:
    with pytest.raises(UserError, match=f"lacks '{UPSAMPLER}|holds '{REWARD_MODEL}"):
        load_csgo(DATA / "atari.pt")
    with pytest.raises(UserError, match=f"holds '{UPSAMPLER}"):
        load_atari(DATA / "csgo.pt")
