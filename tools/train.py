"""Train a world model: python -m tools.train --data DIR --out RUN."""

from __future__ import annotations

import dataclasses
import os
import shlex
import statistics
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import psutil
import torch
import tyro

from base.errors import UserError, run_main
from base.memory import keep_freed_memory
from training import checkpoint, speed
from training.config import TrainConfig
from training.export import export
from training.scores import Scores
from training.trainer import CONFIG, Data, Run, build, load_config, open_data, save_config
from training.update import Learner

DRY_RUN_UPDATES = 4


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
    """Go on with the run in --out, with its own configuration; only --updates may be changed."""
    dry_run: bool = False
    """Say what would be done, with parameters, memory and time measured here; train nothing."""
    name: str | None = None
    """The cartridge's short name; by default the game's."""
    evaluate_every: int = 500
    """Updates between evaluations on held-out episodes."""
    memory_gb: float = 4.0
    """Decoded recordings kept in memory, at most."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a CUDA GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic; auto measures."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Whether to use torch's compiler; auto measures."""
    config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=TrainConfig)


def main() -> None:
    """Parse the command line and train."""
    keep_freed_memory()
    train(tyro.cli(TrainCommand))


def train(command: TrainCommand) -> None:
    """Train as asked for; raises UserError for what cannot be done."""
    device = _device(command.device)
    config, folder, saved_choice = _what_to_train(command)
    data = open_data(folder, config, command.memory_gb)
    learner = build(config, data, device)
    name = command.name or data.store.info.game
    if saved_choice:
        choice = saved_choice
    else:
        print("measuring how this machine trains fastest ...", flush=True)
        choice = speed.choose(learner.denoiser, config, command.precision, command.compile)
    print(f"training on {device.type} in {choice.why}")
    _describe(config, data, learner)
    if command.dry_run:
        _estimate(config, data, learner, choice)
        return
    save_config(command.out, config, data=str(folder), choice=dataclasses.asdict(choice))
    made_by = {
        "commands": [shlex.join(["python", "-m", "tools.train", *sys.argv[1:]])],
        "trained_on": f"{device.type}, {choice.why}",
    }

    def on_evaluation(learner: Learner, scores: Scores, updates: int) -> None:
        export(command.out / "cartridge", name, learner, data, scores, updates, made_by)

    run = Run(command.out, learner, data, choice, command.evaluate_every, on_evaluation)
    state = checkpoint.load(command.out) if command.resume else None
    if state:
        run.restore(state)
        print(f"going on after update {run.done}")
    run.train()
    print(f"done: play it with python play.py {command.out / 'cartridge'}")


def _what_to_train(command: TrainCommand) -> tuple[TrainConfig, Path, speed.Choice | None]:
    """The configuration, the recordings, and for a resumed run how it was run so far."""
    if command.evaluate_every < 1:
        raise UserError("--evaluate-every must be 1 or more")
    if not command.resume:
        if command.data is None:
            raise UserError("--data is needed: a folder of recordings to train on")
        if not command.dry_run and (command.out / CONFIG).exists():
            raise UserError(
                f"{command.out} already holds a run; add --resume to go on with it, "
                "or choose another folder"
            )
        return command.config, command.data, None
    config, more = load_config(command.out)
    given = {f.name: getattr(command.config, f.name) for f in dataclasses.fields(TrainConfig)}
    for key, default in TrainConfig().to_json().items():
        if key != "updates" and given[key] not in (default, getattr(config, key)):
            flag = key.replace("_", "-")
            raise UserError(f"--{flag} cannot change when a run is resumed; only --updates can")
    if command.config.updates != TrainConfig().updates:
        config = dataclasses.replace(config, updates=command.config.updates)
    try:
        return config, command.data or Path(more["data"]), speed.Choice(**more["choice"])
    except (KeyError, TypeError) as error:
        raise UserError(f"{command.out / CONFIG} is not a run's configuration") from error


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("there is no CUDA GPU that torch can use; use --device cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _describe(config: TrainConfig, data: Data, learner: Learner) -> None:
    for key, value in config.to_json().items():
        print(f"  {key:22s} {value}")
    denoiser, head = (
        sum(p.numel() for p in network.parameters()) / 1e6
        for network in (learner.denoiser, learner.head)
    )
    print(f"denoiser {denoiser:.2f} M parameters, reward and ending head {head:.2f} M")
    print(
        f"{data.store.folder}: {len(data.training)} episodes with {data.steps} steps to train on, "
        f"{len(data.held_out)} episodes held out"
    )


def _estimate(config: TrainConfig, data: Data, learner: Learner, choice: speed.Choice) -> None:
    """Time a few real updates and print what the whole run would take."""
    run = Run(Path(), learner, data, choice, 1, lambda *_: None)
    speed.apply(learner.denoiser, choice)
    times = [
        speed.measured(partial(learner.update, index, run.fresh[index]), learner.device)
        for index in range(DRY_RUN_UPDATES)
    ]
    seconds = statistics.median(times[1:])
    if learner.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated() / 1e9
    else:
        memory = psutil.Process(os.getpid()).memory_info().rss / 1e9
    hours, minutes = divmod(round(seconds * config.updates / 60), 60)
    print(f"memory {memory:.1f} GB; an update of {config.batch} examples takes {seconds:.2f} s")
    print(f"{config.updates} updates would take about {hours} h {minutes:02d} min here")


if __name__ == "__main__":
    run_main(lambda: main())
