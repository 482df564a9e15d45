"""OpenVINO's one Core, which every graph of this process is compiled with."""

from __future__ import annotations

import functools
import sys

# OpenVINO tells its makers that it is used, from a fork of this process. Nobody was asked; and the
# fork, which has our signal handlers, outlives its end where the network does not answer, so that
# ours never comes.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402


@functools.cache
def core() -> openvino.Core:
    """The process's Core, alive until it ends.

    Where the processor has AMX, OpenVINO's CPU plugin gives the thread that first uses it a stack
    for signals, and unmaps that stack when the last Core and graph are gone, in whatever thread
    that happens: the first one then crashes at its next Ctrl-C.
    """
    return openvino.Core()
