"""Texture as a loss: edges are to be sharp, wherever they are."""

from __future__ import annotations

import torch

from training.losses.texture import texture_error


def test_texture_forgives_an_edge_that_is_elsewhere_and_not_one_that_is_blurred() -> None:
    """Squared error alone is least for a blur between the places where an edge may be."""
    true = torch.zeros(1, 3, 12, 16)
    true[..., 8:] = 1
    moved, blurred = true.roll(1, dims=3), true.clone()
    moved[..., 0] = 0
    blurred[..., 6:10] = torch.tensor([0.2, 0.4, 0.6, 0.8])
    both = torch.cat((true, moved, blurred))
    off = texture_error(both, true.repeat(3, 1, 1, 1))
    squared = (both - true).square().mean(dim=(1, 2, 3))
    assert off[0] == 0 and squared[2] < squared[1]
    assert off[2] > 2 * off[1] > 0


def test_a_weave_is_no_texture() -> None:
    """One pattern in each square that a network folds was as sharp as what is recorded."""
    generator = torch.Generator().manual_seed(0)
    true = torch.rand(1, 3, 40, 40, generator=generator)
    other = torch.rand(1, 3, 40, 40, generator=generator)
    woven = torch.rand(1, 3, 5, 5, generator=generator).tile(8, 8)
    assert texture_error(woven, true) < 3 * texture_error(other, true)
    assert texture_error(woven, true, 5) > 10 * texture_error(other, true, 5)
