"""The player against what it did before: every picture, every observer's line, every file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.settings import SettingsFile
from tests.support.golden_play import GOLDEN, KEYS, SCENARIOS, SETTINGS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scripted_session_is_what_it_was(tmp_path: Path, name: str) -> None:
    """Regenerate with `python -m tests.support.golden_play` where a change is meant to be seen."""
    lines = list(SCENARIOS[name](tmp_path))
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    for number, (line, before) in enumerate(zip(lines, golden, strict=False)):
        assert line == before, f"line {number}"
    assert len(lines) == len(golden)


def test_settings_of_before_are_read_as_they_were() -> None:
    settings = SettingsFile(GOLDEN / SETTINGS).now
    assert settings.sensitivity == 2.0
    assert settings.keys["player"] == KEYS["player"]
    assert settings.keys["switches"] == KEYS["switches"]
