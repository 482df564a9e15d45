"""DIAMOND worlds of any game: a profile or numbers for actions, frames of any size, starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from base.errors import UserError
from engine.contracts import Action, DiscreteActions, World
from engine.games.pair import PairWorld
from models.cartridge.reader import load
from models.diamond import config as diamond
from models.diamond.weights import AtariNetworks, load_atari, to_checkpoint
from models.networks.actor_critic import ActorCritic
from models.networks.denoiser import Denoiser
from models.networks.reward_model import RewardModel
from models.runtime import sampler_cache
from models.runtime.selection import Choice, Decision, prepare
from tests.support.networks import awaken
from tests.support.parity import save_as_trainer
from tests.support.recordings import Here
from tools.app.conversion import convert
from tools.app.resolver import RunOptions, open_world, resolve
from tools.options.convert import ConvertConfig

PLAIN = Choice("torch", "cpu", "float32")
PROFILE = """\
name = "Lava Run"
rate_fps = 20
size_px = [{width}, {height}]
[keys]
left = "a"
right = "d"
jump = ["space", "w"]
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files in this process, and take plain arithmetic without measuring any."""
    monkeypatch.setattr("tools.app.own_games.IsolatedProcess", Here)
    monkeypatch.setattr(
        sampler_cache,
        "choose",
        lambda step, example, *_, **__: (prepare(step, PLAIN, example), Decision(PLAIN)),
    )


def checkpoint(path: Path, actions: int = 4, height: int = 32, width: int = 32) -> Path:
    """Small random networks for frames of a size, saved as DIAMOND's trainer saves an agent's."""
    size = {"height": height, "width": width}
    unet = diamond.unet((8, 16), (1, 1), (False, True), cond=16)
    denoiser = replace(diamond.atari_denoiser(actions), unet=unet, **size)
    rewards = replace(diamond.atari_reward_model(actions), encoder=unet, lstm=5, **size)
    player = replace(diamond.atari_actor_critic(actions), channels=(8, 16), lstm=5, **size)
    networks = AtariNetworks(
        awaken(Denoiser(denoiser), 1),
        awaken(RewardModel(rewards), 2),
        awaken(ActorCritic(player), 3),
    )
    return save_as_trainer(to_checkpoint(networks), path)


def profile(path: Path, width: int = 32, height: int = 32) -> Path:
    path.write_text(PROFILE.format(width=width, height=height))
    return path


def opened(cartridge: Path) -> World:
    return open_world(resolve(str(cartridge)), RunOptions())


def assert_plays(world: World, shape: tuple[int, ...]) -> None:
    assert world.frame_shape == shape and world.reset(seed=0).shape == shape
    frames = [world.step(world.actions.idle()).frame for _ in range(3)]
    assert all(frame.shape == shape and frame.std() > 5 for frame in frames)


def test_a_profile_says_what_is_pressed_and_how_large_frames_are(tmp_path: Path) -> None:
    pt = checkpoint(tmp_path / "agent.pt", height=24, width=48)
    game = profile(tmp_path / "game.toml", width=48, height=24)
    convert(ConvertConfig(pt, tmp_path / "lava", profile=game))
    manifest = load(tmp_path / "lava").manifest
    assert (manifest.name, manifest.rate_fps, manifest.game) == ("Lava Run", 20, "")
    actions = manifest.actions
    assert actions.names == ("nothing", "left", "right", "jump")
    assert actions.keys == {"left": ("a",), "right": ("d",), "jump": ("space", "w")}
    assert actions.encode(Action(("jump",))).argmax() == 3
    assert not actions.idle().argmax()
    assert_plays(opened(tmp_path / "lava"), (24, 48, 3))


def test_a_profile_may_have_a_button_for_each_action(tmp_path: Path) -> None:
    pt = checkpoint(tmp_path / "agent.pt", actions=3)
    convert(ConvertConfig(pt, tmp_path / "lava", profile=profile(tmp_path / "game.toml")))
    assert load(tmp_path / "lava").manifest.actions.names == ("left", "right", "jump")


def test_actions_may_be_numbered(tmp_path: Path) -> None:
    convert(ConvertConfig(checkpoint(tmp_path / "agent.pt"), tmp_path / "lava", numbered=True))
    manifest = load(tmp_path / "lava").manifest
    assert manifest.name == "lava" and isinstance(manifest.actions, DiscreteActions)
    assert manifest.actions.names == tuple(f"action {i}" for i in range(4))
    assert_plays(opened(tmp_path / "lava"), (32, 32, 3))


def test_a_dream_begins_where_episodes_of_diamond_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number, (count, side) in enumerate([(9, 32), (3, 32), (9, 64), (12, 32)]):
        shown = torch.from_numpy(rng.integers(0, 256, (count, 3, side, side), dtype=np.uint8))
        flags = torch.zeros(count, dtype=torch.uint8)
        episode = {"obs": shown, "act": torch.arange(count) % 4, "rew": torch.zeros(count)}
        path = tmp_path / "test" / f"{number}.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save({**episode, "end": flags, "trunc": flags, "info": {}}, path)
    pt, out = checkpoint(tmp_path / "agent.pt"), tmp_path / "lava"
    convert(ConvertConfig(pt, out, numbered=True, episodes=tmp_path / "test"))
    starts = load(out).starts
    assert starts["frames"].shape == (2, 4, 32, 32, 3)
    first = torch.load(tmp_path / "test" / "0.pt")["obs"][2:6].permute(0, 2, 3, 1)
    np.testing.assert_array_equal(starts["frames"][0], first)
    assert starts["actions"][0].argmax(axis=1).tolist() == [2, 3, 0, 1]
    assert_plays(opened(out), (32, 32, 3))
    with pytest.raises(UserError, match="32 x 32 pixels, and the dream's are 16 x 16"):
        small = checkpoint(tmp_path / "small.pt", height=16, width=16)
        convert(ConvertConfig(small, tmp_path / "b", numbered=True, episodes=tmp_path / "test"))
    assert not (tmp_path / "b").exists()


def test_an_atari_dream_has_an_emulator_beside_it_with_frames_as_large(tmp_path: Path) -> None:
    pt = checkpoint(tmp_path / "agent.pt", actions=6, height=96, width=96)
    convert(ConvertConfig(pt, tmp_path / "pong", game="pong"))
    world = opened(tmp_path / "pong")
    assert isinstance(world, PairWorld)
    assert world.reset(seed=0).shape == world.frame_shape == (96, 96, 3)
    assert world.step(world.actions.idle()).frame.shape == (96, 96, 3)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 96), (24, 48)])
def test_the_way_there_and_back(tmp_path: Path, height: int, width: int) -> None:
    pt = checkpoint(tmp_path / "agent.pt", height=height, width=width)
    game = profile(tmp_path / "game.toml", width, height)
    convert(ConvertConfig(pt, tmp_path / "lava", profile=game))
    convert(ConvertConfig(tmp_path / "lava", tmp_path / "back.pt"))
    before, after = (torch.load(path) for path in (pt, tmp_path / "back.pt"))
    assert before.keys() == after.keys()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    if height == width:
        assert load_atari(pt).denoiser.config.height == height
        with pytest.raises(UserError, match=rf"size_px = \[{height}, {height}\]"):
            load_atari(pt, (height, 2 * height))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "--profile GAME.toml"),
        ({"game": "pong", "numbered": True}, "by one of these"),
        ({"game": "pong", "episodes": Path()}, "--episodes goes with"),
        ({"profile": (64, 32)}, r"of 512 pixels, and 64 x 32 are 2048; put the right size"),
        ({"profile": (33, 31)}, "sides that are multiples of 2 pixels"),
        ({"numbered": True}, "are not square: say in a profile"),
        ({"profile": (32, 16), "actions": 6}, r"6 actions, and .*game\.toml has 3: list in"),
        ({"profile": (32, 16), "lstm": 33}, "its LSTM takes"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    tmp_path: Path, options: dict[str, object], says: str
) -> None:
    actions, lstm = options.pop("actions", 4), options.pop("lstm", None)
    pt = checkpoint(tmp_path / "agent.pt", int(str(actions)), height=16, width=32)
    if lstm:
        weights = torch.load(pt)
        name = "rew_end_model.lstm.weight_ih_l0"
        weights[name] = weights[name][:, : int(str(lstm))]
        torch.save(weights, pt)
    if isinstance(size := options.get("profile"), tuple):
        options["profile"] = profile(tmp_path / "game.toml", *size)
    with pytest.raises(UserError, match=says) as caught:
        convert(ConvertConfig(pt, tmp_path / "out", **options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()
