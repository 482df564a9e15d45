"""Give a world a frame prior: python -m tools.add_prior CARTRIDGE --data DIR --out OUT."""

from __future__ import annotations

import copy
import shlex
import sys
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from base.cartridges import LARGEST_PICTURE_BYTES, PREVIEW, find_cartridge, read_part
from base.errors import UserError, run_main
from base.progress import ProgressBar
from base.terminal import say
from training.recipes.world import TrainConfig, check_numbers, check_pace
from training.speed_choice import Precision

if TYPE_CHECKING:  # torch comes with them, which --help does not need
    import torch
    from torch import nn

    from datasets.batches import Batch, Batches
    from models.networks.frame_prior import FramePriorConfig

PROGRAM = "python -m tools.add_prior"
MEMORY_GB = 4.0  # of decoded recordings, at most
WARMUP, COOLDOWN = 50, 0.6
WEIGHT_DECAY, GRADIENT_CLIP = 0.01, 1.0
POSITIVE = ("updates", "batch", "sigma", "learning_rate")
NOT_NEGATIVE = ("muon_learning_rate", "ema", "seed")


@dataclass(frozen=True)
class AddPriorConfig:
    """Train a frame prior on recordings, and put it into an existing world.

    New worlds get theirs while they train; this is for older ones. All else in the world
    stays as it is; a prior that it has is replaced. Takes some twenty minutes on two cores and,
    stopped, begins anew: nothing is written before the end.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """The world: folder of a cartridge, or the name of one in cartridges/."""
    data: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Recordings of its game, from python -m tools.record."""
    out: Annotated[Path, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write."""
    updates: int = 5500
    """Optimiser steps."""
    batch: int = 32
    """Frames in an update."""
    sigma: float = TrainConfig.prior_sigma
    """Deviation of the noise, of [-1, 1], that the prior takes a dreamed frame to carry."""
    device: str = "auto"
    """Where to train; "auto" takes a CUDA GPU if there is one."""
    precision: Precision | Literal["auto"] = "auto"
    """Arithmetic; "auto" measures which is quickest here."""
    learning_rate: float = 1e-3
    """Of AdamW, which trains all but the hidden convolutions' weights."""
    muon_learning_rate: float = 3e-3
    """Of Muon, which trains those; 0 leaves them to AdamW."""
    ema: float = 0.997
    """Share of the averaged weights, which will be played, that stays at each update."""
    seed: int = 0
    """Decides frames, damage and initial weights."""

    def __post_init__(self) -> None:
        """Raise UserError for numbers that nothing can be trained with."""
        check_numbers(self, POSITIVE, NOT_NEGATIVE)
        check_pace(self.ema, COOLDOWN, self.seed)
        if self.batch < 2:
            raise UserError("--batch must be 2 or more: one frame is blotted with another")


def main() -> None:
    """Parse the command line and train."""
    add_prior(tyro.cli(AddPriorConfig, prog=PROGRAM), f"{PROGRAM} {shlex.join(sys.argv[1:])}")


def add_prior(config: AddPriorConfig, said: str) -> None:
    """Write the cartridge with a prior; said: the command line, for its card.

    Raises UserError, before anything is written, for a world or recordings that will not do.
    """
    from datasets.batches import Batches
    from datasets.segments import Segments
    from datasets.store import Store
    from models.cartridge.reader import load
    from models.cartridge.writer import check_place, save
    from tools.evaluation.dreams import check_fit
    from training import speed
    from training.export import card, remade
    from training.losses.frame_prior import MOMENTS

    check_place(config.out)
    folder = find_cartridge(config.cartridge)
    cartridge = load(folder)
    world = cartridge.manifest
    if world.sampler is None:
        raise UserError(f"{config.cartridge} is played by presets, and a prior is for one way")
    store = Store(config.data, MEMORY_GB)
    check_fit(store, world)
    height, width, _ = store.frame_shape
    network = TrainConfig(prior_sigma=config.sigma).frame_prior(height, width)
    assert network is not None
    manifest = remade(world, said, frame_prior=network)
    segments = Segments(store, store.split()[0], MOMENTS)
    device = speed.device(config.device)
    with speed.denormals_flushed():
        prior = train_prior(network, Batches(segments, config.batch, config.seed), config, device)
    networks = {**cartridge.networks, "frame_prior": prior}
    preview = read_part(folder, PREVIEW, LARGEST_PICTURE_BYTES)
    save(config.out, manifest, networks, cartridge.starts, preview, card(manifest))
    say(f"wrote {config.out}: play it with python play.py {config.out}")


def train_prior(
    network: FramePriorConfig, batches: Batches, config: AddPriorConfig, device: torch.device
) -> nn.Module:
    """Return the average of a prior trained on windows of MOMENTS frames."""
    import torch
    from torch import nn
    from torch.optim.lr_scheduler import LambdaLR

    from datasets.batches import prefetch
    from models.frames import to_float
    from models.networks.frame_prior import FramePrior
    from training import speed
    from training.learners.base import average
    from training.losses.frame_prior import prior_loss
    from training.optimizer import build, schedule

    torch.manual_seed(config.seed)
    prior = FramePrior(network).to(device)
    averaged = copy.deepcopy(prior).requires_grad_(False).eval()
    optimizers = build(prior, config.learning_rate, config.muon_learning_rate, WEIGHT_DECAY)
    rates = [
        LambdaLR(optimizer, lambda i: schedule(i, config.updates, WARMUP, COOLDOWN))
        for optimizer in optimizers
    ]
    generator = torch.Generator().manual_seed(config.seed)

    def learn(batch: Batch, precision: Precision) -> float:
        with speed.autocast(device, precision):
            loss = prior_loss(prior, to_float(batch.frames.to(device)), generator)
        prior.zero_grad(set_to_none=True)
        loss.backward()
        return loss.item()

    precision, _ = speed.quickest(config.precision, partial(learn, batches[0]), device)
    mean = 0.0
    with (
        closing(prefetch(batches, 0)) as windows,
        ProgressBar(range(config.updates), unit="update", desc="mending", leave=False) as bar,
    ):
        for index in bar:
            loss = learn(next(windows), precision)
            nn.utils.clip_grad_norm_(prior.parameters(), GRADIENT_CLIP)
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.step()
                rate.step()
            average(averaged, prior, min(config.ema, (1 + index) / (10 + index)))
            mean = loss if index == 0 else 0.97 * mean + 0.03 * loss
            bar.set_postfix(levels=f"{127.5 * mean:.2f}")
    return averaged


if __name__ == "__main__":
    run_main(main)
