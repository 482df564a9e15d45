"""Profiles of one's own games: what they give, and that anything else is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import UserError
from engine.contracts import Action, HeldActions, actions_from_json
from engine.input.keyboard import KEYS
from engine.input.keymap import layout_of
from engine.profile import OF_PLAYER, PAD_KEYS, parse_profile, read_profile
from engine.ui.screen import MOUSE_BUTTONS

ROOT = Path(__file__).resolve().parents[2]
SHOOTER = """
name = "Maze"
rate_fps = 16
size_px = [64, 48]
[keys]
forward = ["w", "up"]
fire = "left button"
[pads]
forward = "stick up"
[mouse]
right = 60
down = [-10, 0, 10]
"""
GAME_KEYS = sorted({*KEYS, *MOUSE_BUTTONS} - set(OF_PLAYER))


def test_the_example_in_the_documentation_is_a_profile() -> None:
    profile = read_profile(ROOT / "docs" / "pong.toml")
    assert (profile.name, profile.rate_fps) == ("Pong", 15)
    assert (profile.width_px, profile.height_px) == (84, 84)
    assert profile.actions.names == ("up", "down", "serve")
    assert not profile.actions.mouse


def test_a_profile_gives_keys_pads_and_motions_to_player_recordings_and_cartridge() -> None:
    actions = parse_profile(SHOOTER.encode(), "maze.toml").actions
    assert actions.mouse_x == (-60, -50, -20, -10, -5, -2, 0, 2, 5, 10, 20, 50, 60)
    assert actions.size == 2 + 13 + 3
    vector = actions.encode(Action(("fire", "strange"), (52, -7)))
    assert actions.describe(vector) == "fire+mouse(50,-10)"
    again = actions_from_json(json.loads(json.dumps(actions.to_json())))
    assert again == actions and np.array_equal(again.named("fire+mouse(50,-10)"), vector)
    layout = layout_of(again)
    assert layout.title == "Maze" and layout.mouse
    assert layout.keys == {"forward": ("w", "up", "stick up"), "fire": ("left button",)}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("rate_fps = 16", "rate = 16", "unknown entry 'rate'; did you mean 'rate_fps'"),
        ("rate_fps = 16", "", "'rate_fps' is missing"),
        ("rate_fps = 16", "rate_fps = true", "'rate_fps' must be a number from 1 to 120"),
        ("rate_fps = 16", "rate_fps = nan", "'rate_fps' must be a number from 1 to 120"),
        ("[64, 48]", "[64, 4]", "'size_px' must be .width, height., each from 8 to 512"),
        ('"Maze"', '"../maze"', "'name' must be 1 to 40 letters"),
        ('["w", "up"]', '"upp"', "'keys.forward': unknown key 'upp'; did you mean 'up'"),
        ('["w", "up"]', '"p"', "'keys.forward' needs a second key: 'p' is the player's own"),
        ('["w", "up"]', "[]", "'keys.forward' must be a key's name, or a list of them"),
        ('"left button"', '"w"', "'keys.fire': 'w' is bound to 'forward' already"),
        ('"stick up"', '"w"', "'pads.forward': unknown key 'w'"),
        ('fire = "left', 'mouselook = "left', "no button can be called 'mouselook'"),
        ('forward = "stick', 'forwards = "stick', r"button in \[pads\] 'forwards'; did you mean"),
        ("right = 60", "", "'mouse.right' is missing"),
        ("right = 60", "right = 0", "'mouse.right' must be the largest motion"),
        ("right = 60", "rigth = 60", "unknown entry 'mouse.rigth'; did you mean 'mouse.right'"),
        ("[-10, 0, 10]", "[-10, 10]", "motions down must rise, and 0 be one of them"),
        ("[-10, 0, 10]", "[0, 10]", "motions down must go both ways"),
        ("name =", "name", "maze.toml is not a TOML file"),
    ],
)
def test_what_cannot_be_is_refused_by_name(old: str, new: str, says: str) -> None:
    assert SHOOTER.count(old) == 1
    with pytest.raises(UserError, match=says) as refused:
        parse_profile(SHOOTER.replace(old, new).encode(), "maze.toml")
    assert "maze.toml" in str(refused.value)


tables: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(GAME_KEYS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab c"), inner),
    max_leaves=4,
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["name", "rate_fps", "size_px", "keys", "mouse"]), tables))
def test_any_entries_give_a_profile_or_one_clear_line(entries: dict[str, Any]) -> None:
    text = SHOOTER
    for name, value in entries.items():  # TOML's inline values are JSON's, but for null
        text = text.replace(f"{name} =", f"{name} = {json.dumps(value)} #")
        text = text.replace(f"[{name}]", f"{name} = {json.dumps(value)}\n[ignored]")
    _check(text.encode())


@given(st.binary(max_size=80) | st.text('[]{}="\n.#0123abc', max_size=80).map(str.encode))
def test_any_bytes_give_a_profile_or_one_clear_line(data: bytes) -> None:
    _check(data)
    _check(SHOOTER.encode() + data)


def _check(data: bytes) -> None:
    try:
        profile = parse_profile(data, "any.toml")
    except UserError as error:
        assert str(error).startswith("any.toml") and "\n" not in str(error)
    else:
        assert profile.actions.idle().shape == (profile.actions.size,)


motions = st.sets(st.integers(1, 500), min_size=1, max_size=8).map(
    lambda ways: tuple(sorted({0, *ways, *(-way for way in ways)}))
)


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(GAME_KEYS), min_size=1, max_size=8, unique=True),
    st.lists(st.sampled_from(PAD_KEYS), max_size=8, unique=True),
    st.tuples(motions, motions) | st.just(((), ())),
    st.integers(0, 2**32 - 1),
)
def test_every_action_is_named_and_survives_json(
    keys: list[str], pads: list[str], mouse: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    bound = {f"button {i}": (key, *pads[i : i + 1]) for i, key in enumerate(keys)}
    space = HeldActions("any", bound, *mouse)
    vector = space.random(np.random.default_rng(seed))
    assert vector.shape == (len(space.names),)
    assert np.array_equal(space.named(space.describe(vector)), vector)
    assert actions_from_json(json.loads(json.dumps(space.to_json()))) == space
    assert sum(space.pressed(vector[None]).values()) <= len(keys) + 1


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(["game", "keys", "mouse_x", "mouse_y"]), tables))
def test_any_json_gives_actions_or_one_clear_line(entries: dict[str, Any]) -> None:
    whole = parse_profile(SHOOTER.encode(), "maze.toml").actions.to_json()
    try:
        space = actions_from_json({**whole, **entries})
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert space.idle().shape == (space.size,)
