"""Released worlds at play: what their steps compute, how they run, and what can be switched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from base.errors import UserError
from engine.contracts import CsgoActions
from engine.games.atari import AtariWorld
from engine.games.pair import PairWorld
from engine.players import Autopilot
from models.agent import Agent
from models.cartridge.reader import Cartridge, check, load, lower
from models.diamond import config as diamond
from models.dream import EVENT_STREAM, DiffusionWorld, noise_of
from models.networks.actor_critic import ActorCritic
from models.networks.reward_end import REWARDS
from models.runtime import choice as runtime_choice
from models.runtime import sampler_cache
from models.runtime.frame_step import PlayStep, enlarged_context
from models.runtime.openvino_core import core
from models.runtime.sampler_cache import MOST_STEPS, SamplerCache
from models.runtime.selection import Choice, Decision, Inputs, Runner, prepare
from tests.support.released_files import pong, shooter, write_cartridge
from tests.support.tiny_cartridge import write_tiny_cartridge
from tests.support.world_conformance import check_world
from tools.app.resolver import ResolvedWorld, RunOptions, open_world

PLAIN = Choice("torch", "cpu", "float32")
RNG = np.random.default_rng(0)
FRAMES = RNG.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
ACTIONS = np.eye(6, dtype=np.float32)[[3, 0, 5]]
GAME_ACTIONS = AtariWorld("pong").actions
IN_INT8 = 0.98  # of pixels: in networks as small as these little evens out
FOLLOWING = 4  # recorded actions kept in the small shooter


@pytest.fixture(scope="module")
def pong_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cartridge(pong(), tmp_path_factory.mktemp("worlds") / "pong")


@pytest.fixture(scope="module")
def pong_dream(pong_path: Path) -> Cartridge:
    return load(pong_path)


@pytest.fixture(scope="module")
def csgo(tmp_path_factory: pytest.TempPathFactory) -> Cartridge:
    folder = tmp_path_factory.mktemp("worlds")
    return load(write_cartridge(shooter(folder / "spawns"), folder / "csgo"))


@pytest.fixture(scope="module")
def small(csgo: Cartridge) -> Cartridge:
    """The same networks over frames that take no time, since convolutions fit any."""
    denoiser = replace(csgo.manifest.denoiser, height=8, width=16)
    assert csgo.manifest.upsampler is not None
    upsampler = replace(csgo.manifest.upsampler, height=24, width=48)
    networks = {"denoiser": type(csgo.networks["denoiser"])(denoiser)}
    networks["upsampler"] = type(networks["denoiser"])(upsampler)
    for name, network in networks.items():
        network.load_state_dict(csgo.networks[name].state_dict())
        network.eval().requires_grad_(False)
    starts = {
        "frames": csgo.starts["frames"][:, :, :8, :16],
        "actions": csgo.starts["actions"],
        "large": csgo.starts["large"][:, :24, :48],
        "following": csgo.starts["following"][:, :FOLLOWING],
    }
    manifest = replace(csgo.manifest, denoiser=denoiser, upsampler=upsampler)
    return Cartridge(manifest, networks, starts, "small")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, since two that wait for each other are slow where other programs are at work;
    and plain arithmetic without measuring, unless a test asks for another."""

    def choose(
        step: PlayStep, example: Inputs, *_: object, **__: object
    ) -> tuple[Runner, Decision]:
        return prepare(step, PLAIN, example), Decision(PLAIN)

    monkeypatch.setattr(runtime_choice, "cpu_threads", lambda: 1)
    monkeypatch.setattr(sampler_cache, "choose", choose)


def entered(cartridge: Cartridge, seed: int = 5) -> DiffusionWorld:
    world = DiffusionWorld(cartridge, SamplerCache(cartridge))
    world.enter(FRAMES, ACTIONS, seed)
    return world


def shooting(cartridge: Cartridge, **options: object) -> DiffusionWorld:
    return DiffusionWorld(cartridge, SamplerCache(cartridge, **options))  # type: ignore[arg-type]


def seen(frames: np.ndarray) -> torch.Tensor:
    """(..., H, W, 3) uint8 → (1, ..., 3, H, W)."""
    return torch.from_numpy(frames).movedim(-1, -3)[None] / 127.5 - 1


def levels(frame: torch.Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] → uint8 (H, W, 3)."""
    return ((frame[0].movedim(0, -1) + 1) * 127.5).round().to(torch.uint8).numpy()


def test_pong_beside_its_emulator_is_a_world(pong_path: Path) -> None:
    def build() -> PairWorld:
        world = open_world(
            ResolvedWorld("pong", "Pong", lambda report: check(pong_path)), RunOptions(steps=1)
        )
        assert isinstance(world, PairWorld)
        assert [switch.key for switch in world.switches] == ["tab", "f2", "m", "[", "]"]
        assert "CPU threads" in world.runtime
        return world

    check_world(build(), steps=4, another=build)


def test_the_dream_goes_on_where_the_emulator_is(pong_path: Path) -> None:
    lines: list[str] = []
    found = ResolvedWorld("pong", "Pong", lambda report: check(pong_path))
    world = open_world(found, RunOptions(steps=1), lines.append)
    assert lines == ["reading the weights", "starting the emulator"]
    real = AtariWorld("pong")
    real.reset(seed=3)
    for _ in range(3):
        last = real.step(real.actions.idle()).frame
    np.testing.assert_array_equal(world.reset(seed=3), last)
    moment = world.snapshot()
    np.testing.assert_array_equal(moment["dream.frames"][-1], last)
    assert moment["dream.frames"].shape == (4, 64, 64, 3)


def test_csgo_is_a_world(small: Cartridge) -> None:
    world = shooting(small)
    assert [switch.key for switch in world.switches] == ["[", "]", "f3", "m"]
    assert (world.starts, world.rate_fps, world.frame_shape) == (2, 16.0, (24, 48, 3))
    check_world(world, steps=4, another=lambda: shooting(small))


@torch.no_grad()
def test_a_frame_of_pong_is_what_the_networks_say(pong_dream: Cartridge) -> None:
    world = entered(pong_dream)
    denoiser, told = (pong_dream.networks[name] for name in ("denoiser", "reward_end"))
    context, chosen = seen(FRAMES), np.eye(6, dtype=np.float32)[2]
    actions = torch.from_numpy(np.stack([*ACTIONS, chosen]))[None]
    memory = told.lstm.rest(1)
    for t in range(3):
        _, _, memory = told(context[:, t], actions[:, t], context[:, t + 1], memory)
    moment = world.snapshot()
    np.testing.assert_allclose(moment["h"], memory[0][0], atol=1e-5)
    np.testing.assert_allclose(moment["c"], memory[1][0], atol=1e-5)
    assert np.abs(moment["h"]).max() > 0.01

    noise = torch.from_numpy(noise_of(5, 0, (1, 3, 64, 64)))[None]
    frame = denoiser.sample(noise, context, actions, diamond.ATARI)
    reward, end, memory = told(context[:, -1], actions[:, -1], frame, memory)
    step = world.step(chosen)
    off = np.abs(step.frame.astype(int) - levels(frame))
    assert (off <= 1).mean() > 0.999 and step.frame.std() > 10
    np.testing.assert_allclose(world.snapshot()["h"], memory[0][0], atol=1e-4)
    np.testing.assert_allclose(world.snapshot()["c"], memory[1][0], atol=1e-4)
    lots = np.random.default_rng([5, 1, EVENT_STREAM])
    assert step.reward == REWARDS[(reward[0].numpy() + lots.gumbel(size=3)).argmax()]
    assert step.ended is bool((end[0].numpy() + lots.gumbel(size=2)).argmax())


def test_rewards_and_ends_are_drawn_as_often_as_the_network_says(pong_dream: Cartridge) -> None:
    step = SamplerCache(pong_dream).prepared(3).step
    shares = np.array([0.2, 0.5, 0.3, 0.9, 0.1])
    rng = np.random.default_rng(0)
    events = [step.read({"events": np.log(shares).astype(np.float32)}, rng) for _ in range(4000)]
    for reward, share in zip(REWARDS, shares, strict=False):
        assert np.mean([event.reward == reward for event in events]) == pytest.approx(
            share, abs=0.04
        )
    assert np.mean([event.ended for event in events]) == pytest.approx(0.1, abs=0.03)
    assert not any(event.life_lost for event in events)


@torch.no_grad()
def test_a_frame_of_csgo_is_what_the_networks_say(csgo: Cartridge) -> None:
    world = shooting(csgo)
    shown = world.reset(seed=7, start=1)
    np.testing.assert_array_equal(shown, csgo.starts["large"][1])
    chosen = CsgoActions().named("w+mouse(30,-4)")
    actions = torch.from_numpy(np.stack([*csgo.starts["actions"][1, :-1], chosen]))[None]
    noise, large_noise = (
        torch.from_numpy(noise_of(7, 0, shape, which))[None]
        for which, shape in enumerate([(5, 3, 30, 56), (2, 3, 150, 280)])
    )
    preset, context = diamond.CSGO["fast"], seen(csgo.starts["frames"][1])
    frame = csgo.networks["denoiser"].sample(noise, context, actions, preset.frame)
    both = enlarged_context(seen(csgo.starts["large"][1]), frame)
    large = csgo.networks["upsampler"].sample(large_noise, both, None, preset.upsampling)
    step = world.step(chosen)
    assert (np.abs(step.frame.astype(int) - levels(large)) <= 1).mean() > 0.999
    kept = world.snapshot()["frames"]
    assert (np.abs(kept[-1].astype(int) - levels(frame)) <= 1).mean() > 0.999
    np.testing.assert_array_equal(kept[:-1], csgo.starts["frames"][1, 1:])
    assert (step.reward, step.ended, step.life_lost, step.action) == (0.0, False, False, None)


def fast_ways() -> list[tuple[str, str]]:
    able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    in_bfloat16 = [("openvino", "bfloat16")] if "BF16" in able else []
    in_int8 = [("openvino", "int8")] if runtime_choice.sums_int8() else []
    return [("openvino", "float32"), *in_bfloat16, *in_int8, ("torch", "bfloat16")]


@pytest.mark.parametrize(("engine", "precision"), fast_ways())
@pytest.mark.parametrize("which", ["pong", "fast"])
def test_a_fast_frame_is_a_plain_frame(
    pong_dream: Cartridge, small: Cartridge, which: str, engine: str, precision: str
) -> None:
    """Estimates are brought to the level below: in bfloat16 they would be two levels off."""
    asked = SamplerCache(pong_dream) if which == "pong" else SamplerCache(small, preset=which)
    prepared = asked.prepared(asked.standard)
    example = dict(asked.example(prepared.step))
    fast = prepare(prepared.step, Choice(engine, "cpu", precision), example)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        for name, shape in prepared.step.noises.items():
            example[name] = rng.standard_normal(shape, np.float32)
        expected = dict(zip(prepared.step.outputs, prepared.runner.run(example), strict=True))
        made = dict(zip(prepared.step.outputs, fast.run(example), strict=True))
        for name in {"frame", "large"} & set(made):
            assert made[name].dtype == np.uint8 and expected[name].std() > 10
            assert_alike(made[name], expected[name], IN_INT8 if precision == "int8" else 0.99)
        for name in {"events", "h", "c"} & set(made):
            atol = 1e-3 if precision == "float32" else 0.1
            np.testing.assert_allclose(made[name], expected[name], atol=atol)


def test_weights_kept_in_bfloat16_make_the_same_frames(
    pong_path: Path, pong_dream: Cartridge, csgo: Cartridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too large to be in memory as float32 is kept as the device works with it."""
    low = Choice("torch", "cpu", "bfloat16")
    expected = entered(pong_dream).step(GAME_ACTIONS.idle()).frame
    large = shooting(csgo).step(CsgoActions().idle()).frame
    monkeypatch.setattr(
        sampler_cache,
        "choose",
        lambda step, example, *_, **__: (prepare(step, low, example), Decision(low)),
    )
    world = entered(load(pong_path, torch.bfloat16))
    assert world.snapshot()["h"].dtype == np.float32
    assert_alike(world.step(GAME_ACTIONS.idle()).frame, expected)
    assert world.agent is not None and acted(world.agent, 2)
    networks = {name: type(network)(network.config) for name, network in csgo.networks.items()}
    for name, network in networks.items():
        state = lower(network, csgo.networks[name].state_dict(), torch.bfloat16)
        network.load_state_dict(state, assign=True)
        network.eval().requires_grad_(False)
    kept = replace(csgo, networks=networks)
    assert_alike(shooting(kept).step(CsgoActions().idle()).frame, large)
    if not runtime_choice.sums_int8():
        return
    low = Choice("openvino", "cpu", "int8")
    assert_alike(shooting(kept).step(CsgoActions().idle()).frame, large, IN_INT8)


def assert_alike(made: np.ndarray, expected: np.ndarray, share: float = 0.99) -> None:
    """Within two grey levels on 99 % of the pixels."""
    near = (np.abs(made.astype(int) - expected) <= 2).mean()
    assert near >= share, f"only {near:.1%}"


def test_presets(small: Cartridge, tmp_path: Path) -> None:
    for preset, steps in (("fast", 1), ("quality", 3)):
        asked = SamplerCache(small, preset=preset)
        assert (asked.standard, asked.most) == (steps, MOST_STEPS)
        step = asked.prepared(steps).step
        assert step.noises["large_noise"][0] == diamond.CSGO[preset].upsampling.draws(2)
    assert SamplerCache(small).standard == 1
    with pytest.raises(UserError, match="unknown preset 'fasst'; did you mean 'fast'"):
        SamplerCache(small, preset="fasst")
    with pytest.raises(UserError, match="has no presets"):
        SamplerCache(load(write_tiny_cartridge(tmp_path / "tiny")), preset="fast")
    for steps in (0, MOST_STEPS + 1):
        with pytest.raises(UserError, match="1 to 10 denoising steps"):
            SamplerCache(small, steps=steps)


def test_denoising_steps_are_changed_live_and_stop_at_the_ends(small: Cartridge) -> None:
    world, idle = shooting(small), CsgoActions().idle()
    with pytest.raises(UserError, match="1 to 10"):
        world.switch("[")
    moment = world.snapshot()
    for count in range(2, MOST_STEPS + 1):
        switched = world.switch("]")
        assert switched.notice == f"{count} denoising steps"
        assert ("denoising", f"{count} of 10") in switched.notes
    with pytest.raises(UserError, match="1 to 10"):
        world.switch("]")
    world.restore(moment)
    world.switch("]")
    dreamt = world.step(idle).frame
    np.testing.assert_array_equal(dreamt, shooting(small, steps=2).step(idle).frame)
    assert (dreamt != shooting(small).step(idle).frame).any()
    assert world.switch("[").notice == "1 denoising step"


def test_the_small_frame_can_be_shown_inset(small: Cartridge) -> None:
    world = shooting(small)
    before = world.reset(seed=0)
    with_inset = world.switch("f3").frame
    width, height = 16, 8  # a third of the width
    np.testing.assert_array_equal(with_inset[:height, :width], small.starts["frames"][0, -1])
    rest = np.ones(before.shape, bool)
    rest[:height, :width] = False
    np.testing.assert_array_equal(with_inset[rest], before[rest])
    stepped = world.step(CsgoActions().idle()).frame
    np.testing.assert_array_equal(stepped[:height, :width], world.snapshot()["frames"][-1])
    np.testing.assert_array_equal(world.snapshot()["large"], world.switch("f3").frame)


def test_m_replays_what_was_recorded_and_hands_over(small: Cartridge) -> None:
    world, mine = shooting(small), CsgoActions().named("s+click")
    recorded = small.starts["following"][1]
    assert len(recorded) == FOLLOWING
    np.testing.assert_array_equal(recorded[0], small.starts["actions"][1, -1])
    world.reset(seed=0, start=1)
    switched = world.switch("m")
    assert switched.notice == "a recorded player plays"
    assert ("playing", "recording") in switched.notes
    for action in recorded:
        step = world.step(mine)
        assert step.action is not None
        np.testing.assert_array_equal(step.action, action)
        np.testing.assert_array_equal(world.snapshot()["actions"][-2], action)
    step = world.step(mine)
    assert step.action is None and ("playing", "you") in step.notes
    np.testing.assert_array_equal(world.snapshot()["actions"][-2], mine)
    with pytest.raises(UserError, match="the recording is over; restart to see it again"):
        world.switch("m")

    world.reset(seed=0, start=1)
    world.switch("m")
    world.step(mine)
    assert world.switch("m").notice == "you play"
    assert world.step(mine).action is None


def test_a_moment_has_the_memory(pong_dream: Cartridge) -> None:
    world = entered(pong_dream)
    world.step(GAME_ACTIONS.idle())
    moment = world.snapshot()

    def rewards() -> list[float]:
        return [world.step(GAME_ACTIONS.idle()).reward for _ in range(8)]

    first = rewards()
    world.restore(moment)
    assert rewards() == first
    world.restore({**moment, "h": -moment["h"], "c": moment["c"] + 3})
    world.step(GAME_ACTIONS.idle())
    assert not np.allclose(world.snapshot()["h"], moment["h"], atol=0.1)
    for name in ("h", "c"):
        with pytest.raises(UserError, match=f"'{name}'"):
            world.restore({**moment, name: moment[name][:-1]})


def agent_of(cartridge: Cartridge) -> Agent:
    player = cartridge.networks["actor_critic"]
    assert isinstance(player, ActorCritic)
    return Agent(player, GAME_ACTIONS)


def acted(player: Autopilot, count: int = 25) -> list[int]:
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    return [int(player.act(frame).argmax()) for frame in frames]


def test_the_agents_actions_are_decided_by_the_seed(pong_dream: Cartridge) -> None:
    agent = agent_of(pong_dream)
    agent.begin(seed=1)
    first = acted(agent)
    assert len(set(first)) > 1
    vector = agent.act(FRAMES[0])
    assert vector.shape == (6,) and vector.dtype == np.float32 and vector.sum() == vector.max() == 1
    agent.begin(seed=1)
    assert acted(agent) == first
    other = agent_of(pong_dream)
    other.begin(seed=2)
    assert acted(other) != first


def test_the_agents_memory_is_part_of_a_moment(pong_dream: Cartridge) -> None:
    agent = agent_of(pong_dream)
    agent.begin(seed=3)
    assert not agent.snapshot()["memory"].any()
    acted(agent, 5)
    moment = agent.snapshot()
    assert moment["memory"].any()
    ahead = acted(agent)
    np.testing.assert_raises(
        AssertionError, np.testing.assert_array_equal, agent.snapshot()["memory"], moment["memory"]
    )
    other = agent_of(pong_dream)
    for player in (agent, other):
        player.restore(moment)
        assert acted(player) == ahead


@torch.no_grad()
def test_the_agent_does_what_its_network_says(pong_dream: Cartridge) -> None:
    """Over many draws, each action as often as its share; the memory goes from step to step."""
    agent, network = agent_of(pong_dream), pong_dream.networks["actor_critic"]
    counts = np.zeros(6)
    for seed in range(150):
        agent.begin(seed)
        counts += agent.act(FRAMES[0])
    memory = network.lstm.rest(1)
    logits, _, memory = network(seen(FRAMES[0]), memory)
    np.testing.assert_allclose(counts / 150, logits[0].softmax(0), atol=0.15)
    for part, kept in zip(memory, agent.snapshot()["memory"], strict=True):
        np.testing.assert_allclose(kept, part[0], atol=1e-5)
    _, _, memory = network(seen(FRAMES[1]), memory)
    agent.act(FRAMES[1])
    np.testing.assert_allclose(agent.snapshot()["memory"][0], memory[0][0], atol=1e-5)
