"""What tests need of networks in general."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def awaken(network: Network, seed: int = 0) -> Network:
    """Draw every weight, since a fresh network's last layers are silent."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        fan_in = max(1, parameter[0].numel()) if parameter.ndim > 1 else 16
        parameter.copy_(torch.randn(parameter.shape, generator=generator) / fan_in**0.5)
    return network.eval()
