"""Files as released worlds come: small checkpoints, made-up spawns, configurations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.games.atari import AtariWorld
from models.cartridge import reader as cartridge
from models.diamond.released import Released, atari, csgo
from tests.support.parity import DATA
from tools.app.installed import write

ATARI_PT, CSGO_PT = DATA / "atari.pt", DATA / "csgo.pt"
GAME = "pong"  # it has as many actions as the checkpoint
SPAWN_SHAPES = {
    "low_res.npy": (4, 3, 30, 56),
    "full_res.npy": (4, 3, 150, 280),
    "act.npy": (4, 51),
    "next_act.npy": (200, 51),
}
AGENT_YAML = """\
_target_: agent.AgentConfig

denoiser:
  _target_: models.diffusion.DenoiserConfig
  sigma_data: 0.5
  sigma_offset_noise: {offset}
  noise_previous_obs: {noised}
  upsampling_factor: null
  inner_model:
    _target_: models.diffusion.InnerModelConfig
    img_channels: 3
    num_steps_conditioning: 4
    cond_channels: 64
    depths: [2, 2, 2, 2]
    channels:
      - 32
      - 32
      - 64
      - 64
    attn_depths: [0, 0, {attention}, {attention}]
    num_actions: ${{env.num_actions}}
"""
ATARI_YAML = AGENT_YAML.format(offset=0.3, noised="False", attention=0)
CSGO_YAML = (
    AGENT_YAML.format(offset=0.1, noised="true", attention=1)
    + """\

upsampler:
  _target_: models.diffusion.DenoiserConfig
  sigma_data: 0.5
  sigma_offset_noise: 0.1
  inner_model:
    _target_: models.diffusion.InnerModelConfig
    num_steps_conditioning: 1
    cond_channels: 64
    depths: [1, 1, 2, 1]
    channels: [32, 32, 32, 64]
"""
)


def write_spawn(folder: Path, seed: int) -> Path:
    """A spawn of noise, in which all kinds of things are pressed."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for name, shape in SPAWN_SHAPES.items():
        high = 256 if len(shape) > 2 else 2
        np.save(folder / name, rng.integers(0, high, shape, dtype=np.uint8))
    return folder


def pong() -> Released:
    """The world of the small Atari checkpoint."""
    return atari(ATARI_PT, "pong", "Pong", GAME, AtariWorld(GAME).actions, "none stated")


def shooter(folder: Path, count: int = 2) -> Released:
    """The world of the small CS:GO checkpoint, with `count` spawns written below `folder`."""
    spawns = [write_spawn(folder / str(i), seed=i) for i in range(count)]
    return csgo(CSGO_PT, spawns, "csgo", "CS:GO", "none stated")


def write_cartridge(made: Released, path: Path) -> Path:
    """A released world as a float32 cartridge, with a black picture if it has no start."""
    black = np.zeros((64, 64, 3), np.uint8)
    write(made, path, cartridge.STORED[0], None if len(made.starts["frames"]) else black)
    return path
