"""The decider: a small network that makes up its mind about a finished frame.

Where nobody can know what comes, the least squared error shows a thing faintly in several places,
and the denoiser, told to look again, finds the same. This network sees the new frame and the last
one alone: it cannot work out anew what may come, only choose from what is shown, so it is quickly
taught to show one of the places whole and the others not at all (training/lessons.py).

Shapes: B batch, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.unet import silence

DILATIONS = (2, 4, 2, 1)  # of what comes after the look at the whole frame
NEARER_PX = (2, 3, 3)  # added up: how far around a place others are that it is compared with
KINDS = 8  # of things that are compared with the most alike of the whole frame
LEAST_LIGHT = 0.01  # compared with less, hardly any would look like much
FAINT = 0.1  # of [-1, 1]: smaller corrections are no decision, and would add up to dust


class Decider(nn.Module):
    """Convolutions at full size, told besides how each place compares with others.

    Which of several is the largest is hard to learn for convolutions alone. So they are told how
    bright each place is beside the brightest near it and, since a ball that flies here is none
    that is served there, how much of what they find themselves is here beside the most anywhere
    (as Wu 2019 pools over a whole board, and for the same reason).

    width: of its layers, in channels.
    """

    box: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(6 + len(NEARER_PX), width, 3, padding=1)
        self.conv_near = nn.Conv2d(width, width, 3, padding=1)
        self.kinds = nn.Conv2d(width, KINDS, 1)
        self.beside = nn.Conv2d(KINDS, width, 1)
        self.anywhere = nn.Conv2d(KINDS, width, 1)
        convs = [nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in DILATIONS]
        self.convs = nn.ModuleList(convs)
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)
        silence(self.conv_out)  # it starts as the identity
        box = torch.full((1, 3, 3, 3), 1 / 9, device="cpu")
        box[:, :, 1, 1] += 0.01  # so that of a square as bright as the next its middle is first
        self.register_buffer("box", box, persistent=False)

    def forward(self, frame: Tensor, last: Tensor) -> Tensor:
        """frame and last (B, C, H, W), the new one and the one before it → the new one, decided."""
        return frame + F.hardshrink(self.correction(frame, last), FAINT)

    def correction(self, frame: Tensor, last: Tensor) -> Tensor:
        """What is to be added to the new frame, faint or not."""
        change = frame - last
        light = F.conv2d(change.clamp(0, 2), self.box, padding=1)
        compared, most = [], light
        for px in NEARER_PX:
            most = F.max_pool2d(most, 2 * px + 1, stride=1, padding=px)
            compared.append(light / (most + LEAST_LIGHT))
        x = torch.cat((2 * change, 2 * last, *compared), dim=1)
        x = F.silu(self.conv_near(F.silu(self.conv_in(x))))
        found = F.relu(self.kinds(x))
        most = found.amax(dim=(2, 3), keepdim=True)
        x = x + self.beside(found / (most + LEAST_LIGHT)) + self.anywhere(most)
        for conv in self.convs:
            x = F.silu(conv(x))
        correction: Tensor = self.conv_out(x)
        return correction


def without_decider(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a denoiser but those of its `decider`, which is taught at last and apart."""
    return {name: weight for name, weight in weights.items() if not name.startswith("decider.")}
