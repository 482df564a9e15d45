"""Download recordings from the Hub: python -m tools.pull_data OWNER/NAME DIR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError, run_main
from base.terminal import say
from datasets.store import Store
from hub.recordings_download import pull
from tools.capture.imports import left_out
from tools.download import on_terminal


@dataclass(frozen=True)
class PullDataConfig:
    """Download a dataset of recordings into a folder, after showing its size and licence.

    A download that was stopped or cut goes on where it was when the same is run again, and what
    was added to the dataset since comes along. HF_HOME moves the cache that it comes through,
    HF_ENDPOINT names a mirror.
    """

    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset, as tools.push_data made it."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with episodes of this dataset."""
    yes: bool = False
    """Download without asking."""


def main() -> None:
    """Parse the command line and download."""
    download(tyro.cli(PullDataConfig, prog="python -m tools.pull_data"))


def download(config: PullDataConfig) -> None:
    """Download; says what is there now, and how to train on it."""
    refused = on_terminal(lambda ask, watch: pull(config.repo, config.out, ask, watch), config.yes)
    left_out(list(refused.values()))
    if refused and not any(config.out.glob("episode_*.h5")):
        raise UserError(f"none of the episodes of {config.repo} can be read")
    store = Store(config.out)
    say(f"{len(store)} episodes of {store.info.game} are in {config.out}")
    say(f"look at them with: python -m tools.inspect {config.out}")
    say(f"train on them with: python -m tools.train --data {config.out} --out RUN")


if __name__ == "__main__":
    run_main(main)
