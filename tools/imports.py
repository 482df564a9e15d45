"""What importing episodes has in common, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from base.errors import UserError
from datasets.folder import numbered
from datasets.foreign import ForeignEpisode, keep
from datasets.recording import Recording
from engine.contracts import DiscreteActions
from engine.worlds.atari import AtariWorld

MOST_LISTED = 10  # of what was left out


def check_out(out: Path) -> None:
    """UserError if a folder holds recordings already: they would be there twice."""
    if out.is_dir() and numbered(out, "h5"):
        raise UserError(f"{out} holds recordings already; choose another folder")


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
    out: Path, name: str, count: int, read: Callable[[int], ForeignEpisode]
) -> tuple[int, Sequence[str]]:
    """Write `count` episodes of the game `name` to a folder; steps written, and what was left out.

    read: an episode by its number; those that it refuses with UserError are left out.
    Raises UserError when none is left.
    """
    check_out(out)
    steps, refused = 0, []
    with tqdm(total=count, unit="episode", leave=False) as bar, Recording(out, name) as recording:
        for i in range(count):
            try:
                episode = read(i)
            except UserError as error:
                refused.append(str(error))
            else:
                keep(recording, episode)
                steps += len(episode.steps)
            bar.update()
    if not steps:
        raise UserError(f"none of the {count} episodes can be read: {refused[0]}")
    return steps, refused


def left_out(reasons: Sequence[str]) -> None:
    """Say what was left out, and why."""
    for line in reasons[:MOST_LISTED]:
        print(f"left out: {line}")
    if len(reasons) > MOST_LISTED:
        print(f"left out: {len(reasons) - MOST_LISTED} more")


def report(out: Path, steps: int, refused: Sequence[str]) -> None:
    """Say what was written, what was left out, and what can be done with it."""
    left_out(refused)
    print(f"wrote {len(numbered(out, 'h5'))} episodes of {steps} steps in all to {out}")
    print(f"look at them with: python -m tools.inspect {out}")
