"""The probe for Breakout's pictures, held to what the emulator's memory says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.games.atari import AtariWorld
from tools.evaluation import breakout_probe as probe

BALL_X, BALL_Y, PADDLE_X = 99, 101, 72  # addresses in the console's memory


@cache
def play() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Frames (N, 64, 64, 3) and memory (N, 128) of games in which the paddle follows the ball."""
    world, rng = AtariWorld("breakout"), np.random.default_rng(0)
    frames, memories = [], []
    for seed in range(3):
        world.reset(seed)
        aim = 0.0
        for _ in range(250):
            memory = world.ram().astype(int)
            if rng.random() < 0.1:
                aim = rng.normal(0, 8)
            off = memory[BALL_X] - memory[PADDLE_X] - 8 + aim
            side = "NOOP" if abs(off) < 4 else ("RIGHT" if off > 0 else "LEFT")
            name = "FIRE" if memory[BALL_Y] == 0 and rng.random() < 0.2 else side
            frames.append(world.step(world.actions.named(name)).frame)
            memories.append(world.ram().astype(np.int64))
    return np.stack(frames), np.stack(memories)


def test_the_ball_is_seen_where_it_is() -> None:
    frames, memory = play()
    x, y = memory[:, BALL_X], memory[:, BALL_Y]
    inside = (y > 95) & (y < 163)
    assert inside.sum() > 200
    found = [probe.balls(frame) for frame in frames[inside]]
    assert np.mean([len(balls) == 1 for balls in found]) >= 0.99
    for balls, at_x, at_y in zip(found, x[inside], y[inside], strict=True):
        for ball in balls:  # in the emulator's own pixels: 160 x 210, the frame half a step old
            assert ball[0] == pytest.approx((at_x - 48) * 64 / 160, abs=1.5)
            assert ball[1] == pytest.approx((at_y + 9) * 64 / 210, abs=1.5)


def test_no_ball_is_seen_where_there_is_none() -> None:
    frames, memory = play()
    y = memory[:, BALL_Y]
    gone = (y == 0) & (np.roll(y, 1) == 0)
    among_bricks = (y > 40) & (y < 80)
    assert gone.sum() > 5 and among_bricks.any()
    assert not any(probe.balls(frame) for frame in frames[gone | among_bricks])


def test_the_paddle_is_seen_where_it_is() -> None:
    frames, memory = play()
    seen = [probe.paddle_x(frame) for frame in frames]
    assert None not in seen
    expected = (memory[:, PADDLE_X] - 39) * 64 / 160  # the paddle's middle, before the wall cuts it
    assert np.abs(np.array(seen, float) - expected).max() < 3


def test_the_game_itself_is_whole() -> None:
    frames, _ = play()
    assert all(probe.walls_stand(frame) and probe.field_is_dark(frame) for frame in frames)
    bricks = [probe.brick_share(frame) for frame in frames]
    assert bricks[0] > 0.95 and 0.5 < min(bricks) < 0.99


@pytest.fixture
def frame() -> NDArray[np.uint8]:
    """A frame of a game with its ball and paddle painted out."""
    picture = play()[0][0].copy()
    picture[29:60, 4:60] = 0
    assert not probe.balls(picture) and probe.paddle_x(picture) is None
    return picture


RED = np.array((200, 72, 72))


def paint(frame: NDArray[np.uint8], y: int, x: int, shares: list[list[float]]) -> None:
    """Cover pixels by the ball's red, each by its share."""
    for dy, row in enumerate(shares):
        for dx, share in enumerate(row):
            frame[y + dy, x + dx] = (RED * share).round()


def test_balls_and_what_only_resembles_them(frame: NDArray[np.uint8]) -> None:
    looks: dict[str, tuple[list[list[float]], bool]] = {
        "sharp": ([[0.8, 0.5]], True),
        "between pixels": ([[0.4, 0.4], [0.4, 0.4]], True),
        "two moments of it": ([[0.7, 0.2, 0], [0, 0.3, 0.7]], True),
        "too dim": ([[0.35, 0.35], [0.35, 0.35]], False),
        "a spark": ([[0.5]], False),
        "a splash": ([[0.9, 0.9, 0.9], [0.9, 0.9, 0.9]], False),
        "a smear": ([[0.5, 0.5, 0.5, 0.5]], False),
        "a stroke": ([[0.5], [0.5], [0.5], [0.5]], False),
    }
    for name, (shares, is_ball) in looks.items():
        picture = frame.copy()
        paint(picture, 40, 30, shares)
        assert bool(probe.balls(picture)) is is_ball, name


def test_only_red_is_a_ball(frame: NDArray[np.uint8]) -> None:
    red, grey, blue = (160, 58, 58), (160, 160, 160), (66, 72, 200)
    for colour, is_ball in ((red, True), (grey, False), (blue, False)):
        picture = frame.copy()
        picture[40:42, 30] = colour
        assert bool(probe.balls(picture)) is is_ball


def test_two_balls_are_two(frame: NDArray[np.uint8]) -> None:
    paint(frame, 40, 30, [[0.8, 0.5]])
    paint(frame, 50, 10, [[0.8, 0.5]])
    assert probe.balls(frame) == [
        pytest.approx((30.4, 40), abs=0.1),
        pytest.approx((10.4, 50), abs=0.1),
    ]


def test_paddles_and_what_only_resembles_them(frame: NDArray[np.uint8]) -> None:
    def bars(*places: tuple[int, int]) -> float | None:
        picture = frame.copy()
        for first, width in places:
            picture[57, first : first + width] = RED * 0.4
            picture[58, first : first + width] = RED * 0.8
        return probe.paddle_x(picture)

    assert bars((20, 7)) == pytest.approx(23)
    assert bars((20, 7), (40, 2)) == pytest.approx(23), "the ball passes by"
    assert bars((20, 7), (40, 5)) is None, "two paddles"
    assert bars((10, 30)) is None, "a smear"
    assert bars() is None


def test_a_game_that_goes_to_pieces(frame: NDArray[np.uint8]) -> None:
    washed = (frame * 0.5 + 50).astype(np.uint8)
    assert not probe.field_is_dark(washed)
    assert probe.brick_share(washed) < 0.6
    dim = (frame * 0.7).astype(np.uint8)
    assert not probe.walls_stand(dim)
    broken = frame.copy()
    broken[30:40, :3] = 0
    assert not probe.walls_stand(broken)
    littered = frame.copy()
    littered[40:44, 20:30] = 90
    assert not probe.field_is_dark(littered)
