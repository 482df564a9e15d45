"""Base of all learners: networks in training, their averages, optimisers, and going on."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from datasets.batches import Numbered
from models.networks.denoiser import Denoiser
from training.optimizer import schedule
from training.recipes.presets import Recipe
from training.scores import Scores
from training.speed import Precision, autocast

Losses = Mapping[str, float]  # what one update reports, most telling first
LEAST_LOSS = 0.02  # of an example: less is as good, and its logarithm would count for ever more
IN_CARTRIDGES = {"head": "reward_end"}  # what cartridges call a network by another name


class Learner(ABC):
    """Networks that learn from recordings by one recipe.

    networks:  what is optimised, by the names that checkpoints have for it.
    averages:  of their weights, by the same names: what is scored, saved and played.
    denoiser:  of the networks the one that takes nearly all the time.
    batches:   what updates learn from, by their number.
    precision: of the networks' arithmetic, and of that in their optimisers.
    """

    batches: Numbered[Any]

    def __init__(
        self,
        config: Recipe,
        denoiser: Denoiser,
        networks: Mapping[str, nn.Module],
        optimizers: Sequence[Optimizer],
    ) -> None:
        self.config = config
        self.denoiser = denoiser
        self.networks, self.optimizers = dict(networks), list(optimizers)
        self.averages = {
            name: copy.deepcopy(network).requires_grad_(False).eval()
            for name, network in networks.items()
        }
        self._rates = [[g["lr"] for g in optimizer.param_groups] for optimizer in optimizers]
        self.device = next(denoiser.parameters()).device
        self.precision: Precision = "fp32"

    def update(self, index: int, batch: Any) -> Losses:
        """Make optimiser step number `index` (from 0) on what `batches` has for it.

        Everything random in it comes from the configured seed and `index`.
        """
        losses = self.gradients(index, batch)
        self.step(index)
        return losses

    @abstractmethod
    def gradients(self, index: int, batch: Any) -> Losses:
        """Compute the gradients of update number `index`, clipped; those before are gone."""

    @abstractmethod
    def score(self) -> Scores:
        """Score the averages on held-out episodes, always the same moments of them."""

    def step(self, index: int) -> None:
        """Follow the gradients at the learning rate of update number `index`, then average."""
        config = self.config
        factor = schedule(index, config.updates, config.warmup, config.cooldown)
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            with autocast(self.device, self.precision):
                optimizer.step()
        # Early averages forget quickly, so that the first evaluations show what was learnt.
        self.average(min(config.ema, (1 + index) / (10 + index)))

    def played(self) -> dict[str, nn.Module]:
        """Return the averages, by the names that cartridges have for the networks."""
        return {IN_CARTRIDGES.get(name, name): net for name, net in self.averages.items()}

    def average(self, keep: float) -> None:
        """Move the averages towards the networks; `keep` is how much of them stays."""
        for name, network in self.networks.items():
            average(self.averages[name], network, keep)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on exactly: plain data and tensors."""
        return {
            **{name: network.state_dict() for name, network in self.networks.items()},
            **{f"{name}_ema": network.state_dict() for name, network in self.averages.items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises KeyError, RuntimeError or ValueError for what another kind of learner left.
        """
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
            self.averages[name].load_state_dict(state[f"{name}_ema"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def counted(losses: Tensor, log: bool) -> Tensor:
    """Return losses of examples (B,) as they are learnt from: themselves, or their logarithms."""
    return (losses + LEAST_LOSS).log() if log else losses


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the averaged weights towards the model's."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - keep)
