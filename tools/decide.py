"""Teach a world to make up its mind: python -m tools.decide CARTRIDGE --data DIR --out OUT."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from base.cartridges import LARGEST_PICTURE_BYTES, PREVIEW, find_cartridge, read_part
from base.errors import UserError, run_main
from base.progress import ProgressBar
from base.terminal import say
from datasets.batches import collate
from datasets.segments import Segments
from datasets.store import Store
from models.cartridge import Cartridge, load
from models.cartridge_writer import check_place, save
from models.decider import Decider, without_decider
from models.denoiser import Denoiser
from models.sampler import Levels
from tools.dreams import check_fit
from training import speed
from training.config import check_numbers, check_pace
from training.export import card, remade
from training.hard_places import Place, read_hard_places
from training.lessons import Lessons, lesson_loss
from training.optimizer import build, schedule
from training.speed import Precision, autocast

PROGRAM = "python -m tools.decide"
AT_ONCE = 32  # windows that are dreamed in a batch
ANYWHERE = 3  # one window in so many is anywhere: where nothing is left open, nothing is to change
LATER = 2  # frames after a hard place at which its window may end
WARMUP, COOLDOWN = 50, 0.6
WEIGHT_DECAY = 0.01
POSITIVE = ("windows", "updates", "width", "learning_rate", "changed_weight")
NOT_NEGATIVE = ("muon_learning_rate", "seed")


@dataclass(frozen=True)
class DecideConfig:
    """Give a world a decider: a small network that makes up its mind about finished frames.

    It is taught by what the world dreams after recorded frames, and by made up doubts. All else in
    the world stays as it is; a decider that it has is replaced. Takes a quarter of an hour on two
    cores with bf16 and, stopped, begins anew: nothing is written before the end.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """The world: folder of a cartridge, or the name of one in cartridges/."""
    data: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Recordings of its game, from python -m tools.record."""
    out: Annotated[Path, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write."""
    hard_places: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A list of places where it is hard to know what comes (training/hard_places.py): two in three
    windows are from there, of each kind as many. Else all places are as good."""
    windows: int = 3000
    """Recorded places after which the world dreams a frame."""
    updates: int = 4000
    """Optimiser steps."""
    batch: int = 24
    """Frames in an update."""
    width: int = 32
    """Channels of the decider's layers."""
    device: str = "auto"
    """Where to teach: "cpu", "cuda", or "auto", which takes a CUDA GPU if there is one."""
    precision: Precision | Literal["auto"] = "auto"
    """Arithmetic of the teaching; "auto" measures which is quickest here."""
    learning_rate: float = 2e-3
    """Of AdamW, which teaches all but the hidden convolutions' weights."""
    muon_learning_rate: float = 3e-3
    """Of Muon, which teaches those. By AdamW alone some deciders learn nothing for long."""
    changed_weight: float = 6.0
    """How many times a pixel that changes counts."""
    seed: int = 0
    """Decides places, doubts and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for numbers that nothing can be taught with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        check_pace(0.0, COOLDOWN, self.seed)
        if self.batch < 10:
            raise UserError("--batch must be 10 or more")


def main() -> None:
    """Parse the command line and teach."""
    decide(tyro.cli(DecideConfig, prog=PROGRAM), f"{PROGRAM} {shlex.join(sys.argv[1:])}")


def decide(config: DecideConfig, said: str) -> None:
    """Write the cartridge with a decider; said: the command line, for its card.

    Raises UserError, before anything is written, for a world or recordings that will not do.
    """
    check_place(config.out)
    folder = find_cartridge(config.cartridge)
    cartridge = load(folder)
    levels = cartridge.manifest.sampler
    if cartridge.manifest.denoiser.target == "frame":
        raise UserError(f"{config.cartridge} dreams whole frames, and a decider is for changes")
    if levels is None:
        raise UserError(f"{config.cartridge} is played by presets, and a decider is for one way")
    store = Store(config.data, memory_gb=1.0)
    check_fit(store, cartridge.manifest)
    kind = dataclasses.replace(cartridge.manifest.denoiser, decider=config.width)
    manifest = remade(cartridge.manifest, said, denoiser=kind)
    generator = torch.Generator().manual_seed(config.seed)
    device = speed.device(config.device)
    world = undecided(cartridge).to(device)
    lessons = gather(world, levels, store, config, generator)
    torch.manual_seed(config.seed)
    decider = teach(lessons, config, generator, device)
    network = Denoiser(kind)
    parts = {f"decider.{name}": weight for name, weight in decider.state_dict().items()}
    network.load_state_dict({**world.state_dict(), **parts})
    networks = {**cartridge.networks, "denoiser": network}
    preview = read_part(folder, PREVIEW, LARGEST_PICTURE_BYTES)
    save(config.out, manifest, networks, cartridge.starts, preview, card(manifest))
    say(f"wrote {config.out}: play it with python play.py {config.out}")


def undecided(cartridge: Cartridge) -> Denoiser:
    """A cartridge's denoiser without a decider, in float32."""
    world = Denoiser(dataclasses.replace(cartridge.manifest.denoiser, decider=0))
    world.load_state_dict(without_decider(cartridge.networks["denoiser"].state_dict()))
    return world.requires_grad_(False).eval()


def gather(
    world: Denoiser,
    levels: Levels,
    store: Store,
    config: DecideConfig,
    generator: torch.Generator,
) -> Lessons:
    """What the world dreams in recorded windows of the episodes that are not held out."""
    segments = Segments(store, store.split()[0], world.config.context + 1)
    places = choose(segments, config, np.random.default_rng(config.seed))
    parts = []
    with ProgressBar(total=len(places), unit="frame", desc="dreaming", leave=False) as bar:
        for first in range(0, len(places), AT_ONCE):
            batch = collate([segments.read(*place) for place in places[first : first + AT_ONCE]])
            parts.append(Lessons.dreamed(world, levels, batch, generator))
            bar.update(len(batch.frames))
    lessons = Lessons.joined(parts)
    if not lessons.moving.there.any():
        raise UserError(f"in {config.data} nothing as small as a ball moves")
    return lessons


def choose(segments: Segments, config: DecideConfig, rng: np.random.Generator) -> list[Place]:
    """The windows to dream in: at hard places, or a little after them, if there is a list."""
    kinds = read_hard_places(config.hard_places, segments) if config.hard_places else []
    chosen: list[Place] = []
    for i in range(config.windows):
        if not kinds or i % ANYWHERE == 0:
            chosen.append(segments.place(int(rng.integers(len(segments)))))
            continue
        kind = kinds[i % len(kinds)]
        episode, first = kind[int(rng.integers(len(kind)))]
        later = episode, first + int(rng.integers(LATER))
        chosen.append(later if later in segments else (episode, first))
    return chosen


def teach(
    lessons: Lessons, config: DecideConfig, generator: torch.Generator, device: torch.device
) -> Decider:
    """A decider, on a device, that learnt from lessons."""
    # Not in channels_last: of dilated convolutions with 24 channels oneDNN's gradients in bf16 are
    # nan there.
    decider = Decider(config.width).to(device)
    optimizers = build(decider, config.learning_rate, config.muon_learning_rate, WEIGHT_DECAY)
    rates = [
        LambdaLR(optimizer, lambda i: schedule(i, config.updates, WARMUP, COOLDOWN))
        for optimizer in optimizers
    ]

    def lesson() -> list[Tensor]:
        return [t.to(device) for t in lessons.draw(config.batch, generator)]

    def learn(drawn: list[Tensor], precision: Precision) -> float:
        last, shown, decided = drawn
        with autocast(device, precision):
            correction = decider.correction(shown, last)
        loss = lesson_loss(shown + correction.float(), decided, last, config.changed_weight)
        decider.zero_grad(set_to_none=True)
        loss.backward()
        return loss.item()

    precision, _ = speed.quickest(config.precision, partial(learn, lesson()), device)
    mean = 0.0
    with ProgressBar(range(config.updates), unit="update", desc="deciding", leave=False) as bar:
        for index in bar:
            loss = learn(lesson(), precision)
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.step()
                rate.step()
            mean = loss if index == 0 else 0.97 * mean + 0.03 * loss
            bar.set_postfix(loss=f"{1000 * mean:.2f}")
    return decider


if __name__ == "__main__":
    run_main(main)
