"""Players that see only frames."""

from __future__ import annotations

import numpy as np

from engine.contracts import Frame, World
from engine.games.atari import AtariWorld
from engine.games.breakout_player import BreakoutPlayer
from engine.games.scripted_players import choose_player
from engine.players import RestlessPlayer
from tests.support.toy_world import ACTIONS, ToyWorld


def actions_of(player: RestlessPlayer | BreakoutPlayer, frames: list[Frame]) -> list[str]:
    return [ACTIONS.describe(player.act(frame)) for frame in frames]


def points(world: World, player: RestlessPlayer | BreakoutPlayer, steps: int) -> float:
    frame, total = world.reset(seed=1), 0.0
    for _ in range(steps):
        step = world.step(player.act(frame))
        frame, total = step.frame, total + step.reward
        if step.ended:
            break
    return total


def test_a_seed_decides_what_a_restless_player_does_and_it_does_everything() -> None:
    blank = [np.zeros((16, 16, 3), np.uint8)] * 200
    first = actions_of(RestlessPlayer(ACTIONS, 1), blank)
    assert first == actions_of(RestlessPlayer(ACTIONS, 1), blank)
    assert first != actions_of(RestlessPlayer(ACTIONS, 2), blank)
    assert set(first) == set(ACTIONS.names)


def test_breakout_is_played_by_eye_far_better_than_by_chance() -> None:
    world = AtariWorld("breakout")
    by_eye = choose_player(world, seed=0)
    assert isinstance(by_eye, BreakoutPlayer)
    assert points(world, by_eye, steps=300) >= 6
    assert points(world, RestlessPlayer(world.actions, seed=0), steps=300) <= 3


def test_a_picture_without_a_ball_is_served_by_taps() -> None:
    """The key used to be held. After steps of that and no ball, which no recording has, the dream
    that ships brought none any more: 160 steps of one held key gave 12 dreams less than a serve
    each, and one tap in eight six."""
    blank = [np.zeros((64, 64, 3), np.uint8)] * 40
    played = actions_of(BreakoutPlayer(ACTIONS, 0), blank)
    waiting = ["NOOP"] * (BreakoutPlayer.PATIENCE - 1)
    assert played == 5 * [*waiting, "FIRE"]


def test_dust_is_no_ball() -> None:
    """Faint red all over a dream added up to more than a ball: the player followed that, and never
    served again. In 256 steps of a film that it plays it earned 2 points; 8 now."""
    dusty = np.zeros((64, 64, 3), np.uint8)
    dusty[29:56, 4:60, 0] = 12
    dusty[57:59, 30:36, 0] = 200  # paddle
    assert "FIRE" in actions_of(BreakoutPlayer(ACTIONS, 0), [dusty] * 20)


def test_a_falling_ball_is_met_where_it_will_land_walls_included() -> None:
    frames = []
    for i in range(6):
        frame = np.zeros((64, 64, 3), np.uint8)
        frame[57:59, 30:36, 0] = 200  # paddle
        frame[40 + 2 * i, 50 + 2 * i - (0 if i < 5 else 2)] = (200, 72, 72)  # towards the wall
        frames.append(frame)
    assert actions_of(BreakoutPlayer(ACTIONS, 0), frames[:4])[-1] == "RIGHT"
    player = BreakoutPlayer(ACTIONS, 0)
    assert player._meeting_point((50.0, 40.0), (52.0, 41.0)) == 60 - (52 + 2 * 16 - 60)
    assert player._meeting_point((50.0, 41.0), (52.0, 40.0)) == 52.0


def test_other_worlds_get_the_restless_player() -> None:
    assert isinstance(choose_player(ToyWorld(), 0), RestlessPlayer)
