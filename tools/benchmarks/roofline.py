"""Roofline: the work of a step of play, and the peak rates of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.runtime.selection import INT8, Inputs

# Convolutions as the worlds have them: channels, height, width.
CONVOLUTIONS = ((64, 64, 64), (64, 152, 280), (128, 76, 140), (256, 38, 70), (512, 16, 28))
COPIED_BYTES = 256 << 20
MEASURED_S = 0.3  # of each rate
CALLS = 20  # of a GPU's work together, so that starting it costs nothing
CALLED = (nn.Conv2d, nn.Linear, nn.GroupNorm)


@dataclass(frozen=True)
class Work:
    """Cost of a frame.

    flop:   multiplications and additions of convolutions, products and attention.
    values: numbers moved: weights and what goes into and comes out of every layer that has some,
            as if nothing of it stayed near the processor.
    """

    flop: int
    values: int

    def bytes_in(self, precision: str) -> int:
        """Bytes moved if every value is of this precision."""
        dtype: torch.dtype = getattr(torch, precision)
        return self.values * dtype.itemsize


def count(step: nn.Module, example: Inputs) -> Work:
    """The work of one frame of a step, whose weights are float32 on the CPU."""
    moved = 0

    def watch(module: nn.Module, given: tuple[Any, ...], made: Tensor) -> None:
        nonlocal moved
        weights = sum(weight.numel() for weight in module.parameters(recurse=False))
        moved += weights + given[0].numel() + made.numel()

    hooks = [m.register_forward_hook(watch) for m in step.modules() if isinstance(m, CALLED)]
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            step(*(torch.from_numpy(array)[None] for array in example.values()))
    finally:
        for hook in hooks:
            hook.remove()
    return Work(counter.get_total_flops(), moved)


def conv_rate(device: str, precision: str) -> float:
    """FLOP/s of the quickest of a few 3x3 convolutions as large as the worlds'.

    In INT8 only where PyTorch has oneDNN.
    """
    best = 0.0
    for channels, height, width in CONVOLUTIONS:
        x = torch.randn(1, channels, height, width).to(memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3).to(memory_format=torch.channels_last)
        if precision == INT8:
            convolve = convolution_of_int8(x, weight)
        else:
            dtype: torch.dtype = getattr(torch, precision)
            convolve = partial(F.conv2d, x.to(device, dtype), weight.to(device, dtype), padding=1)
        best = max(best, 2 * 9 * channels * channels * height * width / least_s(convolve, device))
    return best


def convolution_of_int8(x: Tensor, weight: Tensor) -> Callable[[], object]:
    """Return `F.conv2d(x, weight, padding=1)` in whole numbers: oneDNN's, as OpenVINO has it."""
    around = [[1, 1]] * 3  # stride, padding, dilation
    units, zeros = torch.ones(len(weight)), torch.zeros(len(weight), dtype=torch.int64)
    whole, kernel = (32 * x).to(torch.int8).view(torch.uint8), (32 * weight).to(torch.int8)
    packed = torch.ops.onednn.qconv_prepack(kernel, units, 1.0, 0, *around, 1, list(x.shape))
    given = (whole, 1.0, 0, packed, units, zeros, None, *around, 1)
    return partial(
        torch.ops.onednn.qconv2d_pointwise, *given, 1.0, 0, torch.float32, "none", [], ""
    )


def copy_rate(device: str) -> float:
    """Bytes/s read and written by copying memory of the device to itself."""
    source = torch.zeros(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    return 2 * COPIED_BYTES / least_s(lambda: target.copy_(source), device)


def least_s(work: Callable[[], object], device: str) -> float:
    """The least seconds that some work takes."""
    least = float("inf")
    with torch.no_grad():
        _timed(work, device)
        end = time.perf_counter() + MEASURED_S / len(CONVOLUTIONS)
        while True:
            least = min(least, _timed(work, device))
            if time.perf_counter() >= end:
                return least


def _timed(work: Callable[[], object], device: str) -> float:
    calls = 1 if device == "cpu" else CALLS
    started = time.perf_counter()
    for _ in range(calls):
        work()
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
    return (time.perf_counter() - started) / calls
