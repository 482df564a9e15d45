"""The energy score: least for samples that are as likely as the frames of the game."""

from __future__ import annotations

import torch
from torch import Tensor

from training.losses.denoising import Prediction
from training.losses.energy import energy_score

SIDE = 16


def prediction(true: Tensor, made: Tensor) -> Prediction:
    """Frames that a denoiser made, in units of its output as the loss gets them."""
    c_out = torch.full((len(made), 1, 1, 1), 0.5)
    zero = torch.zeros_like(made)
    return Prediction(true, zero, made, (made - true) / c_out, made, c_out)


def ball(rows: Tensor) -> Tensor:
    """Frames with a ball in one of two places, by 0 and 1."""
    frames = torch.zeros(len(rows), 3, SIDE, SIDE)
    for i, row in enumerate(rows.tolist()):
        frames[i, :, 4 + 8 * row : 6 + 8 * row, 7:9] = 1
    return frames


def test_a_ball_in_a_likely_place_is_better_than_a_faint_one_in_both() -> None:
    """Squared error has it the other way, and such balls fade away."""
    generator = torch.Generator().manual_seed(0)
    true, one, other = (ball(torch.randint(0, 2, (400,), generator=generator)) for _ in range(3))
    faint = ball(torch.tensor([0])) / 2 + ball(torch.tensor([1])) / 2
    twice = true.repeat(2, 1, 1, 1)
    sampled = energy_score(prediction(twice, torch.cat((one, other))), 2).mean()
    blurred = energy_score(prediction(twice, faint.expand_as(twice)), 2).mean()
    assert sampled < 0.8 * blurred
    assert (one - true).square().mean() > 1.5 * (faint - true).square().mean()
    # Always the same place is no better: it is wrong every other time.
    fixed = ball(torch.tensor([0])).expand_as(twice)
    assert sampled < 0.8 * energy_score(prediction(twice, fixed), 2).mean()


def test_right_frames_score_0_and_masked_pixels_do_not_count() -> None:
    true = ball(torch.tensor([0, 1]))
    twice = true.repeat(2, 1, 1, 1)
    assert energy_score(prediction(twice, twice), 2).abs().max() < 1e-6
    wrong = twice.clone()
    wrong[[0, 2], :, 0, 0] = 1  # in both samples of the first example
    mask = torch.ones(2, 1, SIDE, SIDE, dtype=torch.bool)
    scores = energy_score(prediction(twice, wrong), 2, mask)
    assert scores[0] > 0 and scores[1].abs() < 1e-6
    mask[0, :, 0, 0] = False
    assert energy_score(prediction(twice, wrong), 2, mask).abs().max() < 1e-6


def test_its_gradient_is_finite_where_samples_agree() -> None:
    true = ball(torch.tensor([0])).repeat(2, 1, 1, 1)
    made = true.clone().requires_grad_()
    energy_score(prediction(true, made), 2).sum().backward()
    assert made.grad is not None and made.grad.isfinite().all()


def test_frames_smaller_than_the_patches_are_scored() -> None:
    frames = torch.zeros(2, 3, 8, 8)
    assert energy_score(prediction(frames, frames + 0.5), 2).shape == (1,)
