"""Loss of enlarged frames whose details nobody knows, because their small frames were dreamed."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from training.losses.denoising import Prediction


def low_frequency_error(
    prediction: Prediction, enlarged: Tensor, rows: Tensor, patch: int
) -> Tensor:
    """Return how far enlarged frames are from the small ones they were made of, (B,).

    The squared error of averages over squares of `patch` pixels, in units of the network's output.
    enlarged: (B, C, H, W), the small frames enlarged by cubic curves. rows: (B,) bool, the examples
    it is of; others are 0.
    """
    coarse = F.avg_pool2d(prediction.made(rows) - enlarged[rows], patch)
    return prediction.scattered(coarse.square().mean(dim=(1, 2, 3)), rows)
