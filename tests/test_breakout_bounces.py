"""Where Breakout's ball bounces is seen in pictures alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from base.errors import UserError
from tests.recordings import record_toys
from tools.breakout_bounces import BouncesConfig, bounces, list_bounces

RED = (200, 72, 72)


def pictures(*places: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Frames with a ball at (x, y), or with none."""
    frames = np.zeros((len(places), 64, 64, 3), np.uint8)
    for frame, place in zip(frames, places, strict=True):
        if place:
            x, y = place
            frame[y, x : x + 2] = RED
    return frames


@pytest.mark.parametrize(
    ("places", "kind"),
    [
        (((30, 49), (33, 53), (36, 49)), "paddle"),
        (((30, 49), (33, 53), (36, 54)), "paddle"),  # the step ended soon after it
        (((30, 40), (27, 44), (24, 42)), "brick"),  # turned upwards where no paddle is
        (((30, 38), (33, 34), (36, 37)), "brick"),
        (((52, 38), (56, 40), (54, 42)), "wall"),
        (((30, 38), (33, 40), (36, 42)), None),
        (((30, 49), None, (36, 49)), "paddle"),  # which hid it
        ((None, None, (36, 38)), "comes"),
        (((30, 49), (33, 53), None), None),
        (((30, 49), (33, 53), (36, 40)), None),  # another ball
    ],
)
def test_bounces(places: tuple[tuple[int, int] | None, ...], kind: str | None) -> None:
    found = [kind for frame, kind in bounces(pictures(*places)) if frame == 2]
    assert found == ([kind] if kind else [])


@pytest.mark.parametrize("shape", [(8, 8), (64, 64)])
def test_recordings_of_another_game_are_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Of whatever size: its pictures were taken for Breakout's."""
    record_toys(tmp_path / "toys", 9, shape=shape)
    with pytest.raises(UserError, match="no recordings of Breakout"):
        list_bounces(BouncesConfig(tmp_path / "toys", tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
