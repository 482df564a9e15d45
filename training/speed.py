"""How to run training on this machine: precision and compilation, chosen by measuring."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from models.denoiser import Denoiser
from training.config import TrainConfig

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TRIALS = 3
WORTH_COMPILING_S = 120  # a run shorter than this is over before a compiler has paid for itself


@dataclass(frozen=True)
class Choice:
    """precision: fp32 or bf16 (autocast); compiled: by torch's compiler; why: one line."""

    precision: str
    compiled: bool
    why: str


def choose(
    denoiser: Denoiser,
    config: TrainConfig,
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    compiled: Literal["auto", "on", "off"] = "auto",
) -> Choice:
    """Time forward and backward passes of one batch each way; leave the denoiser set up so.

    What is not "auto" is taken as given. No weight changes.
    """
    times: dict[str, float] = {}
    names = list(PRECISIONS) if precision == "auto" else [precision]
    for name in names:
        times[name] = _seconds(denoiser, config, name)
    best = min(names, key=lambda name: times[name])
    said = [f"{name} {times[name]:.2f} s" for name in names]
    worth = times[best] * config.updates > WORTH_COMPILING_S
    use = compiled == "on"
    if compiled == "on" or (compiled == "auto" and worth):
        denoiser.unet.compile()
        try:
            seconds = _seconds(denoiser, config, best)
        except Exception as error:  # no compiler, or one that fails: eager still works
            denoiser.unet._compiled_call_impl = None
            use = False
            said.append(f"compiling failed ({type(error).__name__})")
        else:
            said.append(f"{best} compiled {seconds:.2f} s")
            use = compiled == "on" or seconds < times[best]
            if not use:
                denoiser.unet._compiled_call_impl = None
    why = f"{best}{', compiled' if use else ''} (a batch takes {', '.join(said)})"
    return Choice(best, use, why)


def apply(denoiser: Denoiser, choice: Choice) -> None:
    """Set a denoiser up as chosen before, without measuring."""
    if choice.compiled:
        denoiser.unet.compile()


def _seconds(denoiser: Denoiser, config: TrainConfig, precision: str) -> float:
    """Median seconds of a forward and backward pass of one batch, after a first one."""
    device = next(denoiser.parameters()).device
    d, b = denoiser.config, config.batch
    frame = torch.zeros(b, 3, d.height, d.width, device=device)
    context = torch.randn(b, d.context, 3, d.height, d.width, device=device)
    actions = torch.zeros(b, d.context, d.actions, device=device)
    sigma = torch.full((b,), config.sigmas[0], device=device)

    def trial() -> None:
        dtype = PRECISIONS[precision]
        with torch.autocast(device.type, dtype, dtype != torch.float32):
            losses, _ = denoiser.loss(frame, sigma, context[:, 0], context, actions)
        losses.mean().backward()
        denoiser.zero_grad(set_to_none=True)

    trial()
    return statistics.median(measured(trial, device) for _ in range(TRIALS))


def measured(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that some work takes, the device's share included."""
    started_at = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started_at
