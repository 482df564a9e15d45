"""Training that was stopped or killed: how it goes on, and what cannot change meanwhile."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from base.cartridges import PREVIEW
from base.errors import UserError
from models.cartridge.manifest import Preset
from models.cartridge.reader import load
from models.cartridge.writer import save
from models.sampler import karras_sampler
from tests.support.tiny_training import (
    PLAINLY,
    ROOT,
    TINY,
    Train,
    checkpoints_are_the_same,
    environment,
    flags_of,
    program,
    run,
    same,
)
from training import checkpoint, progress, speed, trainer
from training.recipes import run_config
from training.recipes.world import TrainConfig
from training.run_lock import alone_in
from training.trainer import Run

pytest_plugins = "tests.support.training_runs"


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Every figure that TensorBoard would draw: by name, then by update."""
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {
        name: {event.step: event.value for event in events.Scalars(name)}
        for name in events.Tags()["scalars"]
    }


def test_a_killed_run_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipe = flags_of(replace(TINY, updates=40))
    how = ["--evaluate-every", "15", "--checkpoint-seconds", "0", *PLAINLY]
    words = ["--data", str(data), *recipe, *how]
    done = run("--out", str(whole), *words)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == f"done: play it with python play.py {whole / 'cartridge'}"

    process = subprocess.Popen(
        program("--out", str(killed), *words),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Late enough that some figures were logged before the last checkpoint.
    moment = random.randrange(11, 20)
    while (at := checkpoint.load(killed)) is None or at["update"] < moment:
        assert process.poll() is None, "it ended too early"
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    at = checkpoint.load(killed)
    assert at is not None and moment <= at["update"] < 40
    assert (told := progress.read(killed)) is not None and told[1] == 40 > told[0]
    (killed / ".checkpoint.half.pt").write_bytes(b"as when killed while writing one")

    resumed = run("--out", str(killed), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after update {at['update']}" in resumed.stdout
    assert checkpoints_are_the_same(whole, killed)
    figures = scalars(whole)
    assert figures == scalars(killed)
    assert set(figures["train/recorded"]) == {10, 20, 30, 40}
    assert set(figures["held_out/psnr_n"]) == {15, 30, 40}

    # What both leave behind.
    for folder in (whole, killed):
        assert load(folder / "cartridge").manifest.metrics["updates"] == 40
        assert progress.read(folder) == (40, 40)
        for strip in ("000015.png", "000030.png", "000040.png"):
            picture = cv2.imread(str(folder / "strips" / strip))
            assert picture is not None and picture.std() > 10
        assert not list(folder.glob(".*")), "an unfinished file was left"
    commands = load(killed / "cartridge").manifest.source["commands"]
    assert [" --resume" in command for command in commands] == [False, True]
    assert commands[0].startswith(f"python -m tools.train --out {killed} --data {data} ")


def test_ctrl_c_finishes_the_update_and_says_how_to_go_on(
    train: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It used to save in the middle of an update, from which no run goes on exactly."""
    monkeypatch.setattr(trainer, "LOG_EVERY", 1)
    before = signal.getsignal(signal.SIGINT)  # ignored, if the tests run in the background
    log = Run._log

    def interrupt(self: Run, *rest: Any) -> None:
        log(self, *rest)
        if self.done == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_log", interrupt)
        assert train() == 130
    command = f"python -m tools.train --out {tmp_path / 'run'} --resume"
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"stopped after 3 of 6 updates; go on with: {command}"
    state = checkpoint.load(tmp_path / "run")
    assert state is not None and state["update"] == 3
    assert signal.getsignal(signal.SIGINT) is before
    time.sleep(1.1)  # TensorBoard orders files by the second in their names
    assert train("--resume") == 0
    assert checkpoints_are_the_same(whole, tmp_path / "run")
    assert set(scalars(tmp_path / "run")["train/recorded"]) == {1, 2, 3, 4, 5, 6}


def test_killed_before_its_first_checkpoint_it_starts_over(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / checkpoint.NAME).unlink()
    train("--resume")
    assert checkpoints_are_the_same(whole, tmp_path / "run")


def test_resumed_it_is_in_every_way_as_it_was(train: Train, tmp_path: Path) -> None:
    train("--name", "my_toy", "--evaluate-every", "2", "--updates", "2", "--memory-gb", "0.5")
    before = run_config.load(tmp_path / "run")
    assert train("--resume", "--updates", "4") == 0
    after = run_config.load(tmp_path / "run")
    assert len(after.commands) == 2
    assert after == replace(before, train=replace(before.train, updates=4), commands=after.commands)
    assert load(tmp_path / "run" / "cartridge").manifest.name == "my_toy"
    assert sorted(path.stem for path in (tmp_path / "run" / "strips").iterdir()) == [
        "000002",
        "000004",
    ]


def test_more_updates_may_be_asked_for_and_fewer_if_they_are_still_to_come(
    train: Train, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("--resume")  # nothing left to do
    assert "going on after update 1" in capsys.readouterr().out
    train("--resume", "--updates", "3")
    for few in ("2", "1"):
        with pytest.raises(UserError, match="made 3 updates already; --updates must be more"):
            train("--resume", "--updates", few)
    assert run_config.load(finished).train.updates == 3
    # The default number is a number like any other.
    default = TrainConfig().updates
    train("--resume", "--updates", str(default), "--dry-run")
    left = default - 3
    assert f"{left} updates would take about" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--seed", "1"], ["--batch", "32"], ["--channels", "8", "24"], ["--sigma", "3"]],
)
def test_the_recipe_of_a_run_cannot_change(train: Train, finished: Path, words: list[str]) -> None:
    """--batch 32, being the default, used to be taken for no answer."""
    with pytest.raises(UserError, match=f"{words[0]} cannot change when a run is resumed"):
        train("--resume", *words)
    assert run_config.load(finished).train == replace(TINY, updates=1)


def test_the_recipe_of_a_run_may_be_said_again(train: Train, finished: Path) -> None:
    train("--resume", "--batch", str(TINY.batch), "--seed", "0")


def test_precision_is_kept_unless_asked_for(
    train: Train, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def choose(*given: Any) -> speed.Choice:
        measured.append(given[-2:])
        return speed.Choice("bf16", False, "as a test says")

    monkeypatch.setattr(speed, "choose", choose)
    train("--resume", "--updates", "2", "--precision", "fp32", "--compile", "off")
    assert not measured
    train("--resume", "--updates", "3", "--precision", "bf16")
    assert measured == [("bf16", "off")]
    assert run_config.load(finished).choice.precision == "bf16"


def test_a_run_may_start_from_a_cartridges_weights(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    start = str(whole / "cartridge")
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--ema", "0"]
    assert train("--start-from", start, "--updates", "1", *slowly) == 0
    first, made = load(whole / "cartridge"), load(tmp_path / "run" / "cartridge")
    tensors = (one.networks["denoiser"].state_dict().values() for one in (first, made))
    for tensor, other in zip(*tensors, strict=True):
        torch.testing.assert_close(tensor, other, atol=1e-6, rtol=0)
    # Killed before its first checkpoint, it starts from there once more.
    once = checkpoint.load(tmp_path / "run")
    (tmp_path / "run" / checkpoint.NAME).unlink()
    assert train("--resume") == 0
    again = checkpoint.load(tmp_path / "run")
    assert once is not None and same(once, again)


def test_a_run_may_start_from_a_world_with_a_frame_prior_or_without(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    """One without, as worlds of before are, leaves it as random as it begins."""
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--updates", "1"]
    bare, again = tmp_path / "bare", tmp_path / "again"
    start = ["--start-from", str(whole / "cartridge"), *slowly]
    assert train(*start, "--prior-channels", out=bare) == 0
    assert "frame_prior" not in load(bare / "cartridge").networks
    assert train("--start-from", str(bare / "cartridge"), *slowly, out=again) == 0
    assert train(*start) == 0
    first, second, third = (
        load(path / "cartridge").networks["frame_prior"].state_dict()
        for path in (whole, tmp_path / "run", again)
    )
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, atol=1e-6, rtol=0, msg=name)
    assert first.keys() == third.keys() and any((first[n] != third[n]).any() for n in first)


def test_what_a_run_starts_from_is_played_with_its_own_noise_embedding(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    """Its frequencies are drawn from the seed, and no weights: the averages kept those of the run.

    What was scored, exported and played had the start's weights and other frequencies.
    """
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--ema", "0.5"]
    start = ["--start-from", str(whole / "cartridge"), "--seed", "5", "--updates", "2"]
    assert train(*start, *slowly) == 0
    before, after = (
        load(path / "cartridge").networks["denoiser"].state_dict()
        for path in (whole, tmp_path / "run")
    )
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=0, msg=name)


def test_a_run_goes_on_without_what_it_started_from(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    start = shutil.copytree(whole / "cartridge", tmp_path / "start")
    assert train("--start-from", str(start), "--updates", "1") == 0
    shutil.rmtree(start)
    assert train("--resume", "--updates", "2") == 0


def test_a_run_may_start_from_networks_that_saw_fewer_frames(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    """What was learnt with a short context need not be learnt again with a longer one."""
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--ema", "0"]
    more = ["--head-learning-rate", "1e-9", "--updates", "1"]
    more += ["--lags", "0", "1", "3", "5"]
    assert train("--start-from", str(whole / "cartridge"), *more, *slowly) == 0
    before, after = load(whole / "cartridge"), load(tmp_path / "run" / "cartridge")
    frames = torch.rand(2, 7, 3, 8, 8) * 2 - 1
    x, sigma, acted = torch.randn(2, 3, 8, 8), torch.ones(2), torch.eye(4)[None].repeat(2, 2, 1)
    for seen, one in ((4, before), (6, after)):
        denoiser, head = one.networks["denoiser"], one.networks["reward_end"]
        assert denoiser.config.context == seen
        assert head.config.frames == len(denoiser.config.lags) + 1
    with torch.no_grad():
        made = [
            one.networks["denoiser"](x, sigma, frames[:, -seen:], acted[:, -seen:])
            for seen, one in ((4, before), (6, after))
        ]
        told = [
            torch.cat([logits.flatten() for logits in one.networks["reward_end"](frames[:, -n:])])
            for n, one in ((4, before), (5, after))
        ]
    torch.testing.assert_close(*made, atol=1e-4, rtol=0)
    torch.testing.assert_close(*told, atol=1e-4, rtol=0)


def test_a_run_may_start_from_a_world_where_nothing_tells_rewards(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    """As a world with an upsampler is: one could not be trained further as it ships."""
    world, bare = load(whole / "cartridge"), tmp_path / "bare"
    sampler = karras_sampler(1, 0.5, 2.0)
    manifest = replace(
        world.manifest,
        sampler=None,
        reward_end=None,
        frame_prior=None,
        presets={"fast": Preset(sampler, None)},
    )
    preview = (whole / "cartridge" / PREVIEW).read_bytes()
    save(bare, manifest, world.networks, world.starts, preview, "")
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--ema", "0"]
    assert train("--start-from", str(bare), "--updates", "1", *slowly) == 0
    made = load(tmp_path / "run" / "cartridge").networks
    assert "reward_end" in made
    for tensor, other in zip(
        world.networks["denoiser"].parameters(), made["denoiser"].parameters(), strict=True
    ):
        torch.testing.assert_close(tensor, other, atol=1e-6, rtol=0)


def test_two_do_not_train_in_one_folder(train: Train, finished: Path) -> None:
    """Both would have written checkpoints and figures over those of the other."""
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    with alone_in(finished):
        with pytest.raises(UserError, match="another process is training in"):
            train("--resume", "--updates", "2")
        train("--resume", "--updates", "2", "--dry-run")  # writes nothing
    assert {path: path.read_bytes() for path in before} == before
    assert train("--resume", "--updates", "2") == 0


def test_there_must_be_a_run_to_resume(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run to resume in .*run: it has no config\.json"):
        train("--resume")
    assert not (tmp_path / "run").exists()
