"""Choice of engine, device and precision for a step of play on this machine, by measuring."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from base.errors import UserError
from base.files import write_text
from base.folders import cache_folder
from base.memory import hand_back_freed_memory
from models.runtime.choice import (
    DEVICES,
    FLOATS,
    INT8,
    PRECISIONS,
    Choice,
    Compile,
    Inputs,
    Outputs,
    Runner,
    candidates,
    cpu_threads,
)
from models.runtime.openvino_runner import SUFFIX, OpenVinoRunner
from models.runtime.torch_runner import GraphRunner, TorchRunner

__all__ = [
    "DEVICES",
    "FLOATS",
    "INT8",
    "PRECISIONS",
    "Choice",
    "Compile",
    "Decision",
    "Inputs",
    "Outputs",
    "Runner",
    "candidates",
    "choose",
    "frame_ms",
    "is_large",
    "measure",
    "prepare",
    "quick_dtype",
]

TIMED_FRAMES = 3
ENOUGH_MS = 20.0  # of a frame, a third of most worlds' step: no need to be less exact for less
NEAR_LEVELS, NEAR_SHARE = 2, 0.99  # how close to plain float32 a frame has to come, and where
LARGE_WEIGHTS = 100_000_000
SOURCES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Decision:
    """Choice that a world runs with, and why.

    ms: of a frame when it was measured. of: how many ways were measured, or 1 where there was no
    other.
    """

    choice: Choice
    ms: float | None = None
    of: int = 1

    def describe(self) -> str:
        """One line for people."""
        if self.ms is None:
            return self.choice.describe()
        return (
            f"{self.choice.describe()}: {self.ms:.3g} ms a frame, the quickest of {self.of} "
            "measured"
        )


def prepare(step: nn.Module, choice: Choice, example: Inputs, identity: str = "") -> Runner:
    """A runner of a choice. Raises UserError if this machine cannot run it.

    identity: names the networks and how they are sampled: the key under which a compiled graph is
              kept for the next start. Without one nothing is kept.
    """
    try:
        if choice.engine == "openvino":
            # A large graph is in memory twice while its file is read, which is hardly quicker.
            keeps = identity and not is_large(step)
            kept = _kept_graph(identity, choice, example) if keeps else None
            return OpenVinoRunner(step, choice, example, kept)
        if choice.graph:
            return GraphRunner(step, choice, example)
        runner = TorchRunner(step, choice)
        if choice.compiled:
            runner.run(example)  # compiles, and says here if it cannot
        return runner
    except (ImportError, RuntimeError, NotImplementedError) as error:
        raise _cannot(choice, error) from error


def _cannot(choice: Choice, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
    return UserError(f"cannot run the world with {choice.describe()}: {reason}")


def choose(
    step: nn.Module,
    example: Inputs,
    identity: str,
    device: str | None = None,
    precision: str | None = None,
    compiled: Compile = "auto",
    cache: Path | None = None,
) -> tuple[Runner, Decision]:
    """The quickest runner on this machine that makes the same frames as plain float32.

    example:   what the candidates are timed on: one start of the world.
    identity:  names the networks and how they are sampled; with the machine, the key under which
               a decision is kept.
    device, precision, compiled: leave only candidates with these; see `candidates`.
    cache:     folder where decisions are kept, so that only the first start measures.

    Raises UserError for a device or precision that is unknown or that this machine lacks.
    """
    choices = candidates(device, precision, is_large(step), compiled)
    if len(choices) == 1:
        return prepare(step, choices[0], example, identity), Decision(choices[0])
    decisions = (cache or cache_folder()) / "runtime.json"
    key = _key(identity, choices)
    kept = _read_decisions(decisions).get(key)
    if kept is not None and kept.choice in choices:
        # What no longer works, after a change of drivers say, is measured anew.
        with contextlib.suppress(UserError):
            return prepare(step, kept.choice, example, identity), kept
    runner, decision, failed = measure(step, example, choices, identity)
    if compiled == "on" and (refused := failed.get(choices[0])):
        raise refused
    if not any(map(_may_pass, failed.values())):
        _keep_decision(decisions, key, decision)
    return runner, decision


def measure(
    step: nn.Module, example: Inputs, choices: Sequence[Choice], identity: str = ""
) -> tuple[Runner, Decision, dict[Choice, UserError]]:
    """Time a few frames of each choice; the quickest whose frames are as they should be.

    INT8 is left out if something before it takes no more than ENOUGH_MS.
    The last choice is the plain one that the others are held to. identity: as for `prepare`.
    Also returns the choices that do not work, and why. Raises UserError if the plain one is.
    """
    plain = prepare(step, choices[-1], example)
    try:
        expected = plain.run(example)[0]
    except RuntimeError as error:  # a GPU that PyTorch sees, and was not built for
        elsewhere = "" if plain.choice.device == "cpu" else "; use --device cpu"
        raise UserError(f"{_cannot(plain.choice, error)}{elsewhere}") from error
    best, best_ms, count = plain.choice, frame_ms(plain, example), 1
    runner: Runner | None = None if is_large(step) else plain
    failed: dict[Choice, UserError] = {}
    del plain
    if runner is None:  # two large ones at once would be too much
        hand_back_freed_memory()
    for choice in choices[:-1]:
        if choice.precision == INT8 and best_ms <= ENOUGH_MS:
            continue
        try:
            rival, ms = _tried(step, choice, example, identity, expected)
        except UserError as error:
            failed[choice] = error
            continue
        count += ms < math.inf
        if ms < best_ms:
            runner, best, best_ms = rival, choice, ms
        del rival
    runner = runner or prepare(step, best, example, identity)
    return runner, Decision(best, best_ms, count), failed


def _tried(
    step: nn.Module, choice: Choice, example: Inputs, identity: str, expected: NDArray[Any]
) -> tuple[Runner, float]:
    """A runner of a choice and the milliseconds of its frame: infinite, if that is not as expected.

    Raises UserError where it does not work.
    """
    runner = prepare(step, choice, example, identity)
    try:
        off = np.abs(runner.run(example)[0].astype(np.int16) - expected)
        near = (off <= NEAR_LEVELS).mean() >= NEAR_SHARE
        return runner, frame_ms(runner, example) if near else math.inf
    except RuntimeError as error:
        raise _cannot(choice, error) from error


def _may_pass(error: BaseException | None) -> bool:
    """Tell whether what failed may work another time: memory or a disk was full."""
    full = isinstance(error, OSError | MemoryError | torch.OutOfMemoryError)
    return error is not None and (full or _may_pass(error.__cause__ or error.__context__))


def frame_ms(runner: Runner, example: Inputs, frames: int = TIMED_FRAMES) -> float:
    """Median milliseconds of a step."""
    spent = []
    for _ in range(frames):
        started = time.perf_counter()
        runner.run(example)
        spent.append((time.perf_counter() - started) * 1e3)
    return statistics.median(spent)


def is_large(step: nn.Module) -> bool:
    """Tell whether a step's weights should be in memory only once.

    Those kept in less than float32, and so many that they would be, if this machine worked faster
    in less.
    """
    lowered = any(weight.dtype is not torch.float32 for weight in step.parameters())
    return lowered or sum(weight.numel() for weight in step.parameters()) > LARGE_WEIGHTS


def quick_dtype(device: str | None = None, precision: str | None = None) -> torch.dtype:
    """Return the floats the device works with fastest, or those of `precision` if it is given."""
    asked = None if precision == INT8 else precision  # beside which floats are as they are best
    dtype: torch.dtype = getattr(torch, candidates(device, asked, large=True)[-1].precision)
    return dtype


def _kept_graph(identity: str, choice: Choice, example: Inputs) -> Path:
    """The file of a compiled graph: another one for whatever would change it."""
    shapes = [(name, array.shape, str(array.dtype)) for name, array in example.items()]
    parts = (identity, asdict(choice), shapes, *_machine("cpu"), *_versions())
    return cache_folder() / "graphs" / f"{_digest(parts)}{SUFFIX}"


def _key(identity: str, choices: Sequence[Choice]) -> str:
    """Changes with whatever could change the outcome of measuring."""
    ways = [asdict(choice) for choice in choices]
    return _digest((identity, ways, *_machine(choices[0].device), *_versions()))


def _machine(device: str) -> tuple[str | int, ...]:
    """Return what tells this machine, and the device, from others."""
    processor = platform.processor()
    if device == "cuda":
        processor = torch.cuda.get_device_name()
    elif device == "cpu":
        with contextlib.suppress(ImportError, RuntimeError):
            from models.runtime.openvino_core import core

            processor = core().get_property("CPU", "FULL_DEVICE_NAME")
    machine = (platform.system(), platform.machine(), platform.node(), cpu_threads())
    return (*machine, processor)


@functools.cache
def _versions() -> tuple[str, str, str]:
    """Versions of PyTorch, OpenVINO, and the code here that graphs are made of."""
    code = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        code.update(path.read_bytes())
    return torch.__version__, version("openvino"), code.hexdigest()


def _digest(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read_decisions(path: Path) -> dict[str, Decision]:
    """Decisions kept earlier; a file that cannot be read counts as empty."""
    try:
        data: Any = json.loads(path.read_text("utf-8"))
        return {key: _read_decision(**kept) for key, kept in data.items()}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def _read_decision(choice: Mapping[str, Any], ms: float, of: int) -> Decision:
    if not 0 < float(ms) < math.inf:
        raise ValueError(f"a frame takes no {ms} ms")
    return Decision(Choice(**choice), float(ms), int(of))


def _keep_decision(path: Path, key: str, decision: Decision) -> None:
    kept = {**_read_decisions(path), key: decision}
    data = {key: asdict(decision) for key, decision in kept.items()}
    # A read-only or full disk costs a measurement at the next start, no more.
    with contextlib.suppress(UserError):
        write_text(path, json.dumps(data, indent=1) + "\n")
