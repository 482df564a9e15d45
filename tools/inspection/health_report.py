"""Reports on a folder of recordings: lines for people, and plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from datasets.inspect.health import STRETCH_S, Health
from datasets.inspect.repeats import UnchangingSpan
from datasets.inspect.verdict import clipped, share_of_looked_at, to_record, warnings

MOST_REWARDS = 20  # told one by one
MOST_LISTED = 10  # files of one kind
INDENT = "\n            "


def described(health: Health) -> list[str]:
    """The figures, a line each."""
    steps, lengths = health.steps, health.lengths
    minutes = steps / health.rate_fps / 60
    short, middle, long = (int(n) for n in np.percentile(lengths, [0, 50, 100]))
    height, width, _ = health.frame_shape
    mouse = [f"mouse:      {_mouse(health)}"] if health.mouse else []
    return [
        f"game:       {health.game} at {health.rate_fps:g} steps/s, {width} x {height} pixels",
        f"episodes:   {len(lengths)} by {_parts(health.players, len(lengths))}",
        f"steps:      {steps} ({minutes:.1f} minutes); {short} to {long} an episode, half of "
        f"them over {middle}",
        f"played:     {_parts(health.mixture, steps)}",
        f"actions:    {_parts(health.actions, steps)}",
        f"idle:       {health.idle / steps:.1%} of the steps",
        *mouse,
        f"motion:     {INDENT.join(map(str, health.explained)) or 'few steps go a way'}",
        f"rewards:    {_rewards(health)}",
        f"ends:       {health.ended} games over, {len(lengths) - health.ended} cut off, "
        f"{health.lives_lost} lives lost{_unmarked(health)}",
        f"looked at:  {health.looked_at / health.frames:.0%} of the frames, for stretches of "
        f"{STRETCH_S:g} s or more",
        f"frozen:     {_stretches(health, health.frozen)}",
        f"repeated:   {_stretches(health, health.repeated)}",
        f"channels:   {health.channels}",
        f"duplicates: {_files([f'{a.name} = {b.name}' for a, b in health.duplicates])}",
        f"left out:   {_files(list(health.skipped.values()))}",
    ]


def _unmarked(health: Health) -> str:
    """Return a note for recordings whose rewards and lost lives are unknown, not zero."""
    if not health.unmarked:
        return ""
    return f" (rewards and lives lost of {health.unmarked} episodes are not known)"


def to_json(folder: Path, health: Health) -> dict[str, Any]:
    """Return all of it as plain data, with the warnings and what to record more of."""
    return {
        "folder": str(folder),
        "game": health.game,
        "rate_fps": health.rate_fps,
        "frame_shape": list(health.frame_shape),
        "episodes": len(health.lengths),
        "steps": health.steps,
        "lengths": {"min": min(health.lengths), "max": max(health.lengths)},
        "players": dict(health.players),
        "mixture": dict(health.mixture),
        "actions": health.actions,
        "idle_share": health.idle / health.steps,
        "mouse": {way: _named(counts) for way, counts in health.mouse.items()},
        "mouse_clipped_share": clipped(health),
        "motion": [
            {
                "axis": axis.axis,
                "steps": axis.steps,
                "moves": axis.moves,
                "correlation": axis.correlation,
                "lag": axis.lag,
            }
            for axis in health.explained
        ],
        "rewards": _named(health.rewards),
        "ended": health.ended,
        "lives_lost": health.lives_lost,
        "episodes_of_unknown_rewards": health.unmarked,
        "looked_at_share": health.looked_at / health.frames,
        "frozen_share": share_of_looked_at(health.frozen, health),
        "frozen": _places(health.frozen),
        "repeated_share": share_of_looked_at(health.repeated, health),
        "repeated": _places(health.repeated),
        "channels": {
            "order": health.channels.order,
            "certainty": health.channels.certainty,
            "reason": health.channels.reason,
        },
        "duplicates": [[copy.name, first.name] for copy, first in health.duplicates],
        "left_out": {path.name: reason for path, reason in health.skipped.items()},
        "warnings": list(warnings(health)),
        "record_more_of": to_record(health),
    }


def _parts(counts: Mapping[str, int], total: int) -> str:
    return ", ".join(f"{name} {count} ({count / total:.1%})" for name, count in counts.items())


def _mouse(health: Health) -> str:
    told = []
    for way, counts in health.mouse.items():
        ends = sum(counts[end] for end in (min(counts), max(counts)))
        told.append(f"{way} at the end of its range in {ends / health.steps:.1%} of the steps")
    return ", ".join(told)


def _rewards(health: Health) -> str:
    if not health.rewards:
        return "none"
    total = sum(value * count for value, count in health.rewards.items())
    common = sorted(health.rewards.most_common(MOST_REWARDS))
    each = ", ".join(f"{value:+g} × {count}" for value, count in common)
    if (others := len(health.rewards) - len(common)) > 0:
        each += f" and {others} others"
    return f"{each}; {total / len(health.lengths):.1f} an episode"


def _stretches(health: Health, stretches: Sequence[UnchangingSpan]) -> str:
    if not stretches:
        return "never"
    longest = max(stretches, key=lambda stretch: stretch.steps)
    return (
        f"{share_of_looked_at(stretches, health):.1%} of the time, in {len(stretches)} stretches; "
        f"the longest {longest.steps} steps from frame {longest.start} of {longest.path.name}"
    )


def _files(lines: list[str]) -> str:
    if not lines:
        return "none"
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return INDENT.join([*lines[:MOST_LISTED], *more])


def _places(stretches: Sequence[UnchangingSpan]) -> list[list[object]]:
    return [[stretch.path.name, stretch.start, stretch.steps] for stretch in stretches]


def _named(counts: Mapping[Any, int]) -> dict[str, int]:
    named: Counter[str] = Counter()
    for value, count in sorted(counts.items()):
        named[f"{value:g}"] += count  # some have a name in common
    return dict(named)
