"""What a picture of Breakout shows: the ball, the paddle, bricks and walls.

Looks at 64 x 64 pictures alone, so it judges recorded and dreamed frames alike. Positions are in
pixels, x to the right and y down. The emulator's ball is 2 x 4 of its own pixels, which area
averaging turns into a blob of up to 3 x 3 whose brightness adds up to one or two pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.contracts import Frame

FIELD = (slice(29, 57), slice(3, 61))  # between bricks and paddle, wall to wall
INNER = (slice(29, 57), slice(4, 60))  # the same without the columns that the walls touch
PADDLE = (slice(57, 59), slice(4, 60))
SIDE_WALLS = ((slice(10, 56), slice(0, 3)), (slice(10, 56), slice(61, 64)))
TOP_WALL = (slice(6, 9), slice(0, 64))
BRICKS = (slice(17, 28), slice(4, 60))

BALL_RED = 128  # how much redder than anything else a pixel is that the ball covers
BALL_EDGE = 13  # a blob ends where a tenth of that is left
BALL_PEAK = 50  # half of a typical ball's brightest pixel
BALL_SIDE = 3
BALL_MASS = (0.7, 2.3)  # pixels' worth of red: real ones have 0.8 to 2.0
PADDLE_RED = 156  # of both rows together, under the paddle
PADDLE_WIDTH = (2, 13)
WALL_GREY, WALL_NEAR = 142, 24
DARK = 40
BRICK_NEAR = 40
BRICK_ROWS = np.array(
    [
        (126, 45, 45), (200, 72, 72), (198, 101, 61), (198, 108, 58),
        (181, 122, 48), (177, 128, 47), (162, 162, 42), (134, 161, 51),
        (72, 160, 72), (69, 117, 134), (66, 72, 200),
    ],
    np.int16,
)  # fmt: skip


def balls(frame: Frame) -> list[tuple[float, float]]:
    """Centres (x, y) of everything in the field that looks like the ball.

    A ball is a compact red blob: no wider and no higher than the real one, with a brightest pixel
    at least half as bright as usual, and with neither less nor more light than real ones have.
    Smears, shadows and splashes do not count.
    """
    red = np.clip(_redness(frame[FIELD]), 0, None)
    mask = (red > BALL_EDGE).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for label in range(1, count):
        width, height = boxes[label, cv2.CC_STAT_WIDTH], boxes[label, cv2.CC_STAT_HEIGHT]
        if max(width, height) > BALL_SIDE:
            continue
        ys, xs = np.nonzero(labels == label)
        light = red[ys, xs].astype(np.float64)
        mass = light.sum() / BALL_RED
        if light.max() >= BALL_PEAK and BALL_MASS[0] <= mass <= BALL_MASS[1]:
            x, y = np.average(xs, weights=light), np.average(ys, weights=light)
            found.append((float(x) + FIELD[1].start, float(y) + FIELD[0].start))
    return found


def paddle_x(frame: Frame) -> float | None:
    """The middle of the paddle; None where there is no one bar of a paddle's size.

    A second bar may be as wide as the ball, which passes by.
    """
    red = np.clip(_redness(frame[PADDLE]), 0, None).sum(axis=0) / PADDLE_RED
    edges = np.flatnonzero(np.diff(np.pad(red > 0.4, 1))).reshape(-1, 2)
    widths = sorted(int(last - first) for first, last in edges)
    if not widths or not PADDLE_WIDTH[0] <= widths[-1] <= PADDLE_WIDTH[1]:
        return None
    if len(widths) > 1 and widths[-2] > BALL_SIDE:
        return None
    first, last = max(edges, key=lambda edge: int(edge[1] - edge[0]))
    return float(np.average(np.arange(first, last), weights=red[first:last])) + PADDLE[1].start


def walls_stand(frame: Frame) -> bool:
    """Nearly all of each wall is the walls' grey."""
    return all(
        float((np.abs(frame[wall].astype(np.int16) - WALL_GREY) <= WALL_NEAR).mean()) >= 0.95
        for wall in (*SIDE_WALLS, TOP_WALL)
    )


def field_is_dark(frame: Frame) -> bool:
    """Between bricks and paddle there is next to nothing but black: the ball covers 9 pixels."""
    return float((frame[INNER].max(axis=-1) > DARK).mean()) <= 0.02


def brick_share(frame: Frame) -> float:
    """Return the share, 0 to 1, of the bricks' area that has the colour of a brick there."""
    off = np.abs(frame[BRICKS].astype(np.int16) - BRICK_ROWS[:, None]).max(axis=-1)
    return float((off <= BRICK_NEAR).mean())


def _redness(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Red above the larger of green and blue: 0 for black and grey, 128 for ball and paddle."""
    wide = pixels.astype(np.int16)
    redness: NDArray[np.int16] = wide[..., 0] - wide[..., 1:].max(axis=-1)
    return redness
