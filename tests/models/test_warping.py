"""Pixels moved by a flow come from where it points."""

from __future__ import annotations

import torch

from models.networks.warping import warp


def test_a_warp_takes_each_pixel_from_where_the_flow_points() -> None:
    frame = torch.rand(2, 3, 6, 9, generator=torch.Generator().manual_seed(0))
    flow = torch.zeros(2, 2, 6, 9)
    torch.testing.assert_close(warp(frame, flow), frame)
    flow[0, 0], flow[0, 1], flow[1, 0] = 2.0, -1.0, -0.5
    moved = warp(frame, flow)
    torch.testing.assert_close(moved[0, :, 1:, :-2], frame[0, :, :-1, 2:])
    torch.testing.assert_close(moved[0, :, 0, -2:], frame[0, :, 0, -1:].expand(3, 2))  # the edge
    near = frame[1, :, :, 1:-2] + frame[1, :, :, 2:-1]
    far = frame[1, :, :, :-3] + frame[1, :, :, 3:]
    torch.testing.assert_close(moved[1, :, :, 2:-1], 0.59375 * near - 0.09375 * far)
