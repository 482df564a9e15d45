"""The memory is torch's own, in plain operations."""

from __future__ import annotations

import torch
from torch import nn

from models.networks.lstm import Lstm
from tests.support.networks import awaken


@torch.no_grad()
def test_it_remembers_as_torchs_does() -> None:
    theirs = nn.LSTM(5, 8, batch_first=True)
    ours = Lstm(5, 8)
    ours.input.weight.copy_(theirs.weight_ih_l0)
    ours.input.bias.copy_(theirs.bias_ih_l0)
    ours.hidden.weight.copy_(theirs.weight_hh_l0)
    ours.hidden.bias.copy_(theirs.bias_hh_l0)
    x = torch.randn(3, 4, 5)
    state = ours.rest(3)
    said = []
    for t in range(4):
        state = ours(x[:, t], state)
        said.append(state[0])
    expected, (h, c) = theirs(x)
    torch.testing.assert_close(torch.stack(said, dim=1), expected)
    torch.testing.assert_close(state, (h[0], c[0]))


@torch.no_grad()
def test_at_rest_it_remembers_nothing() -> None:
    memory, x = awaken(Lstm(2, 3)), torch.randn(4, 2)
    h, c = memory.rest(4)
    assert h.shape == c.shape == (4, 3) and not h.any() and not c.any()
    once = memory(x, (h, c))
    assert (memory(x, once)[0] - once[0]).abs().max() > 1e-3
