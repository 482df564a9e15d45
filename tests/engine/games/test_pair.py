"""A dream and its game side by side: same actions, one that counts, and back again exactly."""

from __future__ import annotations

import numpy as np
import pytest

from base.errors import UserError
from base.psnr import mean_error, psnr_db
from engine.contracts import ActionVector, Frame, provenance_of, shown_provenance_of
from engine.games.atari import AtariWorld
from engine.games.pair import GAP_PX, PairWorld
from tests.support.scripted_game import dream as played
from tests.support.toy_world import (
    ACTIONS,
    AdjustableToy,
    DreamtToy,
    MouseToy,
    SwitchingToy,
    ToyPilot,
    ToyWorld,
    square_x,
)
from tests.support.world_conformance import check_world

OPENING = [ACTIONS.named("RIGHT")] * 3
NOOP, LEFT, FIRE = (ACTIONS.named(name) for name in ("NOOP", "LEFT", "FIRE"))


def pair(
    dream: DreamtToy | None = None, real: ToyWorld | None = None, pilot: ToyPilot | None = None
) -> PairWorld:
    dream = dream or DreamtToy()
    return PairWorld(dream, real or ToyWorld(), dream.begin, OPENING, pilot)


@pytest.mark.parametrize("keys", [[], ["tab"], ["f2"], ["tab", "f2", "m"]])
def test_keeps_the_contract_however_the_switches_stand(keys: list[str]) -> None:
    def build() -> PairWorld:
        world = pair(pilot=ToyPilot())
        for key in keys:
            world.switch(key)
        return world

    check_world(build(), another=build)


def test_the_real_game_opens_and_the_dream_goes_on_from_there() -> None:
    given: list[tuple[Frame, ActionVector, int]] = []
    dream, real = DreamtToy(), ToyWorld()

    def enter(frames: Frame, actions: ActionVector, seed: int) -> Frame:
        given.append((frames, actions, seed))
        return dream.begin(frames, actions, seed)

    world = PairWorld(dream, real, enter, OPENING)
    shown = world.reset(seed=4, start=1)
    frames, actions, seed = given[-1]
    assert np.array_equal(frames, played(["RIGHT"] * 3, seed=4, start=1))
    assert np.array_equal(actions, OPENING) and seed == 4
    assert np.array_equal(shown, frames[-1])
    dreamt = world.step(LEFT).frame
    real_frame = world.switch("tab").frame
    assert np.array_equal(real_frame, played(["RIGHT"] * 3 + ["LEFT"], seed=4, start=1)[-1])
    assert not np.array_equal(dreamt, real_frame) and square_x(dreamt) == square_x(real_frame)


def test_side_by_side_shows_both_and_by_how_much_they_differ() -> None:
    world = pair()
    world.reset(seed=0)
    switched = world.switch("f2")
    assert dict(switched.notes)["divergence"] == "none"  # the dream begins with a real frame
    assert switched.frame.shape == world.frame_shape == (16, 32 + GAP_PX, 3)
    meters = []
    for _ in range(3):
        step = world.step(LEFT)
        dream, real = step.frame[:, :16], step.frame[:, 16 + GAP_PX :]
        meters.append(dict(step.notes)["divergence"])
        assert meters[-1] == f"{psnr_db(mean_error(dream, real)):.1f} dB"
        assert (step.frame[:, 16 : 16 + GAP_PX] == 96).all()
    assert len(set(meters)) == 3
    assert "divergence" not in dict(world.switch("f2").notes)
    assert world.frame_shape == (16, 16, 3)


def test_what_is_shown_counts_and_the_other_stands_still_once_it_ended() -> None:
    real = ToyWorld(length=5)  # two steps after the opening
    world = pair(real=real)
    world.reset(seed=0)
    assert [world.step(FIRE).ended for _ in range(4)] == [False] * 4
    assert ("emulator", "over") in world.step(NOOP).notes
    to_real = world.switch("tab")
    assert to_real.ended is True and to_real.notice == "the emulator"
    assert np.array_equal(to_real.frame, played(["RIGHT"] * 3 + ["FIRE"] * 2)[-1])
    after = world.step(FIRE)  # nobody should, and nothing happens
    assert after.ended and after.reward == 0 and np.array_equal(after.frame, to_real.frame)
    to_dream = world.switch("tab")
    assert to_dream.ended is False
    assert world.step(FIRE).reward == 1.0


def test_rewards_and_lives_are_those_of_the_one_shown() -> None:
    class Poor(DreamtToy):
        def step(self, action: ActionVector):  # type: ignore[no-untyped-def]
            return super().step(NOOP)

    world = pair(dream=Poor())
    world.reset(seed=0)
    assert world.step(FIRE).reward == 0
    world.switch("tab")
    assert world.step(FIRE).reward == 1


def test_the_pilot_plays_by_what_is_shown_until_it_is_sent_away() -> None:
    pilot = ToyPilot()
    world = pair(pilot=pilot)
    world.reset(seed=3)
    assert world.step(LEFT).action is None
    begun = pilot.begun
    assert ("playing", "agent") in world.switch("m").notes
    assert pilot.begun == begun + 1
    names = []
    for _ in range(3):
        step = world.step(LEFT)
        assert step.action is not None
        names.append(ACTIONS.describe(step.action))
    assert names == ["RIGHT", "RIGHT", "FIRE"]
    assert world.switch("m").notice == "you play"
    assert world.step(LEFT).action is None


def test_without_a_pilot_nobody_can_take_over() -> None:
    assert [switch.key for switch in pair().switches] == ["tab", "f2"]


def test_the_dreams_own_switches_are_there_too() -> None:
    class Switching(SwitchingToy):
        """Its M counts, its F2 does not: that is the pair's."""

        def begin(self, frames: Frame, actions: ActionVector, seed: int) -> Frame:
            return self._toy.reset(seed)

    dream = Switching(ToyWorld())
    world = PairWorld(dream, ToyWorld(), dream.begin, OPENING)
    assert [switch.key for switch in world.switches] == ["tab", "f2", "m", "]"]
    assert world.switch("m").notice == "it plays itself"
    assert ("playing", "itself") in world.step(NOOP).notes
    check_world(world)


def test_the_dreams_knobs_are_there_and_who_plays() -> None:
    class Adjustable(AdjustableToy, DreamtToy):
        pass

    world = pair(Adjustable(), pilot=ToyPilot())
    assert [knob.name for knob in world.knobs] == ["playing", "square", "seed"]
    assert world.turn("playing", 1).notice == "the agent plays"
    assert world.step(LEFT).action is not None
    assert [switch.key for switch in world.switches] == ["tab", "f2", "m"]
    assert world.switch("m").notice == "you play" and world.knobs[0].value == "you"
    with pytest.raises(UserError, match="you to agent"):
        world.turn("playing", -1)
    assert world.turn("seed", 3).notice == "seed 3"
    check_world(world)
    assert [knob.name for knob in pair(Adjustable()).knobs] == ["square", "seed"]


def test_worlds_that_do_not_fit_together_are_refused() -> None:
    class Hasty(ToyWorld):
        rate_fps = 16.0

    for real, what in (
        (ToyWorld(shape=(8, 8)), "frames"),
        (MouseToy(), "actions"),
        (Hasty(), "per"),
    ):
        with pytest.raises(UserError, match=what):
            pair(real=real)
    with pytest.raises(UserError, match="toy ends within the steps"):
        pair(real=ToyWorld(length=3))


def test_a_real_emulator_beside_another() -> None:
    """Two emulators that are given the same actions never differ; the meter says so."""

    class Copy(AtariWorld):
        def begin(self, frames: Frame, actions: ActionVector, seed: int) -> Frame:
            frame = self.reset(seed)
            for action in actions:
                frame = self.step(action).frame
            return frame

    dream = Copy("pong")
    world = PairWorld(dream, AtariWorld("pong"), dream.begin, [dream.actions.idle()] * 3)
    world.reset(seed=1)
    world.switch("f2")
    rng = np.random.default_rng(0)
    for _ in range(30):
        assert ("divergence", "none") in world.step(world.actions.random(rng)).notes


def test_recordings_say_which_of_the_two_was_on_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was played in the emulator was kept as a dream."""
    monkeypatch.setattr(DreamtToy, "provenance", {"weights": "abc"}, raising=False)
    world = pair()
    assert shown_provenance_of(world) == provenance_of(world) == {"weights": "abc"}
    world.switch("tab")
    assert shown_provenance_of(world) == {} and provenance_of(world) == {"weights": "abc"}
