"""Lists of presses on a film's own clock: in seconds since its first frame, whatever they count in.

A column that names its unit is taken at its word, if that can be; otherwise the largest unit in
which the list ends with the film or before it. What is not plain is said, and what cannot be is
refused: a list that is late by one frame makes a world that answers late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from base.errors import UserError
from tools.capture.presses import FRAMES, SECONDS, Presses, PressList

SPARE, SPARE_S, SPARE_FRAMES = 1.02, 1.0, 5  # by which a list may outlast its film
LEAST_SHARE = 0.01  # of a film, that a list in a unit of our guess covers
COLUMNS = {
    "seconds": "time_s",
    "milliseconds": "time_ms",
    "microseconds": "time_us",
    "nanoseconds": "time_ns",
    FRAMES: "frame",
}
CALENDAR_S = (946_684_800, 4_102_444_800)  # 2000 to 2100, in seconds since 1970


@dataclass(frozen=True)
class FilmClock:
    """A film's length, and, when they are asked for, the times of its frames, in seconds."""

    length_s: float
    read_times: Callable[[], Sequence[float]]

    @cached_property
    def times(self) -> Sequence[float]:
        """Times at which frames are shown, in seconds; decodes the film, once."""
        return self.read_times()

    @property
    def frame_s(self) -> float:
        """Mean time that a frame is shown."""
        return self.times[-1] / max(len(self.times) - 1, 1) or 1.0


def on_film(listed: PressList, film: FilmClock, began: float | None = None) -> PressList:
    """The list in seconds since the film's first frame.

    began: what the list's clock showed at that frame, in the list's unit; 0 if None.
    Raises UserError for times that are none of this film, saying what they may be.
    """
    if began is not None:
        left_out = tuple((start - began, stop - began) for start, stop in listed.left_out)
        listed = replace(listed, rows=_since(listed.rows, began), left_out=left_out)
    unit = listed.unit or _fitting(listed, film)
    if listed.rate_fps and _retimed(listed, film):
        return _in_seconds(listed, 1 / listed.rate_fps, f"{listed.rate_fps:g} rows a second")
    if unit == FRAMES:
        return _by_frames(listed, film)
    if unit and _fits(listed, film, SECONDS[unit]):
        said = "" if listed.unit == "seconds" else f"'{listed.column}' is taken as {unit}"
        return _in_seconds(listed, SECONDS[unit], said)
    if began is None and _row_for_each_frame(listed, film):
        rows = tuple(replace(row, at=i) for i, row in enumerate(listed.rows))
        column = f"'{listed.column}' (with a row for each frame)"
        return _by_frames(replace(listed, rows=rows, column=column), film)
    raise UserError(_misfit(listed, film))


def _in_seconds(listed: PressList, second: float, said: str) -> PressList:
    """The list with times that are multiplied by the unit's length."""
    return replace(
        listed,
        rows=tuple(replace(row, at=row.at * second) for row in listed.rows),
        left_out=tuple((begin * second, end * second) for begin, end in listed.left_out),
        unit="seconds",
        notes=(said, *listed.notes) if said else listed.notes,
    )


def _by_frames(listed: PressList, film: FilmClock) -> PressList:
    """The list with the times of the frames that its rows name."""
    count, last = len(film.times), listed.rows[-1].at
    if any(row.at != int(row.at) for row in listed.rows):
        raise UserError(f"'{listed.column}' has frame numbers that are not whole")
    first = int(listed.rows[0].at == 1 and len(listed.rows) == last == count)  # counted from 1
    if last - first > count - 1 + max(SPARE_FRAMES, (SPARE - 1) * count):
        raise UserError(
            f"it goes on to frame {last:.0f}, and the film has {count} frames; was the film cut, "
            "or made anew at another rate? Take the one that the list was made with"
        )

    def time_of(number: float) -> float:
        index = number - first
        if index < count:
            return film.times[max(int(index), 0)]
        return film.times[-1] + (index - count + 1) * film.frame_s

    told = f"frames {listed.rows[0].at:.0f} to {last:.0f} of the film's {count}"
    rest = "; what comes after is left out" if listed.rate_fps and last < count - 1 else ""
    return replace(
        listed,
        rows=tuple(replace(row, at=time_of(row.at)) for row in listed.rows),
        left_out=tuple((time_of(start), time_of(stop)) for start, stop in listed.left_out),
        unit="seconds",
        notes=(
            f"{listed.column}: taken as {told}, counted from {first}{rest}",
            *listed.notes,
        ),
    )


def _retimed(listed: PressList, film: FilmClock) -> bool:
    """Return True if a film was re-encoded at another rate than its list has.

    Such a list has a row for each frame, another number of them than the film, and its length.
    """
    rows, frames = len(listed.rows), len(film.times)
    as_long = abs(rows / listed.rate_fps - film.length_s) <= max(0.5, film.length_s / 100)
    return as_long and abs(rows - frames) > max(SPARE_FRAMES, frames / 50)


def _row_for_each_frame(listed: PressList, film: FilmClock) -> bool:
    """Return True if a list on its own clock has a row for each frame, and the film's length."""
    span, length_s = listed.rows[-1].at - listed.rows[0].at, film.times[-1]
    lengths = (span * second for second in SECONDS.values())
    return len(listed.rows) == len(film.times) > 2 and any(
        abs(length - length_s) <= length_s / 20 for length in lengths
    )


def _fits(listed: PressList, film: FilmClock, second: float) -> bool:
    """Return True if most of a list lies within the film."""
    late = sum(row.at * second > film.length_s * SPARE + SPARE_S for row in listed.rows)
    return late <= len(listed.rows) / 2 and listed.rows[0].at * second <= film.length_s


def _fitting(listed: PressList, film: FilmClock) -> str:
    """The largest unit in which all of a list lies within the film; empty if there is none, or if
    it would then be over in no time."""
    last = listed.rows[-1].at
    for unit, second in _units(listed, film):
        if last * second <= film.length_s * SPARE + SPARE_S:
            covered = (last - listed.rows[0].at or last) * second
            return unit if covered >= film.length_s * LEAST_SHARE or not last else ""
    return ""


def _units(listed: PressList, film: FilmClock) -> list[tuple[str, float]]:
    """The units that a list may count in, and their lengths in seconds, the longest first."""
    whole = all(row.at == int(row.at) for row in listed.rows)
    lengths = SECONDS | ({FRAMES: film.frame_s} if whole else {})
    return sorted(lengths.items(), key=lambda item: -item[1])


def _since(rows: Sequence[Presses], began: float) -> tuple[Presses, ...]:
    """Rows on a clock that shows 0 at `began`: of those before it, what they left held."""
    before = [row for row in rows if row.at < began]
    held = [Presses(0.0, row.keys) for row in before[-1:]]
    return (*held, *(replace(row, at=row.at - began) for row in rows[len(before) :]))


def _misfit(listed: PressList, film: FilmClock) -> str:
    """Return what the times of a list may be that are not the film's."""
    first, last = listed.rows[0].at, listed.rows[-1].at
    says = (
        f"its '{listed.column}' runs from {first:.16g} to {last:.16g}, and the film is "
        f"{film.length_s:.2f} s long"
    )
    how = (
        "say what that clock showed at the film's first frame, as with --began "
        f"{first:.16g} if it was the first row's time"
    )
    for unit, second in SECONDS.items():
        if CALENDAR_S[0] <= first * second <= CALENDAR_S[1]:
            date = datetime.fromtimestamp(first * second, UTC)
            return f"{says}: {unit} since 1970 ({date:%Y-%m-%d %H:%M:%S} UTC); {how}"
    if first > last - first:
        return f"{says}: its clock began before the film; {how}"
    for unit, second in _units(listed, film):
        if last * second <= film.length_s * SPARE + SPARE_S and unit != listed.unit:
            return f"{says}; if these are {unit}, call the column '{COLUMNS[unit]}'"
    return f"{says}: they do not belong together"
