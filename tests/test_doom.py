"""Doom as a world: the contract, what the keys and the mouse do, and the map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from engine.contracts import Action
from engine.worlds import doom_map
from engine.worlds.doom import DEGREES_PER_COUNT, DoomWorld
from tests.world_conformance import check_world


def test_keeps_the_contract() -> None:
    check_world(DoomWorld(), steps=25, another=DoomWorld)
