"""Checks of what runs the worlds, and of the worlds that ship."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from base.cartridges import SHIPPED, shipped_names
from base.errors import UserError
from engine.player.pacing import keeps_up
from models.cartridge.reader import Checked, check
from models.dream import open_world
from models.runtime.gpus import Machine, idle_gpu
from models.runtime.selection import cpu_threads
from tools.app.checkup import REINSTALL, Finding, reinstall

TIMED_STEPS = 5
FETCH = f"git checkout -- {SHIPPED.name}"  # brings back what ships with the program


def gpu(machine: Machine) -> Finding:
    """Check that PyTorch works on the GPU that is here."""
    idle = idle_gpu(machine)
    if idle:
        why, fix = idle
        return Finding("gpu", "fault", why, fix.removeprefix("run: "))
    build = f"PyTorch {machine.version}, built for {machine.built}"
    if machine.usable:
        return Finding("gpu", "ok", f"used by {build}")
    if machine.hidden:
        return Finding("gpu", "warning", "kept from PyTorch by an environment variable")
    return Finding("gpu", "ok", f"none is here; {cpu_threads()} CPU threads run worlds; {build}")


def openvino() -> Finding:
    """Check that OpenVINO can be imported and supports this processor."""
    try:
        from models.runtime.openvino_core import core

        devices = core().available_devices
    except (ImportError, RuntimeError, OSError) as error:
        text = f"cannot be used, so worlds run slower: {' '.join(str(error).split())[:200]}"
        return Finding("openvino", "fault", text, reinstall("openvino"))
    if "CPU" not in devices:
        text = f"knows {', '.join(devices) or 'no device'} and not this processor"
        return Finding("openvino", "fault", text, reinstall("openvino"))
    return Finding("openvino", "ok", version("openvino"))


def cartridges(folder: Path = SHIPPED) -> Iterator[Finding]:
    """Check that each cartridge that ships is whole, and time a frame of it."""
    names = shipped_names(folder)
    if not names:
        yield Finding("cartridges", "fault", f"{folder} holds none", FETCH)
    for name in names:
        try:
            checked = check(folder / name)
        except UserError as error:
            yield Finding(f"cartridge {name}", "fault", str(error), f"{FETCH}/{name}")
            continue
        count = len(checked.entries)
        yield Finding(f"cartridge {name}", "ok", f"all {count} files are whole")
        yield speed(name, checked)


def speed(name: str, checked: Checked) -> Finding:
    """Time a frame, run as play.py would."""
    title = f"speed {name}"
    try:
        world = open_world(checked)
    except UserError as error:
        return Finding(title, "fault", str(error), REINSTALL)
    world.reset(seed=0)
    spent_ms = []
    for _ in range(TIMED_STEPS):
        started = time.perf_counter()
        world.step(world.actions.idle())
        spent_ms.append((time.perf_counter() - started) * 1e3)
    world.close()
    ms, whole_ms = statistics.median(spent_ms), 1e3 / world.rate_fps
    text = f"{ms:.1f} ms a frame, of {whole_ms:.1f} ms at full speed; {world.runtime}"
    if keeps_up(1e3 / ms, world.rate_fps):
        return Finding(title, "ok", text)
    return Finding(title, "warning", f"slow motion: {text}", "end other programs, or use a GPU")
