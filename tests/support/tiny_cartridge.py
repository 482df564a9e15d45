"""A cartridge of a few thousand untrained weights: quick to make, and it moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from models.cartridge.manifest import Manifest
from models.cartridge.reader import build, described
from models.cartridge.writer import save
from models.networks.denoiser import DenoiserConfig
from models.networks.frame_prior import FramePriorConfig
from models.networks.keyframes import Keyframes
from models.networks.place_memory import PlaceMemoryConfig
from models.networks.pose import PoseConfig
from models.networks.reward_end import RewardEndConfig
from models.networks.unet import UNetConfig
from models.sampler import Sampler
from tests.support.toy_world import ACTIONS

SIDE_PX = 16
STARTS, CONTEXT = 3, 4


def manifest(side_px: int = SIDE_PX, channels: tuple[int, ...] = (16, 32)) -> Manifest:
    """A tiny world's manifest."""
    levels = len(channels)
    unet = UNetConfig(channels, (1,) * levels, (False,) * levels, cond=32, patch=2)
    return Manifest(
        name="tiny",
        title="A tiny dream",
        denoiser=DenoiserConfig(side_px, side_px, CONTEXT, ACTIONS.size, "change", 0.1, unet),
        reward_end=RewardEndConfig(side_px, side_px, frames=3, channels=8),
        sampler=Sampler((2.0, 0.5)),
        actions=ACTIONS,
        rate_fps=15.0,
        licence="CC0-1.0",
        metrics={"psnr_db": 12.5},
        source={"commands": ["made by a test"]},
    )


def tiny_prior(side_px: int = SIDE_PX, sigma: float = 0.04) -> FramePriorConfig:
    """What mends the frames of a tiny world."""
    unet = UNetConfig((8,), (1,), (False,), cond=16, patch=2)
    return FramePriorConfig(side_px, side_px, unet, sigma)


def networks(of: Manifest, seed: int = 0) -> dict[str, nn.Module]:
    """Untrained networks whose every weight is drawn, so that nothing stays zero."""
    made = {name: build(of, name) for name in described(of)}
    generator = torch.Generator().manual_seed(seed)
    for network in made.values():
        network.eval().requires_grad_(False)
        for tensor in network.state_dict().values():
            fan_in = max(1, tensor[0].numel()) if tensor.ndim > 1 else 16
            tensor.copy_(torch.randn(tensor.shape, generator=generator) / fan_in**0.5)
    return made


def starts(of: Manifest, seed: int = 0) -> dict[str, np.ndarray]:
    """Starting contexts of noise, with random actions, and large frames where there are some."""
    rng = np.random.default_rng(seed)
    config = of.denoiser
    shape = (STARTS, config.context, config.height, config.width, 3)
    frames = rng.integers(0, 256, shape, dtype=np.uint8)
    choices = rng.integers(0, config.actions, (STARTS, config.context))
    places: dict[str, np.ndarray] = {"frames": frames}
    places["actions"] = np.eye(config.actions, dtype=np.float32)[choices]
    if of.upsampler is not None:
        large = (STARTS, of.upsampler.height, of.upsampler.width, 3)
        places["large"] = rng.integers(0, 256, large, dtype=np.uint8)
    if of.place_memory is not None:
        places["pose"] = poses(STARTS)
        places["moved"] = np.zeros((STARTS, 2), np.float32)
    return places


def poses(count: int) -> np.ndarray:
    """Some places along a line, each looking further to the left."""
    steps = np.arange(count, dtype=np.float32)
    return np.stack((8 * steps, 0 * steps, 20 * steps, 0 * steps), axis=1)


def with_places(of: Manifest) -> Manifest:
    """The same world with a place memory and a pose."""
    config = of.denoiser
    unet = UNetConfig((8,), (1,), (False,), cond=16, patch=2)
    memory = PlaceMemoryConfig(config.height, config.width, 6.0, unet, sources=2)
    corners = (-64.0, -64.0), (64.0, 64.0)
    return replace(
        of,
        denoiser=replace(config, recalled=1),
        place_memory=memory,
        pose=PoseConfig(config.actions, (), (), 0.0, *corners, memory=8, hidden=8),
    )


def keyframes(of: Manifest, count: int = 6) -> Keyframes | None:
    """Keyframes of noise, for a world with a place memory."""
    if of.place_memory is None:
        return None
    rng = np.random.default_rng(0)
    shape = (count, of.place_memory.height, of.place_memory.width, 3)
    frames = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))
    return Keyframes(frames, torch.from_numpy(poses(count)), of.place_memory.unit)


def write_tiny_cartridge(path: Path, of: Manifest | None = None, seed: int = 0) -> Path:
    """Write a tiny cartridge to `path`."""
    world = of or manifest()
    places = starts(world, seed)
    preview = cv2.imencode(".png", places["frames"][0, -1, :, :, ::-1])[1].tobytes()
    made, bank = networks(world, seed), keyframes(world)
    save(path, world, made, places, preview, "# Tiny\n", keyframes=bank)
    return path
