"""Atari games as worlds: the contract, the table of games, what a step is made of."""

from __future__ import annotations

import ale_py
import cv2
import numpy as np
import pytest
from ale_py import roms

from base.errors import UserError
from engine.contracts import Action
from engine.games.atari import AtariWorld
from engine.games.atari_games import GAMES, find_game
from tests.support.world_conformance import check_world


@pytest.mark.parametrize("game", ["breakout", "pong"])
def test_keeps_the_contract(game: str) -> None:
    check_world(AtariWorld(game), another=lambda: AtariWorld(game))


@pytest.mark.parametrize("game", GAMES)
def test_every_game_of_the_table_plays(game: str) -> None:
    world = AtariWorld(game)
    assert world.actions.names[0] == "NOOP" and world.actions.buttons[0] == ()
    first = world.reset(seed=0)
    # Some games show a title for five seconds first.
    steps = (world.step(world.actions.one_hot(i % world.actions.size)) for i in range(90))
    assert any((step.frame != first).any() for step in steps)


@pytest.mark.parametrize(
    ("spelling", "game"),
    [
        ("MsPacman", "ms_pacman"),
        ("mspacman", "ms_pacman"),
        ("Up-N-Down", "up_n_down"),
        ("BREAKOUT", "breakout"),
        ("bank heist", "bank_heist"),
    ],
)
def test_games_may_be_spelled_in_many_ways(spelling: str, game: str) -> None:
    assert find_game(spelling) == game


def test_an_unknown_game_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown game 'braekout'; did you mean 'breakout'"):
        AtariWorld("braekout")


def test_a_step_is_four_emulated_frames_and_shows_the_larger_of_the_last_two() -> None:
    world = AtariWorld("breakout")
    snapshot = world.snapshot()
    plain = ale_py.ALEInterface()
    plain.setFloat("repeat_action_probability", 0.0)
    plain.loadROM(roms.get_rom_path("breakout"))
    plain.restoreSystemState(ale_py.ALEState(snapshot["state"].tobytes()))
    rng = np.random.default_rng(0)
    for _ in range(80):
        choice = int(rng.integers(4))
        step = world.step(world.actions.one_hot(choice))
        screens, rewards = [], []
        for _ in range(4):
            rewards.append(plain.act(plain.getMinimalActionSet()[choice]))
            screens.append(plain.getScreenRGB())
        larger = np.maximum(screens[2], screens[3])
        expected = cv2.resize(larger, (64, 64), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(step.frame, expected)
        assert step.reward == sum(rewards)


def test_breakout_loses_five_lives_and_ends() -> None:
    world = AtariWorld("breakout")
    world.reset(seed=0)
    fire = world.actions.named("FIRE")
    lost = 0
    for _ in range(2000):
        step = world.step(fire)
        lost += step.life_lost
        if step.ended:
            break
    assert step.ended and lost == 5
    after = world.step(fire)
    assert after.ended and not after.life_lost and after.reward == 0
    np.testing.assert_array_equal(after.frame, step.frame)
    world.reset(seed=0)
    assert not world.step(fire).ended


def test_the_seed_chooses_how_long_the_game_runs_before_the_first_frame() -> None:
    world = AtariWorld("freeway")  # its cars drive from the beginning
    first = [world.reset(seed).tobytes() for seed in range(20)]
    assert len(set(first)) > 3


def test_breakout_serves_from_one_place_whenever_it_begins() -> None:
    """It draws one of four by the number of the emulated frame, which no picture shows."""
    world = AtariWorld("breakout")
    noop, fire = world.actions.named("NOOP"), world.actions.named("FIRE")
    served = set()
    for seed in range(12):
        world.reset(seed)
        for _ in range(seed % 5):
            world.step(noop)
        world.step(fire)
        served.add(world.step(noop).frame[30:57].tobytes())
    assert len(served) == 1


def test_buttons_select_the_actions_they_spell() -> None:
    breakout, pacman = AtariWorld("breakout").actions, AtariWorld("seaquest").actions
    assert breakout.describe(breakout.encode(Action(("left",)))) == "LEFT"
    assert set(breakout.keys) == {"left", "right", "fire"}
    assert pacman.describe(pacman.encode(Action(("up", "fire", "left")))) == "UPLEFTFIRE"


def test_the_emulator_is_named_exactly() -> None:
    told = AtariWorld("breakout").emulator.to_json()
    assert told["version"] == ale_py.__version__
    assert told["rom"] == "breakout"
    assert told["rom_md5"] == "f34f08e5eb96e500e851a80be3277a56"
    assert len(told["rom_sha256"]) == 64
