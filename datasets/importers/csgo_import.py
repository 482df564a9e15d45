"""An import of the CS:GO dataset: finding the files that are left, importing them, reporting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from base.errors import UserError
from base.files import write_text
from base.notes import add_note, read_notes
from base.terminal import printable
from base.worker_pool import LostItem, map_in_pool
from datasets.episode import EpisodeFile
from datasets.folder import (
    episode_path,
    held_out_numbers,
    numbered,
    sole_writer,
    write_held_out,
)
from datasets.importers.csgo import (
    COLD_LEVELS,
    FULL,
    LOW,
    SPLIT_SET,
    Converted,
    convert,
    parse_name,
    published_split,
)
from datasets.importers.csgo_layout import FRAMES, CsgoFileError
from datasets.importers.csgo_sources import CsgoFiles, CsgoSourceFile
from datasets.rescue import rescue_all

LOG = "import.jsonl"  # a line for each file, as it is done
REPORT = "report.txt"
LIMIT_S = 1800.0  # for one file, its download included
_WHY = "the published test split, and every episode ending in 1 of files that it does not list"


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import.

    folder:   where the folders low and full are, and the report.
    low_only: leave out the full resolution.
    least:    how many frames a file must have.
    trust_channels: take every file for BGR, whatever it looks like.
    """

    folder: Path
    low_only: bool = False
    least: int = FRAMES
    trust_channels: bool = False

    @property
    def folders(self) -> list[Path]:
        """Folders that episodes are written to."""
        return [self.folder / name for name in ([LOW] if self.low_only else [LOW, FULL])]


@dataclass(frozen=True)
class SetAside:
    """A file that was not imported: the kind of fault, and the reason in a line."""

    kind: str
    reason: str


@dataclass
class ImportOutcome:
    """Results of all files that were ever imported into a folder, by name."""

    done: dict[str, Converted] = field(default_factory=dict)
    aside: dict[str, SetAside] = field(default_factory=dict)

    def take(self, name: str, result: Converted | SetAside) -> None:
        """Record the result of a file in place of an earlier one."""
        self.done.pop(name, None)
        self.aside.pop(name, None)
        if isinstance(result, Converted):
            self.done[name] = result
        else:
            self.aside[name] = result


def left(items: Sequence[CsgoSourceFile], rules: ImportOptions) -> list[CsgoSourceFile]:
    """The items whose episodes are not all there yet."""
    there = [
        set(numbered(folder, "h5")) if folder.is_dir() else set[int]() for folder in rules.folders
    ]
    finished = set.intersection(*there)
    return [item for item in items if parse_name(item.name).episode not in finished]


def run(
    found: CsgoFiles,
    todo: Sequence[CsgoSourceFile],
    rules: ImportOptions,
    processes: int,
    watch: Callable[[CsgoSourceFile], object] = lambda item: None,
) -> ImportOutcome:
    """Import files in parallel processes.

    todo:  what is `left` of it, or the first part of that.
    watch: told of each file when it is done or set aside.
    An interrupted import keeps finished files, and the next run continues from there. A file that
    was set aside is tried again. Raises UserError when the folder is being written to, or cannot
    be; then too the report tells what was done.
    """
    outcome = ImportOutcome()
    with ExitStack() as stack:
        for folder in rules.folders:
            _prepare(folder, stack)
            _hold_out(folder, found)
        try:
            _take_noted(rules.folder / LOG, outcome)
            stack.callback(lambda: write_text(rules.folder / REPORT, report(outcome)))

            def note(name: str, result: Converted | SetAside) -> None:
                add_note(rules.folder / LOG, {"name": name, **asdict(result)})
                outcome.take(name, result)

            missing = {item.name for item in left(found.items, rules)}
            for item in found.items:
                if item.name not in missing and item.name not in outcome.done:
                    note(item.name, _as_written(rules, item))
            for name, fault in found.refused:
                note(name, SetAside(fault.kind, str(fault)))
            jobs = [(item, rules) for item in todo]
            for (item, _), became in map_in_pool(_import, jobs, processes, LIMIT_S):
                if isinstance(became, LostItem):
                    became = SetAside("crash", became.reason)
                note(item.name, became)
                watch(item)
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"cannot write to {rules.folder}: {reason}") from error
    return outcome


def report(outcome: ImportOutcome) -> str:
    """Return the report of an import as text."""
    done = outcome.done.values()
    lines = [
        f"imported: {len(done)} files, {sum(c.frames for c in done)} frames",
        f"set aside: {len(outcome.aside)} files and archives",
    ]
    kinds = Counter(aside.kind for aside in outcome.aside.values())
    lines += [f"  {kind}: {count}" for kind, count in kinds.most_common()]
    types = Counter(c.written for c in done)
    written = ", ".join(f"{kind} in {count}" for kind, count in types.most_common())
    lines.append(f"actions are written as {written or 'nothing'}")
    if unmarked := len(outcome.done) - sum(c.marked for c in done):
        lines.append(
            f"kills and deaths: {unmarked} files do not tell them; their rewards are zero, and "
            "where a life was lost is not known"
        )
    lines += _of_channels(outcome)
    lines += ["", "set aside, and why:"] if outcome.aside else []
    lines += [f"  {name}: {aside.reason}" for name, aside in sorted(outcome.aside.items())]
    return "\n".join(map(printable, lines)) + "\n"


def _of_channels(outcome: ImportOutcome) -> list[str]:
    """Report how the channel order was checked, and the files in which it stayed uncertain."""
    judged = {name: c.warmth for name, c in outcome.done.items() if c.judged}
    lines = [
        f"channels: {len(judged)} files were checked to be BGR by their colours, as the map they "
        "are of is one of sand, on which red outweighs blue; "
        f"{len(outcome.done) - len(judged)} were taken for BGR unchecked"
    ]
    unsure = sorted(name for name, warmth in judged.items() if abs(warmth) < COLD_LEVELS)
    if any(aside.kind == "swapped channels" for aside in outcome.aside.values()):
        lines.append("  --trust-channels imports those that look swapped as they are")
    if unsure:
        lines.append(f"  too grey to tell: {', '.join(unsure)}")
    return lines


def _import(job: tuple[CsgoSourceFile, ImportOptions]) -> Converted | SetAside:
    """Import one file, in whatever process."""
    item, rules = job
    try:
        return convert(
            item.read(),
            parse_name(item.name),
            rules.folder,
            rules.low_only,
            rules.least,
            rules.trust_channels,
        )
    except CsgoFileError as error:
        return SetAside(error.kind, str(error))


def _prepare(folder: Path, stack: ExitStack) -> None:
    """Make a folder for episodes, and hold it against others until the stack is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from error
    if not stack.enter_context(sole_writer(folder)):
        raise UserError(f"{folder} is being written to by another program")
    rescue_all(folder)


def _hold_out(folder: Path, found: CsgoFiles) -> None:
    """Add to a folder's list what is held out of what was found, and all of the published split."""
    names = [parse_name(item.name) for item in found.items]
    numbers = {name.episode for name in names if name.held_out}
    if any(name.set == SPLIT_SET for name in names):
        numbers |= published_split()
    write_held_out(folder, numbers | (held_out_numbers(folder) or set()), _WHY)


def _as_written(rules: ImportOptions, item: CsgoSourceFile) -> Converted | SetAside:
    """Describe an episode that was written just before its import was killed; or it belongs to
    another file, whose own set has the same numbers."""
    file = EpisodeFile(episode_path(rules.folders[0], parse_name(item.name).episode))
    other = file.info.emulator.get("file", item.name)
    if other != item.name:
        reason = f"{other} is imported under its number; import this one into another folder"
        return SetAside("number taken", reason)
    return Converted(len(file) + 1, "a type not noted", 0.0, False, file.info.marked)


def _take_noted(log: Path, outcome: ImportOutcome) -> None:
    """Load the results of earlier runs."""
    for told in read_notes(log):
        with suppress(KeyError, TypeError):  # a line that is no note of ours
            name = told.pop("name")
            outcome.take(name, SetAside(**told) if "kind" in told else Converted(**told))
