"""Show what is in a folder of recordings: python -m tools.inspect DIR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from tqdm import tqdm

from base.errors import run_main
from datasets.health import Health, examine, sample_frames, warnings
from datasets.store import Store
from engine.video import contact_sheet, write_png

ROWS, COLUMNS = 6, 8  # of the contact sheet
MOST_LISTED = 10  # files of one kind


@dataclass(frozen=True)
class InspectConfig:
    """Print what is in a folder of recordings, draw a contact sheet, warn of what hurts training.

    Episodes that a crash left unfinished are rescued first.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder, as tools.record wrote it."""
    sheet: Path | None = None
    """Where the contact sheet goes; contact_sheet.png in the folder if not given."""


def main() -> None:
    """Parse the command line and inspect."""
    inspect(tyro.cli(InspectConfig, prog="python -m tools.inspect"))


def inspect(config: InspectConfig) -> None:
    """Read the whole folder once and print what was found."""
    store = Store(config.data)
    with tqdm(total=sum(map(store.length, range(len(store)))), unit="step", leave=False) as bar:
        health = examine(store, watch=bar.update)
    print(describe(health))
    frames = sample_frames(store, ROWS, COLUMNS)
    sheet = write_png(
        config.sheet or config.data / "contact_sheet.png", contact_sheet(frames, COLUMNS, ROWS)
    )
    print(f"contact sheet: {sheet} (a row is an episode from first to last frame)")
    found = list(warnings(health))
    for sentence in found:
        print(f"warning: {sentence}")
    if not found:
        print("nothing in it will hurt training")


def describe(health: Health) -> str:
    """The figures, a line each."""
    steps, lengths = health.steps, health.lengths
    minutes = steps / health.rate_fps / 60
    short, middle, long = (int(n) for n in np.percentile(lengths, [0, 50, 100]))
    return "\n".join(
        [
            f"game:       {health.game} at {health.rate_fps:g} steps/s",
            f"episodes:   {len(lengths)} by {_parts(health.players, len(lengths))}",
            f"steps:      {steps} ({minutes:.1f} minutes); {short} to {long} an episode, half of "
            f"them over {middle}",
            f"played:     {_parts(health.mixture, steps)}",
            f"actions:    {_parts(health.actions, steps)}",
            f"idle:       {health.idle / steps:.1%} of the steps",
            f"rewards:    {_rewards(health)}",
            f"ends:       {health.ended} games over, {len(lengths) - health.ended} cut off, "
            f"{health.lives_lost} lives lost",
            f"frozen:     {_frozen(health)}",
            f"duplicates: {_files([f'{a.name} = {b.name}' for a, b in health.duplicates])}",
            f"left out:   {_files(list(health.skipped.values()))}",
        ]
    )


def _parts(counts: Mapping[str, int], total: int) -> str:
    return ", ".join(f"{name} {count} ({count / total:.1%})" for name, count in counts.items())


def _rewards(health: Health) -> str:
    if not health.rewards:
        return "none"
    total = sum(value * count for value, count in health.rewards.items())
    each = ", ".join(f"{value:+g} × {count}" for value, count in sorted(health.rewards.items()))
    return f"{each}; {total / len(health.lengths):.1f} an episode"


def _frozen(health: Health) -> str:
    if not health.frozen:
        return "never"
    longest = max(health.frozen, key=lambda stretch: stretch.steps)
    total = sum(stretch.steps for stretch in health.frozen)
    return (
        f"{total / health.steps:.1%} of the steps, in {len(health.frozen)} stretches; the longest "
        f"{longest.steps} steps from frame {longest.start} of {longest.path.name}"
    )


def _files(lines: list[str]) -> str:
    if not lines:
        return "none"
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "\n            ".join([*lines[:MOST_LISTED], *more])


if __name__ == "__main__":
    run_main(main)
