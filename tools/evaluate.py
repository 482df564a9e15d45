"""Measure how well a cartridge dreams: python -m tools.evaluate CARTRIDGE --data DIR --json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from base.cartridges import find_cartridge
from base.errors import UserError, run_main
from base.progress import ProgressBar
from base.terminal import say

if TYPE_CHECKING:  # importing these loads torch, which --help does not need
    from models.cartridge.reader import Cartridge
    from models.runtime.sampler_cache import SamplerCache
    from tools.evaluation.dreams import Dreamer

LONG_STEPS, SHOOTER_STEPS = 50, 100  # of long dreams
CONTROL_STEPS, CONTROL_STARTS = 8, 100
ENLARGED_STEPS = 50  # in a row
NEAR = (0.7, 1.3)  # of what recorded frames have
LONGEST_STILL = 45  # steps: three seconds; the game itself, idling, stands still for up to 40

# What is asked of a game's figures: at least, and at most.
ASKED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "breakout": {
        "psnr_1_db": (52.0, math.inf),
        "psnr_50_db": (36.0, math.inf),
        "control": (1.0, math.inf),
        **{
            f"{name}_minute_{minute}": bounds
            for minute in range(1, 6)
            for name, bounds in {
                "unreal": (0.0, 0.03),
                "readable": (0.98, math.inf),
                "paddle": (1.0, math.inf),
                "ball": (0.92, math.inf),
            }.items()
        },
        "random_play_without_walls": (0, 0),
        "random_play_without_field": (0, 0),
        "random_play_without_paddle": (0, 0),
        "random_play_without_bricks": (0, 0),
        "random_play_longest_still": (0, LONGEST_STILL),
    },
    "doom": {
        "psnr_1_gain_db": (4.0, math.inf),
        "turn": (0.95, math.inf),
        "walk": (0.8, math.inf),
        "sharpness_100": NEAR,
        "contrast_100": NEAR,
        "sharpness_100_full": NEAR,
        "contrast_100_full": NEAR,
        "upsampler_gain_db": (1.5, math.inf),
    },
}


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a cartridge against recordings that it was not trained on (the held-out episodes).

    Likeness to the recording, sharpness and contrast are measured for any game. Of Breakout also
    control, the life of the ball and 5,000 steps of random play, judged from the pictures; of
    shooters whether the camera turns and walks where it is told to, beside Doom itself, and what
    an upsampler is worth. tools/*_scores.py say exactly what each figure is.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """Folder of a cartridge, or the name of one in cartridges/."""
    data: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Recordings of its game, from python -m tools.record."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    frames: int = 1000
    """Held-out steps for the likeness of a single step, and frames to enlarge."""
    starts: int = 96
    """Held-out starts of long dreams."""
    random_steps: int = 5000
    """Steps of random play."""
    play_seconds: int = 300
    """How long each start is played for the long play section; 0 leaves it out."""
    play_starts: int = 8
    """Starts that are played so."""
    pictures: Path | None = None
    """Folder for the curves of the long play (PNG), and for a film of it beside the game (MP4)."""
    device: str | None = None
    """Where the model runs: cpu or cuda; chosen for this machine unless given."""
    precision: str | None = None
    """Arithmetic of the model: float32, bfloat16, float16 or int8; chosen unless given."""

    def __post_init__(self) -> None:
        if self.play_seconds < 0:
            raise UserError("--play-seconds must be 0 or more")
        for name in ("frames", "starts", "random_steps", "play_starts"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name.replace('_', '-')} must be 1 or more")


def main() -> None:
    """Parse the command line, measure, print."""
    config = tyro.cli(EvaluateConfig, prog="python -m tools.evaluate")
    from models.cartridge.reader import load
    from models.runtime.sampler_cache import SamplerCache
    from tools.evaluation.dreams import Dreamer, Footage

    cartridge = load(find_cartridge(config.cartridge))
    footage = Footage(config.data, cartridge.manifest)
    samplers = SamplerCache(cartridge, config.device, config.precision)
    prepared = samplers.prepared(samplers.standard)
    with ProgressBar(unit="frame", leave=False, disable=None) as bar:
        dreamer = Dreamer(prepared, cartridge.manifest.denoiser.context, footage, bar.update)
        figures = measure(config, cartridge, samplers, dreamer)
    about = {"cartridge": cartridge.manifest.name, "runtime": prepared.runner.choice.describe()}
    if config.json:
        say(json.dumps({**about, **figures}))
    else:
        say(table({**about, **figures}, ASKED.get(footage.store.info.game, {})))


def measure(
    config: EvaluateConfig, cartridge: Cartridge, samplers: SamplerCache, dreamer: Dreamer
) -> dict[str, float]:
    """All figures by name."""
    from engine.contracts import CsgoActions
    from engine.games.atari_players import HoldingPlayer
    from models.dream import DiffusionWorld
    from models.networks.reward_end import RewardEndConfig
    from tools.evaluation import breakout_scores, dream_scores, long_play, shooter_scores
    from tools.evaluation.control import control
    from tools.evaluation.long_play import LongPlay, game_beside

    footage, context = dreamer.footage, dreamer.context
    shooter = isinstance(cartridge.manifest.actions, CsgoActions)
    steps = SHOOTER_STEPS if shooter else LONG_STEPS
    long = footage.excerpts(context + steps, config.starts)
    dreams = [dreamer.follow(excerpt, seed) for seed, excerpt in enumerate(long)]
    figures = {
        **dream_scores.one_step(dreamer, footage.excerpts(context + 1, config.frames)),
        **dream_scores.last_frames(dreamer, dreams, long),
    }
    if isinstance(cartridge.manifest.reward_end, RewardEndConfig):
        figures |= dream_scores.events(dreamer)
    starts = footage.excerpts(context + CONTROL_STEPS, CONTROL_STARTS)
    game = game_beside(footage)
    if game is not None and not shooter:
        figures |= control(dreamer, starts, game, HoldingPlayer, CONTROL_STEPS)
    if footage.store.info.game == "breakout":
        figures |= breakout_scores.life(dreams, [e.window for e in long], context)
        figures |= breakout_scores.life_of_game(footage, long, context)
        world = DiffusionWorld(cartridge, samplers)
        figures |= breakout_scores.endurance(world, config.random_steps, 0, dreamer.advance)
    if shooter:
        figures |= shooter_scores.dreamed_camera(dreamer, starts)
        if footage.store.info.game == "doom":
            figures |= shooter_scores.game_camera(footage, starts, context)
    if config.play_seconds:
        asked = LongPlay(config.play_seconds, config.play_starts)
        world = DiffusionWorld(cartridge, samplers)
        figures |= long_play.measure(world, footage, asked, config.pictures, dreamer.advance)
    if cartridge.manifest.upsampler is not None:
        count = -(-config.frames // ENLARGED_STEPS)
        figures |= shooter_scores.upsampler(dreamer, footage.excerpts(1 + ENLARGED_STEPS, count))
    return {name: round(value, 4) for name, value in figures.items() if math.isfinite(value)}


def table(figures: Mapping[str, object], asked: Mapping[str, tuple[float, float]]) -> str:
    """A line for each figure, with what is asked of it."""
    lines = []
    for name, value in figures.items():
        least, most = asked.get(name, (-math.inf, math.inf))
        words = [f"at least {least}"] * (least > 0) + [f"at most {most}"] * (most < math.inf)
        lines.append(f"{name:30} {value!s:>10}  {', '.join(words)}".rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
