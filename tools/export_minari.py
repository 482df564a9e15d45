"""Recordings into a Minari dataset: python -m tools.export_minari DIR dreamcart/breakout-v0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import run_main
from base.progress import ProgressBar
from base.terminal import say


@dataclass(frozen=True)
class ExportMinariConfig:
    """Write a folder of recordings as a dataset of Minari, the format of offline learning.

    It goes to Minari's own place (MINARI_DATASETS_PATH moves it), and minari.load_dataset finds it
    there. Nothing is lost on the way: python -m tools.import minari brings it back.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder, as tools.record wrote it."""
    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """The dataset's name in Minari, with a version, such as dreamcart/breakout-v0."""


def main() -> None:
    """Parse the command line and export."""
    export_minari(tyro.cli(ExportMinariConfig, prog="python -m tools.export_minari"))


def export_minari(config: ExportMinariConfig) -> None:
    """Export a folder; report where the dataset is and how to load it."""
    from datasets.importers.minari import export
    from datasets.store import Store

    store = Store(config.data)
    for reason in store.skipped.values():
        say(f"left out: {reason}")
    with ProgressBar(
        total=sum(map(store.length, range(len(store)))), unit="step", leave=False
    ) as bar:
        folder = export(store, config.name, bar.update)
    say(f"it is in {folder}; load it with: minari.load_dataset('{config.name}')")


if __name__ == "__main__":
    run_main(main)
