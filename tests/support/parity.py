"""Recorded cases: small checkpoints in DIAMOND's layout, and what the original computed of them.

tests/data/diamond holds for each of two sets of networks `NAME.json` (how they were made and
sampled), `NAME.pt` (the flat checkpoint) and `NAME_expected.safetensors` (what went in and came
out: fp32, CPU). The weights are random, so that nothing that starts as zero hides a mistake.

The checkpoints hold a plain dict; DIAMOND's trainer saves what `nn.Module.state_dict` gives, so
each case can also be read from a file that was saved so.
"""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from models.diamond.weights import AtariNetworks, CsgoNetworks, load_atari, load_csgo

DATA = Path(__file__).parents[1] / "data" / "diamond"
NEAR = 1e-4  # absolute, of what networks answer
LEVEL = 2 / 255  # one of the levels of a frame in [-1, 1]


SAVED_AS = ("dict", "state_dict")


@functools.cache
def atari(saved_as: str = "dict") -> tuple[AtariNetworks, dict[str, Tensor]]:
    """The networks, and the recorded tensors by name. saved_as: one of SAVED_AS."""
    with checkpoint("atari", saved_as) as path:
        return load_atari(path), load_file(DATA / "atari_expected.safetensors")


@functools.cache
def csgo(saved_as: str = "dict") -> tuple[CsgoNetworks, dict[str, Tensor]]:
    """The networks, and the recorded tensors by name. saved_as: one of SAVED_AS."""
    with checkpoint("csgo", saved_as) as path:
        return load_csgo(path), load_file(DATA / "csgo_expected.safetensors")


@contextmanager
def checkpoint(name: str, saved_as: str) -> Iterator[Path]:
    """The checkpoint of a case, as a dict or as DIAMOND's trainer saves it."""
    path = DATA / f"{name}.pt"
    if saved_as == "dict":
        yield path
        return
    # What has been mapped from a file stays readable after the file is removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield save_as_trainer(torch.load(path, weights_only=True), Path(folder) / path.name)


def save_as_trainer(weights: Mapping[str, Tensor], path: Path) -> Path:
    """Save weights by the way that DIAMOND's trainer saves an agent's; returns `path`."""
    torch.save(module(weights).state_dict(), path)
    return path


def module(weights: Mapping[str, Tensor]) -> nn.Module:
    """A tree of modules whose state is these weights: their names are paths in it."""
    root = nn.Module()
    for name, tensor in weights.items():
        owner, (*path, last) = root, name.split(".")
        for part in path:
            if part not in dict(owner.named_children()):
                owner.add_module(part, nn.Module())
            owner = owner.get_submodule(part)
        owner.register_parameter(last, nn.Parameter(tensor))
    return root


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
