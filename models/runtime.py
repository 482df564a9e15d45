"""How a step of play runs on this machine: engine, device and precision, chosen by measuring."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from base.errors import UserError, unknown
from base.files import write_text
from base.folders import cache_folder

DEVICES = ("cpu", "cuda")
PRECISIONS = ("float32", "bfloat16", "float16")
MOST_THREADS = 8  # a network of a few million weights gains nothing from more
TIMED_FRAMES = 3
NEAR_LEVELS, NEAR_SHARE = 2, 0.99  # how close to plain float32 a frame has to come, and where


@dataclass(frozen=True)
class Choice:
    """One way to run the network.

    engine:    "openvino" or "torch".
    device:    one of DEVICES.
    precision: one of PRECISIONS.
    """

    engine: str
    device: str
    precision: str

    def describe(self) -> str:
        """One line for people."""
        where = "CUDA" if self.device == "cuda" else f"{cpu_threads()} CPU threads"
        name = {"openvino": "OpenVINO", "torch": "PyTorch"}[self.engine]
        return f"{name} {self.precision} on {where}"


# What a step works on: an array for each parameter of its `forward`, by name and in that order,
# without the batch dimension. uint8 or float32.
Inputs = Mapping[str, NDArray[Any]]
Outputs = tuple[NDArray[Any], ...]  # what `forward` returns, likewise; the frame comes first


class Runner(Protocol):
    """Runs steps of play, in the way that `choice` says."""

    choice: Choice

    def run(self, inputs: Inputs) -> Outputs:
        """What the step makes of its inputs, as fresh arrays."""
        ...


class TorchRunner:
    """PyTorch as it comes, with no compilation."""

    def __init__(self, step: nn.Module, choice: Choice) -> None:
        self.choice = choice
        self._device = torch.device(choice.device)
        self._dtype: torch.dtype = getattr(torch, choice.precision)
        torch.set_num_threads(cpu_threads())
        self._step = step.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(self, inputs: Inputs) -> Outputs:
        low = self._dtype is not torch.float32
        with torch.inference_mode(), torch.autocast(self._device.type, self._dtype, enabled=low):
            made = self._step(
                *(torch.from_numpy(array)[None].to(self._device) for array in inputs.values())
            )
            # A copy, since on the CPU torch may hand out the same memory again.
            return tuple(_plain(tensor[0]).cpu().numpy().copy() for tensor in made)


class OpenVinoRunner:
    """OpenVINO on the CPU: the whole step is one compiled graph."""

    def __init__(self, step: nn.Module, choice: Choice, example: Inputs) -> None:
        # Imported here: a fifth of a second that PyTorch alone need not spend.
        from models.openvino_core import core
        from models.openvino_graph import build

        shapes = {
            name: ((1, *array.shape), torch.from_numpy(array).dtype)
            for name, array in example.items()
        }
        hints = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}[
                choice.precision
            ],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": cpu_threads(),
        }
        self.choice = choice
        compiled = core().compile_model(build(step, shapes), "CPU", hints)
        self._request = compiled.create_infer_request()

    def run(self, inputs: Inputs) -> Outputs:
        self._request.infer([array[None] for array in inputs.values()])
        return tuple(tensor.data[0].copy() for tensor in self._request.output_tensors)


def prepare(step: nn.Module, choice: Choice, example: Inputs) -> Runner:
    """A runner of a choice. Raises UserError if this machine cannot run it."""
    try:
        if choice.engine == "openvino":
            return OpenVinoRunner(step, choice, example)
        return TorchRunner(step, choice)
    except (ImportError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(f"cannot run the world with {choice.describe()}: {reason}") from error


def choose(
    step: nn.Module,
    example: Inputs,
    identity: str,
    device: str | None = None,
    precision: str | None = None,
    cache: Path | None = None,
    large: bool = False,
) -> Runner:
    """The quickest runner on this machine that makes the same frames as plain float32.

    example:   what the candidates are timed on: one start of the world.
    identity:  names the networks and how they are sampled; with the machine, the key under which
               a choice is kept.
    device, precision, large: leave only candidates with these; see `candidates`.
    cache:     folder where choices are kept, so that only the first start measures.

    Raises UserError for a device or precision that is unknown or that this machine lacks.
    """
    choices = candidates(device, precision, large)
    if len(choices) == 1:
        return prepare(step, choices[0], example)
    decisions = (cache or cache_folder()) / "runtime.json"
    key = _key(identity, choices)
    if (kept := _read_decisions(decisions).get(key)) in choices:
        return prepare(step, kept, example)
    runner = measure(step, example, choices)
    _keep_decision(decisions, key, runner.choice)
    return runner


def candidates(
    device: str | None = None, precision: str | None = None, large: bool = False
) -> list[Choice]:
    """The ways to run worth measuring here, all on one device.

    large: of a network that should not be in memory twice, as with OpenVINO, which makes its own
           copy of all weights.

    Raises UserError for a name that is unknown and for a device that this machine lacks.
    """
    if device is not None and device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if precision is not None and precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("this machine, or this build of PyTorch, has no CUDA; use --device cpu")
    if device == "cuda" or (device is None and torch.cuda.is_available()):
        half = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return [Choice("torch", "cuda", precision or half)]
    quick = precision or _quick_cpu_precision()
    if large:
        return [Choice("torch", "cpu", quick)]
    plain = precision or "float32"
    return [Choice("openvino", "cpu", quick), Choice("torch", "cpu", plain)]


def measure(step: nn.Module, example: Inputs, choices: Sequence[Choice]) -> Runner:
    """Time a few frames of each choice; the quickest whose frames are as they should be.

    The last choice is the plain one that the others are held to.
    """
    plain = prepare(step, choices[-1], example)
    expected = plain.run(example)[0]
    best, best_ms = plain, frame_ms(plain, example)
    for choice in choices[:-1]:
        try:
            runner = prepare(step, choice, example)
        except UserError:  # the plain way is always left
            continue
        off = np.abs(runner.run(example)[0].astype(np.int16) - expected)
        if (off <= NEAR_LEVELS).mean() < NEAR_SHARE:
            continue
        if (ms := frame_ms(runner, example)) < best_ms:
            best, best_ms = runner, ms
    return best


def frame_ms(runner: Runner, example: Inputs, frames: int = TIMED_FRAMES) -> float:
    """Median milliseconds of a step."""
    spent = []
    for _ in range(frames):
        started = time.perf_counter()
        runner.run(example)
        spent.append((time.perf_counter() - started) * 1e3)
    return statistics.median(spent)


def cpu_threads() -> int:
    """How many threads a network gets: the physical cores this process may use, within reason."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed, MOST_THREADS))


def quick_dtype(device: str | None = None, precision: str | None = None) -> torch.dtype:
    """What numbers the device works with fastest, or those of `precision` if it is given."""
    dtype: torch.dtype = getattr(torch, candidates(device, precision)[0].precision)
    return dtype


def _quick_cpu_precision() -> str:
    """What this processor multiplies fastest, as OpenVINO sees it."""
    try:
        from models.openvino_core import core

        able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError):
        return "float32"
    if "BF16" in able:
        return "bfloat16"
    # x86 lists FP16 where it is only a storage format; on ARM it is the quick one.
    return "float16" if "FP16" in able and platform.machine() in ("arm64", "aarch64") else "float32"


def _plain(tensor: Tensor) -> Tensor:
    """uint8 as it is, any float as float32, which numpy knows."""
    return tensor if tensor.dtype is torch.uint8 else tensor.float()


def _key(identity: str, choices: Sequence[Choice]) -> str:
    """Changes with whatever could change the outcome of measuring."""
    machine = (platform.system(), platform.machine(), platform.node(), cpu_threads())
    versions = (torch.__version__, version("openvino"))
    parts = (identity, [astuple(c) for c in choices], machine, versions)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read_decisions(path: Path) -> dict[str, Choice]:
    """Choices kept earlier; a file that cannot be read counts as empty."""
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        return {key: Choice(*map(str, choice)) for key, choice in data.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _keep_decision(path: Path, key: str, choice: Choice) -> None:
    kept = {**_read_decisions(path), key: choice}
    # A read-only or full disk costs a measurement at the next start, no more.
    with contextlib.suppress(UserError):
        write_text(path, json.dumps({k: astuple(c) for k, c in kept.items()}, indent=1) + "\n")
