"""The toys that the loop is tested on keep the same contract as real worlds and dreams."""

from __future__ import annotations

from tests.support.toy_world import DreamtToy, MouseToy, SwitchingToy, ToyWorld
from tests.support.world_conformance import check_world


def test_conformance() -> None:
    check_world(ToyWorld(), another=ToyWorld)
    check_world(DreamtToy(), another=DreamtToy)
    check_world(MouseToy(), another=MouseToy)
    check_world(SwitchingToy(ToyWorld()), another=lambda: SwitchingToy(ToyWorld()))


def test_a_toy_that_plays_itself_says_what_it_did() -> None:
    world = SwitchingToy(ToyWorld())
    world.reset(0)
    assert world.step(world.actions.idle()).action is None
    world.switch("m")
    step = world.step(world.actions.idle())
    assert step.action is not None and world.actions.describe(step.action) == "RIGHT"
