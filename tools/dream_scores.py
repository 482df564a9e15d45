"""Figures of how well a cartridge dreams, measured with the very runtime that plays it.

Shapes: T context frames, N steps, A action width, H W pixels. Frames are uint8 RGB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.segments import Segments
from datasets.store import Store, Window
from engine.contracts import ActionVector, World
from models.dream import noise_of
from models.reward_end import REWARDS
from models.runtime import Runner
from tools import breakout_probe as probe

MOST_DB = 60.0  # two equal frames count as this, not as infinitely alike
MOVED_LEVELS = 8  # a pixel that changes by less has not moved
LONGEST_STILL = 45  # steps: three seconds; the game itself, idling, stands still for up to 40
APART_PX = 4.0  # half a paddle
BRICKS_KEPT = 0.5  # of those at the start; random play hits a few

Frames = NDArray[np.uint8]  # (N, H, W, 3)
Advance = Callable[[], object]  # called after every network step, to show progress


@dataclass(frozen=True)
class Dream:
    """N dreamed steps: frames uint8 (N, H, W, 3) and the logits of their events (N, EVENTS)."""

    frames: Frames
    events: NDArray[np.float32]


def dream_on(
    runner: Runner, frames: Frames, actions: NDArray[np.float32], seed: int, advance: Advance
) -> Dream:
    """Dream on from a context under given actions.

    frames (T, H, W, 3) and actions (T + N - 1, A), of which row t was taken at frame t.
    """
    length = len(frames)
    made, events = [], []
    for step in range(len(actions) - length + 1):
        noise = noise_of(seed, step, (3, *frames.shape[1:3]))
        frame, logits = runner.run(
            {"frames": frames, "actions": actions[step : step + length], "noise": noise}
        )
        frames = np.concatenate([frames[1:], frame[None]])
        made.append(frame)
        events.append(logits)
        advance()
    return Dream(np.stack(made), np.stack(events))


def windows(store: Store, episodes: Sequence[int], length: int, count: int) -> list[Window]:
    """`count` windows of `length` frames, or all there are, spread evenly over some episodes."""
    segments = Segments(store, episodes, length)
    return [segments[i].window for i in spread(np.arange(len(segments)), count).tolist()]


def mean_error(frames: Frames, others: Frames) -> NDArray[np.float64]:
    """Mean squared error of each pair of frames (N,), of values between 0 and 1."""
    off = (frames.astype(np.float64) - others) / 255
    error: NDArray[np.float64] = (off**2).mean(axis=(1, 2, 3))
    return error


def psnr_db(error: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of mean squared errors, in dB, at most MOST_DB."""
    ratio: NDArray[np.float64] = -10 * np.log10(np.maximum(error, 10 ** (-MOST_DB / 10)))
    return ratio


def one_step(
    runner: Runner, recorded: Sequence[Window], context: int, advance: Advance
) -> dict[str, float]:
    """Likeness of the next frame to the recorded one, and of the last frame ("still").

    The figure is the mean of the frames' PSNR over steps in which the recording changes at all:
    where it does not, standing still is perfect and its PSNR infinite. Two other readings are
    given beside it: the same over all steps, and the PSNR of the mean error over all steps.
    """
    dreamed = np.concatenate(
        [
            dream_on(runner, w.frames[:context], w.actions[:context], i, advance).frames
            for i, w in enumerate(recorded)
        ]
    )
    true = np.stack([w.frames[context] for w in recorded])
    last = np.stack([w.frames[context - 1] for w in recorded])
    error, still = mean_error(dreamed, true), mean_error(last, true)
    changed = still > 0
    return {
        "psnr_1_db": psnr_db(error[changed]).mean(),
        "psnr_1_still_db": psnr_db(still[changed]).mean(),
        "psnr_1_all_db": psnr_db(error).mean(),
        "psnr_1_all_still_db": psnr_db(still).mean(),
        "psnr_1_of_mean_error_db": float(psnr_db(error.mean())),
        "psnr_1_of_mean_error_still_db": float(psnr_db(still.mean())),
        "psnr_1_steps": int(changed.sum()),
    }


def long_dreams(
    runner: Runner, recorded: Sequence[Window], context: int, advance: Advance
) -> list[Dream]:
    """Dream through each recorded window of T + N frames, under its actions."""
    return [
        dream_on(runner, w.frames[:context], w.actions[:-1], i, advance)
        for i, w in enumerate(recorded)
    ]


def last_frames(
    dreams: Sequence[Dream], recorded: Sequence[Window], context: int
) -> dict[str, float]:
    """Likeness of the dreams' last frames to the recorded ones: mean PSNR over the dreams."""
    true = np.stack([w.frames[-1] for w in recorded])
    last = np.stack([w.frames[context - 1] for w in recorded])
    steps = len(recorded[0].frames) - context
    made = np.stack([dream.frames[-1] for dream in dreams])
    return {
        f"psnr_{steps}_db": psnr_db(mean_error(made, true)).mean(),
        f"psnr_{steps}_still_db": psnr_db(mean_error(last, true)).mean(),
        f"psnr_{steps}_starts": len(dreams),
    }


def life(dreams: Sequence[Dream], recorded: Sequence[Window], context: int) -> dict[str, float]:
    """Share of frames that show a ball where the recorded frame shows one.

    Also of those with exactly one, of the first ten steps alone, and of frames that show a ball
    where the recording shows none.
    """
    real = np.array([[len(probe.balls(f)) for f in w.frames[context:]] for w in recorded])
    made = np.array([[len(probe.balls(f)) for f in dream.frames] for dream in dreams])
    seen = real > 0
    return {
        "life": share(made > 0, seen),
        "life_one_ball": share(made == 1, seen),
        "life_first_10": share(made[:, :10] > 0, seen[:, :10]),
        "life_last_10": share(made[:, -10:] > 0, seen[:, -10:]),
        "ball_without_one": share(made > 0, ~seen),
    }


def control(
    runner: Runner,
    recorded: Sequence[Window],
    context: int,
    left: ActionVector,
    right: ActionVector,
    advance: Advance,
) -> dict[str, float]:
    """Share of starts from which holding RIGHT leaves the paddle further right than LEFT does.

    By APART_PX at least; a frame without a paddle counts as a failure. recorded: windows of T + N
    frames, the first T of which are the starts; the buttons are held for N steps.
    """
    steps = len(recorded[0].frames) - context
    apart = []
    for i, window in enumerate(recorded):

        def paddle_after(held: ActionVector, window: Window = window, seed: int = i) -> float:
            actions = np.concatenate([window.actions[: context - 1], np.tile(held, (steps, 1))])
            dream = dream_on(runner, window.frames[:context], actions, seed, advance)
            return probe.paddle_x(dream.frames[-1]) or math.nan

        apart.append(paddle_after(right) - paddle_after(left) >= APART_PX)
    return {"control": float(np.mean(apart)), "control_starts": len(apart)}


def events(
    runner: Runner, store: Store, episodes: Sequence[int], context: int, advance: Advance
) -> dict[str, float]:
    """How well rewards, lost lives and ends are told: of those recorded, the share that is seen.

    Each is looked for in up to 100 steps where it happened, spread over the episodes, and in 300
    others, where seeing it is a false alarm. A kind that never happened is left out.
    """
    first = context - 1  # the first step with a whole context before it
    places = np.array([(e, t) for e in episodes for t in range(first, store.length(e))])
    rows = [store.steps(e) for e in episodes]
    happened = {
        "reward": np.concatenate([r.rewards[first:] != 0 for r in rows]),
        "life_lost": np.concatenate([r.life_lost[first:] for r in rows]),
        "ended": np.concatenate([r.ended[first:] for r in rows]),
    }
    found = {}
    for kind, flags in happened.items():
        for name, wanted, count in (("seen", flags, 100), ("false", ~flags, 300)):
            told = []
            for episode, t in spread(places[wanted], count).tolist():
                window = store.read(episode, t - first, t + 1)
                logits = dream_on(runner, window.frames, window.actions, t, advance).events[0]
                told.append(tells(kind, logits))
            if told:
                found[f"{kind}_{name}"] = float(np.mean(told))
    return found


def tells(kind: str, logits: NDArray[np.float32]) -> bool:
    """Whether the logits of a step's events say that one of a kind happened."""
    if kind == "reward":
        return REWARDS[int(logits[:3].argmax())] != 0
    return bool(logits[3 if kind == "life_lost" else 4] > 0)


def spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of some rows, or all there are, evenly spread."""
    if not len(rows):
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]


def endurance(world: World, steps: int, seed: int, advance: Advance) -> dict[str, float]:
    """Play at random for long and count the frames in which the game has gone to pieces.

    walls, field, paddle: frames where they are not as tools/breakout_probe.py describes them;
    bricks: frames with less than half of the bricks of the start. longest_still: steps in a row
    in which nothing moved. A game that ends is followed by the next, from the next start.
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


def share(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    """Share of `of` in which `hits` holds as well; nan where there is nothing."""
    return float(hits[of].mean()) if of.any() else float("nan")
