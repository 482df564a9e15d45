"""GPU of this machine that PyTorch does not use, and a line that says why and how to fix it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch

# Where wheels with a GPU in them are: PyPI's own have none on Windows, and never AMD's.
CUDA_WHEELS = "https://download.pytorch.org/whl/cu130"
ROCM_WHEELS = "https://download.pytorch.org/whl/rocm7.2"
HIDING = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@dataclass(frozen=True)
class Machine:
    """GPUs of a machine, and the PyTorch that should use them.

    nvidia, amd, apple: there is a GPU of this maker. answers: its driver does, as far as asked.
    hidden:  the user took GPUs away from this process by an environment variable.
    version: of PyTorch, as "2.13.0+cpu".
    built:   what PyTorch was built for: "cuda", "rocm", "mps" or "cpu".
    usable:  PyTorch has a GPU to work on.
    """

    nvidia: bool = False
    amd: bool = False
    apple: bool = False
    answers: bool = True
    hidden: bool = False
    version: str = "2.13.0"
    built: str = "cpu"
    usable: bool = False


def look() -> Machine:
    """Describe this machine. Asks no driver unless there is a GPU that PyTorch does not use."""
    usable = torch.cuda.is_available() or torch.backends.mps.is_available()
    system = platform.system()
    tool = shutil.which("nvidia-smi")
    nvidia = tool is not None or Path("/proc/driver/nvidia/version").exists()
    built = "rocm" if torch.version.hip else "cuda" if torch.version.cuda else "cpu"
    return Machine(
        nvidia=nvidia,
        amd=Path("/dev/kfd").exists(),
        apple=system == "Darwin" and platform.machine() == "arm64",
        answers=usable or tool is None or _answers(tool),
        hidden=any(os.environ.get(name) in ("", "-1") for name in HIDING),
        version=torch.__version__,
        built="mps" if torch.backends.mps.is_built() else built,
        usable=usable,
    )


def unused_gpu(machine: Machine | None = None) -> str | None:
    """One line for people: a GPU that is here lies idle, and what mends that; None if none does.

    machine: what is known; this one, looked at now, unless given.
    """
    idle = idle_gpu(machine or look())
    return "; ".join(idle) if idle else None


def idle_gpu(machine: Machine) -> tuple[str, str] | None:
    """Return why a GPU that is here lies idle, and what mends that; None if none does."""
    if machine.usable or machine.hidden or not (machine.nvidia or machine.amd or machine.apple):
        return None
    maker = "NVIDIA" if machine.nvidia else "AMD" if machine.amd else "Apple"
    why, fix = _fix(machine)
    return f"an {maker} GPU is here, but PyTorch cannot use it: {why}", fix


def _fix(machine: Machine) -> tuple[str, str]:
    torch_version = f"torch=={machine.version.split('+')[0]}"
    reinstall = f"pip install --force-reinstall {torch_version}"
    if machine.nvidia:
        if not machine.answers:
            return "its driver does not answer nvidia-smi", "install the driver anew and restart"
        if machine.built != "cuda":
            return "this build of it has no CUDA", f"run: {reinstall} --index-url {CUDA_WHEELS}"
        return (
            "the driver is too old for it, or this container was given no GPU",
            "update the driver, or start the container with --gpus all",
        )
    if machine.amd:
        if machine.built != "rocm":
            return "this build of it has no ROCm", f"run: {reinstall} --index-url {ROCM_WHEELS}"
        return (
            "ROCm does not know the GPU, or this user may not open /dev/kfd",
            "run: sudo usermod -aG render,video $USER, and log in again",
        )
    if machine.built != "mps":
        return "this build of it has no MPS", f"run: {reinstall}"
    return "MPS needs macOS 14 or newer", "update macOS"


def _answers(tool: str) -> bool:
    """Tell whether nvidia-smi lists a GPU."""
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout
