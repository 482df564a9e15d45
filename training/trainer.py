"""A training run: updates, evaluations, checkpoints, and going on after a kill."""

from __future__ import annotations

import math
import shutil
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from base.errors import UserError
from base.interrupts import ctrl_c
from base.progress import ProgressBar
from datasets.batches import prefetch
from engine.media.video import write_png
from training import checkpoint
from training.learners.base import Learner, Losses
from training.progress import Progress
from training.recipes.old_runs import renewed_state
from training.recipes.run_config import RunConfig
from training.scores import Scores
from training.speed import set_compiled

LOG_EVERY = 10
SHOWN = 2  # losses beside the progress bar


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed was just writing into its folder."""
    ours = (".checkpoint.", ".config.", ".cartridge.", ".progress.")
    files = [path for path in folder.glob(".*") if path.name.startswith(ours)]
    for left in (*files, *(folder / "strips").glob(".*.png")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


@contextmanager
def _threads_silent_on_full_disks() -> Iterator[None]:
    """Let no thread print an OSError: TensorBoard's own hands it over to its caller as well."""
    before = threading.excepthook

    def hook(raised: threading.ExceptHookArgs) -> None:
        if not isinstance(raised.exc_value, OSError):
            before(raised)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


class Run:
    """One run in its folder: checkpoint.pt, progress.json, tensorboard/ and strips/.

    on_evaluation: called with the scores of each evaluation and the number of updates done.
    done: how many updates were made so far.
    """

    def __init__(
        self,
        folder: Path,
        config: RunConfig,
        learner: Learner,
        on_evaluation: Callable[[Scores, int], None],
    ) -> None:
        self.folder, self.config, self.learner = folder, config, learner
        self.on_evaluation = on_evaluation
        self.done = 0
        learner.precision = config.choice.precision
        set_compiled(learner.denoiser, config.choice.compiled)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state. Raises UserError if it is another kind of run's."""
        try:
            self.learner.load_state_dict(renewed_state(state["learner"]))
            self.done = int(state["update"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = textwrap.shorten(str(error), 160)  # torch lists every weight, line by line
            raise UserError(
                f"{self.folder / checkpoint.NAME} does not fit the run's configuration and "
                f"recordings ({reason}); put those back, or remove it to start over"
            ) from error

    def train(self) -> bool:
        """Train until all updates are done or Ctrl-C; tell whether they are done.

        Raises UserError when the disk refuses and when a loss is not finite; the last
        checkpoint stays.
        """
        try:
            with (
                ctrl_c() as stopped,
                _threads_silent_on_full_disks(),
                # What a killed run logged after its last checkpoint is about to be logged again.
                SummaryWriter(self.folder / "tensorboard", purge_step=self.done + 1) as board,
                ProgressBar(total=self.updates, initial=self.done, unit="update") as bar,
            ):
                self._train(board, bar, stopped)
        except OSError as error:
            where = error.filename or self.folder
            raise UserError(f"cannot write {where}: {error.strerror or error}") from error
        return self.done >= self.updates

    @property
    def updates(self) -> int:
        """Number of updates to be made in all."""
        return self.config.train.updates

    def _train(self, board: SummaryWriter, bar: ProgressBar, stopped: list[bool]) -> None:
        batches = prefetch(self.learner.batches, self.done)
        saved_at = time.monotonic()
        progress = Progress(self.folder, self.updates)
        progress.tell(self.done)
        try:
            while self.done < self.updates and not stopped:
                losses = self.learner.update(self.done, next(batches))
                self.done += 1
                bar.update()
                last = self.done == self.updates
                self._log(losses, board, bar, last)
                if last or self.done % self.config.evaluate_every == 0:
                    self.evaluate(board, bar)
                progress.tell(self.done)
                if time.monotonic() - saved_at >= self.config.checkpoint_seconds:
                    self.save(board)
                    saved_at = time.monotonic()
            self.save(board)
            progress.tell(self.done, last=True)
        finally:
            batches.close()

    def _log(self, losses: Losses, board: SummaryWriter, bar: ProgressBar, last: bool) -> None:
        """Show and write an update's losses, now and then; UserError if they are no numbers."""
        if not all(math.isfinite(value) for value in losses.values()):
            raise UserError(
                f"training went astray at update {self.done}: a loss is not a finite number; "
                "try lower learning rates"
            )
        if last or self.done % LOG_EVERY == 0:
            bar.set_postfix({k: f"{value:.3f}" for k, value in islice(losses.items(), SHOWN)})
            for name, value in losses.items():
                board.add_scalar(f"train/{name}", value, self.done)

    def save(self, board: SummaryWriter) -> None:
        """Write the checkpoint, and first all figures up to it: no later run logs them again."""
        board.flush()
        state = {"update": self.done, "learner": self.learner.state_dict()}
        checkpoint.save(self.folder, state)

    def evaluate(self, board: SummaryWriter, bar: ProgressBar) -> None:
        """Score the averaged weights on held-out episodes; write figures and a picture strip."""
        scores = self.learner.score()
        figures = {
            "psnr_1": scores.psnr_1,
            "psnr_n": scores.psnr_n,
            f"{scores.plain}_1": scores.plain_1,
            f"{scores.plain}_n": scores.plain_n,
        }
        for name, value in figures.items():
            board.add_scalar(f"held_out/{name}", value, self.done)
        board.add_image("held_out/strip", scores.strip, self.done, dataformats="HWC")
        write_png(self.folder / "strips" / f"{self.done:06d}.png", scores.strip)
        bar.write(
            f"update {self.done}: held-out PSNR {scores.psnr_1:.2f} dB after a step "
            f"({scores.plain} {scores.plain_1:.2f}), {scores.psnr_n:.2f} dB after {scores.steps} "
            f"({scores.plain_n:.2f})"
        )
        self.on_evaluation(scores, self.done)
