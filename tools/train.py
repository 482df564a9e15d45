"""Train a world model: python -m tools.train --data DIR --out RUN."""

from __future__ import annotations

import dataclasses
import json
import shlex
import statistics
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import psutil
import torch
import tyro

from base.errors import UserError, run_main
from base.memory import keep_freed_memory
from models.cartridge_writer import check_place
from training import checkpoint, run_config, speed
from training.config import TrainConfig, flag
from training.data import Data, open_data
from training.export import describe_world, export
from training.run_config import RunConfig
from training.run_lock import alone_in
from training.scores import Scores
from training.trainer import Run, begin_with, build, remove_unfinished
from training.update import Learner

DRY_RUN_UPDATES = 4
PROGRAM = "python -m tools.train"
CARTRIDGE = "cartridge"  # its folder in a run's
INTERRUPTED = 130  # the exit code of a program ended by Ctrl-C


@dataclass(frozen=True)
class TrainCommand:
    """Train a world model on a folder of recordings, and save it as a cartridge.

    A run that was stopped or killed goes on with --resume.
    """

    out: Path
    """The run's folder; the cartridge comes to lie in its folder `cartridge`."""
    data: Path | None = None
    """Recordings to train on, from python -m tools.record."""
    resume: bool = False
    """Go on with the run in --out, as it was in all that is not said again; of the recipe only
    --updates may change."""
    dry_run: bool = False
    """Say what would be done, with parameters, memory and time measured here; train nothing."""
    json: bool = False
    """With --dry-run: say it as JSON too, on the last line."""
    start_from: Path | None = None
    """A cartridge to begin with the weights of; by default training begins with random ones."""
    name: str = ""
    """The cartridge's short name; by default the game's."""
    evaluate_every: int = 500
    """Updates between evaluations on held-out episodes."""
    checkpoint_seconds: float = 60.0
    """Time between checkpoints: a run that is killed loses at most so much."""
    memory_gb: float = 4.0
    """Decoded recordings kept in memory, at most."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a CUDA GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic; auto measures."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether to use torch's compiler; auto measures."""
    config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        run_config.check_pace(self.evaluate_every, self.checkpoint_seconds, self.memory_gb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, by default this program's own, and train."""
    arguments = sys.argv[1:] if arguments is None else arguments
    keep_freed_memory()
    saved = _saved(arguments)
    # Of a resumed run, what is not said again is as it was.
    default = _command_of(saved) if saved else TrainCommand(out=tyro.MISSING)
    command = tyro.cli(TrainCommand, args=arguments, default=default, prog=PROGRAM)
    if saved:
        _check_recipe(command.config, saved.train)
    return train(command, f"{PROGRAM} {shlex.join(arguments)}", saved)


def train(command: TrainCommand, said: str, saved: RunConfig | None = None) -> int:
    """Train as asked for; the exit code.

    said: the command line, for the cartridge's card. saved: of the run that goes on.
    Raises UserError for what cannot be done, before anything is written.
    """
    if command.json and not command.dry_run:
        raise UserError("--json goes with --dry-run")
    if command.data is None:
        raise UserError("--data is needed: a folder of recordings to train on")
    if saved is None and not command.dry_run and (command.out / run_config.NAME).exists():
        raise UserError(
            f"{command.out} already holds a run; add --resume to go on with it, "
            "or choose another folder"
        )
    place = command.out / CARTRIDGE
    check_place(place)
    device = _device(command.device)
    data = open_data(command.data, command.config, command.memory_gb)
    name = command.name or data.store.info.game
    world = describe_world(name, command.config, data)
    learner = build(command.config, data, device)
    if command.start_from is not None:
        begin_with(learner, command.start_from)
    config = RunConfig(
        train=command.config,
        data=str(command.data),
        choice=_choice(command, learner, saved),
        device=device.type,
        name=name,
        evaluate_every=command.evaluate_every,
        checkpoint_seconds=command.checkpoint_seconds,
        memory_gb=command.memory_gb,
        start_from=str(command.start_from or ""),
        commands=(*saved.commands, said) if saved else (said,),
    )
    print(f"training on {device.type} in {config.choice.why}")
    _describe(config, data, learner)
    made_by = {
        "commands": list(config.commands),
        "trained_on": f"{device.type}, {config.choice.why}",
    }

    def on_evaluation(scores: Scores, updates: int) -> None:
        export(place, world, learner, data, scores, updates, made_by)

    run = Run(command.out, config, learner, data, on_evaluation)
    with nullcontext() if command.dry_run else alone_in(command.out):
        return _go(run, command, saved, data)


def _go(run: Run, command: TrainCommand, saved: RunConfig | None, data: Data) -> int:
    """Train, from the last checkpoint on if there is one, or only estimate; the exit code."""
    if saved and (state := checkpoint.load(command.out)):
        run.restore(state)
        if run.done >= run.updates != saved.train.updates:
            raise UserError(f"the run made {run.done} updates already; --updates must be more")
        print(f"going on after update {run.done}")
    if command.dry_run:
        _estimate(run, data, command.json)
        return 0
    remove_unfinished(command.out)
    run_config.save(command.out, run.config)
    if not run.train():
        again = f"{PROGRAM} {shlex.join(['--out', str(command.out), '--resume'])}"
        print(f"stopped after {run.done} of {run.updates} updates; go on with: {again}")
        return INTERRUPTED
    print(f"done: play it with python play.py {command.out / CARTRIDGE}")
    return 0


@dataclass(frozen=True)
class _Run:
    """The part of the command line that says which run is meant, if it is to go on."""

    out: Path | None = None
    resume: bool = False


def _saved(arguments: Sequence[str]) -> RunConfig | None:
    """The run that is to go on, or None for a new one."""
    run, _ = tyro.cli(_Run, args=arguments, add_help=False, return_unknown_args=True)
    return run_config.load(run.out) if run.resume and run.out else None


def _command_of(saved: RunConfig) -> TrainCommand:
    """The command that would begin a run just as it was begun, but for --out."""
    return TrainCommand(
        out=tyro.MISSING,
        data=Path(saved.data),
        name=saved.name,
        evaluate_every=saved.evaluate_every,
        checkpoint_seconds=saved.checkpoint_seconds,
        memory_gb=saved.memory_gb,
        start_from=Path(saved.start_from) if saved.start_from else None,
        device="cuda" if saved.device == "cuda" else "cpu",
        precision=saved.choice.precision,
        compile="on" if saved.choice.compiled else "off",
        config=saved.train,
    )


def _check_recipe(asked: TrainConfig, saved: TrainConfig) -> None:
    """UserError if anything but the number of updates differs."""
    for name, value in dataclasses.asdict(saved).items():
        if name != "updates" and getattr(asked, name) != value:
            raise UserError(f"{flag(name)} cannot change when a run is resumed; only --updates can")


def _choice(command: TrainCommand, learner: Learner, saved: RunConfig | None) -> speed.Choice:
    """As saved if that is what is asked for, else as measured now."""
    if saved and saved.device == learner.device.type:
        asked = (command.precision, command.compile)
        if asked == (saved.choice.precision, "on" if saved.choice.compiled else "off"):
            return saved.choice
    print("measuring how this machine trains fastest ...", flush=True)
    return speed.choose(learner.denoiser, command.config, command.precision, command.compile)


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no CUDA GPU that torch can use; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _describe(config: RunConfig, data: Data, learner: Learner) -> None:
    for name, value in dataclasses.asdict(config.train).items():
        print(f"  {name:22s} {value}")
    denoiser, head = (
        sum(p.numel() for p in network.parameters()) / 1e6
        for network in (learner.denoiser, learner.head)
    )
    print(f"denoiser {denoiser:.2f} M parameters, reward and ending head {head:.2f} M")
    print(
        f"{data.store.folder}: {len(data.training)} episodes with {data.steps} steps to train on, "
        f"{len(data.held_out)} episodes held out"
    )
    for reason in data.store.skipped.values():
        print(f"left out: {reason}")


def _estimate(run: Run, data: Data, as_json: bool) -> None:
    """Time a few real updates and print what the whole run would take."""
    learner = run.learner
    times = [
        speed.measured(partial(learner.update, index, run.fresh[index]), learner.device)
        for index in range(run.done, run.done + DRY_RUN_UPDATES)
    ]
    seconds = statistics.median(times[1:])
    if learner.device.type == "cuda":
        print(f"GPU memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
    memory = psutil.Process().memory_info().rss / 1e9
    recordings = min(data.decoded_gb, run.config.memory_gb)
    print(f"memory {memory:.1f} GB, and up to {recordings:.1f} GB more for decoded recordings")
    print(f"an update of {learner.config.batch} examples takes {seconds:.2f} s")
    left = run.updates - run.done
    hours, minutes = divmod(round(seconds * left / 60), 60)
    print(f"{left} updates would take about {hours} h {minutes:02d} min here")
    if as_json:
        print(json.dumps({"steps": data.steps, "updates": left, "seconds": seconds * left}))


if __name__ == "__main__":
    run_main(main)
