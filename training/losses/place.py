"""How wrong views of a place memory and walks of a pose are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks.place_memory import Recalled

EDGES, BEST, UNEVEN = 0.5, 0.5, 0.005  # how much each counts beside the view's own error


def view_loss(recalled: Recalled, true: Tensor) -> Tensor:
    """Mean error of views against the frames (B, C, H, W) that were recorded there.

    Besides the view its edges count, since what is blurred is nearly right everywhere else; the
    source that is nearest to the truth, so that depth is learnt even where its weight is still
    small; and how uneven depth is, for what nothing tells.
    """
    view = recalled.view
    edges = sum((view.diff(dim=axis) - true.diff(dim=axis)).abs().mean() for axis in (2, 3))
    off = (recalled.brought - true[:, None]).abs().mean(dim=2)
    best = off.masked_fill(~recalled.seen, 2.0).amin(dim=1).mean()
    uneven = sum(recalled.inverse_depth.diff(dim=axis).abs().mean() for axis in (1, 2))
    return (view - true).abs().mean() + EDGES * edges + BEST * best + UNEVEN * uneven


def walk_loss(told: Tensor, true: Tensor, stride: float) -> Tensor:
    """Mean error of positions in poses (B, T, 4), in strides; beyond one it counts linearly."""
    off = (told[..., :2] - true[..., :2]) / stride
    return F.smooth_l1_loss(off, torch.zeros_like(off), beta=1.0)
