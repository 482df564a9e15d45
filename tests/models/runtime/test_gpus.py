"""A GPU that lies idle is never passed over in silence."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import torch

from models.runtime import gpus
from models.runtime.gpus import Machine, look, unused_gpu


@pytest.mark.parametrize(
    ("machine", "maker", "fix"),
    [
        (
            Machine(nvidia=True, version="2.13.0+cpu"),
            "NVIDIA",
            "pip install --force-reinstall torch==2.13.0 --index-url https://[^ ]+/cu",
        ),
        (Machine(nvidia=True, built="rocm"), "NVIDIA", "--index-url https://[^ ]+/cu"),
        (Machine(nvidia=True, built="cuda"), "NVIDIA", "update the driver"),
        (Machine(nvidia=True, answers=False), "NVIDIA", "install the driver anew"),
        (Machine(amd=True), "AMD", "--index-url https://[^ ]+/rocm"),
        (Machine(amd=True, built="cuda"), "AMD", "--index-url https://[^ ]+/rocm"),
        (Machine(amd=True, built="rocm"), "AMD", "usermod"),
        (Machine(apple=True, version="2.13.0"), "Apple", "reinstall torch==2.13.0$"),
        (Machine(apple=True, built="mps"), "Apple", "macOS 14"),
        (Machine(nvidia=True, amd=True), "NVIDIA", "/cu"),
    ],
)
def test_what_mends_it_is_said_in_one_line(machine: Machine, maker: str, fix: str) -> None:
    said = unused_gpu(machine)
    assert said is not None and "\n" not in said
    assert re.search(f"^an {maker} GPU is here.*{fix}", said)


@pytest.mark.parametrize(
    "machine",
    [
        Machine(),
        Machine(nvidia=True, built="cuda", usable=True),
        Machine(nvidia=True, hidden=True),
        Machine(apple=True, built="mps", usable=True),
    ],
    ids=["none-here", "used", "taken-away-on-purpose", "mps"],
)
def test_there_is_nothing_to_say_where_nothing_lies_idle(machine: Machine) -> None:
    assert unused_gpu(machine) is None


@pytest.mark.parametrize(
    ("code", "said", "line"),
    [(0, "GPU 0: a fast one", "no CUDA"), (9, "failed to communicate", "driver does not answer")],
)
def test_this_machine_is_looked_at(
    code: int, said: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a GPU had been put in: its tool is found on PATH."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    for name in gpus.HIDING:
        monkeypatch.delenv(name, raising=False)
    assert line in str(unused_gpu())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert look().hidden and unused_gpu() is None


def test_a_driver_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", 10)

    monkeypatch.setattr(gpus.subprocess, "run", hang)
    assert not gpus._answers("nvidia-smi")
