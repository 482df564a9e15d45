"""Worlds with a refiner: how they are made, kept and played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from base.errors import UserError
from models.cartridge import load
from models.denoiser import Denoiser
from models.dream import DiffusionWorld
from models.frame_step import FrameStep
from models.manifest import Manifest
from models.runtime import Choice, Inputs, prepare
from models.sampler import Levels
from models.walks import Walks
from tests.recordings import record_toys
from tests.tiny_cartridge import manifest, networks, starts, write_tiny_cartridge
from tests.tiny_training import PLAINLY, TINY, checkpoints_are_the_same, flags_of
from tests.toy_world import ACTIONS
from tools import train as tool
from training import checkpoint, run_config
from training.beginning import build
from training.data import open_data
from training.export import frame_sampler
from training.refiner_config import RefinerConfig

pytest_plugins = "tests.training_runs"

TINY_REFINER = RefinerConfig(
    updates=4,
    batch=4,
    streams=2,
    stream_steps=5,
    context=TINY.context,
    channels=(8, 16),
    depths=(1, 1),
    cond=16,
    warmup=2,
    cooldown=0.0,
)
LEVELS = Levels("refine", (2.0, 0.1))


def refined(side_px: int = 16) -> Manifest:
    """The tiny world's manifest, with a refiner narrower than its denoiser."""
    plain = manifest(side_px)
    unet = replace(plain.denoiser.unet, channels=(8, 16))
    return replace(plain, refiner=replace(plain.denoiser, unet=unet), sampler=LEVELS)


@torch.no_grad()
def test_the_denoiser_predicts_and_the_refiner_is_shown_that_without_noise() -> None:
    made = networks(refined())
    denoiser, refiner = made["denoiser"], made["refiner"]
    assert isinstance(denoiser, Denoiser) and isinstance(refiner, Denoiser)
    frames = torch.rand(2, 4, 3, 16, 16) * 2 - 1
    actions, noise = torch.zeros(2, 4, ACTIONS.size), torch.randn(2, 3, 16, 16)
    estimate = denoiser(2 * noise, torch.full((2,), 2.0), frames, actions)
    by_hand = refiner(estimate, torch.full((2,), 0.1), frames, actions)
    dreamed = denoiser.next_frame(noise, frames, actions, LEVELS, refiner=refiner)
    expected = frames[:, -1] + denoiser.settle(by_hand)
    torch.testing.assert_close(dreamed, expected.clamp(-1, 1), atol=1 / 127.5, rtol=0)
    assert not torch.equal(dreamed, denoiser.next_frame(noise, frames, actions, LEVELS))


def inputs(of: Manifest) -> Inputs:
    places, rng = starts(of), np.random.default_rng(0)
    noise = rng.standard_normal((3, of.denoiser.height, of.denoiser.width), np.float32)
    return {"frames": places["frames"][0], "actions": places["actions"][0], "noise": noise}


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_a_fast_frame_is_a_plain_frame(engine: str) -> None:
    of = refined(side_px=32)
    made = networks(of)
    step = FrameStep(made["denoiser"], made["reward_end"], LEVELS, refiner=made["refiner"])  # type: ignore[arg-type]
    plain = prepare(step, Choice("torch", "cpu", "float32"), inputs(of)).run(inputs(of))
    fast = prepare(step, Choice(engine, "cpu", "bfloat16"), inputs(of)).run(inputs(of))  # type: ignore[arg-type]
    assert (np.abs(fast[0].astype(int) - plain[0]) <= 2).mean() >= 0.99
    assert plain[0].std() > 10, "a picture of one colour proves nothing"


def test_a_world_with_a_refiner_is_kept_and_played(tmp_path: Path) -> None:
    world = load(write_tiny_cartridge(tmp_path / "world", refined()))
    assert set(world.networks) == {"denoiser", "refiner", "reward_end"}
    assert world.manifest == refined()
    frames = []
    for steps in (None, 1):
        walks = Walks(world, device="cpu", precision="float32", steps=steps)
        dream = DiffusionWorld(world, walks)
        dream.reset(seed=0)
        frames.append(dream.step(ACTIONS.one_hot(0)).frame)
    assert not np.array_equal(*frames), "a single step is the denoiser's alone"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sampler": Levels("refine", (2.0,))}, "a sampler of two levels or more"),
        ({"refiner": replace(manifest().denoiser, context=2)}, "not for the same frames"),
        ({"refiner": replace(manifest().denoiser, target="frame")}, "not for the same frames"),
    ],
)
def test_refiners_that_fit_no_world_are_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        replace(refined(), **change)


def test_a_world_with_a_refiner_takes_no_upsampler() -> None:
    with pytest.raises(UserError, match="tiny has a refiner"):
        frame_sampler(refined(), "fast")


@pytest.fixture(autouse=True)
def process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What runs set for good is taken back: playing has threads of its own, and sums differ."""
    monkeypatch.setattr(tool, "keep_freed_memory", lambda: None)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def words(out: Path, data: Path, world: Path | None) -> list[str]:
    """The command line of a tiny run."""
    onto = ["--world", str(world)] if world else []
    recipe = ["--preset", "refiner", *flags_of(TINY_REFINER)]
    return ["--out", str(out), "--data", str(data), *recipe, *PLAINLY, *onto]


def test_a_refiner_is_trained_onto_a_world(whole: Path, data: Path, tmp_path: Path) -> None:
    assert tool.main(words(tmp_path / "run", data, whole / "cartridge")) == 0
    before, after = load(whole / "cartridge"), load(tmp_path / "run" / "cartridge")
    assert set(after.networks) == {"denoiser", "refiner", "reward_end"}
    for name in ("denoiser", "reward_end"):
        for key, weight in before.networks[name].state_dict().items():
            assert torch.equal(after.networks[name].state_dict()[key], weight), key
    assert after.manifest.sampler == LEVELS
    assert set(after.manifest.metrics) == {
        "refiner_updates", "refiner_held_out_psnr_1", "refiner_held_out_psnr_n",
    }  # fmt: skip
    readme = (tmp_path / "run" / "cartridge" / "README.md").read_text()
    assert readme.index("python -m tools.train --out") < readme.index("--preset refiner")
    DiffusionWorld(after, Walks(after, device="cpu", precision="float32")).reset(seed=0)


def test_stopped_and_resumed_a_run_is_as_if_it_had_not_been(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    for name in ("once", "twice"):
        stop = ["--updates", "2"] if name == "twice" else []
        assert tool.main([*words(tmp_path / name, data, whole / "cartridge"), *stop]) == 0
    assert tool.main(["--out", str(tmp_path / "twice"), "--resume", "--updates", "4"]) == 0
    assert checkpoints_are_the_same(tmp_path / "once", tmp_path / "twice")
    assert run_config.load(tmp_path / "twice").train == TINY_REFINER


def change_and_shown(recipe: RefinerConfig, data: Path, world: Path) -> tuple[Tensor, Tensor]:
    """What a learner's first examples are to find, and what they show of it, with noise."""
    learner = build(recipe, open_data(data, recipe, 1), torch.device("cpu"), load(world))
    loss, seen = learner.denoiser.loss, list[tuple[Tensor, Tensor]]()

    def spy(frame: Tensor, sigma: Tensor, noise: Tensor, context: Tensor, *rest: Any, **k: Any):
        assert recipe.sigma_least <= sigma.min() and sigma.max() <= recipe.sigma_most
        change = frame - context[:, -1]
        seen.append((change, change + sigma[:, None, None, None] * noise))
        return loss(frame, sigma, noise, context, *rest, **k)

    learner.denoiser.loss = spy  # type: ignore[method-assign]
    learner.gradients(0, learner.batches[0])
    return seen[0]


def test_behind_the_noise_a_change_is_shown_in_part(whole: Path, data: Path) -> None:
    """What a prediction hedges about it shows faintly, and the refiner took that for noise."""
    all_of_it, in_part = (
        replace(TINY_REFINER, share_faded=share, fade_least=0.25) for share in (0.0, 1.0)
    )
    change, shown = change_and_shown(all_of_it, data, whole / "cartridge")
    same, faded = change_and_shown(in_part, data, whole / "cartridge")
    assert torch.equal(change, same)
    moves = change.abs() > 0.5
    kept = 1 + ((faded - shown) / change)[moves]
    assert len(kept) > 10 and 0.25 - 1e-3 <= kept.min() < 0.6 and kept.max() <= 1 + 1e-3


def test_dreams_that_it_learns_from_are_made_as_in_play(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    """So they go on from frames that the world and the refiner so far have made."""
    never_lost = ["--lost-light", "18"]
    assert tool.main([*words(tmp_path / "run", data, whole / "cartridge"), *never_lost]) == 0
    state = checkpoint.load(tmp_path / "run")
    assert state is not None
    streams = state["learner"]["streams"]
    assert streams["ages"].max() > 0 and len(streams["context"]) == TINY_REFINER.streams


def test_a_dry_run_tells_of_it(
    whole: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main([*words(tmp_path / "run", data, whole / "cartridge"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "parameters: refiner 0." in said and "an update of 4 examples takes" in said
    assert not (tmp_path / "run").exists()


def test_what_no_refiner_can_be_trained_for_is_refused(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    out, world = tmp_path / "run", whole / "cartridge"
    with pytest.raises(UserError, match=r"--world is needed: .* enlarged or refined"):
        tool.main(words(out, data, None))
    with pytest.raises(UserError, match="--world is needed"):
        tool.main([*words(out, data, None), "--dry-run"])
    with pytest.raises(UserError, match=r"sees 4 frames, and .* as many: --context 4"):
        tool.main([*words(out, data, world), "--context", "6"])
    record_toys(tmp_path / "large", 600, 12, 400, shape=(12, 12))
    with pytest.raises(UserError, match=r"makes frames of 8 x 8 pixels, and .* have 12 x 12"):
        tool.main(words(out, tmp_path / "large", world))
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"level": 0.7}, "--level must lie within --sigma-least and --sigma-most"),
        ({"streams": 4}, "--streams must be fewer than --batch: 3 at most"),
        ({"share_events": 1.5}, "--share-events must be at most 1"),
        ({"updates": 0}, "--updates must be"),
    ],
)
def test_recipes_that_make_nothing_are_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        replace(TINY_REFINER, **change)
