"""Where Breakout's ball bounces is seen in pictures alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from base.errors import UserError
from datasets.segments import Segments
from datasets.store import Store
from tests.recordings import record_toys
from tools import breakout_probe as probe
from tools.breakout_bounces import KINDS, BouncesConfig, bounces, list_bounces
from tools.record import RecordConfig, record
from training.hard_places import read_hard_places

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


def test_of_a_recorded_game_the_trainer_gets_windows_that_end_with_a_ball(tmp_path: Path) -> None:
    folder, out = tmp_path / "games", tmp_path / "bounces.csv"
    record(RecordConfig("breakout", folder, player="scripted", steps=400, seed=1))
    list_bounces(BouncesConfig(folder, out))
    store = Store(folder)
    segments = Segments(store, range(len(store)), 2)
    known = read_hard_places(out, segments)
    assert len(known) == len(KINDS)
    for episode, first in (place for kind in known for place in kind):
        assert probe.balls(segments.read(episode, first).window.frames[-1])


@pytest.mark.parametrize("shape", [(8, 8), (64, 64)])
def test_recordings_of_another_game_are_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    """Of whatever size: its pictures were taken for Breakout's."""
    record_toys(tmp_path / "toys", 9, shape=shape)
    with pytest.raises(UserError, match="no recordings of Breakout"):
        list_bounces(BouncesConfig(tmp_path / "toys", tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
