"""Device, precision and compilation of training on this machine, by measuring."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch

from base.errors import UserError
from models.networks.denoiser import Denoiser
from models.runtime.choice import unknown_device
from training.losses.denoising import Noising, predict, squared_error
from training.speed_choice import Choice, Precision

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
TRIALS = 3
LONG_S = 10.0  # what takes so long is timed once: no start-up shows in it
WORTH_COMPILING_S = 120  # a run shorter than this is over before a compiler has paid for itself


def device(name: str) -> torch.device:
    """Return where to train: one of DEVICES, of which "auto" is a CUDA GPU if there is one.

    Raises UserError for any other name, and for "cuda" where there is none.
    """
    if name not in DEVICES:
        raise unknown_device(name, DEVICES)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    elif name == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no CUDA GPU that torch can use; use --device cpu")
    return torch.device(name)


def choose(
    denoiser: Denoiser,
    batch: int,
    batches: int,
    precision: Precision | Literal["auto"] = "auto",
    compiled: Literal["auto", "on", "off"] = "auto",
) -> Choice:
    """Time forward and backward passes of one batch each way; leave the denoiser set up so.

    batch: examples in one. batches: how many there will be in all of training.
    What is not "auto" is taken as given. No weight changes. Raises UserError where compiling is
    asked for and does not work.
    """
    work, where = _passes(denoiser, batch), next(denoiser.parameters()).device
    best, times = quickest(precision, work, where)
    said = [f"{name} {seconds:.2f} s" for name, seconds in times.items()]
    worth = times[best] * batches > WORTH_COMPILING_S
    use = False
    if compiled == "on" or (compiled == "auto" and worth):
        set_compiled(denoiser, True)
        try:
            seconds = typical(partial(work, best), where)
        except Exception as error:  # no compiler, or one that fails, in many ways
            if compiled == "on":
                raise UserError(
                    f"torch cannot compile here ({type(error).__name__}); use --compile off"
                ) from error
            said.append(f"compiling failed ({type(error).__name__})")
        else:
            said.append(f"{best} compiled {seconds:.2f} s")
            use = compiled == "on" or seconds < times[best]
    set_compiled(denoiser, use)
    why = f"{best}{', compiled' if use else ''} (a batch takes {', '.join(said)})"
    return Choice(best, use, why)


def set_compiled(denoiser: Denoiser, on: bool) -> None:
    """Have the U-Net compiled when it is next called, or not; asking twice changes nothing."""
    unet = denoiser.unet
    if not on:
        unet._compiled_call_impl = None  # torch has no public way back
    elif unet._compiled_call_impl is None:
        unet.compile()


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return the context in which networks run at a precision; fp32 is torch's own."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Count numbers below 1e-38 as 0 within, where the processor can do that.

    Gradients have many of them, where a network hardly errs, and a processor that computes with
    those takes a hundred times as long for each: half the time of a backward pass, measured in
    fp32 on two cores. Threads take this over from the one that starts them, and torch starts its
    own at the first large piece of work, so this must come before it.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def quickest(
    asked: Precision | Literal["auto"], work: Callable[[Precision], object], device: torch.device
) -> tuple[Precision, dict[Precision, float]]:
    """Return the precision asked for or, of "auto", that in which some work takes least time.

    Also the seconds it takes, in each precision that comes into question.
    """
    names = PRECISIONS if asked == "auto" else (asked,)
    times = {name: typical(partial(work, name), device) for name in names}
    return min(times, key=times.__getitem__), times


def _passes(denoiser: Denoiser, batch: int) -> Callable[[Precision], None]:
    """Return a function that makes a forward and a backward pass of one batch, in a precision."""
    device = next(denoiser.parameters()).device
    d = denoiser.config
    frame = torch.zeros(batch, 3, d.height, d.width, device=device)
    context = torch.randn(batch, d.context, 3, d.height, d.width, device=device)
    actions = torch.zeros(batch, d.context, d.actions, device=device) if d.actions else None
    sigma = torch.ones(batch, device=device)
    noising = Noising(sigma, context[:, 0], torch.zeros(batch, 3, 1, 1, device=device))

    def passes(precision: Precision) -> None:
        with autocast(device, precision):
            loss = squared_error(predict(denoiser, frame, context, actions, noising)).mean()
        loss.backward()
        denoiser.zero_grad(set_to_none=True)

    return passes


def typical(work: Callable[[], object], device: torch.device) -> float:
    """Return median seconds of some work after a first time; of that alone, if it is long."""
    first = measured(work, device)
    if first > LONG_S:
        return first
    return statistics.median(measured(work, device) for _ in range(TRIALS))


def measured(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds that some work takes, the device's share included."""
    started_at = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started_at
