"""Find what keeps worlds from playing here, and how to fix it: python -m tools.doctor."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from base.errors import run_main
from base.terminal import say
from tools.app import checkup
from tools.app.checkup import Finding, Place


@dataclass(frozen=True)
class DoctorConfig:
    """Check Python, packages, GPU, display, disk, folders and the cartridges that ship; time them.

    A line for each check: ok, warning or fault; below a fault, the command that fixes it. The
    exit code is 0 if there is no fault, else 1. Nothing is written but what playing writes: how
    each world runs fastest here.
    """

    json: bool = False
    """Print it all once more at the end, as one line of JSON."""


def main() -> int:
    """Check what everything else needs, then parse the command line and check the rest."""
    first = [checkup.python(), checkup.packages()]
    if any(finding.state == "fault" for finding in first):
        # Nothing else can be imported, not even what reads command lines.
        return tell(first, "--json" in sys.argv[1:])
    import tyro

    config = tyro.cli(DoctorConfig, prog="python -m tools.doctor")

    def all_of_them() -> Iterator[Finding]:
        yield from first
        for check in CHECKS:
            yield from guarded(check)

    return tell(all_of_them(), config.json)


def tell(findings: Iterable[Finding], as_json: bool) -> int:
    """Print findings as they come; return the exit code."""
    found = []
    for finding in findings:
        found.append(finding)
        say(line(finding))
    faults = sum(finding.state == "fault" for finding in found)
    say(f"faults found: {faults}" if faults else "no faults found")
    if as_json:
        whole = {"ok": not faults, "findings": [dataclasses.asdict(each) for each in found]}
        say(json.dumps(whole))
    return 1 if faults else 0


def line(finding: Finding) -> str:
    """Return a finding as text; the fix is on a line of its own, to be copied."""
    told = f"{finding.state:8}{finding.check:20} {finding.text}"
    return f"{told}\n{'':8}fix it with: {finding.mend}" if finding.mend else told


def guarded(check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of a check; an exception in it is one itself."""
    try:
        yield from check()
    except Exception as error:  # whatever a broken installation raises
        said = " ".join(str(error).split()) or type(error).__name__
        text, mend = f"the check itself failed: {said[:200]}", checkup.REINSTALL
        if isinstance(error, OSError) and error.filename is not None:
            mend = f"see that {error.filename} is there and open to you"
        yield Finding(check.__name__, "fault", text, mend)


def gpu() -> Iterable[Finding]:
    """Check the GPU of this machine."""
    from models.runtime.gpus import look
    from tools.app import checkup_worlds

    return [checkup_worlds.gpu(look())]


def openvino() -> Iterable[Finding]:
    """Check OpenVINO."""
    from tools.app import checkup_worlds

    return [checkup_worlds.openvino()]


def display() -> Iterable[Finding]:
    """Check the display of this machine."""
    from engine.ui.pygame.window import why_no_display

    return checkup.display(why_no_display())


def folders() -> Iterable[Finding]:
    """Check the folders of this user."""
    from base.folders import cache_folder, config_folder, data_folder
    from hub import transfer as hub_file

    windows = sys.platform == "win32"
    names = {"cache": cache_folder, "data": data_folder, "config": config_folder}
    places = [
        Place(
            name,
            folder(),
            "WIN_PD_OVERRIDE_LOCAL_APPDATA" if windows else f"XDG_{name.upper()}_HOME",
        )
        for name, folder in names.items()
    ]
    return checkup.folders([*places, Place("downloads", hub_file.cache_folder(), "HF_HOME")])


def cartridges() -> Iterable[Finding]:
    """Check the cartridges that ship."""
    from tools.app import checkup_worlds

    return checkup_worlds.cartridges()


CHECKS = (gpu, openvino, display, folders, checkup.optional, cartridges)


if __name__ == "__main__":
    run_main(main)
