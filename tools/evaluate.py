"""Measure how well a cartridge dreams: python -m tools.evaluate CARTRIDGE --data DIR --json."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from base.cartridges import find_cartridge
from base.errors import UserError, run_main
from datasets.store import Store
from models.cartridge import Cartridge, load
from models.dream import DiffusionWorld
from models.walks import Walks
from tools import dream_scores as scores

LONG_STEPS = 50
CONTROL_STEPS, CONTROL_STARTS = 8, 100
FLOORS = {"psnr_1_db": 48.0, "psnr_50_db": 32.5, "control": 0.97, "life": 0.85}  # at least
CEILINGS = {
    "random_play_without_walls": 0,
    "random_play_without_field": 0,
    "random_play_without_paddle": 0,
    "random_play_without_bricks": 0,
    "random_play_longest_still": scores.LONGEST_STILL,
}  # at most


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a cartridge against recordings that it was not trained on (the held-out episodes).

    Likeness to the recording is measured for any game. Control, the life of the ball and 5,000
    steps of random play are judged from the pictures, for Breakout. tools/dream_scores.py says
    exactly what each figure is.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """Folder of a cartridge, or the name of one in cartridges/."""
    data: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Recordings of its game, from python -m tools.record."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    frames: int = 1000
    """Held-out steps for the likeness of a single step."""
    starts: int = 96
    """Held-out starts of long dreams."""
    random_steps: int = 5000
    """Steps of random play."""
    device: str | None = None
    """Where the model runs: cpu or cuda; chosen for this machine unless given."""
    precision: str | None = None
    """Arithmetic of the model: float32, bfloat16 or float16; chosen unless given."""

    def __post_init__(self) -> None:
        for name in ("frames", "starts", "random_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} must be 1 or more")


def main() -> None:
    """Parse the command line, measure, print."""
    config = tyro.cli(EvaluateConfig, prog="python -m tools.evaluate")
    cartridge = load(find_cartridge(config.cartridge))
    store = Store(config.data, memory_gb=1.0)
    check_fit(cartridge, store)
    walks = Walks(cartridge, config.device, config.precision)
    with tqdm(unit="frame", leave=False, disable=None) as bar:
        figures = measure(config, cartridge, walks, store, bar.update)
    runtime = walks.walk(walks.standard).runner.choice.describe()
    about = {"cartridge": cartridge.manifest.name, "runtime": runtime}
    print(json.dumps({**about, **figures}) if config.json else table({**about, **figures}))


def check_fit(cartridge: Cartridge, store: Store) -> None:
    """UserError unless the recordings are of the world that the cartridge dreams."""
    config = cartridge.manifest.denoiser
    if cartridge.manifest.sampler is None:
        raise UserError(
            f"{cartridge.manifest.name} was not trained by this program, and only such worlds "
            "are measured"
        )
    if store.frame_shape != (config.height, config.width, 3):
        raise UserError(
            f"{store.folder} has frames of {store.frame_shape[0]} x {store.frame_shape[1]}, the "
            f"cartridge dreams {config.height} x {config.width}"
        )
    if store.info.actions.names != cartridge.manifest.actions.names:
        raise UserError(
            f"{store.folder} is a recording of {store.info.game} and has other actions than "
            f"the cartridge {cartridge.manifest.name}"
        )
    if not store.split()[1]:
        raise UserError(f"{store.folder} has a single episode, so none is held out; record more")


def measure(
    config: EvaluateConfig,
    cartridge: Cartridge,
    walks: Walks,
    store: Store,
    advance: Callable[[], object],
) -> dict[str, float]:
    """All figures by name."""
    runner = walks.walk(walks.standard).runner
    held_out, context = store.split()[1], cartridge.manifest.denoiser.context
    long = scores.windows(store, held_out, context + LONG_STEPS, config.starts)
    dreams = scores.long_dreams(runner, long, context, advance)
    single = scores.windows(store, held_out, context + 1, config.frames)
    figures = {
        **scores.one_step(runner, single, context, advance),
        **scores.last_frames(dreams, long, context),
        **scores.events(runner, store, held_out, context, advance),
    }
    if store.info.game == "breakout":
        actions = cartridge.manifest.actions
        starts = scores.windows(store, held_out, context + CONTROL_STEPS, CONTROL_STARTS)
        figures |= scores.control(
            runner, starts, context, actions.named("LEFT"), actions.named("RIGHT"), advance
        )
        figures |= scores.life(dreams, long, context)
        world = DiffusionWorld(cartridge, walks)
        figures |= scores.endurance(world, config.random_steps, 0, advance)
    return {name: round(value, 4) for name, value in figures.items() if math.isfinite(value)}


def table(figures: Mapping[str, object]) -> str:
    """A line for each figure, with what is asked of it."""
    lines = []
    for name, value in figures.items():
        asked = ""
        if name in FLOORS:
            asked = f"  at least {FLOORS[name]}"
        elif name in CEILINGS:
            asked = f"  at most {CEILINGS[name]}"
        lines.append(f"{name:30} {value!s:>10}{asked}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
