"""Energy score: a loss whose least is reached by frames that are as likely as the game's own.

Squared error is least at the mean of all frames that might come: a thing that may be in two places
is shown faintly in both, and after some steps it is gone. A proper scoring rule is least at their
distribution, so each sample is one of them. Samples of one network are drawn by its noise.
Source: Gneiting and Raftery 2007, "Strictly Proper Scoring Rules, Prediction, and Estimation",
section 4.2; trained with as here in Bouchacourt et al. 2016, "DISCO Nets".

Shapes: B examples, M samples of each, C = 3 channels, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.losses.denoising import Prediction

EDGES_PX = (4, 16)  # of the patches that are compared: of the size of things, and of scenes
SOFT = 0.12  # of [-1, 1], summed over a patch: below it a distance counts by its square
SCALE = 0.6  # of distances, so that losses are about 1 at the beginning


def energy_score(prediction: Prediction, samples: int, mask: Tensor | None = None) -> Tensor:
    """Return the energy score of each example, (B,), by M = `samples` >= 2 samples of its frame.

    prediction: of M · B rows, the first sample of all examples before the second.
    mask: (B, 1, H, W) bool, the pixels that count.
    """
    errors = (prediction.error * prediction.c_out).chunk(samples)
    if mask is not None:
        errors = tuple(error * mask for error in errors)
    wrong = _mean([_length(error) for error in errors])
    apart = _mean([_length(one - other) for one, other in combinations(errors, 2)])
    return (wrong - apart / 2) / SCALE


def _length(difference: Tensor) -> Tensor:
    """Return the length of differences (B, C, H, W), averaged over their patches, (B,).

    Patches overlap by half. What is nearly right counts by its square, or noise would matter most.
    """
    squares = difference.square().sum(dim=1, keepdim=True)
    lengths = []
    for edge in EDGES_PX:
        edge = min(edge, *squares.shape[2:])
        sums = F.avg_pool2d(squares, edge, stride=edge // 2) * edge**2
        lengths.append(((sums + SOFT**2).sqrt() - SOFT).mean(dim=(1, 2, 3)))
    return _mean(lengths)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(dim=0)
