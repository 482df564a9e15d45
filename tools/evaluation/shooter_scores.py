"""Figures of how well a dreamed shooter can be played, and of what its upsampler is worth.

Shapes: B = 1 batch, T context frames, N steps, C = 3 channels, h w a small frame's pixels, H W a
large one's, D draws of noise. Frames are uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from base.psnr import mean_error, psnr_db
from engine.contracts import ActionSpace, ActionVector
from models.dream import noise_of
from models.runtime.frame_step import EnlargingStep, enlarged_context, to_context, to_frame
from models.runtime.selection import prepare
from tools.evaluation.camera_probe import travelled
from tools.evaluation.dreams import Dreamer, Excerpt, Footage, Frames

HELD_STEPS = 8  # half a second
LEFT, RIGHT = "mouse(-60,0)", "mouse(60,0)"  # as the arrow keys turn, 3.3 degrees a step
FORWARD, BACK = "w", "s"
# Doom itself comes apart by half a width and by nine tenths of the size, a fifth as much is asked.
TURNS_APART, WALKS_APART = 0.1, 0.2

# Frames (N, h, w, 3) that come of holding an action from a start; the number is for seeds.
Hold = Callable[[Excerpt, ActionVector, int], Frames]


def camera(
    hold: Hold, starts: Sequence[Excerpt], context: int, actions: ActionSpace, named: str = ""
) -> dict[str, float]:
    """Share of starts from which the picture moves the right way, for turns and for walks.

    turn: with the mouse held left the picture goes further right than with it held right, by
          TURNS_APART of its width. walk: with W held it grows more than with S, by WALKS_APART
          of its size. tools/evaluation/camera_probe.py tells, from the last frame of the
          context on.
    named: what the names of these figures end in.
    """
    turns, walks = [], []
    for seed, start in enumerate(starts):
        last = start.window.frames[context - 1 : context]
        left, right, forward, back = (
            travelled(np.concatenate([last, hold(start, actions.named(action), seed)]))
            for action in (LEFT, RIGHT, FORWARD, BACK)
        )
        turns.append(left.right - right.right >= TURNS_APART)
        walks.append(forward.growth - back.growth >= WALKS_APART)
    return {
        f"turn{named}": float(np.mean(turns)),
        f"walk{named}": float(np.mean(walks)),
        f"camera_starts{named}": len(starts),
    }


def dreamed_camera(dreamer: Dreamer, starts: Sequence[Excerpt]) -> dict[str, float]:
    """`camera` of dreams."""

    def hold(start: Excerpt, held: ActionVector, seed: int) -> Frames:
        return dreamer.hold(start, held, HELD_STEPS, seed).frames

    return camera(hold, starts, dreamer.context, dreamer.footage.store.info.actions)


def game_camera(footage: Footage, starts: Sequence[Excerpt], context: int) -> dict[str, float]:
    """`camera` of Doom itself, from those of the starts that it can be played to again.

    It says how far the judge can be trusted, and what there is to reach. Empty if there are none.
    """
    from tools.evaluation.doom_futures import DoomFutures

    with DoomFutures(footage, context) as game:
        known = [start for start in starts if game.leads_to(start)]
        if not known:
            return {}

        def hold(start: Excerpt, held: ActionVector, seed: int) -> Frames:
            return game.hold(start, held, HELD_STEPS)

        return camera(hold, known, context, footage.store.info.actions, named="_game")


class Enlarging(nn.Module):
    """The half of a step in two sizes that enlarges, of small frames that are given."""

    def __init__(self, step: EnlargingStep) -> None:
        super().__init__()
        self.upsampler, self.upsampling = step.upsampler, step.upsampling

    def forward(self, small: Tensor, large_noise: Tensor, large: Tensor) -> tuple[Tensor, ...]:
        """small uint8 (B, h, w, C), large_noise (B, D, C, H, W), and the large frame before,
        uint8 (B, H, W, C) → the large frame, likewise."""
        seen = enlarged_context(_seen(large), _seen(small))
        return (to_frame(self.upsampler.sample(large_noise, seen, None, self.upsampling)),)


def upsampler(dreamer: Dreamer, recorded: Sequence[Excerpt]) -> dict[str, float]:
    """Likeness of enlarged recorded frames to the large ones, and of what cubic curves make.

    As in play, each is enlarged on the answer before; the first on a recorded large frame. Mean
    PSNR over all frames but that one, and over the last frames of the excerpts.
    """
    step = dreamer.prepared.step
    assert isinstance(step, EnlargingStep)
    enlarging, shape = Enlarging(step), step.noises["large_noise"]
    run, made, cubic = None, [], []
    for seed, excerpt in enumerate(recorded):
        small = excerpt.window.frames
        true = dreamer.footage.large_frames(excerpt, 0, len(small))
        large, enlarged = true[0], []
        for at in range(1, len(small)):
            noise = noise_of(seed, at, shape)
            given = {"small": small[at], "large_noise": noise, "large": large}
            run = run or prepare(enlarging, dreamer.prepared.runner.choice, given).run
            (large,) = run(given)
            enlarged.append(large)
            dreamer.advance()
        made.append(psnr_db(mean_error(np.stack(enlarged), true[1:])))
        cubic.append(psnr_db(mean_error(cubically(small, true)[1:], true[1:])))
    gains = np.stack(made) - np.stack(cubic)
    return {
        "upsampler_db": np.mean(made),
        "upsampler_cubic_db": np.mean(cubic),
        "upsampler_gain_db": gains.mean(),
        f"upsampler_gain_{gains.shape[1]}_db": gains[:, -1].mean(),
        "upsampler_starts": len(recorded),
    }


def cubically(small: Frames, large: Frames) -> Frames:
    """Small frames (N, h, w, 3) enlarged by cubic curves to the size of large ones (N, H, W, 3)."""
    seen = enlarged_context(_seen(torch.from_numpy(large)), _seen(torch.from_numpy(small)))
    enlarged: NDArray[np.uint8] = to_frame(seen[:, 1]).numpy()
    return enlarged


def _seen(frames: Tensor) -> Tensor:
    """uint8 (B, H, W, C) → (B, C, H, W) in [-1, 1]."""
    return to_context(frames[:, None])[:, 0]
