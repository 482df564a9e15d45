"""Motion between the steps of a game: at the display's rate, labelled, and only on the screen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.player.interpolation import Interpolation
from engine.ui.screen import Event
from tests.support.scripted_game import TICK_S, Game, dream, hold, play_script, same, tap

PICTURES = 4  # of a null window, 60 in a second, to a step of the toy


def play(events: list[Event], folder: Path, ticks: int, interpolate: bool = True) -> Game:
    return play_script(events, folder, ticks=ticks, interpolate=interpolate)


def test_motion_ends_in_the_newer_frame_itself() -> None:
    before, after = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    motion = Interpolation(before, after, started=10.0, period_s=0.1, pictures=4)
    assert [motion.number(10 + t) for t in (0, 0.02, 0.025, 0.05, 0.075, 0.2)] == [0, 0, 1, 2, 3, 3]
    assert motion.due(3) == pytest.approx(10.075)
    assert [int(motion.picture(n).max()) for n in range(4)] == [50, 100, 150, 200]
    assert motion.picture(3) is after
    assert before.max() == 0 and after.min() == 200


def test_pictures_between_steps_come_at_the_rate_of_the_display(tmp_path: Path) -> None:
    game = play(hold("d", 2, 8), tmp_path, ticks=11)
    # The first frame, and those of eleven steps, of which the last is cut short by leaving.
    shown = game.window.frames[1:]
    assert len(shown) in range(10 * PICTURES, 11 * PICTURES + 1)
    steps = dream(game.diary.actions)
    for i in range(10):
        before, after = steps[i].astype(int), steps[i + 1].astype(int)
        for n, picture in enumerate(shown[i * PICTURES : (i + 1) * PICTURES]):
            mixed = before + (after - before) * (n + 1) / PICTURES
            assert np.abs(picture - mixed).max() <= 0.5 + 1e-6


def test_who_follows_the_game_gets_the_frames_of_the_world_alone(tmp_path: Path) -> None:
    events = [*hold("d", 2, 8), *hold("backspace", 12, 14)]
    game, plain = (play(events, tmp_path, 20, interpolate) for interpolate in (True, False))
    assert same(game.diary.frames, plain.diary.frames)
    assert game.diary.lines == plain.diary.lines


def test_without_it_nothing_is_drawn_between_steps(tmp_path: Path) -> None:
    game = play([], tmp_path, 10, interpolate=False)
    assert same(game.window.frames, dream(["NOOP"] * 10))
    assert not any("interpolated" in str(picture.hud) for picture in game.window.pictures)


def test_the_figures_say_so(tmp_path: Path) -> None:
    game = play([], tmp_path, 5)
    shown = [picture for picture in game.window.pictures if picture.frame is not None]
    assert all(("display", "interpolated") in picture.hud[2] for picture in shown)


def test_an_effect_counts_when_its_frame_is_whole(tmp_path: Path) -> None:
    game = play(hold("d", 3, 5), tmp_path, ticks=12)
    latency = game.timings.summary()["input to display"]
    waited, moved = TICK_S / 2, TICK_S * (PICTURES - 1) / PICTURES
    assert latency["median_ms"] == pytest.approx((waited + moved) * 1e3, abs=0.01)
    assert latency["count"] == 2


def test_a_pause_lets_the_motion_end_and_then_draws_nothing(tmp_path: Path) -> None:
    game = play(tap("p", 3.1), tmp_path, ticks=300)
    assert same(game.window.frames[-1:], dream(["NOOP"] * 4)[-1:])
    assert game.window.polls < 150


def test_what_was_rewound_is_shown_as_it_was(tmp_path: Path) -> None:
    game = play(hold("backspace", 10, 15), tmp_path, ticks=16)
    past = [p.frame for p in game.window.pictures if p.line == "rewinding"][1:]
    frames = dream(["NOOP"] * 10)
    assert past and all(any(same([frame], [one]) for one in frames) for frame in past)
