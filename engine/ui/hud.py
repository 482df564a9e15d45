"""The heads-up display: figures in cells, and the line of slow motion."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts import Notes
from engine.player.pacing import Spread, keeps_up

Cells = Notes  # (label, value) pairs


@dataclass(frozen=True)
class Figures:
    """Figures of a game. None: not known yet.

    rate_fps: steps per second.
    model:    milliseconds of a step of the world.
    input:    milliseconds from a key to the picture of its effect; shown as median / p95 / p99.
    notes:    cells of the world itself.
    runtime:  that the world runs on; empty leaves its row to the line.
    """

    rate_fps: float | None = None
    model: Spread | None = None
    input: Spread | None = None
    action: str = ""
    reward: float = 0.0
    total: float = 0.0
    notes: Notes = ()
    runtime: str = ""


def rows(figures: Figures) -> tuple[Cells, ...]:
    """Return rows of (label, value) cells: two, and one each for notes and runtime if there are."""
    first: Cells = (
        ("steps/s", _number(figures.rate_fps)),
        ("model ms", _number(figures.model.median_ms if figures.model else None)),
        ("input ms", _spread(figures.input)),
    )
    second: Cells = (
        ("action", figures.action or "-"),
        ("reward", f"{figures.reward:+g}" if figures.reward else "0"),
        ("return", f"{figures.total:g}"),
    )
    runtime: Cells = (("", figures.runtime),) if figures.runtime else ()
    return (first, second, *(row for row in (figures.notes, runtime) if row))


def slow_motion(rate_fps: float | None, natural_fps: float) -> str:
    """Return a line if the machine cannot keep the game's natural rate; else empty."""
    if rate_fps is None or keeps_up(rate_fps, natural_fps):
        return ""
    return f"slow motion: {rate_fps:.1f} of {natural_fps:g} steps/s"


def _spread(values: Spread | None) -> str:
    if values is None:
        return "-"
    return f"{values.median_ms:.0f} / {values.p95_ms:.0f} / {values.p99_ms:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
