"""OpenVINO's one Core, which every graph of this process is compiled with."""

from __future__ import annotations

import functools

import openvino


@functools.cache
def core() -> openvino.Core:
    """The process's Core, alive until it ends.

    Where the processor has AMX, OpenVINO's CPU plugin gives the thread that first uses it a stack
    for signals, and unmaps that stack when the last Core and graph are gone, in whatever thread
    that happens: the first one then crashes at its next Ctrl-C.
    """
    return openvino.Core()
