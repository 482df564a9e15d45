"""Import of the CS:GO gameplay dataset."""

from __future__ import annotations

import os
from pathlib import Path

from base.errors import UserError
from base.progress import ProgressBar
from base.sizes import GB, in_words
from base.terminal import say
from datasets.importers.csgo_import import REPORT, ImportOptions, ImportOutcome, left, run
from datasets.importers.csgo_sources import HUB, LICENCES, CsgoSourceFile, find
from tools.app.prompts import confirm
from tools.importing.parts import left_out
from tools.options.imports import CsgoImport


def import_csgo(config: CsgoImport) -> None:
    """Find the files, ask before a download, import, and report the outcome."""
    rules = ImportOptions(config.out, config.low_only, config.least, config.trust_channels)
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
    _report(config.out, outcome)
    if len(kept) < len(todo):
        say(f"{len(todo) - len(kept)} files are left by --limit-gb; run it again to go on")


def _report(out: Path, outcome: ImportOutcome) -> None:
    """Print how many files were imported. Raises UserError if it is none."""
    say(
        f"{len(outcome.done)} files are imported into {out}, {len(outcome.aside)} set aside; "
        f"{out / REPORT} has the reasons"
    )
    if not outcome.done:
        name, aside = next(iter(outcome.aside.items()))
        raise UserError(f"none of the files could be imported, as {name}: {aside.reason}")


def _within(items: list[CsgoSourceFile], limit_gb: float | None) -> list[CsgoSourceFile]:
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
