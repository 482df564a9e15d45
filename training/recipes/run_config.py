"""A run's config.json: the recipe, and what else it takes to go on with the run."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path

from base import plain
from base.errors import UserError
from base.files import read_bytes, write_text
from base.sizes import MB
from training.recipes.old_runs import renewed
from training.recipes.presets import Preset, Recipe
from training.speed_choice import Choice

NAME = "config.json"
LARGEST_BYTES = MB


@dataclass(frozen=True)
class RunConfig:
    """A training run.

    train:    the recipe. preset: its name, of what it was before single values were changed.
    data:     folder of recordings.
    choice:   precision and compilation, as measured when the run began.
    device:   where that was: "cpu" or "cuda".
    name:     of the cartridge; empty: the game's.
    evaluate_every:     updates between evaluations.
    checkpoint_seconds: time between checkpoints.
    memory_gb: decoded recordings kept in memory, at most.
    start_from: the cartridge whose weights the run began with; empty: it began with none.
    world:    the cartridge whose frames an upsampler enlarges; empty for other recipes.
    commands: all command lines of the run so far.
    """

    train: Recipe
    data: str
    choice: Choice
    device: str = "cpu"
    name: str = ""
    evaluate_every: int = 500
    checkpoint_seconds: float = 60.0
    memory_gb: float = 4.0
    start_from: str = ""
    preset: Preset = "small"
    world: str = ""
    commands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_pace(self.evaluate_every, self.checkpoint_seconds, self.memory_gb)


def check_pace(evaluate_every: int, checkpoint_seconds: float, memory_gb: float) -> None:
    """Raise UserError for a pace that no run can keep."""
    if evaluate_every < 1:
        raise UserError(f"--evaluate-every must be 1 or more, not {evaluate_every}")
    if not 0 <= checkpoint_seconds < math.inf:
        raise UserError(f"--checkpoint-seconds must be 0 or more, not {checkpoint_seconds}")
    if not 0 <= memory_gb < math.inf:
        raise UserError(f"--memory-gb must be 0 or more, not {memory_gb}")


def save(folder: Path, config: RunConfig) -> None:
    """Write a run's config.json."""
    write_text(folder / NAME, json.dumps(dataclasses.asdict(config), indent=2) + "\n")


def load(folder: Path) -> RunConfig:
    """Read what `save` wrote, once or now. Raises UserError if there is no such run."""
    path = folder / NAME
    try:
        data = json.loads(read_bytes(path, LARGEST_BYTES))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"there is no run to resume in {folder}: it has no {NAME}") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a run's configuration: it is not JSON") from error
    try:
        data = renewed(data)
    except UserError as error:
        raise UserError(
            f"the run in {folder} cannot be resumed: it {error}; begin another, with --start-from "
            "and its cartridge for its weights"
        ) from error
    try:
        return plain.read(RunConfig, data, "config")
    except UserError as error:
        raise UserError(f"{path} is not a run's configuration: {error}") from error
