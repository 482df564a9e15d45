"""Finding a cartridge by name or by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from base.cartridges import find_cartridge, shipped_names
from base.errors import UserError


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for name in ("breakout", "pong"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cartridge.json").write_text("{}")
    (tmp_path / "not-one").mkdir()
    return tmp_path


def test_by_name_and_by_folder(shelf: Path) -> None:
    assert shipped_names(shelf) == ["breakout", "pong"]
    assert find_cartridge("pong", shelf) == shelf / "pong"
    assert find_cartridge(str(shelf / "pong"), Path("/nowhere")) == shelf / "pong"


def test_a_misspelt_name_is_answered_with_the_nearest(shelf: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'breakout'"):
        find_cartridge("brekout", shelf)


def test_folders_and_files_that_are_no_cartridges(shelf: Path) -> None:
    with pytest.raises(UserError, match=r"no cartridge\.json"):
        find_cartridge(str(shelf / "not-one"), shelf)
    with pytest.raises(UserError, match="a cartridge is a folder"):
        find_cartridge(str(shelf / "pong" / "cartridge.json"), shelf)
