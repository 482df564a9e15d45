"""The optimiser: orthogonal updates, who gets which, and a learning rate that rises and falls."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.networks.denoiser import Denoiser
from tests.support.networks import awaken
from tests.support.tiny_training import TINY
from training.optimizer import ADAM_RMS, MOMENTUM, Muon, build, orthogonalise, schedule


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8), (1, 9)])
def test_orthogonalised_matrices_keep_their_directions_and_lose_their_sizes(
    shape: tuple[int, int],
) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(2))
    made = orthogonalise(matrices)
    assert made.shape == matrices.shape and made.dtype == matrices.dtype
    singular = torch.linalg.svdvals(made)
    if shape[0] != shape[1]:  # a square random matrix has directions that are next to nothing
        assert singular.min() > 0.6
    assert singular.max() < 1.3
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.mT @ made @ vt.mT  # diagonal if the directions are the matrix's own
    off = inner - torch.diag_embed(inner.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 0.1
    for one, alone in zip(matrices, made, strict=True):
        torch.testing.assert_close(orthogonalise(one[None])[0], alone, atol=0.02, rtol=0)


def test_products_are_in_the_precision_that_training_was_measured_in() -> None:
    """Always in bf16, they took a processor without it twice as long as in float32."""
    matrices = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(2))
    exact = orthogonalise(matrices)
    with torch.autocast("cpu", torch.bfloat16):
        quick = orthogonalise(matrices)
    assert quick.dtype == exact.dtype == torch.float32
    assert not torch.equal(quick, exact)
    torch.testing.assert_close(quick, exact, atol=0.03, rtol=0)


def test_nothing_stays_nothing() -> None:
    assert not orthogonalise(torch.zeros(2, 4, 6)).any()


def test_a_step_of_muon_by_hand() -> None:
    start = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    gradients = torch.randn(2, 6, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    parameter = nn.Parameter(start.clone())
    untouched = nn.Parameter(start.clone())
    muon = Muon([parameter, untouched], lr=0.1, weight_decay=0.5)
    expected, momentum = start, torch.zeros_like(start)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        muon.step()
        momentum = MOMENTUM * momentum + (1 - MOMENTUM) * gradient
        ahead = MOMENTUM * momentum + (1 - MOMENTUM) * gradient  # Nesterov
        direction = orthogonalise(ahead.reshape(1, 6, 18)).reshape(start.shape)
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * ADAM_RMS * math.sqrt(18) * direction
    torch.testing.assert_close(parameter.detach(), expected)
    assert torch.equal(untouched, start)


def test_a_step_is_about_as_long_as_adams() -> None:
    parameter = nn.Parameter(torch.zeros(32, 64, 3, 3))
    parameter.grad = 1e-3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    Muon([parameter], lr=1.0, weight_decay=0.0).step()
    rms = parameter.detach().square().mean().sqrt().item()
    assert rms == pytest.approx(ADAM_RMS, rel=0.3)


def test_who_is_decayed_and_who_goes_to_muon() -> None:
    denoiser = Denoiser(TINY.denoiser(8, 8, 4))
    adam, muon = build(denoiser, lr=1.0, muon_lr=2.0, weight_decay=0.5)
    names = {id(parameter): name for name, parameter in denoiser.named_parameters()}

    def of(group: dict[str, Any]) -> set[str]:
        return {names[id(parameter)] for parameter in group["params"]}

    decayed, plain = (of(group) for group in adam.param_groups)
    orthogonal = of(muon.param_groups[0])
    assert [group["weight_decay"] for group in adam.param_groups] == [0.5, 0.0]
    assert (muon.param_groups[0]["lr"], muon.param_groups[0]["weight_decay"]) == (2.0, 0.5)
    assert {"unet.conv_in.weight", "unet.conv_out.weight", "cond.0.weight"} <= decayed
    assert "action_embedding.weight" in plain
    assert all(
        name.endswith("bias") for name in plain if "norm_out" not in name and "emb" not in name
    )
    assert "unet.down.0.0.conv1.weight" in orthogonal and "unet.grow.0.conv.weight" in orthogonal
    assert not any("bias" in name for name in decayed | orthogonal)
    every = [*decayed, *plain, *orthogonal]
    assert sorted(every) == sorted(names.values())  # each once


def test_without_a_rate_for_muon_adamw_has_everything() -> None:
    denoiser = Denoiser(TINY.denoiser(8, 8, 4))
    [adam] = build(denoiser, lr=1.0, muon_lr=0.0, weight_decay=0.5)
    heavy, light = adam.param_groups
    names = {id(parameter): name for name, parameter in denoiser.named_parameters()}
    assert "unet.down.0.0.conv1.weight" in {names[id(p)] for p in heavy["params"]}
    assert (heavy["weight_decay"], light["weight_decay"]) == (0.5, 0.0)
    every = [names[id(p)] for p in [*heavy["params"], *light["params"]]]
    assert sorted(every) == sorted(names.values())  # each once


class Small(nn.Module):
    """A problem with all kinds of parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(2, 6, 3, padding=1)
        self.hidden = nn.Conv2d(6, 6, 3, padding=1)
        self.conv_out = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(torch.tanh(self.hidden(torch.tanh(self.conv_in(x)))))


def descend(model: Small, optimizers: list[torch.optim.Optimizer], steps: int) -> list[float]:
    x = torch.randn(16, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    wanted = x[:, :1].roll(1, dims=3) * x[:, 1:].sigmoid()
    losses = []
    for _ in range(steps):
        loss = (model(x) - wanted).square().mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    return losses


def test_both_together_solve_a_small_problem() -> None:
    model = awaken(Small())
    losses = descend(model, build(model, lr=0.01, muon_lr=0.03, weight_decay=0.0), 80)
    assert losses[-1] < 0.1 * losses[0]


def test_saved_in_the_middle_it_goes_on_exactly() -> None:
    model = awaken(Small())
    optimizers = build(model, 0.01, 0.03, 0.01)
    descend(model, optimizers, 3)
    other = copy.deepcopy(model)
    restored = build(other, 0.5, 0.5, 0.5)
    for optimizer, saved in zip(restored, optimizers, strict=True):
        optimizer.load_state_dict(copy.deepcopy(saved.state_dict()))
    assert descend(model, optimizers, 3) == descend(other, restored, 3)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [schedule(i, updates=100, warmup=10, cooldown=0.25) for i in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert set(rates[10:76]) == {1.0}
    assert rates[75:] == pytest.approx([1 - i / 25 for i in range(25)])


@pytest.mark.parametrize(("warmup", "cooldown"), [(0, 0.0), (0, 1.0), (1000, 0.25)])
def test_no_schedule_is_ever_0_or_more_than_1(warmup: int, cooldown: float) -> None:
    rates = [schedule(i, 7, warmup, cooldown) for i in range(7)]
    assert all(0 < rate <= 1 for rate in rates)
