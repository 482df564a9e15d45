"""Learning frames by batches that add up to an update, for whichever network makes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from models.networks.denoiser import Denoiser
from models.schedule import lognormal
from training.learners.base import Learner, Losses
from training.losses.denoising import Noising
from training.optimizer import build
from training.recipes.two_sizes import SequenceConfig, UpsamplerConfig
from training.speed import autocast


class FrameLearner(Learner):
    """A network that learns frames.

    How many examples are worked on at once decides memory and time, not what is learnt: examples
    and noise are drawn for the whole update.
    """

    config: SequenceConfig | UpsamplerConfig

    def __init__(
        self, config: SequenceConfig | UpsamplerConfig, name: str, network: Denoiser
    ) -> None:
        optimizers = build(
            network, config.learning_rate, config.muon_learning_rate, config.weight_decay
        )
        super().__init__(config, network, {name: network}, optimizers)
        self.averaged = cast(Denoiser, self.averages[name])

    @abstractmethod
    def examples(self, batch: Any, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return what `losses` is given of a batch, a row for each example."""

    @abstractmethod
    def noisings(self, rows: int, generator: torch.Generator) -> list[Noising]:
        """Draw all that is random in learning so many examples, for each frame in a row."""

    @abstractmethod
    def losses(self, given: Sequence[Tensor], noisings: Sequence[Noising]) -> Iterator[Tensor]:
        """Yield the mean loss of each frame in a row. After each, its gradients may be taken."""

    def gradients(self, index: int, batch: Any) -> Losses:
        """Compute gradients of batches that add up to an update.

        Reports first, last: the losses of the first and the last of the frames in a row;
        gradient_norm, before clipping.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        examples = self.examples(batch, generator)
        rows = len(examples[0])
        drawn = self.noisings(rows, generator)
        means = [0.0] * len(drawn)
        for start in range(0, rows, config.batch):
            chosen = slice(start, start + config.batch)
            given = [tensor[chosen].to(self.device) for tensor in examples]
            losses = self.losses(given, [n.rows(chosen, self.device) for n in drawn])
            for i in range(len(drawn)):
                with autocast(self.device, self.precision):
                    loss = next(losses) * (len(given[0]) / rows)
                (loss / len(drawn)).backward()
                means[i] += loss.item()
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), config.gradient_clip)
        return {"first": means[0], "last": means[-1], "gradient_norm": norm.item()}

    def level(self, rows: int, generator: torch.Generator) -> Tensor:
        """Draw noise levels (rows,), as configured."""
        z = torch.randn(rows, generator=generator)
        return lognormal(z, self.config.sigma_location, self.config.sigma_scale)
