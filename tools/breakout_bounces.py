"""Where Breakout's ball bounces in recordings: python -m tools.breakout_bounces DIR --out FILE.

There it is hard to foresee, and where it comes back from among the bricks or is served. The file
tells `tools.train --hard-places` where that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from base.errors import UserError, run_main
from base.progress import ProgressBar
from base.terminal import say
from datasets.store import Store
from engine.contracts import Frame
from tools import breakout_probe as probe
from training.hard_places import write_hard_places

KINDS = ("paddle", "wall", "brick", "comes")
LOW_Y = 46  # a ball that turns upwards or comes below that does so at the paddle
FARTHEST_PX = 8  # that a ball moves in a step; what moves further is another ball
LEAST_PX = 0.3  # in a step: slower than that may be rounding

Place = NDArray[np.float64]  # x to the right and y down, in pixels


@dataclass(frozen=True)
class BouncesConfig:
    """List the frames in which the ball has just bounced or come, as CSV: episode, frame, kind."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """A folder of recordings of Breakout, as tools.record wrote it."""
    out: Path
    """The file to write."""


def main() -> None:
    """Parse the command line and list."""
    list_bounces(tyro.cli(BouncesConfig, prog="python -m tools.breakout_bounces"))


def list_bounces(config: BouncesConfig) -> None:
    """Write the list; says how many there are of each kind. UserError if there are none."""
    store = Store(config.data)
    if store.info.game != "breakout" or store.frame_shape != (64, 64, 3):
        raise UserError(f"{config.data} has no recordings of Breakout in 64 x 64 pixels")
    rows: list[tuple[int, int, str]] = []
    with ProgressBar(
        total=sum(map(store.length, range(len(store)))), unit="step", leave=False
    ) as bar:
        for episode, number in enumerate(store.numbers):
            length = store.length(episode)
            frames = store.read(episode, 0, length + 1).frames
            rows += [(number, frame, kind) for frame, kind in bounces(frames)]
            bar.update(length)
    if not rows:
        raise UserError(f"in {config.data} no ball bounces")
    write_hard_places(config.out, rows)
    counts = [f"{sum(row[2] == kind for row in rows)} {kind}" for kind in KINDS]
    say(f"{config.out}: " + ", ".join(counts))


def bounces(frames: NDArray[np.uint8]) -> Iterator[tuple[int, str]]:
    """Numbers of the frames (N, 64, 64, 3) in which a ball has turned since the last one, and off
    what: "paddle", "wall" (at a side) or "brick" (or the wall above them). One that the last frame
    did not show "comes", or was hidden by the paddle."""
    places = [_ball(frame) for frame in frames]
    for i, (before, last, now) in enumerate(zip(places, places[1:], places[2:], strict=False), 2):
        if now is None:
            continue
        if last is None:
            yield i, "paddle" if now[1] > LOW_Y else "comes"
        elif before is not None and (kind := _bounce(before, last, now)):
            yield i, kind


def _bounce(before: Place, last: Place, now: Place) -> str | None:
    """What a ball bounced off that was in three places, a step apart."""
    came, goes = last - before, now - last
    if max(np.abs(came).max(), np.abs(goes).max()) > FARTHEST_PX:
        return None
    low = last[1] > LOW_Y
    # As a step ends soon after a bounce, the way back may be shorter than the way there was.
    if came[1] > LEAST_PX and (goes[1] < 0 or (low and goes[1] < came[1] / 2)):
        return "paddle" if low else "brick"
    if came[1] < -LEAST_PX and goes[1] > 0:
        return "brick"
    return "wall" if abs(came[0]) > LEAST_PX and came[0] * goes[0] < 0 else None


def _ball(frame: Frame) -> Place | None:
    found = probe.balls(frame)
    return np.array(found[0]) if found else None


if __name__ == "__main__":
    run_main(main)
