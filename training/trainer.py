"""A training run: updates, evaluations, checkpoints, and going on after a kill."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from base.errors import UserError
from base.files import write_text
from datasets.batches import Batches, prefetch
from datasets.segments import Segments
from datasets.store import Store
from engine.video import write_png
from models.denoiser import Denoiser
from models.reward_end import RewardEnd
from training import checkpoint
from training.config import TrainConfig
from training.scores import Scores, score, starts
from training.speed import PRECISIONS, Choice, apply
from training.streams import Streams
from training.update import Learner

CONFIG = "config.json"
DREAM_STEPS = 50
SCORED_STARTS = 32
LOG_EVERY = 10
SAVE_EVERY_S = 60.0
LEAST_STEPS = 1000


@dataclass(frozen=True)
class Data:
    """A dataset made ready for training: windows to learn from and episodes held out."""

    store: Store
    training: list[int]
    held_out: list[int]
    segments: Segments

    @property
    def steps(self) -> int:
        """Steps to learn from."""
        return sum(self.store.length(episode) for episode in self.training)


def open_data(folder: Path, config: TrainConfig, memory_gb: float) -> Data:
    """Open a folder of recordings for training. Raises UserError if it is not fit for that."""
    store = Store(folder, memory_gb)
    training, held_out = store.split()
    if not held_out:
        raise UserError(
            f"{folder} holds a single episode; record one more, since one is kept for testing"
        )
    steps = sum(store.length(episode) for episode in training)
    if steps < LEAST_STEPS:
        raise UserError(
            f"{folder} has {steps} steps to train on; record at least {LEAST_STEPS} "
            "(100000 make a good world)"
        )
    return Data(store, training, held_out, Segments(store, training, config.context + 1))


def build(config: TrainConfig, data: Data, device: torch.device) -> Learner:
    """New networks and everything that trains them, decided by the configured seed."""
    height, width, _ = data.store.frame_shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        denoiser = Denoiser(config.denoiser(height, width, data.store.info.actions.size))
        head = RewardEnd(config.reward_end(height, width))
    layout = torch.channels_last  # which convolutions are quickest in, on CPUs and GPUs alike
    denoiser = denoiser.to(device, memory_format=layout)  # type: ignore[call-overload]
    streams = None
    if config.streams:
        streams = Streams(data.segments, config.streams, config.stream_steps, config.seed + 1)
    return Learner(config, denoiser, head.to(device), streams)


class Run:
    """One run in its folder: config.json, checkpoint.pt, tensorboard/ and strips/.

    on_evaluation: called with the learner and its scores after each evaluation.
    """

    def __init__(
        self,
        folder: Path,
        learner: Learner,
        data: Data,
        choice: Choice,
        evaluate_every: int,
        on_evaluation: Callable[[Learner, Scores, int], None],
    ) -> None:
        self.folder, self.learner, self.data = folder, learner, data
        self.config = learner.config
        self.evaluate_every, self.on_evaluation = evaluate_every, on_evaluation
        self.choice = choice
        self.done = 0
        learner.precision = PRECISIONS[choice.precision]
        length = self.config.context + DREAM_STEPS
        longest = max(data.store.length(e) + 1 for e in data.held_out)
        self.fresh = Batches(
            data.segments, self.config.batch - self.config.streams, self.config.seed
        )
        self.scored = starts(data.store, data.held_out, min(length, longest), SCORED_STARTS)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self.learner.load_state_dict(state["learner"])
        self.done = state["update"]

    def train(self) -> None:
        """Train until all updates are done; a checkpoint is written at least every minute."""
        apply(self.learner.denoiser, self.choice)
        batches = prefetch(self.fresh, self.done)
        saved_at = time.monotonic()
        with (
            SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.done) as board,
            tqdm(total=self.config.updates, initial=self.done, unit="update") as bar,
        ):
            try:
                while self.done < self.config.updates:
                    losses = self.learner.update(self.done, next(batches))
                    self.done += 1
                    bar.update()
                    if self.done % LOG_EVERY == 0:
                        bar.set_postfix(
                            loss=f"{losses.recorded:.3f}", dream=f"{losses.dreamed:.3f}"
                        )
                        for name, value in dataclasses.asdict(losses).items():
                            board.add_scalar(f"train/{name}", value, self.done)
                    last = self.done == self.config.updates
                    if self.done % self.evaluate_every == 0 or last:
                        self.evaluate(board, bar)
                    if last or time.monotonic() - saved_at > SAVE_EVERY_S:
                        self.save()
                        saved_at = time.monotonic()
            except KeyboardInterrupt:
                self.save()
                raise UserError(
                    f"stopped after {self.done} of {self.config.updates} updates; "
                    f"go on with --out {self.folder} --resume"
                ) from None
            finally:
                batches.close()

    def save(self) -> None:
        """Write the checkpoint."""
        state = {"update": self.done, "learner": self.learner.state_dict()}
        checkpoint.save(self.folder, state)

    def evaluate(self, board: SummaryWriter, bar: tqdm) -> None:
        """Score the averaged weights on held-out episodes; write figures and a picture strip."""
        with torch.autocast(
            self.learner.device.type,
            self.learner.precision,
            self.learner.precision != torch.float32,
        ):
            scores = score(self.learner.denoiser_ema, self.scored, self.config.sigmas)
        for name in ("psnr_1", "psnr_n", "still_1", "still_n"):
            board.add_scalar(f"held_out/{name}", getattr(scores, name), self.done)
        board.add_image("held_out/strip", scores.strip, self.done, dataformats="HWC")
        write_png(self.folder / "strips" / f"{self.done:06d}.png", scores.strip)
        bar.write(
            f"update {self.done}: held-out PSNR {scores.psnr_1:.2f} dB after a step (still "
            f"picture {scores.still_1:.2f}), {scores.psnr_n:.2f} dB after "
            f"{self.scored[0].frames.shape[1] - self.config.context} ({scores.still_n:.2f})"
        )
        self.on_evaluation(self.learner, scores, self.done)


def save_config(folder: Path, config: TrainConfig, **more: Any) -> None:
    """Write a run's config.json: the configuration and what else it takes to resume."""
    text = json.dumps({"train": config.to_json(), **more}, indent=2)
    write_text(folder / CONFIG, text + "\n")


def load_config(folder: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """Read what `save_config` wrote. Raises UserError if there is no such run."""
    path = folder / CONFIG
    try:
        data = json.loads(path.read_text("utf-8"))
        return TrainConfig.from_json(data.pop("train")), data
    except FileNotFoundError as error:
        raise UserError(f"there is no run to resume in {folder}: it has no {CONFIG}") from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is not a run's configuration: {error}") from error
