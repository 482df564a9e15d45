"""Which package may import which: the arrows of the house, read from the source itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"base", "hub", "engine", "models", "datasets", "training", "tools", "tests", "play"}
MAY_IMPORT = {
    "base": set(),
    "hub": {"base", "models", "datasets"},
    "engine": {"base"},
    "models": {"base", "engine"},
    "datasets": {"base", "hub", "engine"},
    "training": {"base", "engine", "models", "datasets"},
    "tools": {"base", "hub", "engine", "models", "datasets", "training"},
}
# Libraries that would make a part heavy, or tie it to a window, and the files that may have them.
GUARDED = {
    "torch": (
        "base/torch_file.py",
        "models/",
        "datasets/batches.py",
        "datasets/importers/diamond_episodes.py",
        "training/",
        "tools/",
    ),
    "pygame": ("engine/ui/pygame/",),
    "ale_py": ("engine/games/atari.py",),
    "vizdoom": ("engine/games/doom",),
    "openvino": ("models/", "tools/"),
    "minari": ("datasets/importers/minari.py",),
}


def imports(path: Path, whole: bool = True) -> set[str]:
    """Full names of the modules a file imports; without `whole` only at its top level."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if whole else tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively; name the package"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_hold(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    for path in (ROOT / package).rglob("*.py"):
        ours = {name.split(".")[0] for name in imports(path)} & OURS
        assert ours <= allowed, f"{path.relative_to(ROOT)} imports {sorted(ours - allowed)}"


def test_models_know_only_the_contracts_of_the_engine() -> None:
    for path in (ROOT / "models").rglob("*.py"):
        engine = {name for name in imports(path) if name.startswith("engine.")}
        wrong = {n for n in engine if not n.startswith("engine.contracts")}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("library", GUARDED)
def test_heavy_libraries_stay_where_they_belong(library: str) -> None:
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            relative = path.relative_to(ROOT).as_posix()
            if library in {name.split(".")[0] for name in imports(path)}:
                assert relative.startswith(GUARDED[library]), f"{relative} imports {library}"


def test_the_player_starts_without_loading_a_model() -> None:
    top = {name.split(".")[0] for name in imports(ROOT / "play.py", whole=False)}
    assert not top & {"models", "torch", "datasets", "training"}


def test_package_files_are_empty() -> None:
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("__init__.py"):
            assert path.read_text() == "", f"{path.relative_to(ROOT)} is not empty"
