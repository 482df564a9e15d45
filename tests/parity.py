"""Recorded cases: small checkpoints in DIAMOND's layout, and what the original computed of them.

tests/data/diamond holds for each of two sets of networks `NAME.json` (how they were made and
sampled), `NAME.pt` (the flat checkpoint) and `NAME_expected.safetensors` (what went in and came
out: fp32, CPU). The weights are random, so that nothing that starts as zero hides a mistake.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from models.diamond_weights import AtariNetworks, CsgoNetworks, load_atari, load_csgo

DATA = Path(__file__).parent / "data" / "diamond"
NEAR = 1e-4  # absolute, of what networks answer
LEVEL = 2 / 255  # one of the levels of a frame in [-1, 1]


@functools.cache
def atari() -> tuple[AtariNetworks, dict[str, Tensor]]:
    """The networks, and the recorded tensors by name."""
    return load_atari(DATA / "atari.pt"), load_file(DATA / "atari_expected.safetensors")


@functools.cache
def csgo() -> tuple[CsgoNetworks, dict[str, Tensor]]:
    """The networks, and the recorded tensors by name."""
    return load_csgo(DATA / "csgo.pt"), load_file(DATA / "csgo_expected.safetensors")


def described(name: str) -> Any:
    """What a JSON file of the recording says."""
    return json.loads((DATA / f"{name}.json").read_text())


def one_hot(actions: Tensor, count: int) -> Tensor:
    """Action numbers of any shape → float vectors."""
    return F.one_hot(actions, count).float()


def assert_near(made: Tensor, expected: Tensor, tolerance: float = NEAR) -> None:
    """No value is off by more than the tolerance."""
    torch.testing.assert_close(made, expected, atol=tolerance, rtol=0)


def assert_same_levels(made: Tensor, expected: Tensor, untruncated: Tensor) -> None:
    """Near, or next to the edge of a level before truncation and on its other side after it."""
    height = (untruncated + 1) / LEVEL
    at_edge = (height - height.round()).abs() < NEAR / LEVEL
    off = (made - expected).abs()
    assert off[~at_edge].max() < NEAR and off.max() < LEVEL + NEAR
    assert at_edge.float().mean() < 0.1


def assert_same_picture(made: Tensor, expected: Tensor) -> None:
    """Within one grey level on 99.9 % of pixels: a value beside the edge of a level may fall on
    the other side of it, and what is computed of it further on is off by as much."""
    assert made.shape == expected.shape
    off = (made - expected).abs().amax(dim=-3)
    assert (off <= LEVEL + 1e-5).float().mean() >= 0.999, f"off by up to {off.max() / LEVEL} levels"
