"""Every recipe's first updates report what they did when tests/data/golden was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import golden

# Convolutions of another processor differ in the last bits, and three updates carry them on.
NEAR = 1e-3


@pytest.mark.parametrize("name", golden.RECIPES)
def test_first_updates(name: str, tmp_path: Path) -> None:
    expected = json.loads(golden.UPDATES.read_text("utf-8"))[name]
    made = golden.updates(name, tmp_path)
    assert [list(losses) for losses in made] == [list(losses) for losses in expected]
    for losses, before in zip(made, expected, strict=True):
        assert losses == pytest.approx(before, rel=NEAR, abs=1e-6)
