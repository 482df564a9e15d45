"""Train a world model: python -m tools.train --data DIR --out RUN."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import psutil
import tyro

from base.cartridges import find_cartridge
from base.errors import UserError, run_main
from base.interrupts import end_with_input
from base.memory import keep_freed_memory
from base.sizes import GB
from base.terminal import say
from training.recipes import run_config
from training.recipes.old_runs import check_flags
from training.recipes.presets import PRESETS, Preset, Recipe
from training.recipes.run_config import RunConfig
from training.recipes.two_sizes import UpsamplerConfig
from training.recipes.world import flag
from training.speed_choice import Choice

if TYPE_CHECKING:  # torch comes with them, which --help does not need
    from models.cartridge.reader import Cartridge
    from training.data import Data
    from training.learners.base import Learner
    from training.scores import Scores
    from training.trainer import Run

R = TypeVar("R")
PROGRAM = "python -m tools.train"
CARTRIDGE = "cartridge"  # its folder in a run's
INTERRUPTED = 130  # the exit code of a program ended by Ctrl-C


@dataclass(frozen=True)
class TrainCommand(Generic[R]):
    """Train a world model on a folder of recordings, and save it as a cartridge.

    A run that was stopped or killed goes on with --resume. The recipe's flags are those of the
    preset: --preset csgo --help tells that one's.
    """

    out: Path
    """The run's folder; the cartridge comes to lie in its folder `cartridge`."""
    data: Path | None = None
    """Recordings to train on, from python -m tools.record; or in two sizes, in its folders low and
    full."""
    preset: Preset = "small"
    """The recipe: of a small world in one size; or of the network that dreams the small frames of
    Doom or CS:GO, and of the one that enlarges them."""
    world: str = ""
    """For an upsampler: the cartridge whose frames it is to enlarge, its folder or the name of one
    in cartridges/. It becomes part of it."""
    resume: bool = False
    """Go on with the run in --out, as it was in all that is not said again; of the recipe only
    --updates may change."""
    dry_run: bool = False
    """Say what would be done, with parameters, memory and time measured here; train nothing."""
    json: bool = False
    """With --dry-run: say it as JSON too, on the last line."""
    start_from: str = ""
    """A cartridge to begin with the weights of, its folder or the name of one in cartridges/; by
    default training begins with random ones."""
    name: str = ""
    """The cartridge's short name; by default the game's."""
    evaluate_every: int = 500
    """Updates between evaluations on held-out episodes."""
    checkpoint_seconds: float = 60.0
    """Time between checkpoints: a run that is killed loses at most so much."""
    memory_gb: float = 4.0
    """Decoded recordings kept in memory, at most."""
    device: str = "auto"
    """Where to train: cpu, cuda, or auto, which takes a CUDA GPU if there is one."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic; auto measures."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Use of torch's compiler; auto measures."""
    config: tyro.conf.OmitArgPrefixes[R] = field(kw_only=True)

    def __post_init__(self) -> None:
        run_config.check_pace(self.evaluate_every, self.checkpoint_seconds, self.memory_gb)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, by default this program's own, and train."""
    arguments = sys.argv[1:] if arguments is None else arguments
    end_with_input()
    keep_freed_memory()
    check_flags(arguments)
    run, _ = tyro.cli(_Run, args=arguments, add_help=False, return_unknown_args=True)
    saved = run_config.load(run.out) if run.resume and run.out else None
    # Of a resumed run, what is not said again is as it was.
    default = _command_of(saved) if saved else _new_command(run.preset)
    kind: Any = TrainCommand[type(default.config)]  # type: ignore[misc]  # whose flags there are
    command = tyro.cli(kind, args=arguments, default=default, prog=PROGRAM)
    if saved:
        _check_recipe(command, saved)
    from training import speed

    with speed.denormals_flushed():
        return train(command, f"{PROGRAM} {shlex.join(arguments)}", saved)


def train(command: TrainCommand[Recipe], said: str, saved: RunConfig | None = None) -> int:
    """Train as asked for; return the exit code.

    said: the command line, for the cartridge's card. saved: of the run that goes on.
    Raises UserError for what cannot be done, before anything is written.
    """
    from models.cartridge.writer import check_place
    from training import checkpoint, speed
    from training.beginning import begin_with, build
    from training.data import open_data
    from training.estimate import part_of
    from training.export import describe_world, export
    from training.run_lock import alone_in
    from training.trainer import Run

    data_folder = _checked(command, saved)
    place = command.out / CARTRIDGE
    check_place(place)
    device = speed.device(command.device)
    data = open_data(data_folder, command.config, command.memory_gb)
    onto = _world(command)
    name = command.name or (onto.manifest.name if onto else data.store.info.game)
    lone = onto is None and isinstance(command.config, UpsamplerConfig)  # only tried
    world = None if lone else describe_world(name, command.config, data, onto)
    recipe = part_of(command.config)[0] if command.dry_run else command.config
    learner = build(recipe, data, device, onto)
    if command.start_from and not (saved and (command.out / checkpoint.NAME).exists()):
        begin_with(learner, find_cartridge(command.start_from))
    with nullcontext() if command.dry_run else alone_in(command.out):
        commands = (*saved.commands, said) if saved else (said,)
        config = _config(command, name, _choice(command, learner, saved), device.type, commands)
        trained_on = f"{device.type}, {config.choice.why}"
        say(f"training on {device.type} in {config.choice.why}")
        _describe(config, data, learner)
        made_by = {"commands": list(commands), "trained_on": trained_on}

        def on_evaluation(scores: Scores, updates: int) -> None:
            assert world is not None, "what is only tried is not evaluated"
            export(place, world, learner, data, scores, updates, made_by, onto)

        run = Run(command.out, config, learner, on_evaluation)
        return _go(run, command, saved, data)


def _checked(command: TrainCommand[Recipe], saved: RunConfig | None) -> Path:
    """Return the folder of recordings; UserError for flags that do not go together."""
    if command.json and not command.dry_run:
        raise UserError("--json goes with --dry-run")
    if command.data is None:
        raise UserError("--data is needed: a folder of recordings to train on")
    if saved is None and not command.dry_run and (command.out / run_config.NAME).exists():
        raise UserError(
            f"{command.out} already holds a run; add --resume to go on with it, "
            "or choose another folder"
        )
    return command.data


def _config(
    command: TrainCommand[Recipe],
    name: str,
    choice: Choice,
    device: str,
    commands: tuple[str, ...],
) -> RunConfig:
    """Return the run's configuration, as it will be saved. name: of the cartridge."""
    return RunConfig(
        train=command.config,
        data=str(command.data),
        choice=choice,
        device=device,
        name=name,
        evaluate_every=command.evaluate_every,
        checkpoint_seconds=command.checkpoint_seconds,
        memory_gb=command.memory_gb,
        start_from=command.start_from,
        preset=command.preset,
        world=command.world,
        commands=commands,
    )


def _go(run: Run, command: TrainCommand[Recipe], saved: RunConfig | None, data: Data) -> int:
    """Train, from the last checkpoint on if there is one, or only estimate; the exit code."""
    from training import checkpoint
    from training.trainer import remove_unfinished

    if saved and (state := checkpoint.load(command.out)):
        if command.dry_run:  # of other batches than the run; how long they take is all that matters
            run.done = int(state["update"])
        else:
            run.restore(state)
        if run.done >= run.updates != saved.train.updates:
            raise UserError(f"the run made {run.done} updates already; --updates must be more")
        say(f"going on after update {run.done}")
    if command.dry_run:
        _estimate(run, data, command.json)
        return 0
    remove_unfinished(command.out)
    run_config.save(command.out, run.config)
    if not run.train():
        again = f"{PROGRAM} {shlex.join(['--out', str(command.out), '--resume'])}"
        say(f"stopped after {run.done} of {run.updates} updates; go on with: {again}")
        return INTERRUPTED
    say(f"done: play it with python play.py {command.out / CARTRIDGE}")
    return 0


@dataclass(frozen=True)
class _Run:
    """The part of the command line that says which run is meant, and of which recipe."""

    out: Path | None = None
    resume: bool = False
    preset: Preset = "small"


def _new_command(preset: Preset) -> TrainCommand[Recipe]:
    """Return the command that begins a run of a recipe, but for --out."""
    return TrainCommand(out=tyro.MISSING, preset=preset, config=PRESETS[preset])


def _command_of(saved: RunConfig) -> TrainCommand[Recipe]:
    """Return the command that would begin a run just as it was begun, but for --out."""
    return TrainCommand(
        out=tyro.MISSING,
        data=Path(saved.data),
        preset=saved.preset,
        world=saved.world,
        name=saved.name,
        evaluate_every=saved.evaluate_every,
        checkpoint_seconds=saved.checkpoint_seconds,
        memory_gb=saved.memory_gb,
        start_from=saved.start_from,
        device="cuda" if saved.device == "cuda" else "cpu",
        precision=saved.choice.precision,
        compile="on" if saved.choice.compiled else "off",
        config=saved.train,
    )


def _check_recipe(asked: TrainCommand[Recipe], saved: RunConfig) -> None:
    """Raise UserError if anything but the number of updates differs."""
    if asked.preset != saved.preset:
        raise UserError("--preset cannot change when a run is resumed; only --updates can")
    for name, value in dataclasses.asdict(saved.train).items():
        if name != "updates" and getattr(asked.config, name) != value:
            raise UserError(f"{flag(name)} cannot change when a run is resumed; only --updates can")


def _world(command: TrainCommand[Recipe]) -> Cartridge | None:
    """Load the world that an upsampler is for; UserError if it is missing, or given for nothing.

    A dry run needs none: how long training takes does not depend on it.
    """
    wanted = isinstance(command.config, UpsamplerConfig)
    if wanted and not command.world and not command.dry_run:
        raise UserError(
            "--world is needed: the cartridge whose frames are to be enlarged, as the preset csgo "
            "makes one"
        )
    if not wanted and command.world:
        raise UserError("--world is for upsamplers; use --start-from for weights to begin with")
    if not command.world:
        return None
    import torch

    from models.cartridge.reader import load

    # Kept in half of float32, as cartridges store it: it is only written again.
    return load(find_cartridge(command.world), torch.bfloat16)


def _choice(command: TrainCommand[Recipe], learner: Learner, saved: RunConfig | None) -> Choice:
    """Return how to train: as saved if that is what is asked for, else as measured now."""
    from training import speed

    if saved and saved.device == learner.device.type:
        asked = (command.precision, command.compile)
        if asked == (saved.choice.precision, "on" if saved.choice.compiled else "off"):
            return saved.choice
    say("measuring how this machine trains fastest ...")
    recipe = command.config
    return speed.choose(
        learner.denoiser, recipe.batch, recipe.passes, command.precision, command.compile
    )


def _describe(config: RunConfig, data: Data, learner: Learner) -> None:
    for name, value in dataclasses.asdict(config.train).items():
        say(f"  {name:22s} {value}")
    sizes = (
        f"{name} {sum(p.numel() for p in network.parameters()) / 1e6:.2f} M"
        for name, network in learner.networks.items()
    )
    say(f"parameters: {', '.join(sizes)}")
    say(
        f"{data.store.folder}: {len(data.training)} episodes with {data.steps} steps to train on, "
        f"{len(data.held_out)} episodes held out"
    )
    for reason in data.left_out:
        say(f"left out: {reason}")


def _estimate(run: Run, data: Data, as_json: bool) -> None:
    """Time a few real updates and print what the whole run would take."""
    import torch

    from training.estimate import part_of, update_seconds

    learner = run.learner
    _, parts = part_of(run.config.train)
    seconds = update_seconds(learner, run.done, parts)
    if learner.device.type == "cuda":
        say(f"GPU memory {torch.cuda.max_memory_allocated() / GB:.1f} GB")
    memory = psutil.Process().memory_info().rss / GB
    recordings = min(data.decoded_gb, run.config.memory_gb)
    say(f"memory {memory:.1f} GB, and up to {recordings:.1f} GB more for decoded recordings")
    say(f"an update of {parts * learner.config.batch} examples takes {seconds:.2f} s")
    left = run.updates - run.done
    hours, minutes = divmod(round(seconds * left / 60), 60)
    say(f"{left} updates would take about {hours} h {minutes:02d} min here")
    if as_json:
        say(json.dumps({"steps": data.steps, "updates": left, "seconds": seconds * left}))


if __name__ == "__main__":
    run_main(main)
