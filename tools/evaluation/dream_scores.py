"""Figures of how well a cartridge dreams, of any game, measured with the runtime that plays it.

Shapes: T context frames, N steps, H W pixels. Frames are uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from base.psnr import mean_error, psnr_db
from engine.contracts import Frame
from models.networks.reward_end import REWARDS
from tools.evaluation.dreams import Dream, Dreamer, Excerpt, Frames, spread


def one_step(dreamer: Dreamer, recorded: Sequence[Excerpt]) -> dict[str, float]:
    """Likeness of the next frame to the recorded one, and of the last frame ("still").

    The figure is the mean of the frames' PSNR over steps in which the recording changes at all:
    where it does not, standing still is perfect and its PSNR infinite. Two other readings are
    given beside it: the same over all steps, and the PSNR of the mean error over all steps.
    """
    context = dreamer.context
    dreamed = np.concatenate([dreamer.follow(e, seed).frames for seed, e in enumerate(recorded)])
    true = np.stack([e.window.frames[context] for e in recorded])
    last = np.stack([e.window.frames[context - 1] for e in recorded])
    error, still = mean_error(dreamed, true), mean_error(last, true)
    changed = still > 0
    psnr_1, psnr_1_still = psnr_db(error[changed]).mean(), psnr_db(still[changed]).mean()
    return {
        "psnr_1_db": psnr_1,
        "psnr_1_still_db": psnr_1_still,
        "psnr_1_gain_db": psnr_1 - psnr_1_still,
        "psnr_1_all_db": psnr_db(error).mean(),
        "psnr_1_all_still_db": psnr_db(still).mean(),
        "psnr_1_of_mean_error_db": float(psnr_db(error.mean())),
        "psnr_1_of_mean_error_still_db": float(psnr_db(still.mean())),
        "psnr_1_steps": int(changed.sum()),
    }


def last_frames(
    dreamer: Dreamer, dreams: Sequence[Dream], recorded: Sequence[Excerpt]
) -> dict[str, float]:
    """Likeness of the dreams' last frames to the recorded ones: mean PSNR over the dreams.

    And whether they look like recorded ones, wherever they have led: see `looks`; "full" is said
    of the enlarged frames.
    """
    true = np.stack([e.window.frames[-1] for e in recorded])
    last = np.stack([e.window.frames[dreamer.context - 1] for e in recorded])
    steps = len(recorded[0].window.frames) - dreamer.context
    made = np.stack([dream.frames[-1] for dream in dreams])
    figures = {
        f"psnr_{steps}_db": psnr_db(mean_error(made, true)).mean(),
        f"psnr_{steps}_still_db": psnr_db(mean_error(last, true)).mean(),
        f"psnr_{steps}_starts": len(dreams),
    }
    figures |= {f"{name}_{steps}": value for name, value in looks(made, true).items()}
    enlarged = [dream.large for dream in dreams if dream.large is not None]
    if enlarged:
        shown = [
            dreamer.footage.large_frames(e, len(e.window.frames) - 1, len(e.window.frames))
            for e in recorded
        ]
        found = looks(enlarged, [frames[0] for frames in shown])
        figures |= {f"{name}_{steps}_full": value for name, value in found.items()}
    return figures


def looks(dreamed: Sequence[Frame] | Frames, real: Sequence[Frame] | Frames) -> dict[str, float]:
    """Sharpness and contrast of dreamed frames as shares of those of real ones.

    Each is the mean over the frames, of grey levels: of the gradient's size, and of the standard
    deviation. Frames that have gone blurred or grey have less than 1, broken ones more.
    """
    (sharp, wide), (sharp_real, wide_real) = (
        np.mean([(sharpness(frame), contrast(frame)) for frame in frames], axis=0)
        for frames in (dreamed, real)
    )
    return {"sharpness": float(sharp / sharp_real), "contrast": float(wide / wide_real)}


def sharpness(frame: Frame) -> float:
    """The mean size of the gradient, in grey levels a pixel."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float64)
    down, right = np.gradient(grey)
    return float(np.hypot(down, right).mean())


def contrast(frame: Frame) -> float:
    """The standard deviation of grey levels."""
    return float(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).std())


def events(dreamer: Dreamer) -> dict[str, float]:
    """Return the shares of recorded rewards, lost lives and ends that the model predicts.

    Each is looked for in up to 100 steps where it happened, spread over the episodes, and in 300
    others, where seeing it is a false alarm. A kind that never happened is left out.
    """
    footage, first = dreamer.footage, dreamer.context - 1  # the first step with a whole context
    store, episodes = footage.store, footage.held_out
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
                excerpt = footage.at(episode, t - first, dreamer.context + 1)
                logits = dreamer.follow(excerpt, t).events
                assert logits is not None
                told.append(tells(kind, logits[0]))
            if told:
                found[f"{kind}_{name}"] = float(np.mean(told))
    return found


def tells(kind: str, logits: NDArray[np.float32]) -> bool:
    """Return True if the logits of a step's events say that one of a kind happened."""
    if kind == "reward":
        return REWARDS[int(logits[:3].argmax())] != 0
    return bool(logits[3 if kind == "life_lost" else 4] > 0)
