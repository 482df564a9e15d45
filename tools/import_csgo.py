"""Import the CS:GO gameplay dataset: python -m tools.import_csgo SRC OUT [--episodes 3,5,19]."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError, run_main
from base.progress import ProgressBar
from base.sizes import GB, in_words
from base.terminal import say
from datasets.importers.csgo_import import REPORT, Rules, left, run
from datasets.importers.csgo_layout import FRAMES
from datasets.importers.csgo_sources import HUB, LICENCES, Item, find
from tools.app.prompts import confirm
from tools.capture.imports import left_out


@dataclass(frozen=True)
class ImportConfig:
    """Turn files of the CS:GO gameplay dataset into recordings to train on.

    OUT/low gets RGB frames of 30×56, OUT/full those of 150×280, with the same episode numbers, and
    the published split into training and test. Tars are read as they are. A run that was stopped
    goes on when the same is run again. What is wrong with files that are set aside is in
    OUT/report.txt.
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """A folder of the tars or of HDF5 files, or hub:TeaPearce/CounterStrike_Deathmatch."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder to write to; an earlier import there is added to."""
    episodes: str = ""
    """Only these: numbers of files, as in 3,5,19 or 1-200."""
    limit_gb: float | None = None
    """Stop before more than this has been read, or downloaded."""
    low_only: bool = False
    """Leave out the full resolution, which takes 25 times the space."""
    least: int = FRAMES
    """Set aside files with fewer frames than this; those of the dataset have 1000."""
    trust_channels: bool = False
    """Take files for BGR even where their colours say that red and blue are swapped."""
    processes: int = 0
    """Files at a time, each needing some 0.6 GB of memory; as many as there are cores if 0."""
    yes: bool = False
    """Download without asking."""

    def __post_init__(self) -> None:
        if not 2 <= self.least <= 10 * FRAMES:
            raise UserError(f"--least must be 2 to {10 * FRAMES}, not {self.least}")
        if self.limit_gb is not None and not self.limit_gb > 0:
            raise UserError(f"--limit-gb must be more than 0, not {self.limit_gb:g}")
        if not 0 <= self.processes <= 256:
            raise UserError(f"--processes must be 0 to 256, not {self.processes}")
        self.wanted()

    def wanted(self) -> set[int]:
        """The numbers of episodes that are asked for; none for all."""
        numbers: set[int] = set()
        for part in filter(None, self.episodes.replace(" ", "").split(",")):
            match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part)
            if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < 100_000:
                raise UserError(f"--episodes takes numbers such as 3,5,19 or 1-200, not '{part}'")
            numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        return numbers


def main() -> None:
    """Parse the command line and import."""
    import_csgo(tyro.cli(ImportConfig, prog="python -m tools.import_csgo"))


def import_csgo(config: ImportConfig) -> None:
    """Find what there is, ask before a download, import, and say what became of it."""
    rules = Rules(config.out, config.low_only, config.least, config.trust_channels)
    say(f"looking through {config.source}")
    found = find(config.source, config.wanted())
    refused = [f"{name}: {fault}" for name, fault in found.refused]
    if not found.items:
        left_out(refused[1:])
        raise UserError(f"nothing in {config.source} can be imported: {refused[0]}")
    left_out(refused)
    todo = left(found.items, rules)
    kept = _within(todo, config.limit_gb)
    size = sum(item.size for item in kept)
    say(
        f"{len(found.items)} files, of which {len(found.items) - len(todo)} are imported already; "
        f"{len(kept)} to import: {in_words(size)}"
    )
    if config.source.startswith(HUB) and kept:
        say("\n".join(["its licence is not clear:", *(f"  {line}" for line in LICENCES)]))
        if not (config.yes or confirm("Download?", "download")):
            say("nothing was downloaded")
            return
    processes = config.processes or os.cpu_count() or 1
    with ProgressBar(total=size, unit="B", unit_scale=True, disable=not kept) as bar:
        outcome = run(
            found,
            kept,
            rules,
            min(processes, max(len(kept), 1)),
            lambda item: bar.update(item.size),
        )
    say(
        f"{len(outcome.done)} files are imported into {config.out}, {len(outcome.aside)} set "
        f"aside; {config.out / REPORT} has the reasons"
    )
    if not outcome.done:
        name, aside = next(iter(outcome.aside.items()))
        raise UserError(f"none of the files could be imported, as {name}: {aside.reason}")
    if len(kept) < len(todo):
        say(f"{len(todo) - len(kept)} files are left by --limit-gb; run it again to go on")


def _within(items: list[Item], limit_gb: float | None) -> list[Item]:
    """The first of some items, as many as have no more than a limit together."""
    if limit_gb is None:
        return items
    kept, size = [], 0
    for item in items:
        size += item.size
        if size > limit_gb * GB:
            break
        kept.append(item)
    return kept


if __name__ == "__main__":
    run_main(main)
