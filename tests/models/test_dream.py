"""A cartridge played as a World."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from base.cartridges import CARD
from base.errors import UserError
from engine.contracts import provenance_of, thumbnails_of
from models.cartridge.reader import check, load
from models.dream import DiffusionWorld, open_world
from models.runtime import choice as runtime_choice
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, Inputs
from tests.support.tiny_cartridge import CONTEXT, SIDE_PX, STARTS, write_tiny_cartridge
from tests.support.toy_world import ACTIONS
from tests.support.world_conformance import check_world


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_cartridge(tmp_path_factory.mktemp("shelf") / "tiny")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that wait for each other are slow where other programs are at work."""
    monkeypatch.setattr(runtime_choice, "cpu_threads", lambda: 1)


class Scripted:
    """Answers with told events and a frame of the step's number; remembers what it was given."""

    choice = Choice("torch", "cpu", "float32")

    def __init__(self) -> None:
        self.events = [0.0, 1.0, 0.0, -1.0, -1.0]
        self.given: list[Inputs] = []

    def run(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        self.given.append(inputs)
        frame = np.full((SIDE_PX, SIDE_PX, 3), len(self.given), np.uint8)
        return frame, np.array(self.events, np.float32)


def run_by(runner: Scripted, path: Path) -> DiffusionWorld:
    """The world of a cartridge with another runner in the place of its own."""
    cartridge = load(path)
    samplers = SamplerCache(cartridge, device="cpu", precision="float32")
    prepared = samplers.prepared(samplers.standard)
    samplers._prepared = {prepared.options: replace(prepared, runner=runner)}
    return DiffusionWorld(cartridge, samplers)


@pytest.mark.parametrize("precision", ["float32", None])
def test_a_dream_is_a_world(tiny: Path, precision: str | None) -> None:
    world = open_world(check(tiny), precision=precision)
    check_world(world, another=lambda: open_world(check(tiny), precision=precision))
    assert "CPU threads" in world.runtime or "CUDA" in world.runtime


def test_it_tells_what_the_cartridge_says(tiny: Path) -> None:
    world = open_world(check(tiny))
    assert (world.name, world.rate_fps, world.starts) == ("tiny", 15.0, STARTS)
    assert world.actions == ACTIONS and world.frame_shape == (SIDE_PX, SIDE_PX, 3)
    np.testing.assert_array_equal(world.reset(seed=1, start=2), load(tiny).starts["frames"][2, -1])


def test_it_tells_how_its_frames_are_made(tiny: Path) -> None:
    provenance = provenance_of(open_world(check(tiny), device="cpu", precision="float32", steps=1))
    assert provenance["weights"] == load(tiny).weights
    told = [provenance[what] for what in ("steps", "device", "precision")]
    assert told == ["1", "cpu", "float32"] and "preset" not in provenance


def test_networks_of_another_make_are_others_with_the_same_weights(
    tiny: Path, tmp_path: Path
) -> None:
    """A card was changed, and from the cache came the graph of the one before, and its frames."""
    card = json.loads((tiny / CARD).read_text("utf-8"))
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    card["denoiser"]["sigma_data"] *= 3
    (other / CARD).write_text(json.dumps(card))
    right, frames = ACTIONS.named("RIGHT"), []
    for path in (tiny, other, tiny):
        world = open_world(check(path), device="cpu", precision="bfloat16")
        world.reset(seed=1)
        frames.append(world.step(right).frame)
    assert np.array_equal(frames[0], frames[2]) and not np.array_equal(frames[0], frames[1])
    first, second = (provenance_of(open_world(check(path))) for path in (tiny, other))
    assert first["weights"] == second["weights"] and first["networks"] != second["networks"]


def test_a_moment_of_a_seed_that_cannot_be_is_refused(tiny: Path) -> None:
    world = open_world(check(tiny))
    moment = world.snapshot()
    moment["clock"][0] = -1
    with pytest.raises(UserError, match="'clock' do"):
        world.restore(moment)


def test_its_starts_have_pictures(tiny: Path) -> None:
    frames = load(tiny).starts["frames"][:, -1]
    np.testing.assert_array_equal(np.stack(thumbnails_of(open_world(check(tiny)))), frames)


def test_pictures_of_large_starts_are_small(tiny: Path) -> None:
    world = open_world(check(tiny))
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (STARTS, 75, 128, 3), np.uint8)
    world._starts = {**world._starts, "large": small.repeat(2, axis=1).repeat(2, axis=2)}
    np.testing.assert_array_equal(np.stack(thumbnails_of(world)), small)


def test_other_seeds_and_actions_make_other_frames(tiny: Path) -> None:
    world = open_world(check(tiny))
    left, right = ACTIONS.named("LEFT"), ACTIONS.named("RIGHT")

    def dream(seed: int, action: np.ndarray) -> bytes:
        world.reset(seed)
        return b"".join(world.step(action).frame.tobytes() for _ in range(3))

    assert dream(1, left) == dream(1, left)
    assert len({dream(1, left), dream(2, left), dream(1, right)}) == 3


def test_frames_and_actions_move_through_the_context(tiny: Path) -> None:
    """Row t of the actions is what was pressed at frame t; the last row is what is pressed now."""
    runner = Scripted()
    world = run_by(runner, tiny)
    world.reset(seed=0, start=1)
    pressed = [2, 3, 1, 2, 0, 3]
    for choice in pressed:
        world.step(ACTIONS.one_hot(choice))
    last = runner.given[-1]
    assert last["actions"].argmax(axis=1).tolist() == pressed[-CONTEXT:]
    assert last["frames"][:, 0, 0, 0].tolist() == [2, 3, 4, 5]
    first = runner.given[0]
    starts = load(tiny).starts
    np.testing.assert_array_equal(first["frames"], starts["frames"][1])
    np.testing.assert_array_equal(first["actions"][:-1], starts["actions"][1, :-1])
    assert len({inputs["noise"].tobytes() for inputs in runner.given}) == len(pressed)


@pytest.mark.parametrize(
    ("events", "reward", "life_lost", "ended"),
    [
        ([0.0, 1.0, 0.5, -0.1, -0.1], 0.0, False, False),
        ([0.0, 1.0, 1.5, 0.1, -0.1], 1.0, True, False),
        ([2.0, 1.0, 1.5, -3.0, 0.1], -1.0, False, True),
    ],
)
def test_the_most_probable_event_happens(
    tiny: Path, events: list[float], reward: float, life_lost: bool, ended: bool
) -> None:
    runner = Scripted()
    runner.events = events
    step = run_by(runner, tiny).step(ACTIONS.one_hot(0))
    assert (step.reward, step.life_lost, step.ended) == (reward, life_lost, ended)


def test_a_moment_of_another_world_is_refused(tiny: Path) -> None:
    world = open_world(check(tiny))
    moment = dict(world.snapshot())
    for name in moment:
        with pytest.raises(UserError, match=f"no moment of tiny: its '{name}'"):
            world.restore({**moment, name: np.zeros(1, np.float64)})
        with pytest.raises(UserError, match=name):
            world.restore({k: v for k, v in moment.items() if k != name})


def test_fewer_sampler_steps_can_be_asked_for(tiny: Path) -> None:
    full, quick = open_world(check(tiny)), open_world(check(tiny), steps=1)
    assert (full.step(ACTIONS.one_hot(0)).frame != quick.step(ACTIONS.one_hot(0)).frame).any()
    for steps in (0, 3):
        with pytest.raises(UserError, match="1 to 2 denoising steps"):
            open_world(check(tiny), steps=steps)


def test_its_knobs_are_the_ways_a_frame_is_made(tiny: Path) -> None:
    world = open_world(check(tiny))
    assert [knob.name for knob in world.knobs] == [
        "denoising steps", "context noise", "precision", "seed",
    ]  # fmt: skip
    moment, idle = world.snapshot(), ACTIONS.one_hot(0)
    plain = world.step(idle).frame
    for name, by, notice in (
        ("denoising steps", -1, "1 denoising step"),
        ("context noise", 6, "context noise 0.2"),
        ("seed", 5, "seed 5"),
    ):
        world.restore(moment)
        np.testing.assert_array_equal(world.step(idle).frame, plain)  # the knob went back as well
        world.restore(moment)
        assert world.turn(name, by).notice == notice
        assert (world.step(idle).frame != plain).any(), name
    with pytest.raises(UserError, match=r"takes 0 to 0\.2 context noise"):
        world.turn("context noise", -1)


def test_another_precision_runs_from_the_next_frame_on_and_makes_the_same_frames(
    tiny: Path,
) -> None:
    world, idle = open_world(check(tiny), precision="float32"), ACTIONS.one_hot(0)
    moment = world.snapshot()
    plain = world.step(idle).frame.astype(int)
    world.restore(moment)
    precision = next(knob.choices for knob in world.knobs if knob.name == "precision")[1]
    assert world.turn("precision", 1).notice == f"computed in {precision}"
    assert precision in world.runtime
    assert (np.abs(world.step(idle).frame - plain) <= 4).mean() > 0.95
    world.restore(moment)
    assert "float32" in world.runtime


def test_a_moment_from_before_there_were_knobs(tiny: Path) -> None:
    world, idle = open_world(check(tiny)), ACTIONS.one_hot(0)
    moment = world.snapshot()
    expected = world.step(idle).frame
    world.restore({**moment, "clock": moment["clock"][:6]})
    np.testing.assert_array_equal(world.step(idle).frame, expected)


def test_a_device_that_is_not_known(tiny: Path) -> None:
    with pytest.raises(UserError, match="unknown device 'cpux'; did you mean 'cpu'"):
        open_world(check(tiny), device="cpux")
