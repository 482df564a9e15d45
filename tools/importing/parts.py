"""Import of episodes part by part, wherever they come from: an import that was stopped goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from base.errors import UserError
from base.files import sync_folder
from base.notes import add_note, read_notes
from base.progress import ProgressBar
from base.terminal import say
from datasets.episode import EpisodeFile
from datasets.folder import episode_path, numbered
from datasets.importers.foreign import ForeignEpisode, keep
from datasets.recording import Recording
from engine.contracts import DiscreteActions
from engine.games.atari import AtariWorld

LOG = ".imported.jsonl"  # a line for each part of a source that is there
STAGE = ".importing"  # where the episodes of a part are until all of them are whole
MOST_LISTED = 10  # of what was left out
_GOES_ON = "what was whole by then is imported, and the same run again goes on from there"


@dataclass(frozen=True)
class Part:
    """An imported part of a source: its key, the numbers of its episodes, all their steps."""

    key: str
    episodes: Sequence[int]
    steps: int


class Import:
    """Parts of a source (a file, an episode, a film) on their way into a folder.

    A part's episodes appear in the folder once all of them are whole, and a note of the part with
    them. So an import that was killed can be started again: what is there need not be done again,
    and nothing of what was in progress is left.

    parts: those that are there, by their keys. Who deleted some of a part's episodes does not want
           them: it is imported again once none is left.
    """

    def __init__(self, target: Recording, game: str) -> None:
        self._target, self._game = target, game
        self._stage = target.folder / STAGE
        self.parts = _noted(target.folder)
        with self._writing():
            self._go_on()

    @contextmanager
    def part(self, key: str) -> Iterator[Recording]:
        """Yield a recording for the episodes of a part; they count if the block succeeds."""
        with self._writing():
            shutil.rmtree(self._stage, ignore_errors=True)
        with Recording(self._stage, self._game, self._target.like, _GOES_ON) as recording:
            recording.skip_to(self._target.number)
            yield recording
        made = numbered(self._stage, "h5")
        part = Part(key, list(made), sum(len(EpisodeFile(path)) for path in made.values()))
        with self._writing():
            add_note(self._target.folder / LOG, asdict(part))
            self._bring(part)
        self.parts[key] = part

    def _go_on(self) -> None:
        """Finish what a kill interrupted: parts that were noted came whole, others are dropped."""
        for key, part in list(self.parts.items()):
            theirs = {n for n in part.episodes if self._at(n).exists()}
            staged = {n for n in part.episodes if episode_path(self._stage, n).exists()}
            if theirs & staged or not (theirs or staged):  # taken, or all of them deleted
                del self.parts[key]
            elif staged:
                self._bring(part)
        shutil.rmtree(self._stage, ignore_errors=True)

    def _bring(self, part: Part) -> None:
        for number in part.episodes:
            if (staged := episode_path(self._stage, number)).exists():
                os.replace(staged, self._at(number))
                self._target.skip_to(max(number + 1, self._target.number))
        sync_folder(self._target.folder)

    def _at(self, number: int) -> Path:
        return episode_path(self._target.folder, number)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"cannot write to {self._target.folder}: {reason}") from error


@contextmanager
def importing(out: Path, game: str) -> Iterator[Import]:
    """An import of episodes of a game into a folder, which is its own meanwhile.

    Raises UserError for a folder that holds something else or is being recorded to.
    """
    with Recording(out, game) as target:
        try:
            yield Import(target, game)
        finally:
            shutil.rmtree(out / STAGE, ignore_errors=True)


def check_out(out: Path, keys: Sequence[str]) -> None:
    """UserError if a folder holds other recordings than those of the parts `keys` of a source."""
    noted = _noted(out)
    ours = {number for key in keys if key in noted for number in noted[key].episodes}
    if out.is_dir() and not set(numbered(out, "h5")) <= ours:
        raise UserError(
            f"{out} holds recordings already, which are not of this import; choose another folder"
        )


def atari_actions(game: str, count: int) -> tuple[str, DiscreteActions]:
    """An Atari game's name and actions. UserError if it has less than `count` of them."""
    world = AtariWorld(game)
    if count > world.actions.size:
        raise UserError(
            f"there are {count} actions in it, and {world.name} has {world.actions.size}; without "
            "--game they are numbered"
        )
    return world.name, world.actions


def import_all(
    out: Path, name: str, keys: Sequence[str], read: Callable[[int], ForeignEpisode]
) -> tuple[int, Sequence[str]]:
    """Write episodes of the game `name` to a folder; all steps of them, and what was left out.

    keys: a name for each episode; those that are there since an import that was killed stay.
    read: an episode by its place in `keys`; those that it refuses with UserError are left out.
    Raises UserError when none is left.
    """
    refused = []
    with (
        importing(out, name) as coming,
        ProgressBar(total=len(keys), unit="episode", leave=False) as bar,
    ):
        for i, key in enumerate(keys):
            if key not in coming.parts:
                try:
                    episode = read(i)
                except UserError as error:
                    refused.append(str(error))
                else:
                    with coming.part(key) as recording:
                        keep(recording, episode)
            bar.update()
        there = [coming.parts[key] for key in keys if key in coming.parts]
    if not there:
        raise UserError(f"none of the {len(keys)} episodes can be read: {refused[0]}")
    return sum(part.steps for part in there), refused


def left_out(reasons: Sequence[str]) -> None:
    """Print what was left out, and why."""
    for line in reasons[:MOST_LISTED]:
        say(f"left out: {line}")
    if len(reasons) > MOST_LISTED:
        say(f"left out: {len(reasons) - MOST_LISTED} more")


def report(out: Path, steps: int, refused: Sequence[str]) -> None:
    """Print what was written, what was left out, and what can be done with it."""
    left_out(refused)
    say(f"wrote {len(numbered(out, 'h5'))} episodes of {steps} steps in all to {out}")
    say(f"look at them with: python -m tools.inspect {out}")


def _noted(out: Path) -> dict[str, Part]:
    """The parts of a source that a folder has a note of, by their keys."""
    try:
        notes = read_notes(out / LOG)
    except OSError as error:
        raise UserError(f"cannot read {out / LOG}: {error.strerror or error}") from error
    parts = {}
    for note in notes:
        match note:
            case {"key": str(key), "episodes": [*numbers], "steps": int(steps)} if all(
                type(number) is int and number >= 0 for number in numbers
            ):
                parts[key] = Part(key, numbers, steps)
    return parts
