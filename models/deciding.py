"""An error by which a network makes up its mind where several things may come next.

The least squared error shows each of them faintly, and a dream goes on from that: a ball in two
faint places is in none a step later. Here an error within an area costs what it is while it is
small, and beyond `enough` hardly more (Geman & McClure 1985). So to show one of them whole, and to
be right some of the time, costs less than to be a little wrong each time.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

AREA_PX = 32  # edge of the squares whose errors are taken together: two places lie in one
EVERY_PX = 8  # from one such square to the next


def saturating(error: Tensor, enough: float) -> Tensor:
    """Squared errors (B, C, H, W) as a mean (B,), of which large ones count little.

    enough: what the errors of an area add up to where they count half of that.
    Where all are small it is the mean of the squared errors.
    """
    channels, height, width = error.shape[1:]
    # Squares reach over the edges, so that each pixel is in as many.
    over = AREA_PX - EVERY_PX
    padded = F.pad(
        error.sum(dim=1, keepdim=True),
        (over, over + -width % EVERY_PX, over, over + -height % EVERY_PX),
    )
    area = F.avg_pool2d(padded, AREA_PX, EVERY_PX) * AREA_PX**2
    counted = enough * area / (area + enough)
    overlap = (AREA_PX // EVERY_PX) ** 2
    return counted.sum(dim=(1, 2, 3)) / (overlap * channels * height * width)
