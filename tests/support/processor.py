"""Fast ways to run a step on the processor under test, and reasons to skip those it lacks."""

from __future__ import annotations

import pytest

from models.runtime.choice import Choice, openvino_precisions, quick_cpu_precision

OPENVINO = Choice("openvino", "cpu", quick_cpu_precision())  # the quickest that needs no int8


def openvino(precision: str) -> object:
    """Return a test parameter: a precision of OpenVINO's, skipped where the processor has none."""
    return _where_it_is(precision, precision)


def cpu_way(engine: str, precision: str) -> object:
    """Return a test parameter: a way to run in that precision, skipped likewise.

    PyTorch's too: where the processor has none it is emulated, slowly, and never offered.
    """
    return _where_it_is(Choice(engine, "cpu", precision), precision)


def _where_it_is(value: object, precision: str) -> object:
    missing = precision not in openvino_precisions()
    reason = f"this processor has no {precision}, and OpenVINO would work in float32"
    return pytest.param(value, marks=pytest.mark.skipif(missing, reason=reason))
