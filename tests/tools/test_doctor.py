"""The doctor: each fault put in by hand is found, and what mends it is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from base.errors import UserError
from models.runtime.gpus import Machine
from tests.support.tiny_cartridge import write_tiny_cartridge
from tools import doctor
from tools.app import checkup, checkup_worlds
from tools.app.checkup import Finding, Place, State

OK: State = "ok"
WARNING: State = "warning"
FAULT: State = "fault"


def states(findings: Iterator[Finding]) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}


@pytest.mark.parametrize("found", [(3, 10, 14), (3, 15, 0), (4, 0, 0)])
def test_another_python(found: tuple[int, ...]) -> None:
    finding = checkup.python(found)
    assert finding.state == FAULT and "this needs 3.11 to 3.14" in finding.text
    assert finding.mend.startswith("python3.14 -m venv .venv && ")


def test_this_python_and_what_is_installed_will_do() -> None:
    assert (checkup.python().state, checkup.packages().state) == (OK, OK)


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# playing\nnumpy>=2\nno-such-thing==1  # why\n# testing\nnor-this\n")
    finding = checkup.packages(requirements)
    assert (finding.state, finding.text) == (FAULT, "not installed: no-such-thing")
    assert finding.mend == "pip install -r requirements.txt"


@pytest.mark.parametrize(
    ("machine", "state", "text"),
    [
        (Machine(), OK, "none is here"),
        (Machine(nvidia=True, built="cuda", usable=True), OK, "built for cuda"),
        (Machine(nvidia=True, hidden=True), WARNING, "kept from PyTorch"),
        (Machine(nvidia=True, version="2.13.0+cpu"), FAULT, "this build of it has no CUDA"),
        (Machine(amd=True), FAULT, "this build of it has no ROCm"),
        (Machine(apple=True), FAULT, "this build of it has no MPS"),
    ],
)
def test_a_gpu_that_lies_idle(machine: Machine, state: str, text: str) -> None:
    finding = checkup_worlds.gpu(machine)
    assert finding.state == state and text in finding.text
    command = "pip install --force-reinstall torch==2.13.0"
    assert finding.mend.startswith(command) if state == FAULT else not finding.mend


def test_openvino_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkup_worlds.openvino().state == OK
    monkeypatch.setitem(sys.modules, "models.runtime.openvino_core", None)
    finding = checkup_worlds.openvino()
    assert finding.state == FAULT and "\n" not in finding.text
    assert finding.mend == "pip install --force-reinstall openvino"


def test_without_a_display_sdl_is_looked_at_all_the_same() -> None:
    """Tests run so; SDL starts in a process of its own, with no sound card to be found."""
    shown, sound = checkup.display("SDL_VIDEODRIVER is dummy")
    assert (shown.state, shown.mend) == (FAULT, "unset SDL_VIDEODRIVER")
    assert shown.text == "SDL_VIDEODRIVER is dummy: films instead of play"
    assert (sound.check, sound.state) == ("sound", OK)


def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":9999")
    (shown,) = checkup.display("")
    assert shown.state == FAULT and shown.mend
    assert shown.text.startswith("no window opens on :9999: ") and "\n" not in shown.text


@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="needs a display of its own")
def test_a_window_that_opens() -> None:
    code = "from tools.app import checkup; print([f.state for f in checkup.display('')])"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SDL_")}
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", code],
        cwd=checkup.ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['ok', 'ok']", done.stderr


def test_sdl_that_hangs_or_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], -11, "", "")

    def hangs(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired([], 1)

    for fault, text in ((falls, "it ended with code -11"), (hangs, "it did not open in")):
        monkeypatch.setattr(subprocess, "run", fault)
        (shown,) = checkup.display("")
        assert shown.state == FAULT and text in shown.text
        assert states(checkup.display("no screen")) == {"display": FAULT, "sound": FAULT}


def test_a_cache_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    places = [
        Place("data", tmp_path / "not" / "made yet", "XDG_DATA_HOME"),
        Place("cache", tmp_path / "file" / "dreamcart", "XDG_CACHE_HOME"),
    ]
    data, cache = checkup.folders(places)
    assert data.state == OK and list(tmp_path.iterdir()) == [tmp_path / "file"]
    assert cache.state == FAULT and f"cannot write to {places[1].path}" in cache.text
    assert cache.mend.startswith("export XDG_CACHE_HOME=")

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    (data,) = checkup.folders(places[:1])
    assert (data.state, data.mend) == (FAULT, f'sudo chown -R "$USER" {tmp_path}')


@pytest.mark.parametrize(("free_gb", "state"), [(0.1, FAULT), (1.5, WARNING), (40.0, OK)])
def test_a_full_disk(
    free_gb: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=int(free_gb * 1e9))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    (finding,) = checkup.folders([Place("cache", tmp_path, "XDG_CACHE_HOME")])
    assert finding.state == state and f"{free_gb:.1f} GB free" in finding.text
    assert finding.mend.startswith("export XDG_CACHE_HOME=") is (state != OK)


def test_a_damaged_cartridge_is_named_and_a_whole_one_is_timed(tmp_path: Path) -> None:
    write_tiny_cartridge(tmp_path / "whole")
    damaged = write_tiny_cartridge(tmp_path / "damaged") / "denoiser.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    broken, whole, speed = checkup_worlds.cartridges(tmp_path)
    assert (broken.check, broken.state) == ("cartridge damaged", FAULT)
    assert str(damaged) in broken.text
    assert broken.mend == "git checkout -- cartridges/damaged"
    assert (whole.check, whole.state) == ("cartridge whole", OK)
    assert speed.check == "speed whole" and speed.state != FAULT
    assert "ms a frame" in speed.text and ("threads" in speed.text or "CUDA" in speed.text)


def test_a_folder_of_cartridges_that_is_empty(tmp_path: Path) -> None:
    (finding,) = checkup_worlds.cartridges(tmp_path)
    assert (finding.state, finding.mend) == (FAULT, "git checkout -- cartridges")


def test_a_world_that_cannot_run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UserError("cannot run the world")

    monkeypatch.setattr(checkup_worlds, "open_world", refuse)
    write_tiny_cartridge(tmp_path / "whole")
    assert states(checkup_worlds.cartridges(tmp_path))["speed whole"] == FAULT


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, list[str]]:
    """Call the tool; its exit code and lines."""
    monkeypatch.setattr(sys, "argv", ["doctor", *words])
    code = doctor.main()
    return code, capsys.readouterr().out.splitlines()


def checks(*findings: Finding) -> Callable[[], list[Finding]]:
    def gpu() -> list[Finding]:
        return list(findings)

    return gpu


def test_each_finding_is_a_line_and_a_fault_has_its_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, broken = Finding("speed", WARNING, "slow"), Finding("sound", FAULT, "none", "mend me")
    monkeypatch.setattr(doctor, "CHECKS", (checks(slow),))
    code, lines = run(capsys, monkeypatch)
    assert code == 0 and lines[-1] == "no faults found"
    assert [line.split()[:2] for line in lines[:-1]] == [
        [OK, "python"], [OK, "packages"], [WARNING, "speed"],
    ]  # fmt: skip
    monkeypatch.setattr(doctor, "CHECKS", (checks(slow), checks(broken)))
    code, lines = run(capsys, monkeypatch, "--json")
    assert (
        code == 1 and lines[4].strip() == "fix it with: mend me" and lines[5] == "faults found: 1"
    )
    told = json.loads(lines[-1])
    assert told["ok"] is False and len(told["findings"]) == 4
    assert told["findings"][3] == {
        "check": "sound", "state": FAULT, "text": "none", "mend": "mend me",
    }  # fmt: skip


def test_a_check_that_breaks_is_a_fault_and_the_others_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> list[Finding]:
        raise OSError("libfoo.so: cannot open\nshared object")

    monkeypatch.setattr(doctor, "CHECKS", (breaks, checks(Finding("sound", OK, "none"))))
    code, lines = run(capsys, monkeypatch)
    assert code == 1 and lines[2].split()[:2] == [FAULT, "breaks"] and lines[4].startswith(OK)
    assert "libfoo.so: cannot open shared object" in lines[2]


def test_without_the_packages_nothing_else_is_tried(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Finding("packages", FAULT, "not installed: tyro", checkup.INSTALL)
    monkeypatch.setattr(checkup, "packages", lambda: missing)
    monkeypatch.setitem(sys.modules, "tyro", None)
    code, lines = run(capsys, monkeypatch, "--json")
    assert code == 1 and len(lines) == 5
    assert [each["check"] for each in json.loads(lines[-1])["findings"]] == ["python", "packages"]


def test_the_folders_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", str(tmp_path / "file"))
    found = states(iter(doctor.folders()))
    assert found["cache"] == FAULT and list(found) == ["cache", "data", "config", "downloads"]
    assert all(f.state == OK for f in checkup.optional())


def test_what_is_closed_to_us_is_not_mended_by_installing_anew(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/home/me/.cache")

    monkeypatch.setattr(doctor, "CHECKS", (refused,))
    _, lines = run(capsys, monkeypatch)
    assert lines[3].strip() == "fix it with: see that /home/me/.cache is there and open to you"
