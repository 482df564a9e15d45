"""Licences: of every package that is asked for, and of every picture and weight that is here."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "licences.md").read_text("utf-8")
ROWS = {
    cells[1].strip().strip("`"): cells[2].strip()
    for cells in (line.split("|") for line in PAGE.splitlines() if line.startswith("|"))
}
MEDIA = {".png", ".gif", ".jpg", ".mp4", ".pt", ".safetensors", ".npy", ".hdf5", ".h5", ".ttf"}


def required() -> list[str]:
    """The packages that the requirement files name."""
    lines = "\n".join(path.read_text("utf-8") for path in ROOT.glob("requirements*.txt"))
    return re.findall(r"^[A-Za-z0-9][A-Za-z0-9._-]*", lines, re.MULTILINE)


@pytest.mark.parametrize("package", required())
def test_every_requirement_has_its_licence(package: str) -> None:
    assert ROWS.get(package), f"docs/licences.md has no row for {package}"


def test_the_strict_ones_are_as_their_packages_say() -> None:
    for package, licence in (("ale-py", "GPL-2.0-only"), ("pygame-ce", "LGPL")):
        about = importlib.metadata.metadata(package)
        said = about.get("License-Expression") or about.get("License") or ""
        assert licence in said and licence in ROWS[package]


def test_every_picture_and_weight_has_its_licence() -> None:
    folders = [name for name in ROWS if name.endswith("/")]
    for top in ("base", "cartridges", "datasets", "docs", "engine", "models", "tests", "tools"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in MEDIA:
                name = path.relative_to(ROOT).as_posix()
                assert any(name.startswith(folder) for folder in folders), name


def test_the_code_is_under_the_mit_licence_and_the_readme_says_so() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert licence.startswith("MIT License") and "The Dreamcart authors" in licence
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(LICENSE)" in readme and "(docs/licences.md)" in readme


def test_what_is_no_atari_game_needs_no_ale_py() -> None:
    """It is under the GPL, so a bundle may have to do without."""
    program = (
        "import sys; sys.modules['ale_py'] = None; "
        "import play, tools.app.conversion, tools.app.worlds"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
