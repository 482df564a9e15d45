"""The toy that the loop is tested on keeps the same contract as real worlds and dreams."""

from __future__ import annotations

from tests.toy_world import ToyWorld
from tests.world_conformance import check_world


def test_conformance() -> None:
    check_world(ToyWorld(), another=ToyWorld)
