"""Rollouts that go on from one update to the next, so that a model learns from its own mistakes.

In play a model sees frames it made itself (self-forcing, Huang et al. 2025). A rollout follows a
recorded episode: each update trains it to make the recorded next frame from its own last frames,
and the frame it then makes takes its place in the context of the next update. So training on
rollouts of tens of steps costs no more than training on single ones.

A rollout that has diverged from the recording would teach things to jump, so it starts over. In a
game where most steps are easy there is most to learn where rollouts diverge: at a bounce, say. Such
places are kept in a buffer of hard examples. A share of the rollouts starts shortly before one and
is brief, so that these are practised again and again; other examples are replayed from the buffer.

So most rollouts stay short, and none would learn to clean up what a long one leaves behind. Some
therefore go on when they have diverged, and so do the brief ones, since what is just gone is easier
to bring back than what has long been. They learn what can be mended: what vanished is to come back,
and what should not be there is to go. What is merely displaced is left out of the loss, or they
would learn to make it jump or vanish.

Shapes: S rollouts, T context frames, C H W a frame, A action width.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batches import Batch, collate, join
from datasets.segments import Segment, Segments

BUFFER_SIZE = 256
RUN_UP = 2  # a rollout starts fewer steps than this before a hard example
BRIEF_STEPS = 4  # length of such a rollout: it goes on a little after the place, even if diverged
RECENT = 8  # steps within which what was seen elsewhere may still appear there
PATCH_PX = 3  # edge of the squares that light is summed over
REACH_PX = 5  # how far what is diverged may move in a step
BEYOND_REPAIR = 0.5  # share of a picture within that reach at which any rollout is over
Place = tuple[int, int]  # an episode, by position, and the first frame of a window
SAVED = ("places", "ages", "steps", "context", "displaced", "diverged", "hard")


class Rollouts:
    """S rollouts along recorded episodes.

    segments:   gives windows of T + 1 frames.
    count:      S. keep_diverged: how many of them, the first, go on when they have diverged.
    most_steps: a rollout starts over when it is this old at the latest.
    diverged_light: a rollout has diverged where it differs by more light, of [-1, 1] summed over a
                patch.
    hard_start_share: share of rollouts that start shortly before a hard example. They are brief and
                go on when they have diverged, unless they are kept anyway.
    seed:       decides, with an update's number, where rollouts start.
    first:      number of the first update that they are for.
    places:     int64 (S, 2), episode and first frame of the window that comes next.
    ages:       int64 (S,), steps made so far, or -1 for a rollout to be started.
    steps:      int64 (S,), the age at which each starts over.
    context:    uint8 (S, T, C, H, W), each rollout's own last frames.
    displaced:  bool (S, T, H, W), where these show things that are elsewhere in the recording.
    diverged:   bool (S, T), which of them show anything that the recording does not.
    hard:       int64 (BUFFER_SIZE, 2), hard examples: the windows whose last frame was made wrong,
                those found last at the end; -1 for none yet.
    """

    def __init__(
        self,
        segments: Segments,
        count: int,
        keep_diverged: int,
        most_steps: int,
        diverged_light: float,
        hard_start_share: float,
        seed: int,
        first: int = 0,
    ) -> None:
        self.segments = segments
        self.keep_diverged = torch.arange(count) < keep_diverged
        self.most_steps = most_steps
        self.diverged_light = diverged_light
        self.hard_start_share = hard_start_share
        self.seed, self.first = seed, first
        self.places = torch.zeros(count, 2, dtype=torch.int64)
        self.ages = torch.full((count,), -1)
        self.steps = torch.full((count,), most_steps)
        self.hard = torch.full((BUFFER_SIZE, 2), -1)
        height, width, channels = segments.store.frame_shape
        length = segments.length - 1
        self.context = torch.zeros((count, length, channels, height, width), dtype=torch.uint8)
        self.displaced = torch.zeros(count, length, height, width, dtype=torch.bool)
        self.diverged = torch.zeros(count, length, dtype=torch.bool)

    def batch(self, update: int) -> Batch:
        """Return the rollouts' recorded windows for an update; those to be started are placed."""
        rng = np.random.default_rng([self.seed, update])
        rows: list[Segment] = []
        starting = self.ages < 0
        for i in range(len(self.ages)):
            if starting[i]:
                self._start(i, rng)
                # The first are of all ages, or all would start over at the same update.
                aged = update == self.first
                self.ages[i] = int(rng.integers(int(self.steps[i]))) if aged else 0
            rows.append(self.segments.read(*self.places[i].tolist()))
        batch = collate(rows)
        self.context[starting] = batch.frames[starting, :-1]
        self.displaced[starting] = False
        self.diverged[starting] = False
        return batch

    def replay(self, update: int, batch: Batch, share: float) -> Batch:
        """Return a batch with a share of its rows replaced by hard examples.

        The batch itself as long as none is known.
        """
        hard, count = self._found(), round(share * len(batch.frames))
        if not hard or not count:
            return batch
        rng = np.random.default_rng([self.seed, update, 1])
        return join(
            collate([self.segments.read(*_drawn(hard, rng)) for _ in range(count)]),
            batch.rows(slice(count, None)),
        )

    def loss_mask(self) -> Tensor:
        """Return where next frames can be learnt, (S, 1, H, W) bool: out of reach of what is
        displaced."""
        return ~_reach(self.displaced[:, -RECENT:].any(dim=1))

    def advance(self, made: Tensor, recorded: Tensor) -> None:
        """Take the made frames (S, C, H, W) uint8 into the contexts and move on a step.

        recorded: the frames of the same shape that come next in the recordings. Rollouts that have
        diverged, are old enough or at their episode's end are to be started anew.
        """
        off = _light_difference(made, recorded)
        where = off.abs().amax(dim=1) > self.diverged_light  # (S, H, W)
        diverged = where.flatten(1).any(dim=1)
        beyond_repair = _reach(where).float().mean(dim=(1, 2, 3)) > BEYOND_REPAIR
        self._keep(self.places[diverged & ~self.diverged.any(dim=1)].tolist())
        self.context = _moved_on(self.context, made)
        self.displaced = _moved_on(self.displaced, _displaced(off, where, self.diverged_light))
        self.diverged = _moved_on(self.diverged, diverged)
        self.places[:, 1] += 1
        self.ages += 1
        kept = self.keep_diverged | (self.steps <= BRIEF_STEPS)
        over = torch.where(kept, beyond_repair, diverged) | (self.ages >= self.steps)
        recorded_there = [tuple(place) in self.segments for place in self.places.tolist()]
        self.ages[over | ~torch.tensor(recorded_there)] = -1

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that `load_state_dict` needs to go on exactly; save it before going on."""
        return {name: getattr(self, name) for name in SAVED}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken.

        Raises ValueError for the state of other rollouts, or of other recordings.
        """
        for name, now in self.state_dict().items():
            if state[name].shape != now.shape or state[name].dtype != now.dtype:
                raise ValueError(f"the rollouts' {name} are {tuple(state[name].shape)}")
        for place in state["places"][state["ages"] >= 0].tolist():
            if tuple(place) not in self.segments:
                raise ValueError("a rollout goes on where nothing is recorded")
        for place in state["hard"][state["hard"][:, 0] >= 0].tolist():
            if tuple(place) not in self.segments:
                raise ValueError("a place is kept where nothing is recorded")
        for name in SAVED:
            setattr(self, name, state[name].clone())

    def _start(self, i: int, rng: np.random.Generator) -> None:
        """Place rollout i: anywhere, or shortly before a hard example."""
        hard = self._found()
        self.steps[i] = self.most_steps
        if hard and rng.random() < self.hard_start_share:
            episode, first = _drawn(hard, rng)
            first = max(self.segments.earliest, first - int(rng.integers(RUN_UP)))
            if not self.keep_diverged[i]:
                self.steps[i] = min(BRIEF_STEPS, self.most_steps)
        else:
            episode, first = self.segments.place(int(rng.integers(len(self.segments))))
        self.places[i] = torch.tensor((episode, first))

    def _keep(self, found: list[list[int]]) -> None:
        """Keep hard examples. One found again is kept once, and for as long as a new one."""
        kept = self.hard.tolist()
        for place in found:
            kept.pop(kept.index(place) if place in kept else 0)
            kept.append(place)
        self.hard = torch.tensor(kept)

    def _found(self) -> list[Place]:
        """Return the hard examples that were found so far."""
        return [(episode, first) for episode, first in self.hard.tolist() if episode >= 0]


def _drawn(places: list[Place], rng: np.random.Generator) -> Place:
    return places[int(rng.integers(len(places)))]


def _light_difference(made: Tensor, recorded: Tensor) -> Tensor:
    """Return how much more light frames (N, C, H, W) uint8 have than recorded ones, around pixels.

    Noise all over a frame, and things half a pixel off, cancel within a patch: from those there is
    a way back, and the rollout is to learn it.
    """
    off = (made.float() - recorded.float()) / 127.5
    patch = F.avg_pool2d(off, PATCH_PX, stride=1, padding=PATCH_PX // 2)
    return patch * PATCH_PX**2


def _displaced(off: Tensor, diverged: Tensor, least: float) -> Tensor:
    """Return where frames show things that are elsewhere in those recorded, or the reverse.

    (N, H, W) bool. A thing in another place leaves a frame's light as it was. Of a frame that has
    less light in all, what is missing is taken for gone, not for displaced, and the reverse.
    """
    light = (off * diverged[:, None]).sum(dim=(2, 3), keepdim=True) / PATCH_PX**2
    gone = (light < -least).any(dim=1)
    extra = (light > least).any(dim=1)
    darker = off.sum(dim=1) < 0
    return diverged & ~torch.where(darker, gone, extra)


def _reach(where: Tensor) -> Tensor:
    """Return (N, 1, H, W): where a step may take what is at (N, H, W), and what it may meet."""
    edge = 2 * REACH_PX + 1
    return F.max_pool2d(where[:, None].float(), edge, stride=1, padding=REACH_PX) > 0


def _moved_on(last: Tensor, new: Tensor) -> Tensor:
    """Return rows (S, T, ...) a step later: without the oldest, and with the new ones (S, ...)."""
    return torch.cat((last[:, 1:], new[:, None]), dim=1)
