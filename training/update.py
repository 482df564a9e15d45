"""One update of a world model: which examples, at which noise, and what is learnt from them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from datasets.batches import Batch, join
from models.denoiser import Denoiser
from models.frames import to_float, to_uint8
from models.reward_end import RewardEnd
from training.config import TrainConfig
from training.optimizer import build, schedule
from training.speed import Precision, autocast
from training.streams import Streams

NETWORKS = ("denoiser", "head", "denoiser_ema", "head_ema")


@dataclass(frozen=True)
class Losses:
    """What one update reports: plain floats, averaged over the examples of each kind.

    recorded, dreamed: the denoiser's loss after recorded contexts, and after its own (0 if there
                       are no streams).
    head:              the reward and ending head's loss.
    gradient_norm:     the denoiser's, before clipping.
    stream_age:        mean steps that the streams have dreamed.
    """

    recorded: float
    dreamed: float
    head: float
    gradient_norm: float
    stream_age: float


class Learner:
    """The networks in training, their averages, their optimisers and the dreams they learn from.

    denoiser, head: what is optimised. denoiser_ema, head_ema: the averaged weights, which will be
    played. precision: of the networks' arithmetic.
    """

    def __init__(
        self, config: TrainConfig, denoiser: Denoiser, head: RewardEnd, streams: Streams | None
    ) -> None:
        self.config = config
        self.denoiser, self.head, self.streams = denoiser, head, streams
        self.denoiser_ema = copy.deepcopy(denoiser).requires_grad_(False).eval()
        self.head_ema = copy.deepcopy(head).requires_grad_(False).eval()
        self.optimizers: list[Optimizer] = [
            *build(
                denoiser,
                config.learning_rate,
                config.muon_learning_rate,
                config.weight_decay,
            ),
            # Rewards and ends are rare: with Adam's usual long memory of gradients, the few large
            # ones among many tiny ones make steps so large that training comes apart.
            torch.optim.AdamW(head.parameters(), lr=config.head_learning_rate, betas=(0.9, 0.95)),
        ]
        self._rates = [[g["lr"] for g in optimizer.param_groups] for optimizer in self.optimizers]
        self.device = next(denoiser.parameters()).device
        self.precision: Precision = "fp32"

    def update(self, index: int, fresh: Batch) -> Losses:
        """Optimiser step number `index` (from 0) on a batch of recorded windows of T + 1 frames.

        Everything random in it comes from the configured seed and `index`.
        """
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + index)
        losses, head_loss, streamed = self.losses(index, fresh, generator)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        (losses.mean() + head_loss).backward()
        norm = nn.utils.clip_grad_norm_(self.denoiser.parameters(), config.gradient_clip)
        factor = schedule(index, config.updates, config.warmup, config.cooldown)
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimizer.step()
        # Early averages forget quickly, so that the first evaluations show what was learnt.
        keep = min(config.ema, (1 + index) / (10 + index))
        self.average(keep)
        dreamed = losses[:streamed].mean().item() if streamed else 0.0
        age = self.streams.ages.clamp(min=0).float().mean().item() if self.streams else 0.0
        return Losses(losses[streamed:].mean().item(), dreamed, head_loss.item(), norm.item(), age)

    def average(self, keep: float) -> None:
        """Move the averages towards the networks; `keep` is how much of them stays."""
        average(self.denoiser_ema, self.denoiser, keep)
        average(self.head_ema, self.head, keep)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on exactly: plain data and tensors."""
        return {
            **{name: getattr(self, name).state_dict() for name in NETWORKS},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "streams": self.streams.state_dict() if self.streams else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises KeyError, RuntimeError or ValueError for what another kind of learner left.
        """
        for name in NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        if self.streams is not None:
            self.streams.load_state_dict(state["streams"])

    def losses(
        self, index: int, fresh: Batch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, int]:
        """(loss of each example (B,), loss of the head, how many of the first rows are streams).

        The streams move on by one dreamed frame.
        """
        config, streams = self.config, self.streams
        batch, count = fresh, 0
        if streams is not None:
            walked = streams.batch(index)
            count = len(walked.frames)
            batch = join(walked, streams.rehearse(index, fresh, config.share_rehearsed))
        batch = batch.to(self.device)
        frames = to_float(batch.frames)
        context, target = frames[:, :-1], frames[:, -1]
        learnt = torch.ones_like(target[:, :1], dtype=torch.bool)
        if streams is not None:
            own = to_float(streams.context.to(self.device))
            context = torch.cat((own, context[count:]))
            learnable = streams.learnable(walked.frames)
            learnt[:count] = learnable.to(self.device)
        noise = [self._randn(target.shape, generator) for _ in config.sigmas]
        shown = context + config.context_noise * self._randn(context.shape, generator)
        sigma = draw_sigmas(config, count, len(frames), generator).to(self.device)
        with autocast(self.device, self.precision):
            losses, estimate = self.denoiser.loss(
                target,
                sigma,
                noise[0],
                context,
                batch.actions[:, :-1],
                config.changed_weight,
                shown,
                learnt=learnt,
            )
            head_frames = frames[:, -self.head.config.frames :]
            # Weighed, or a head shown many ends would call an end where there is none.
            head_loss = self.head.loss(
                head_frames,
                batch.rewards[:, -2],
                batch.life_lost[:, -2],
                batch.ended[:, -2],
                batch.weight,
            )
            if streams is not None:
                dreamed = self._finish(
                    estimate[:count],
                    [n[:count] for n in noise[1:]],
                    context[:count],
                    batch.actions[:count, :-1],
                )
        if streams is not None:
            streams.advance(to_uint8(dreamed).cpu(), walked.frames, learnable)
        return losses, head_loss, count

    @torch.no_grad()
    def _finish(
        self, frame: Tensor, noise: list[Tensor], context: Tensor, actions: Tensor
    ) -> Tensor:
        """Go on from the estimate at the first noise level through the later ones, as in play.

        Only that the noise is drawn afresh at each level, not carried along.
        """
        base = self.denoiser.base(context)
        for sigma, unit in zip(self.config.sigmas[1:], noise, strict=True):
            x = frame - base + sigma * unit
            level = torch.full((len(x),), sigma, device=x.device)
            frame = base + self.denoiser(x, level, context, actions)
        return base + self.denoiser.settle(frame - base)

    def _randn(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        return torch.randn(shape, generator=generator).to(self.device)


def draw_sigmas(config: TrainConfig, streams: int, rows: int, generator: torch.Generator) -> Tensor:
    """Noise levels (rows,): the first `streams` at the first level, the rest mixed as configured.

    Where play starts all is prediction; at low noise the answer still shows through, and a model
    trained there alone learns to denoise and not to predict.
    """
    first, later = config.sigmas[0], config.sigmas[1:] or config.sigmas
    kind = torch.rand(rows, generator=generator)
    which = torch.randint(len(later), (rows,), generator=generator)
    spread = torch.randn(rows, generator=generator) * config.sigma_scale + config.sigma_location
    sigma = spread.exp().clamp(0.002, first)
    sigma = torch.where(
        kind < config.share_first + config.share_later, torch.tensor(later)[which], sigma
    )
    sigma[kind < config.share_first] = first
    sigma[:streams] = first
    return sigma


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the averaged weights towards the model's."""
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - keep)
