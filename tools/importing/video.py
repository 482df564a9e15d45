"""Import of films made elsewhere, with lists of what was pressed in them.

tools/capture/presses_file.py says what the lists may hold, and tools/capture/film.py how a film is
taken. Each film becomes episodes of its own, which are there when all of it is: an import that was
stopped goes on with the next film when run again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from base.errors import UserError
from base.files import sha256
from base.isolated_call import IsolatedProcess
from base.progress import ProgressBar
from base.terminal import say
from engine.contracts import ActionVector, Frame
from engine.input.controls import Controls
from engine.profile import Profile, read_profile
from tools.capture.film import EARLY_S, facts_of, film_process, steps_shown, times_of
from tools.capture.footage import Footage
from tools.capture.press_times import FilmClock, on_film
from tools.capture.presses import PressList, events_of
from tools.capture.presses_file import read_presses
from tools.importing.parts import importing
from tools.options.imports import VideoImport

SQUEEZED = 0.03  # by which shapes differ, as a logarithm, before it is worth a line


def import_films(config: VideoImport) -> None:
    """Import as asked for; says what was imported.

    Raises UserError for what cannot be; before anything is written, for faults of the profile,
    of a list or of a film's beginning.
    """
    profile = read_profile(config.profile)
    lists = [read_presses(listed, profile) for listed in config.actions]
    with film_process() as process:
        films = [_prepare(config, i, profile, lists[i], process) for i in range(len(lists))]
        _import(config, profile, films, process)


@dataclass(frozen=True)
class _Film:
    """A film to be imported, its length, its presses in seconds, and its part's key."""

    path: Path
    length_s: float
    presses: PressList
    key: str


def _prepare(
    config: VideoImport,
    number: int,
    profile: Profile,
    presses: PressList,
    process: IsolatedProcess,
) -> _Film:
    """A film and its list, checked; says what of them is taken otherwise than it is written."""
    film, listed = config.films[number], config.actions[number]
    began = config.began[number] if config.began else None
    facts = process.call(str(film), facts_of, film, profile)
    clock = FilmClock(facts.length_s, lambda: list(process.each(str(film), times_of, film)))
    try:
        placed = on_film(presses, clock, began)
    except UserError as error:
        raise UserError(f"{listed} does not fit {film}: {error}") from error
    size, wanted = (facts.width_px, facts.height_px), (profile.width_px, profile.height_px)
    if facts.changes:
        say(f"{film}: taken as players show it, {size[0]}×{size[1]} pixels: {facts.changes}")
    if abs(math.log(size[0] / size[1] / (wanted[0] / wanted[1]))) > SQUEEZED:
        say(f"{film}: {size[0]}×{size[1]} pixels are squeezed into {wanted[0]}×{wanted[1]}")
    for note in placed.notes:
        say(f"{listed}: {note}")
    return _Film(film, facts.length_s, placed, _key(film, listed, config.profile, began))


def _import(
    config: VideoImport, profile: Profile, films: Sequence[_Film], process: IsolatedProcess
) -> None:
    steps = episodes = repeated = 0
    with importing(config.out, profile.name) as coming, ProgressBar(unit="step") as bar:
        for film in films:
            if film.key in coming.parts:
                bar.write(f"{film.path} is imported already")
                continue
            bar.set_description(film.path.name, False)
            with coming.part(film.key) as recording:
                footage = Footage(recording, profile, "human", {"film": film.path.name})
                repeated += _take(film, footage, profile, process, bar)
            steps, episodes = steps + footage.steps, episodes + footage.episodes
    say(f"imported {steps} steps in {episodes} episodes into {config.out}")
    if repeated:
        say(
            f"in {repeated / steps:.0%} of them the frame repeats the one before: the film has "
            f"fewer frames a second than the profile's {profile.rate_fps:g}"
        )


def _take(
    film: _Film, footage: Footage, profile: Profile, process: IsolatedProcess, bar: ProgressBar
) -> int:
    """Record the steps of a film; in how many of them the frame repeats the one before."""
    repeated, numbers = 0, count()
    shown = process.each(str(film.path), steps_shown, film.path, profile)
    pictures = (picture for picture, _ in zip(shown, numbers, strict=False))
    for action, frame, again in steps_of(pictures, film.presses, profile):
        if action is None:
            footage.begin(frame)
        else:
            footage.add(action, frame)
            repeated += again
            bar.update()
    if not footage.steps:
        raise UserError(f"{film.path} is too short for a step that its list tells of")
    end_s = (next(numbers) - 1) / profile.rate_fps
    if end_s < film.length_s * 0.98 - 1:
        bar.write(
            f"{film.path}: its frames end at {end_s:.1f} s, and it says {film.length_s:.1f} s: "
            "it may have been cut off"
        )
    rows = film.presses.rows
    if unheard := sum(row.at > film.length_s for row in rows):
        bar.write(f"{film.path}: {unheard} of the {len(rows)} rows come after its end")
    return repeated


def _key(film: Path, listed: Path, profile: Path, began: float | None) -> str:
    """Return the key of a film's import: name and size of the film, hashes of list and profile."""
    since = "" if began is None else f" {began!r}"
    return f"{film.name} {film.stat().st_size} {sha256(listed)} {sha256(profile)}{since}"


def steps_of(
    pictures: Iterable[Frame | None], presses: PressList, profile: Profile
) -> Iterator[tuple[ActionVector | None, Frame, bool]]:
    """The steps of a film: the action (none for an episode's first frame), the frame that it led
    to, and whether that is the very frame of the step before.

    pictures: at each step from 0 s; None for the one of the step before.
    presses: in seconds. A step's action is what was pressed and moved since the frame before;
    where they are to be left out, an episode ends, and another begins after.
    """
    controls = Controls(profile.actions.keys)
    waiting = events_of(presses.rows)
    upcoming = next(waiting, None)
    before: Frame | None = None
    begun = False
    for number, picture in enumerate(pictures):
        frame = before if picture is None else picture
        assert frame is not None
        start_s, end_s = (number - 1) / profile.rate_fps, number / profile.rate_fps - EARLY_S
        while upcoming is not None and upcoming[0] < end_s:
            controls.handle(upcoming[1])
            upcoming = next(waiting, None)
        if before is not None:
            action = profile.actions.encode(controls.sample()[0])
            left_out = any(a < end_s and b > start_s + EARLY_S for a, b in presses.left_out)
            if not left_out:
                if not begun:
                    yield None, before, False
                yield action, frame, picture is None
            begun = not left_out
        before = frame
