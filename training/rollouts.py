"""Dreams that go on from one update to the next, so that a model learns from its own mistakes.

In play a model sees frames it made itself. A stream walks along a recorded episode: each update
trains it to make the recorded next frame from its own last frames, and the frame it then dreams
takes its place in the context of the next update. So training on rollouts of tens of steps costs
no more than training on single ones. A dream that no longer resembles the recording would teach
things to jump, so it is started over from the recording. In a game where most steps are easy there
is most to learn where dreams are lost: at a bounce, say. Such hard places are kept; a share of the
dreams starts shortly before one and is brief, so that these are practised again and again, and
other examples are taken from them.

So most dreams stay short, and none would learn to clean up what a long dream leaves behind. Some
therefore go on when they are lost, and so do the brief ones, since what is just gone is easier to
bring back than what has long been. Of what is astray they learn what can be mended: what is gone is
to come back, and what should not be there is to go. What is only elsewhere than in the recording
they do not learn, or they would learn to make it jump or vanish.

Shapes: S streams, T context frames, C H W a frame, A action width.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batches import Batch, collate, join
from datasets.segments import Segment, Segments

KEPT_PLACES = 256
RUN_UP = 2  # a dream starts fewer steps than this before a hard place
BRIEF_STEPS = 4  # such a dream's: it goes on a little after the place, even if it is lost there
LOST_PATCH_PX = 3
REACH_PX = 5  # how far what is astray may move in a step
HOPELESS = 0.5  # share of a picture within that reach at which even an enduring dream is over
Place = tuple[int, int]  # an episode, by position, and the first frame of a window
SAVED = ("places", "ages", "steps", "context", "elsewhere", "astray", "hard")


class Streams:
    """S dreams along recorded episodes.

    segments:   gives windows of T + 1 frames.
    count:      S. enduring: how many of them, the first, go on when they are lost.
    most_steps: a dream is started over when it is this old at the latest.
    lost_light: a dream is lost where it differs by more, of [-1, 1] summed over a patch.
    retried:    share of dreams that start shortly before a hard place. Unless they endure they are
                brief, and go on when they are lost, too.
    seed:       decides, with an update's number, where dreams start.
    begin:      the first update that they are for.
    places:     int64 (S, 2), episode and first frame of the window that comes next.
    ages:       int64 (S,), steps dreamed so far, or -1 for a dream to be started.
    steps:      int64 (S,), the age at which each is started over.
    context:    uint8 (S, T, C, H, W), each dream's own last frames.
    elsewhere:  bool (S, T, H, W), where these show things that are elsewhere in the recording.
    astray:     bool (S, T), which of them show anything that the recording does not.
    hard:       int64 (KEPT_PLACES, 2), hard places: the windows whose last frame was dreamed
                wrong, those found last at the end; -1 for none yet.
    """

    def __init__(
        self,
        segments: Segments,
        count: int,
        enduring: int,
        most_steps: int,
        lost_light: float,
        retried: float,
        seed: int,
        begin: int = 0,
    ) -> None:
        self.segments = segments
        self.enduring = torch.arange(count) < enduring
        self.most_steps = most_steps
        self.lost_light = lost_light
        self.retried = retried
        self.seed = seed
        self.begin = begin
        self.places = torch.zeros(count, 2, dtype=torch.int64)
        self.ages = torch.full((count,), -1)
        self.steps = torch.full((count,), most_steps)
        self.hard = torch.full((KEPT_PLACES, 2), -1)
        height, width, channels = segments.store.frame_shape
        shape = (count, segments.length - 1, channels, height, width)
        self.context = torch.zeros(shape, dtype=torch.uint8)
        self.elsewhere = torch.zeros(count, segments.length - 1, height, width, dtype=torch.bool)
        self.astray = torch.zeros(count, segments.length - 1, dtype=torch.bool)

    def batch(self, update: int) -> Batch:
        """The streams' recorded windows for an update; those to be started are placed first."""
        rng = np.random.default_rng([self.seed, update])
        rows: list[Segment] = []
        starting = self.ages < 0
        for i in range(len(self.ages)):
            if starting[i]:
                self._start(i, rng)
                # The first are of all ages, or all would be started over at the same update.
                self.ages[i] = int(rng.integers(int(self.steps[i]))) if update == self.begin else 0
            rows.append(self.segments.read(*self.places[i].tolist()))
        batch = collate(rows)
        self.context[starting] = batch.frames[starting, :-1]
        self.elsewhere[starting] = False
        self.astray[starting] = False
        return batch

    def rehearse(self, update: int, batch: Batch, share: float) -> Batch:
        """A batch with a share of its rows replaced by hard places.

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

    def learnable(self) -> Tensor:
        """Where next frames can be learnt, (S, 1, H, W) bool: out of reach of what is elsewhere."""
        return ~_reach(self.elsewhere.any(dim=1))

    def advance(self, dreamed: Tensor, recorded: Tensor) -> None:
        """Take the dreamed frames (S, C, H, W) uint8 into the contexts and move on a step.

        recorded: the frames of the same shape that come next in the recordings. Dreams that are
        lost, old enough or at their episode's end are to be started anew.
        """
        off = _off(dreamed, recorded)
        now = _astray(off, self.lost_light)
        lost = now.flatten(1).any(dim=1)
        hopeless = _reach(now).float().mean(dim=(1, 2, 3)) > HOPELESS
        self._keep(self.places[lost & ~self.astray.any(dim=1)].tolist())
        self.context = _moved_on(self.context, dreamed)
        self.elsewhere = _moved_on(self.elsewhere, _elsewhere(off, now, self.lost_light))
        self.astray = _moved_on(self.astray, lost)
        self.places[:, 1] += 1
        self.ages += 1
        over = torch.where(self.enduring | self._brief, hopeless, lost) | (self.ages >= self.steps)
        for i, (episode, first) in enumerate(self.places.tolist()):
            if over[i] or (episode, first) not in self.segments:
                self.ages[i] = -1

    def state_dict(self) -> dict[str, Tensor]:
        """All that `load_state_dict` needs to go on exactly; to be saved before going on."""
        return {name: getattr(self, name) for name in SAVED}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where `state_dict` was taken.

        Raises ValueError for the state of other streams, or of other recordings.
        """
        for name, now in self.state_dict().items():
            if state[name].shape != now.shape or state[name].dtype != now.dtype:
                raise ValueError(f"the dreams' {name} are {tuple(state[name].shape)}")
        for place, age in zip(state["places"].tolist(), state["ages"].tolist(), strict=True):
            if age >= 0 and tuple(place) not in self.segments:
                raise ValueError("a dream goes on where nothing is recorded")
        for place in state["hard"].tolist():
            if place[0] >= 0 and tuple(place) not in self.segments:
                raise ValueError("a place is kept where nothing is recorded")
        for name in SAVED:
            setattr(self, name, state[name].clone())

    @property
    def _brief(self) -> Tensor:
        return self.steps <= BRIEF_STEPS

    def _start(self, i: int, rng: np.random.Generator) -> None:
        """Place dream i: anywhere, or shortly before a hard place."""
        hard = self._found()
        self.steps[i] = self.most_steps
        if hard and rng.random() < self.retried:
            episode, first = _drawn(hard, rng)
            first = max(0, first - int(rng.integers(RUN_UP)))
            if not self.enduring[i]:
                self.steps[i] = min(BRIEF_STEPS, self.most_steps)
        else:
            episode, first = self.segments.place(int(rng.integers(len(self.segments))))
        self.places[i] = torch.tensor((episode, first))

    def _keep(self, found: list[list[int]]) -> None:
        """Keep hard places. One found again is kept once, and for as long as a new one."""
        kept = self.hard.tolist()
        for place in found:
            kept.pop(kept.index(place) if place in kept else 0)
            kept.append(place)
        self.hard = torch.tensor(kept)

    def _found(self) -> list[Place]:
        """The hard places that were found so far."""
        return [(episode, first) for episode, first in self.hard.tolist() if episode >= 0]


def _drawn(places: list[Place], rng: np.random.Generator) -> Place:
    return places[int(rng.integers(len(places)))]


def _off(dreamed: Tensor, recorded: Tensor) -> Tensor:
    """How much more light frames (N, C, H, W) uint8 have than those recorded, around each pixel.

    Noise all over a frame, and things half a pixel off, cancel within a patch: from those there is
    a way back, and the dream is to learn it.
    """
    off = (dreamed.float() - recorded.float()) / 127.5
    patch = F.avg_pool2d(off, LOST_PATCH_PX, stride=1, padding=LOST_PATCH_PX // 2)
    return patch * LOST_PATCH_PX**2


def _astray(off: Tensor, least: float) -> Tensor:
    """Where frames show other things than those recorded, as where a ball vanished: (N, H, W)."""
    return off.abs().amax(dim=1) > least


def _elsewhere(off: Tensor, astray: Tensor, least: float) -> Tensor:
    """Where they show things that are elsewhere in those recorded, or the reverse: (N, H, W) bool.

    A thing in another place leaves a frame's light as it was. Of a frame that has less light in
    all, what is missing is taken for gone, not for elsewhere, and the reverse.
    """
    light = (off * astray[:, None]).sum(dim=(2, 3), keepdim=True) / LOST_PATCH_PX**2
    gone = (light < -least).any(dim=1)
    extra = (light > least).any(dim=1)
    darker = off.sum(dim=1) < 0
    return astray & ~torch.where(darker, gone, extra)


def _reach(astray: Tensor) -> Tensor:
    """Where a step may take what is astray (N, H, W), and what it would have met: (N, 1, H, W)."""
    edge = 2 * REACH_PX + 1
    return F.max_pool2d(astray[:, None].float(), edge, stride=1, padding=REACH_PX) > 0


def _moved_on(last: Tensor, new: Tensor) -> Tensor:
    """The rows (S, T, ...) a step later: without the oldest, and with the new ones (S, ...)."""
    return torch.cat((last[:, 1:], new[:, None]), dim=1)
