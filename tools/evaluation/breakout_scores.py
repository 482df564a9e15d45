"""Figures of how well a dreamed Breakout can be played, judged by
tools/evaluation/breakout_probe.py.

Shapes: N steps, H W pixels. Frames are uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datasets.store import FrameWindow
from engine.contracts import World
from tools.evaluation import breakout_probe as probe
from tools.evaluation.breakout_futures import BreakoutFutures
from tools.evaluation.dreams import Advance, Dream, Excerpt, Footage

MOVED_LEVELS = 8  # a pixel that changes by less has not moved
GAME_DRAWS = 4
LOST_ROW = 51.0  # a ball seen so low may be below the paddle in the next frame
SERVED_STEPS = 30  # two seconds: a script that serves every eight steps needs no longer
BRICKS_KEPT = 0.5  # of those at the start; random play hits a few


def life(
    dreams: Sequence[Dream], recorded: Sequence[FrameWindow], context: int
) -> dict[str, float]:
    """Share of frames that show a ball where the recorded frame shows one.

    With its standard error, as other starts would have given another share. Also of those with
    exactly one, of the first ten steps alone, and of frames that show a ball where the recording
    shows none.
    """
    real = np.array([[len(probe.balls(f)) for f in w.frames[context:]] for w in recorded])
    made = np.array([[len(probe.balls(f)) for f in dream.frames] for dream in dreams])
    seen = real > 0
    return {
        "life": share(made > 0, seen),
        "life_error": share_error(made > 0, seen),
        "life_one_ball": share(made == 1, seen),
        "life_first_10": share(made[:, :10] > 0, seen[:, :10]),
        "life_last_10": share(made[:, -10:] > 0, seen[:, -10:]),
        "ball_without_one": share(made > 0, ~seen),
    }


def life_of_game(footage: Footage, recorded: Sequence[Excerpt], context: int) -> dict[str, float]:
    """Life where Breakout itself goes on, but for what no picture tells: what there is to reach.

    From those of the excerpts that it can be played to again, GAME_DRAWS times each; empty if there
    are none.
    """
    game, rng = BreakoutFutures(footage, context), np.random.default_rng(0)
    known = [start for start in recorded if game.leads_to(start)] * GAME_DRAWS
    if not known:
        return {}
    shown = [Dream(game.follow(start, rng)) for start in known]
    return {"life_game": life(shown, [start.window for start in known], context)["life"]}


def endurance(world: World, steps: int, seed: int, advance: Advance) -> dict[str, float]:
    """Play at random for long and count the frames in which the game has gone to pieces.

    walls, field, paddle: frames where they are not as breakout_probe.py describes them; bricks:
    frames with less than half of the bricks of the start. longest_still: steps in a row in which
    nothing moved. A game that ends is followed by the next, from the next start.
    """
    rng = np.random.default_rng(seed)
    counts = dict.fromkeys(("walls", "field", "paddle", "bricks"), 0)
    games, still, longest = 1, 0, 0
    last = world.reset(seed, 0)
    bricks = probe.brick_share(last)
    for _ in range(steps):
        step = world.step(world.actions.random(rng))
        frame = step.frame
        counts["walls"] += not probe.walls_stand(frame)
        counts["field"] += not probe.field_is_dark(frame)
        counts["paddle"] += probe.paddle_x(frame) is None
        counts["bricks"] += probe.brick_share(frame) < BRICKS_KEPT * bricks
        moved = np.abs(frame.astype(np.int16) - last).max() > MOVED_LEVELS
        still = 0 if moved else still + 1
        longest = max(longest, still)
        last = frame
        if step.ended:
            last = world.reset(seed + games, games)
            bricks, games = probe.brick_share(last), games + 1
        advance()
    broken = {f"random_play_without_{name}": count for name, count in counts.items()}
    return {**broken, "random_play_longest_still": longest, "random_play_games": games}


def alive(frames: NDArray[np.uint8]) -> dict[str, NDArray[np.bool_]]:
    """Return for each frame of a play (N, H, W, 3) whether there is one paddle, and a ball unless
    one is about to be served.

    A ball that was last seen at the bottom is lost: nothing is missing until the next is served,
    for SERVED_STEPS at most.
    """
    paddle = np.array([probe.paddle_x(frame) is not None for frame in frames])
    ball = np.zeros(len(frames), bool)
    waited, lost = 0, True  # a play begins before the first serve
    for at, frame in enumerate(frames):
        found = probe.balls(frame)
        if found:
            waited, lost = 0, max(y for _, y in found) >= LOST_ROW
        waited += not found
        ball[at] = bool(found) or (lost and waited <= SERVED_STEPS)
    return {"paddle": paddle, "ball": ball}


def share(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    """Share of `of` in which `hits` holds as well; nan where there is nothing."""
    return float(hits[of].mean()) if of.any() else float("nan")


def share_error(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    """Standard error of `share`, of dreams (N, steps); nan of fewer than two, or of nothing.

    A ball that is lost stays lost for a while, so whole dreams count as drawn, not their steps: the
    error of a ratio of two means (Cochran 1977, "Sampling Techniques", 2.11).
    """
    sizes, count = of.sum(axis=1), len(of)
    if count < 2 or not sizes.any():
        return float("nan")
    off = (hits & of).sum(axis=1) - share(hits, of) * sizes
    return float(np.sqrt(count / (count - 1) * np.square(off).sum()) / sizes.sum())
