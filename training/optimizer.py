"""Optimisers: AdamW, or Muon for the convolutions' weights and AdamW for everything else.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces a
weight matrix's momentum by the nearest orthogonal matrix, so that every direction of the update
counts alike; the size of its update is matched to Adam's as in Liu et al. 2025, "Muon is scalable
for LLM training".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

MOMENTUM = 0.95
ITERATION = (3.4445, -4.7750, 2.0315)  # of the quintic below; coefficients from Jordan et al.
ITERATIONS = 5
ADAM_RMS = 0.2  # root mean square of a typical Adam update


class Muon(Optimizer):
    """Momentum, orthogonalised. For weights of two or more dimensions, seen as (out, rest)."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            # Weights of one shape are orthogonalised together: one batch of matrix products.
            alike: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for parameters in alike.values():
                self._step(parameters, group["lr"], group["weight_decay"])

    def _step(self, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        updates = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - MOMENTUM)
            updates.append(parameter.grad.lerp(state["momentum"], MOMENTUM).flatten(1))
        rows, columns = updates[0].shape
        scale = ADAM_RMS * max(rows, columns) ** 0.5
        for parameter, update in zip(parameters, orthogonalise(torch.stack(updates)), strict=True):
            parameter.mul_(1 - lr * weight_decay)
            parameter.add_(update.view_as(parameter), alpha=-lr * scale)


def orthogonalise(matrices: Tensor) -> Tensor:
    """(N, rows, columns) → the same with all singular values near 1, by Newton and Schulz.

    bf16 is precise enough: under autocast its products are in that, and else in the given type.
    """
    a, b, c = ITERATION
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        # a x + (b square + c square²) x, added up within the products: twice as fast on a CPU.
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


def build(model: nn.Module, lr: float, muon_lr: float, weight_decay: float) -> list[Optimizer]:
    """Build a model's optimisers: AdamW, and Muon for its hidden convolutions unless muon_lr is 0.

    Biases, norms and embeddings are not decayed. The first and last convolution, where features
    meet pixels, go to AdamW.
    """
    if not muon_lr:
        return [_adamw(list(model.named_parameters()), lr, weight_decay)]
    muon: list[tuple[str, nn.Parameter]] = []
    rest: list[tuple[str, nn.Parameter]] = []
    for name, parameter in model.named_parameters():
        hidden = parameter.ndim == 4 and "conv_in" not in name and "conv_out" not in name
        (muon if hidden else rest).append((name, parameter))
    return [
        _adamw(rest, lr, weight_decay),
        Muon([parameter for _, parameter in muon], muon_lr, weight_decay),
    ]


def _adamw(named: list[tuple[str, nn.Parameter]], lr: float, weight_decay: float) -> Optimizer:
    heavy = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    light = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    groups: list[dict[str, Any]] = [{"params": heavy}, {"params": light, "weight_decay": 0.0}]
    return AdamW(groups, lr=lr, weight_decay=weight_decay, eps=1e-8)


def schedule(update: int, updates: int, warmup: int, cooldown: float) -> float:
    """Return the share of the full learning rate at an update (from 0): up, level, then down.

    warmup: updates that it rises over; cooldown: share of all updates that it falls over.
    """
    rise = (update + 1) / max(1, warmup)
    fall = (updates - update) / max(1.0, cooldown * updates)
    return min(1.0, rise, fall)
