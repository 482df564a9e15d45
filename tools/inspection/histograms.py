"""Counts drawn as bars, to be looked at beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np

from engine.contracts import Frame

GROUND, INK, QUIET = (24, 24, 24), (235, 235, 235), (150, 150, 150)
BAR = (255, 206, 92)
FONT = cv2.FONT_HERSHEY_SIMPLEX
ROW_PX, LABEL_PX, BAR_PX, SHARE_PX, GAP_PX = 18, 120, 220, 70, 16
SCALE = 0.4  # of the font
LONGEST_LABEL = 16  # letters

Counts = Mapping[str, int]  # label -> how often, in the order of the bars


def draw_histograms(panels: Mapping[str, tuple[Counts, int]]) -> Frame:
    """A picture (H, W, 3) with a column for each panel: title -> counts, and what is all of them.

    A bar's length is its share of the longest in its panel, the number beside it its share of all.
    Panels without counts are left out.
    """
    columns = [_column(title, *panel) for title, panel in panels.items() if panel[0]]
    height = max(len(column) for column in columns)
    return np.concatenate([_extended(column, height) for column in columns], axis=1)


def length_counts(lengths: Sequence[int], bins: int = 12) -> dict[str, int]:
    """Return the number of lengths in each of some equal ranges, named "from-to"."""
    edges = np.unique(np.linspace(min(lengths), max(lengths) + 1, bins + 1).astype(int))
    counts, _ = np.histogram(lengths, bins=edges)
    names = [f"{first}-{after - 1}" for first, after in pairwise(edges.tolist())]
    return dict(zip(names, counts.tolist(), strict=True))


def _column(title: str, counts: Counts, total: int) -> Frame:
    width = GAP_PX + LABEL_PX + BAR_PX + SHARE_PX
    picture = np.full(((len(counts) + 1) * ROW_PX + 2 * GAP_PX, width, 3), GROUND, np.uint8)
    _write(picture, title, GAP_PX, GAP_PX + ROW_PX - 5, INK)
    longest = max(1, *counts.values())
    for row, (label, count) in enumerate(counts.items(), start=1):
        top = GAP_PX + row * ROW_PX
        base, left = top + ROW_PX - 5, GAP_PX + LABEL_PX
        _write(picture, label[:LONGEST_LABEL], GAP_PX, base, INK if count else QUIET)
        end = left + round(BAR_PX * count / longest)
        picture[top + 2 : top + ROW_PX - 2, left : max(end, left + bool(count))] = BAR
        _write(picture, f"{count / max(1, total):.2%}", left + BAR_PX + 6, base, QUIET)
    return picture


def _extended(column: Frame, height: int) -> Frame:
    below = np.full((height - len(column), *column.shape[1:]), GROUND, np.uint8)
    return np.concatenate([column, below])


def _write(picture: Frame, text: str, left: int, base: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, (left, base), FONT, SCALE, colour, 1, cv2.LINE_AA)
