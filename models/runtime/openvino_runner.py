"""Steps of play run by OpenVINO on the CPU, each as one graph that is compiled once and kept."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from base.errors import UserError
from base.files import write_bytes
from base.sizes import GB
from models.runtime import choice as runtime_choice
from models.runtime.choice import Choice, Inputs, Outputs

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
KEPT_BYTES = GB  # of all kept graphs together; those used longest ago go first
SUFFIX = ".graph"
DIGEST = hashlib.sha256().digest_size


class OpenVinoRunner:
    """OpenVINO on the CPU: the whole step is one compiled graph."""

    def __init__(
        self, step: nn.Module, choice: Choice, example: Inputs, kept: Path | None = None
    ) -> None:
        """kept: where the compiled graph is, or is put, so that the next start need not compile.

        It has to be another path for everything that changes the graph.
        """
        whole = choice.precision == runtime_choice.INT8
        floats = runtime_choice.quick_cpu_precision() if whole else choice.precision
        hints = {
            "INFERENCE_PRECISION_HINT": HINTS[floats],
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": runtime_choice.cpu_threads(),
        }
        self.choice = choice
        compiled = (kept and _read(kept, hints)) or _compile(step, example, hints, whole)
        works_in = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if works_in != HINTS[floats]:  # it takes what the processor has, without a word
            raise RuntimeError(f"this processor would work in {works_in}")
        if kept:
            _keep(kept, compiled)
        self._request = compiled.create_infer_request()

    def run(self, inputs: Inputs) -> Outputs:
        """Run one step on the prepared request; arrays without a batch, in and out."""
        self._request.infer([array[None] for array in inputs.values()])
        return tuple(tensor.data[0].copy() for tensor in self._request.output_tensors)


def _compile(step: nn.Module, example: Inputs, hints: Mapping[str, Any], int8: bool) -> Any:
    # Imported here: a fifth of a second that PyTorch alone need not spend.
    from models.runtime.openvino_core import core
    from models.runtime.openvino_graph import build

    shapes = {
        name: ((1, *array.shape), torch.from_numpy(array).dtype) for name, array in example.items()
    }
    return core().compile_model(build(step, shapes, int8), "CPU", hints)


def _read(kept: Path, hints: Mapping[str, Any]) -> Any:
    """The graph in a file; None, and the file is gone, if it is damaged."""
    from models.runtime.openvino_core import core

    try:
        data = memoryview(kept.read_bytes())
        # OpenVINO believes every byte of it, and would compute something else.
        if hashlib.sha256(data[DIGEST:]).digest() == data[:DIGEST]:
            compiled = core().import_model(io.BytesIO(data[DIGEST:]), "CPU", dict(hints))
            os.utime(kept)
            return compiled
    except (OSError, RuntimeError):
        pass
    with contextlib.suppress(OSError):
        kept.unlink(missing_ok=True)
    return None


def _keep(kept: Path, compiled: Any) -> None:
    """Put a graph into its file, if it is not there, and take away those not used for long, if they
    are too many."""
    # A disk that is full, read-only or closed to us costs the next start a compilation, no more.
    with contextlib.suppress(UserError, OSError):
        if kept.exists():
            return
        exported = compiled.export_model()
        data = exported if isinstance(exported, bytes) else exported.getvalue()
        write_bytes(kept, hashlib.sha256(data).digest() + data)
        files = {path: path.stat() for path in kept.parent.glob(f"*{SUFFIX}")}
        total = 0
        for path in sorted(files, key=lambda path: files[path].st_mtime, reverse=True):
            total += files[path].st_size
            if total > KEPT_BYTES and path != kept:
                path.unlink()
