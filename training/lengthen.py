"""Weights of a network for one like it that sees more frames."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.networks.denoiser import Denoiser
from models.networks.reward_end import RewardEnd


def lengthened(network: nn.Module, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return weights that `network` can load, of one like it that may have seen fewer frames.

    The frames before those that were seen count for nothing. Other networks than a Denoiser and a
    RewardEnd, whose OLDEST says what reads the frames, look at none before.
    """
    if not isinstance(network, Denoiser | RewardEnd):
        return weights
    name, oldest = network.OLDEST
    weight = weights[name]
    missing = network.state_dict()[name].shape[1] - weight.shape[1]
    if missing <= 0:
        return weights
    before, after = weight[:, :oldest], weight[:, oldest:]
    none = weight.new_zeros(len(weight), missing, *weight.shape[2:])
    return {**weights, name: torch.cat((before, none, after), dim=1)}
