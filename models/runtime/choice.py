"""One way to run a step of play, and which ways there are on this machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import psutil
import torch
from numpy.typing import NDArray

from base.errors import UserError, unknown

DEVICES = ("cpu", "cuda", "mps")
FLOATS = ("float32", "bfloat16", "float16")
INT8 = "int8"
PRECISIONS = (*FLOATS, INT8)
MOST_THREADS = 8  # a network of a few million weights gains nothing from more
SUMMING = ("avx512_vnni", "avx_vnni", "amx_int8", "dot")  # instructions, as PyTorch calls them
COMPILERS = ("c++", "g++", "clang++", "cl")
Compile = Literal["auto", "on", "off"]


_GPU_NAMES = ("gpu", "nvidia", "hip", "rocm", "amd")
_MEANT_DEVICES = {**dict.fromkeys(_GPU_NAMES, "cuda"), "metal": "mps", "apple": "mps"}


@dataclass(frozen=True)
class Choice:
    """One way to run the network.

    engine:    "openvino" or "torch".
    device:    one of DEVICES; "cuda" is also what PyTorch calls AMD's GPUs.
    precision: one of PRECISIONS. With INT8, which is OpenVINO's on the CPU alone, most convolutions
               multiply whole numbers of eight bits; all else is in `quick_cpu_precision`.
    compiled:  its networks go through torch.compile.
    graph:     the whole step is captured once as a CUDA graph, and replayed.
    """

    engine: str
    device: str
    precision: str
    compiled: bool = False
    graph: bool = False

    def describe(self) -> str:
        """A few words for people."""
        places = {"cuda": "ROCm" if torch.version.hip else "CUDA", "mps": "MPS"}
        where = places.get(self.device, f"{cpu_threads()} CPU threads")
        name = {"openvino": "OpenVINO", "torch": "PyTorch"}[self.engine]
        how = ", compiled" * self.compiled + ", as one graph" * self.graph
        return f"{name} {self.precision} on {where}{how}"


# What a step works on: an array for each parameter of its `forward`, by name and in that order,
# without the batch dimension. uint8 or float32.
Inputs = Mapping[str, NDArray[Any]]
Outputs = tuple[NDArray[Any], ...]  # what `forward` returns, likewise; the frame comes first


class Runner(Protocol):
    """Runner of steps of play, in the way that `choice` says."""

    choice: Choice

    def run(self, inputs: Inputs) -> Outputs:
        """Return the step's outputs, as fresh arrays."""
        ...


def unknown_device(name: str, known: Sequence[str]) -> UserError:
    """The error for a device that is not one of `known`; "cuda:1" is PyTorch's for a second GPU."""
    kind, _, number = name.strip().lower().partition(":")
    error = unknown("device", name, known, _MEANT_DEVICES.get(kind, kind))
    if not number.isdecimal() or "cuda" not in known:
        return error
    return UserError(f"{error} For GPU {number} alone: CUDA_VISIBLE_DEVICES={number} before it")


def candidates(
    device: str | None = None,
    precision: str | None = None,
    large: bool = False,
    compiled: Compile = "auto",
) -> list[Choice]:
    """The ways to run worth measuring here, all on one device, the plain one last.

    large:    of a network that should not be in memory in float32, nor twice.
    compiled: whether to try torch.compile. "auto" tries it where a frame is worth the minute that
              compiling takes, on CUDA, if a compiler is there; "on" leaves nothing else but the
              plain way, which frames are held to.

    Raises UserError for a name that is unknown, for a device that this machine lacks, for INT8
    where there is none, and for "on" without a compiler.
    """
    if device is not None and device not in DEVICES:
        raise unknown_device(device, DEVICES)
    if precision is not None and precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if compiled not in get_args(Compile):
        raise unknown("--compile", compiled, get_args(Compile))
    device = _device(device)
    if precision == INT8 and (device != "cpu" or compiled == "on"):
        raise UserError(
            "int8 is computed by OpenVINO on the CPU; use --device cpu, without --compile on"
        )
    if compiled == "on" and not can_compile(device):
        raise UserError(
            "--compile on needs a C++ compiler, and none is on PATH; install one, or leave it out"
        )
    if device == "cuda":
        return _cuda(precision, large, compiled)
    if device == "mps":
        return _mps(precision, large, compiled)
    return _cpu(precision, large, compiled)


def can_compile(device: str) -> bool:
    """Tell whether torch.compile has what it needs for a device."""
    named = os.environ.get("CXX")
    compiler = any(shutil.which(name) for name in ((named,) if named else COMPILERS))
    return compiler and (device != "cuda" or importlib.util.find_spec("triton") is not None)


def cpu_threads() -> int:
    """Number of threads for a network: the physical cores this process may use, within reason."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed, MOST_THREADS))


def _device(wanted: str | None) -> str:
    """The device asked for, or the quickest that is here."""
    here = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted is None:
        return next(name for name, available in here.items() if available)
    if not here[wanted]:
        raise UserError(
            f"this machine, or this build of PyTorch, has no {wanted.upper()}; use --device cpu"
        )
    return wanted


def _cuda(precision: str | None, large: bool, compiled: Compile) -> list[Choice]:
    bfloat = torch.cuda.is_bf16_supported(including_emulation=False)
    half = precision or ("bfloat16" if bfloat else "float16")
    graphs = not torch.version.hip  # those of HIP are young
    compiling = compiled == "on" or (compiled == "auto" and graphs and can_compile("cuda"))
    ways = [Choice("torch", "cuda", half, compiled=True, graph=graphs)] if compiling else []
    if compiled != "on":
        ways += [Choice("torch", "cuda", half, graph=True)] if graphs else []
        ways += [Choice("torch", "cuda", half)]
    return _with_plain(ways, "cuda", half if large else precision or "float32")


def _mps(precision: str | None, large: bool, compiled: Compile) -> list[Choice]:
    half = precision or "float16"  # bfloat16 is missing on the older ones
    ways = [Choice("torch", "mps", half, compiled=compiled == "on")]
    return _with_plain(ways, "mps", half if large else precision or "float32")


def _cpu(precision: str | None, large: bool, compiled: Compile) -> list[Choice]:
    quick = quick_cpu_precision()
    if precision == INT8:  # who asks for it gets it
        return [Choice("openvino", "cpu", INT8)]
    wanted = (precision,) if precision else (quick, *(INT8,) * sums_int8())
    if compiled == "on":
        ways = [Choice("torch", "cpu", name, compiled=True) for name in wanted if name != INT8]
    else:  # OpenVINO makes its own copy of all weights: of large ones that must be small
        ways = [Choice("openvino", "cpu", name) for name in wanted if name == INT8 or not large]
    return _with_plain(ways, "cpu", precision or (quick if large else "float32"))


def _with_plain(ways: list[Choice], device: str, precision: str) -> list[Choice]:
    """The ways on a device, and at their end the plain one there."""
    plain = Choice("torch", device, precision)
    return [*(way for way in ways if way != plain), plain]


@functools.cache
def sums_int8() -> bool:
    """Tell whether this processor sums products of INT8 in 32 bits at once.

    Those that do not add pairs in 16 bits first, which is too few for large ones, and are hardly
    quicker than with floats.
    """
    able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # young, in PyTorch
    return any(able.get(name) for name in SUMMING)


@functools.cache
def quick_cpu_precision() -> str:
    """Return the precision that this processor multiplies fastest, as OpenVINO sees it."""
    try:
        from models.runtime.openvino_core import core

        able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError):
        return "float32"
    if "BF16" in able:
        return "bfloat16"
    # x86 lists FP16 where it is only a storage format; on ARM it is the quick one.
    return "float16" if "FP16" in able and platform.machine() in ("arm64", "aarch64") else "float32"


def openvino_precisions() -> tuple[str, ...]:
    """Return the arithmetic that OpenVINO really works in on this processor, as in PRECISIONS.

    Asked for any other it would quietly work in float32 instead.
    """
    return tuple(name for name in PRECISIONS if name in ("float32", quick_cpu_precision(), INT8))
