"""A recurrent memory, one step at a time in plain operations, so that a graph can hold it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]  # what it says (h) and what it keeps (c), each (B, width)


class Lstm(nn.Module):
    """A long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers 2000).

    Its weights are laid out as those of torch's LSTM and LSTMCell: gates in the order enter,
    forget, value, leave.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.input = nn.Linear(inputs, 4 * width)
        self.hidden = nn.Linear(width, 4 * width)

    def forward(self, x: Tensor, state: State) -> State:
        """x (B, inputs) and the state before → the state after; its h is the answer."""
        h, c = state
        enter, forget, value, leave = (self.input(x) + self.hidden(h)).chunk(4, dim=1)
        c = forget.sigmoid() * c + enter.sigmoid() * value.tanh()
        return leave.sigmoid() * c.tanh(), c

    def rest(self, batch: int) -> State:
        """The state before anything happened: zeros."""
        zeros = torch.zeros(batch, self.width, device=self.hidden.weight.device)
        return zeros, zeros
