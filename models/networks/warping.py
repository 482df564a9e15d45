"""Moving a picture's pixels by a flow."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(frame: Tensor, flow: Tensor) -> Tensor:
    """Each pixel of (B, C, H, W) taken from where a flow (B, 2, H, W), in pixels, points.

    Between pixels cubic curves tell, since straight lines would blur what is moved again and again;
    beyond the edge it is as at the edge.
    """
    height, width = frame.shape[-2:]
    right = torch.arange(width, device=frame.device) + 0.5
    down = torch.arange(height, device=frame.device)[:, None] + 0.5
    x = (flow[:, 0] + right) * (2 / width) - 1
    y = (flow[:, 1] + down) * (2 / height) - 1
    grid = torch.cat((x[..., None], y[..., None]), dim=-1)
    return F.grid_sample(frame, grid, mode="bicubic", padding_mode="border", align_corners=False)
