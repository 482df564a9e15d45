"""Scores of dreams: numbers worked out by hand, and a denoiser whose dreams are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.batches import Batch
from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from models.sampler import Sampler
from training.scores import GREY, STRIP_FRAMES, STRIP_ROWS, dream, score, strip

CONTEXT, STEPS, SIDE = 2, 5, 4
LEVELS = Sampler((2.0, 0.5))


class Counting(nn.Module):
    """Knows a world whose pixels count up by the number of the action pressed."""

    def __init__(self, flaw: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.config = SimpleNamespace(context=CONTEXT)
        self.flaw, self.noise = flaw, list[Tensor]()

    def sample(
        self,
        noise: Tensor,
        context: Tensor,
        actions: Tensor,
        sampler: Sampler,
    ) -> Tensor:
        assert context.shape[1] == actions.shape[1] == CONTEXT
        assert sampler == LEVELS
        self.noise.append(noise)
        added = actions[:, -1].argmax(dim=1) + self.flaw
        counted = to_uint8(context[:, -1]).int() + added[:, None, None, None]
        return to_float(counted.to(torch.uint8))


def recording(count: int = 3) -> Batch:
    """Windows of that world, from different first levels."""
    generator = torch.Generator().manual_seed(0)
    pressed = torch.randint(0, 4, (count, CONTEXT + STEPS), generator=generator)
    before = torch.cat((torch.zeros(count, 1, dtype=torch.int64), pressed[:, :-1]), dim=1)
    levels = 40 * torch.arange(count)[:, None] + before.cumsum(1)
    frames = levels[:, :, None, None, None].expand(-1, -1, 3, SIDE, SIDE).to(torch.uint8)
    actions = torch.eye(4)[pressed]
    none = torch.zeros(count, CONTEXT + STEPS)
    valid = torch.ones_like(none, dtype=torch.bool)
    return Batch(frames, actions, none, none.bool(), none.bool(), valid, torch.ones(count))


def denoiser(flaw: int = 0) -> Any:
    return cast(Denoiser, Counting(flaw))


def test_a_dream_follows_the_recorded_actions() -> None:
    windows, seen = recording(), denoiser()
    dreamed = dream(
        seen,
        windows.frames[:, :CONTEXT],
        windows.actions[:, :-1],
        LEVELS,
        torch.Generator().manual_seed(1),
    )
    assert dreamed.dtype == torch.uint8
    assert torch.equal(dreamed, windows.frames[:, CONTEXT:])
    assert len(seen.noise) == STEPS
    assert seen.noise[0].std().item() == pytest.approx(1, abs=0.15)
    assert not torch.equal(seen.noise[0], seen.noise[1])


def test_a_perfect_dream_scores_60_db_and_a_flawed_one_by_its_flaw() -> None:
    windows = recording()
    perfect, flawed = (
        score(denoiser(), windows, LEVELS),
        score(denoiser(1), windows, LEVELS),
    )
    assert (perfect.psnr_1, perfect.psnr_n) == pytest.approx((60, 60))
    assert flawed.psnr_1 == pytest.approx(20 * np.log10(255), abs=1e-3)  # a level off
    assert flawed.psnr_n == pytest.approx(20 * np.log10(255 / STEPS), abs=1e-3)  # one more a step
    frames = windows.frames.int()
    for name, step in (("plain_1", 0), ("plain_n", STEPS - 1)):
        moved = (frames[:, CONTEXT + step] - frames[:, CONTEXT - 1])[:, 0, 0, 0]
        by_hand = [60 if m == 0 else 20 * np.log10(255 / m.item()) for m in moved]
        assert getattr(perfect, name) == pytest.approx(np.mean(by_hand), abs=1e-3)


def test_the_same_noise_at_every_evaluation() -> None:
    one = denoiser()
    score(one, recording(), LEVELS)
    score(one, recording(), LEVELS)
    assert torch.equal(one.noise[0], one.noise[STEPS])


def test_the_strip_shows_recorded_frames_above_dreamed_ones() -> None:
    true = torch.arange(6 * 40).view(6, 40, 1, 1, 1).expand(-1, -1, 3, 4, 5).to(torch.uint8)
    picture = strip(true, 255 - true)
    cell_height, cell_width = 4 + 2, 5 + 2  # with a line around
    assert picture.shape == (2 * STRIP_ROWS * cell_height, STRIP_FRAMES * cell_width, 3)
    assert (picture[0] == GREY).all() and (picture[:, 0] == GREY).all()
    for row in range(STRIP_ROWS):
        for column, step in ((0, 0), (STRIP_FRAMES - 1, 39)):
            top, left = 2 * row * cell_height + 1, column * cell_width + 1
            cell = picture[top : top + 4, left : left + 5]
            dreamed = picture[top + cell_height : top + cell_height + 4, left : left + 5]
            assert (cell == (40 * row + step) % 256).all() and (dreamed == 255 - cell).all()


def test_short_dreams_make_short_strips() -> None:
    few = torch.zeros(2, 3, 3, 4, 4, dtype=torch.uint8)
    assert strip(few, few).shape == (2 * 2 * 6, 3 * 6, 3)
