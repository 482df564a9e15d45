"""Telling dreamed frames from recorded ones by a small network that learns to: 50 % is perfect.

Source: the classifier two-sample test (Lopez-Paz & Oquab 2017).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.frames import to_float

UPDATES, BATCH, RATE = 300, 64, 1e-3
WIDTH = 32

Frames = NDArray[np.uint8]  # (N, H, W, 3)


def told_apart(
    dreamed: tuple[Frames, Frames], recorded: tuple[Frames, Frames], seed: int = 0
) -> float:
    """Learn on the first of each pair, and return the accuracy on the second.

    Both kinds count alike, however many there are of each. The two of a pair should come from
    different plays and episodes: neighbouring frames are the same picture.
    """
    torch.manual_seed(seed)
    network = _classifier()
    _learn(network, _tensor(dreamed[0]), _tensor(recorded[0]))
    shares = [
        float(((_told(network, _tensor(frames)) > 0) == dream).float().mean())
        for frames, dream in ((dreamed[1], True), (recorded[1], False))
    ]
    return float(np.mean(shares))


def _classifier() -> nn.Module:
    layers: list[nn.Module] = []
    width = 3
    for wider in (WIDTH, 2 * WIDTH, 2 * WIDTH):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.ReLU()]
        width = wider
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * width, 1))


def _learn(network: nn.Module, dreamed: Tensor, recorded: Tensor) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    target = torch.tensor([1.0] * BATCH + [0.0] * BATCH)
    for _ in range(UPDATES):
        rows = [frames[torch.randint(len(frames), (BATCH,))] for frames in (dreamed, recorded)]
        told = network(to_float(torch.cat(rows)))[:, 0]
        loss = F.binary_cross_entropy_with_logits(told, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def _told(network: nn.Module, frames: Tensor) -> Tensor:
    return torch.cat([network(to_float(part))[:, 0] for part in frames.split(BATCH)])


def _tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).contiguous()
