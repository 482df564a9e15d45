"""Checks of this machine before any world is loaded: a finding for each."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from base.sizes import GB

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements.txt"
OLDEST, NEWEST = (3, 11), (3, 14)
PROBE_S = 60  # that a window may take to open
NO_AUDIO = "none-is-called-so"  # a driver that SDL does not have, as on a machine without sound
LITTLE_GB, ROOMY_GB = 0.2, 4.0  # free: for moments and choices; for CS:GO, downloaded and converted
INSTALL = f"pip install -r {REQUIREMENTS.name}"
REINSTALL = f"pip install --force-reinstall -r {REQUIREMENTS.name}"

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    check: the thing that was checked. text: the finding, in a line.
    mend:  the command that fixes it, or what to do where none does; of a fault never empty.
    """

    check: str
    state: State
    text: str
    mend: str = ""


@dataclass(frozen=True)
class Place:
    """A folder that the program writes to, and the environment variable that moves it."""

    name: str
    path: Path
    variable: str


def python(found: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Check that this version of Python is supported."""
    text = ".".join(map(str, found))
    if OLDEST <= found[:2] <= NEWEST:
        return Finding("python", "ok", text)
    newest = ".".join(map(str, NEWEST))
    return Finding(
        "python",
        "fault",
        f"{text}; this needs 3.{OLDEST[1]} to 3.{NEWEST[1]}",
        f"python{newest} -m venv .venv && . .venv/bin/activate && {INSTALL}",
    )


def packages(requirements: Path = REQUIREMENTS) -> Finding:
    """Check that the packages that playing and training need are installed."""
    needed = requirements.read_text("utf-8").split("# testing")[0]
    names = re.findall(r"^[A-Za-z0-9][A-Za-z0-9._-]*", needed, re.MULTILINE)
    missing = [name for name in names if not _installed(name)]
    if missing:
        return Finding("packages", "fault", f"not installed: {', '.join(missing)}", INSTALL)
    return Finding("packages", "ok", f"all {len(names)} are installed")


def display(why: str) -> Iterator[Finding]:
    """Check that a window opens, and does so without a sound card.

    why: there is no display, by engine.ui.pygame.window.why_no_display. Opens a window in a
    process of its own, for SDL may take its process with it.
    """
    environment = {**os.environ, "SDL_AUDIODRIVER": NO_AUDIO}
    failure, driver = _probe({**environment, "SDL_VIDEODRIVER": "dummy"} if why else environment)
    if why:
        yield Finding("display", "fault", f"{why}: films instead of play", _mend_display(why))
    elif failure:
        place = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "the desktop"
        text = f"no window opens{'' if place in failure else f' on {place}'}: {failure}"
        yield Finding("display", "fault", text, _mend_display(failure))
    else:
        yield Finding("display", "ok", f"a window opens ({driver})")
    if why and failure:
        mend = reinstall("pygame-ce")
        yield Finding("sound", "fault", f"SDL does not start without a sound card: {failure}", mend)
    elif not failure:
        yield Finding("sound", "ok", "none is made, and no sound card is needed")


def folders(places: list[Place]) -> Iterator[Finding]:
    """Check that each place can be written to and has room."""
    for place in places:
        home = next(path for path in (place.path, *place.path.parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=home):
                pass
        except OSError as error:
            text = f"cannot write to {place.path}: {error.strerror or error}"
            yield Finding(place.name, "fault", text, _mend_folder(place, home, error))
            continue
        free_gb = shutil.disk_usage(home).free / GB
        text = f"{place.path}, {free_gb:.1f} GB free"
        mend = setting(place.variable, "/FOLDER/ON/ANOTHER/DISK")
        if free_gb >= ROOMY_GB:
            yield Finding(place.name, "ok", text)
        elif free_gb >= LITTLE_GB:
            yield Finding(place.name, "warning", f"{text}; CS:GO may want {ROOMY_GB:g} GB", mend)
        else:
            yield Finding(place.name, "fault", f"{text}; {LITTLE_GB:g} GB is the least", mend)


def optional() -> Iterator[Finding]:
    """Check for programs that only some features need: never a fault."""
    from models.runtime.choice import COMPILERS  # loads torch, which the checks before may miss

    tools = {
        "compiler": (COMPILERS, "--compile"),
        "xvfb": (("Xvfb",), "the tests of the window"),
        "xdotool": (("xdotool",), "the tests of the window"),
    }
    for name, (commands, purpose) in tools.items():
        found = next(filter(None, map(shutil.which, commands)), None)
        yield Finding(name, "ok", f"{found or 'not here'}; only for {purpose}")


def setting(variable: str, value: str) -> str:
    """Return the command that sets an environment variable, or unsets it for an empty value."""
    if sys.platform == "win32":
        return f'set "{variable}={value}"'
    return f"export {variable}={shlex.quote(value)}" if value else f"unset {variable}"


def reinstall(package: str) -> str:
    """Return the command that reinstalls a package."""
    return f"pip install --force-reinstall {package}"


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _probe(environment: dict[str, str]) -> tuple[str, str]:
    """Open a window elsewhere; return the failure, empty if there is none, and the video driver."""
    command = [sys.executable, "-m", "engine.ui.pygame.probe"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PROBE_S
        )
    except subprocess.TimeoutExpired:
        return f"it did not open in {PROBE_S} s", ""
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        return said[-1], ""
    return "", done.stdout.strip()


def _mend_display(why: str) -> str:
    if why.startswith("SDL_VIDEODRIVER"):
        return setting("SDL_VIDEODRIVER", "")
    if sys.platform.startswith("linux"):
        return "export DISPLAY=:0 where the machine has a screen; from elsewhere: ssh -X USER@HOST"
    return reinstall("pygame-ce")


def _mend_folder(place: Place, home: Path, error: OSError) -> str:
    if isinstance(error, PermissionError) and sys.platform != "win32":
        return f'sudo chown -R "$USER" {shlex.quote(str(home))}'
    return setting(place.variable, str(Path.home() / f"dreamcart-{place.name}"))
