"""Inspect folders of recordings: figures, warnings, contact sheet and histograms of each."""

from __future__ import annotations

import json
from pathlib import Path

from base.errors import UserError
from base.progress import ProgressBar
from base.terminal import say
from datasets.folder import numbered
from datasets.inspect.health import SHEET, Health, examine
from datasets.inspect.verdict import to_record, warnings
from datasets.samples import sample_frames
from datasets.store import Store
from engine.media.video import contact_sheet, write_png
from engine.ui.pygame.window import NoDisplayError, open_window
from tools.inspection.browse import browse
from tools.inspection.health_report import described, to_json
from tools.inspection.histograms import draw_histograms, length_counts

SIZES = ("low", "full")  # folders of an import, with the same episodes in two sizes


def inspect(
    data: Path, sheet: Path | None = None, *, as_json: bool = False, play: bool = False
) -> None:
    """Print what is in a folder of recordings, or show its episodes in a window.

    sheet: where the contact sheet goes; contact_sheet.png in the folder if not given.
    """
    folders = recordings_in(data)
    if play:
        show(folders[-1])  # the largest pictures
        return
    if sheet is not None and len(folders) > 1:
        named = " and ".join(str(folder) for folder in folders)
        raise UserError(f"--sheet is for one folder; inspect {named} one by one")
    found = []
    for folder in folders:
        health, drawn = look_at(folder, sheet or folder / "contact_sheet.png")
        found.append(to_json(folder, health))
        if not as_json:
            say("\n".join([*([f"{folder}:"] if len(folders) > 1 else []), *told(health), *drawn]))
    if len(folders) > 1 and not as_json:
        say("\n".join(differing(*folders)))
    if as_json:
        say(json.dumps(found))


def recordings_in(folder: Path) -> list[Path]:
    """Return the folder itself, or those of its two sizes if it holds these alone."""
    sizes = [folder / size for size in SIZES if (folder / size).is_dir()]
    if sizes and not (numbered(folder, "h5") or numbered(folder, "journal")):
        return sizes
    return [folder]


def look_at(folder: Path, sheet: Path) -> tuple[Health, list[str]]:
    """Examine a folder and draw what is in it; a line for each picture drawn."""
    store = Store(folder)
    with ProgressBar(unit="frame", leave=False, disable=None) as bar:

        def watch(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        health = examine(store, watch)
    rows, columns = SHEET
    write_png(sheet, contact_sheet(sample_frames(store, rows, columns), columns, rows))
    bars = write_png(sheet.with_name("histograms.png"), draw_histograms(_panels(health)))
    return health, [
        f"contact sheet: {sheet} (a row is an episode from first to last frame)",
        f"histograms:    {bars}",
    ]


def told(health: Health) -> list[str]:
    """Return the figures, the warnings and the verdict, a line each."""
    found, wanted = list(warnings(health)), to_record(health)
    lines = [*described(health), *(f"warning: {sentence}" for sentence in found)]
    if wanted:
        return [*lines, f"verdict: record more of: {'; '.join(wanted)}"]
    end = "see the warnings first" if found else "nothing in it will hurt training"
    return [*lines, f"verdict: there is enough of everything; {end}"]


def differing(first: Path, second: Path) -> list[str]:
    """Return warnings about episodes that only one of two folders holds."""
    ours, theirs = (set(numbered(folder, "h5")) for folder in (first, second))
    pairs = ((ours - theirs, first, second), (theirs - ours, second, first))
    return [
        f"warning: {len(missing)} episodes of {here} are not in {there}, the first of them "
        f"number {min(missing)}"
        for missing, here, there in pairs
        if missing
    ]


def show(folder: Path) -> None:
    """Walk through a folder's episodes in a window; UserError without a display."""
    store = Store(folder)
    try:
        window = open_window(f"{folder} - Dreamcart")
    except NoDisplayError as error:
        raise UserError(f"there is no display to show episodes on ({error})") from error
    browse(store, window)


def _panels(health: Health) -> dict[str, tuple[dict[str, int], int]]:
    rewards = {f"{value:+g}": n for value, n in sorted(health.rewards.most_common(20))}
    motions = {
        f"mouse {way}, of steps": ({f"{by:+d}": n for by, n in counts.items()}, health.steps)
        for way, counts in health.mouse.items()
    }
    return {
        "actions, of steps": ({**health.actions, "(idle)": health.idle}, health.steps),
        **motions,
        "lengths, of episodes": (length_counts(health.lengths), len(health.lengths)),
        "rewards, of steps": (rewards, health.steps),
    }
