"""Runs of the training tool on recordings of the toy world, for tests of what it does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.tiny_training import PLAINLY, TINY, Train, flags_of, record_enough
from tools import train as tool


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_enough(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def train(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Call the tool in this process: a run in tmp_path / "run", of TINY unless resumed."""
    monkeypatch.setattr(tool, "keep_freed_memory", lambda: None)  # it cannot be taken back

    def call(*words: str, out: Path = tmp_path / "run", on: Path | None = data) -> int:
        begun = "--resume" in words
        how = [] if begun else [*flags_of(TINY), *PLAINLY]
        where = [] if begun or on is None else ["--data", str(on)]
        return tool.main(["--out", str(out), *where, *how, *words])

    return call


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that were done: "whole" of all of TINY's updates, "finished" of a single one."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "keep_freed_memory", lambda: None)
        for name, updates in (("whole", TINY.updates), ("finished", 1)):
            recipe = flags_of(replace(TINY, updates=updates))
            tool.main(["--out", str(folder / name), "--data", str(data), *recipe, *PLAINLY])
    return folder


@pytest.fixture
def whole(runs: Path) -> Path:
    """A run of all of TINY's updates, to be looked at only."""
    return runs / "whole"


@pytest.fixture
def finished(runs: Path, tmp_path: Path) -> Path:
    """A run of one update, in tmp_path / "run"."""
    return Path(shutil.copytree(runs / "finished", tmp_path / "run"))
