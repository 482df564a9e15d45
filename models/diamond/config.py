"""DIAMOND's released worlds in numbers: what their networks are made of and how they are played.

Diffusion for World Modeling: Visual Details Matter in Atari (Alonso et al. 2024), 26 Atari games
and CS:GO. Where the released networks and their sampler depart from the papers they follow, the
weights expect the departure, so each is a switch, off for all other networks, and all are here:

    UNetConfig.residual_after_norm      attention adds to its normalised input
    UNetConfig.pad_features             what is padded is not the frame
    DenoiserConfig.floor                estimates are truncated to a level, not rounded
    Sampler.unit_start                  the first x is unit noise, not noise of sigma_max
    Sampler.churn_untold                the network is told the level before churn
    Sampler.context_noise_adds_up       the context's noise is added at every step again
"""

from __future__ import annotations

from dataclasses import replace

from models.cartridge.manifest import Preset
from models.networks.actor_critic import ActorCriticConfig
from models.networks.denoiser import DenoiserConfig
from models.networks.reward_model import RewardModelConfig
from models.networks.unet import UNetConfig
from models.sampler import karras_sampler

ATARI_SIDE_PX = 64
CSGO_HEIGHT_PX, CSGO_WIDTH_PX = 30, 56  # of the frames that are dreamed
UPSAMPLING = 5  # how much larger, along each edge, they are made for display
CSGO_ACTIONS = 51
SIGMA_DATA = 0.5


def unet(
    channels: tuple[int, ...], depths: tuple[int, ...], attention: tuple[bool, ...], cond: int
) -> UNetConfig:
    """A U-Net with attention in its middle and DIAMOND's ways of adding and padding."""
    return UNetConfig(
        channels,
        depths,
        attention,
        cond,
        middle_attention=True,
        residual_after_norm=True,
        pad_features=True,
    )


def atari_denoiser(actions: int) -> DenoiserConfig:
    """The next frame of a game with so many actions."""
    return DenoiserConfig(
        height=ATARI_SIDE_PX,
        width=ATARI_SIDE_PX,
        context=4,
        actions=actions,
        target="frame",
        sigma_data=SIGMA_DATA,
        unet=unet((64,) * 4, (2,) * 4, (False,) * 4, cond=256),
        sigma_offset=0.3,
        floor=True,
    )


def atari_reward_model(actions: int) -> RewardModelConfig:
    """Rewards and ends of a game with so many actions."""
    return RewardModelConfig(
        height=ATARI_SIDE_PX,
        width=ATARI_SIDE_PX,
        actions=actions,
        encoder=unet((32,) * 4, (2,) * 4, (False,) * 4, cond=128),
        lstm=512,
    )


def atari_actor_critic(actions: int) -> ActorCriticConfig:
    """The released player of a game with so many actions."""
    return ActorCriticConfig(
        height=ATARI_SIDE_PX,
        width=ATARI_SIDE_PX,
        actions=actions,
        channels=(32, 32, 64, 64),
        lstm=512,
    )


def csgo_denoiser() -> DenoiserConfig:
    """The next small frame of CS:GO."""
    return DenoiserConfig(
        height=CSGO_HEIGHT_PX,
        width=CSGO_WIDTH_PX,
        context=4,
        actions=CSGO_ACTIONS,
        target="frame",
        sigma_data=SIGMA_DATA,
        unet=unet((128, 256, 512, 1024), (2,) * 4, (False, False, True, True), cond=2048),
        sigma_offset=0.1,
        noised_context=True,
        floor=True,
    )


def csgo_upsampler() -> DenoiserConfig:
    """The large frame of CS:GO. Its context: the large frame before, and the small one enlarged."""
    return DenoiserConfig(
        height=CSGO_HEIGHT_PX * UPSAMPLING,
        width=CSGO_WIDTH_PX * UPSAMPLING,
        context=2,
        actions=0,
        target="frame",
        sigma_data=SIGMA_DATA,
        unet=unet((64, 64, 128, 256), (2,) * 4, (False, False, False, True), cond=2048),
        sigma_offset=0.1,
        noised_context=True,
        floor=True,
    )


DEPARTURES = {"unit_start": True, "churn_untold": True, "context_noise_adds_up": True}

ATARI = karras_sampler(3, 0.002, 5.0, **DEPARTURES)
CSGO_UPSAMPLING = karras_sampler(
    10, 1.0, 5.0, s_churn=10.0, s_tmin=1.0, s_tmax=5.0, s_noise=0.9, **DEPARTURES
)
CSGO = {
    "fast": Preset(
        frame=karras_sampler(1, 0.002, 5.0, s_cond=0.005, **DEPARTURES),
        upsampling=replace(CSGO_UPSAMPLING.with_steps(1), order=2),
    ),
    "quality": Preset(
        frame=karras_sampler(3, 0.002, 5.0, s_cond=0.005, **DEPARTURES),
        upsampling=CSGO_UPSAMPLING,
    ),
}
