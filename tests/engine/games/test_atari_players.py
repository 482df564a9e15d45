"""Players that make recordings: they repeat under a seed, and cover the game."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from base.errors import UserError
from engine.games.atari import AtariWorld
from engine.games.atari_players import HoldingPlayer, RandomPlayer, ScriptedPlayer


def _play(game: str, kind: type, seed: int, steps: int) -> tuple[list[int], float, Counter[str]]:
    """Actions, rewards won and mixture of some steps, over as many games as they take."""
    world = AtariWorld(game)
    frame = world.reset(seed)
    player = kind(world, seed)
    actions, won, mixture = [], 0.0, Counter[str]()
    for number in range(steps):
        action = player.act(frame)
        actions.append(int(action.argmax()))
        step = world.step(action)
        won += max(step.reward, 0)
        frame = step.frame
        if step.ended:
            mixture += player.mixture
            frame = world.reset(seed + number)
            player = kind(world, seed + number)
    return actions, won, mixture + player.mixture


@pytest.mark.parametrize("kind", [RandomPlayer, HoldingPlayer, ScriptedPlayer])
def test_a_seed_decides_what_is_played(kind: type) -> None:
    assert _play("breakout", kind, 3, 150) == _play("breakout", kind, 3, 150)
    assert _play("breakout", kind, 3, 150)[0] != _play("breakout", kind, 4, 150)[0]


def test_the_random_player_likes_all_actions_equally() -> None:
    actions, _, mixture = _play("pong", RandomPlayer, 0, 600)
    assert mixture == {"random": 600}
    assert np.bincount(actions, minlength=6).min() > 60


def test_who_holds_keys_crosses_the_road_where_chance_never_does() -> None:
    _, won, mixture = _play("freeway", HoldingPlayer, 0, 1500)
    assert won > 0
    assert set(mixture) == {"random", "holding keys", "holding keys long"}
    _, by_chance, _ = _play("freeway", RandomPlayer, 0, 1500)
    assert by_chance == 0


def test_the_scripted_breakout_player_mostly_returns_the_ball() -> None:
    actions, won, mixture = _play("breakout", ScriptedPlayer, 0, 2000)
    assert mixture.total() == 2000
    assert set(mixture) == {"tracking", "holding keys", "idling", "serving blindly"}
    assert 0.6 < mixture["tracking"] / 2000 < 0.95
    assert np.bincount(actions, minlength=4).min() > 30
    _, by_chance, _ = _play("breakout", RandomPlayer, 0, 1000)
    assert won > 4 * by_chance


def test_the_scripted_breakout_player_also_holds_the_key_that_serves_while_a_ball_is_lost() -> None:
    """It used to press it once, after the ball had gone, and a dream that had seen no more than
    that brought no ball to who held the key down."""
    actions, _, _ = _play("breakout", ScriptedPlayer, 1, 3000)
    served = "".join("F" if action == 1 else "." for action in actions)
    for every in (1, 2, 3, 4):
        assert 6 * ("F" + (every - 1) * ".") in served


def test_the_scripted_pong_player_wins_points() -> None:
    actions, won, mixture = _play("pong", ScriptedPlayer, 0, 1500)
    assert won >= 3
    assert len(set(actions)) == 6
    assert "serving blindly" not in mixture


def test_games_without_a_script_are_refused() -> None:
    with pytest.raises(UserError, match="no scripted player for seaquest; only for breakout, pong"):
        ScriptedPlayer(AtariWorld("seaquest"), 0)
