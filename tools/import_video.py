"""Films made elsewhere, and what was pressed in them, as recordings:
python -m tools.import_video FILM.mp4 --actions FILM.csv --profile GAME.toml --out DIR.

tools/presses_file.py says what the CSV holds. Each film becomes episodes of its own, which are
there when all of it is: an import that was stopped goes on with the next film when run again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import av
import numpy as np
import tyro
from tqdm import tqdm

from base.errors import UserError, run_main
from base.files import sha256
from engine.contracts import ActionVector, Frame
from engine.controls import Controls
from engine.profile import Profile, read_profile
from tools.footage import Footage
from tools.imports import importing
from tools.presses_file import Presses, events_of, read_presses

Picture = TypeVar("Picture")


@dataclass(frozen=True)
class ImportConfig:
    """Turn films and lists of what was pressed into a folder of episodes, or add to one.

    An import that was stopped goes on with the first film that was not done when the same is run
    again.
    """

    films: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILM...")]
    """Films of the game, in any format that FFmpeg reads."""
    actions: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="CSV...")]
    """What was pressed in each of them: as many CSV files as films, in the same order."""
    profile: Annotated[Path, tyro.conf.arg(metavar="TOML")]
    """The game's profile: its keys, mouse, step rate and frame size. docs/pong.toml is one."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with recordings of the same game."""

    def __post_init__(self) -> None:
        if not self.films or len(self.films) != len(self.actions):
            raise UserError(
                f"each film needs its CSV: there are {len(self.films)} films and "
                f"{len(self.actions)} CSV files"
            )


def main() -> None:
    """Parse the command line and import."""
    import_films(tyro.cli(ImportConfig, prog="python -m tools.import_video"))


def import_films(config: ImportConfig) -> None:
    """Import as asked for; says what was imported.

    Raises UserError for what cannot be; before anything is written, for faults of the profile,
    of a CSV or of a film's beginning.
    """
    profile = read_profile(config.profile)
    films = [
        (film, listed, read_presses(listed, profile))
        for film, listed in zip(config.films, config.actions, strict=True)
    ]
    for film, _, _ in films:
        next(frames_of(film))
    steps = episodes = repeated = 0
    with importing(config.out, profile.name) as coming, tqdm(unit="step") as bar:
        for film, listed, presses in films:
            key = _key(film, listed, config.profile)
            if key in coming.parts:
                bar.write(f"{film} is imported already")
                continue
            bar.set_description(film.name, False)
            with coming.part(key) as recording:
                footage = Footage(recording, profile, "human", {"film": film.name})
                for action, frame, again in steps_of(frames_of(film), presses, profile):
                    if action is None:
                        footage.begin(frame.rgb)
                    else:
                        footage.add(action, frame.rgb)
                        repeated += again
                        bar.update()
                if not footage.steps:
                    raise UserError(f"{film} is too short for a step")
            steps, episodes = steps + footage.steps, episodes + footage.episodes
            unheard = sum(row.time_s * profile.rate_fps >= footage.steps + 1 for row in presses)
            if unheard:
                bar.write(f"{film}: {unheard} of the {len(presses)} rows come after its end")
    print(f"imported {steps} steps in {episodes} episodes into {config.out}")
    if repeated:
        print(
            f"in {repeated / steps:.0%} of them the frame repeats the one before: the film has "
            f"fewer frames a second than the profile's {profile.rate_fps:g}"
        )


def _key(film: Path, listed: Path, profile: Path) -> str:
    """What tells an import of a film from others: its name and size, and what was made of it."""
    return f"{film.name} {film.stat().st_size} {sha256(listed)} {sha256(profile)}"


@dataclass(frozen=True)
class FilmFrame:
    """A frame of a film and when it is shown, in seconds; RGB is made of those that are asked."""

    time_s: float
    decoded: Any

    @cached_property
    def rgb(self) -> Frame:
        """The frame, uint8 (H, W, 3)."""
        return np.asarray(self.decoded.to_ndarray(format="rgb24"), np.uint8)


def frames_of(path: Path) -> Iterator[FilmFrame]:
    """The frames of a film, in order, the first one at 0 s.

    UserError for a file that is no film or is damaged.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path} holds no pictures")
            first: float | None = None
            for decoded in container.decode(container.streams.video[0]):
                if decoded.time is None:
                    raise UserError(f"{path} does not say when its frames are shown")
                first = decoded.time if first is None else first
                yield FilmFrame(decoded.time - first, decoded)
            if first is None:
                raise UserError(f"{path} holds no frame")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {reason}") from error


def steps_of(
    frames: Iterable[FilmFrame], presses: list[Presses], profile: Profile
) -> Iterator[tuple[ActionVector | None, FilmFrame, bool]]:
    """The steps of a film: the action (none for the first frame), the frame that it led to, and
    whether that is the very frame of the step before.

    A step's action is what was pressed and moved since the frame before.
    """
    controls = Controls(profile.actions.keys)
    waiting = events_of(presses)
    upcoming = next(waiting, None)
    before: FilmFrame | None = None
    timed = ((frame.time_s, frame) for frame in frames)
    for number, frame in enumerate(resampled(timed, profile.rate_fps)):
        if before is None:
            yield None, frame, False
        else:
            while upcoming is not None and upcoming[0] < number / profile.rate_fps:
                controls.handle(upcoming[1])
                upcoming = next(waiting, None)
            action = profile.actions.encode(controls.sample()[0])
            yield action, frame, frame is before
        before = frame


def resampled(frames: Iterable[tuple[float, Picture]], rate_fps: float) -> Iterator[Picture]:
    """Of frames with the times they are shown from, those on screen 0, 1, 2, ... steps after 0 s.

    The last one is taken to be shown at its own time only.
    """
    shown: Picture | None = None
    number, early_s = 0, 1e-3  # by which films' rounded times may be late
    for time_s, frame in frames:
        while shown is not None and number / rate_fps < time_s - early_s:
            yield shown
            number += 1
        shown = frame
    if shown is not None and number / rate_fps <= time_s + early_s:
        yield shown


if __name__ == "__main__":
    run_main(main)
