"""What a decider learns from: frames that leave it open where a thing is, and the same decided.

Some are what a world really dreams after recorded frames. It is seldom in doubt, so most are made
up: the thing that moves in a recorded frame is taken out and put back as a denoiser in doubt would
show it, a share of its light in each of a few places, or as one that has ghosts besides. Either way
it is to be whole in the one place where the frame shows it most, and nowhere else; and light that
is of no thing in the recorded frame is to go. Where hardly anything of it is shown nothing is to
change: two frames do not tell whether it comes. And some of all show what moved along its row where
it was before, too.

Shapes: B batch, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.batches import Batch
from models.deciding import Thing
from models.denoiser import Denoiser
from models.frames import to_float
from models.sampler import Levels

LEAST_MISSING = 0.8  # light: of Breakout's ball a sixth. With less missing, a thing is there
SHOWN = 0.3  # likeness, about that of a sixth of a thing: where none has more, none is shown
MOST_PLACES = 12  # that a made up frame shows a thing in
WIDEST_PX = 5.0  # how far from each other such places are: the largest standard deviation
ANYWHERE = 0.2  # share of them that are anywhere in the frame instead
LIGHT = (0.2, 1.05)  # the least and the most of a thing's light in all of them
GHOSTS = 0.4  # share of made up frames that show the thing where it is, and ghosts besides
GHOST_LIGHT = 0.7  # the most of a thing's light that ghosts have
TRACES = 0.4  # share of all frames that show where something was, too, that moved in its row
LASTED = 0.8  # the most of its light there, if the last frame shows it in both places, too
TRACE_LIGHT = 0.3  # the least of its light there, or in both places, if it is in doubt


@dataclass(frozen=True)
class Lessons:
    """Frames, a row each.

    earlier, last, made, decided: some frame of the context (B, C, H, W), the last one, the dreamed
            one, and what it should be.
    open:   bool (B,), whether a thing is missing in the dreamed one, though shown faintly.
    moving: what moves in the recorded frame, of which made up ones are made.
    """

    earlier: Tensor
    last: Tensor
    made: Tensor
    decided: Tensor
    open: Tensor
    moving: Thing

    @classmethod
    @torch.no_grad()
    def dreamed(
        cls, world: Denoiser, levels: Levels, batch: Batch, generator: torch.Generator
    ) -> Lessons:
        """From windows of T + 1 frames, of which the world dreams the last. The rows are on the
        CPU wherever it does."""
        device = next(world.parameters()).device
        frames = to_float(batch.frames)
        context, true = frames[:, :-1], frames[:, -1]
        last, behind = context[:, -1], context.median(dim=1).values
        some = torch.randint(context.shape[1], (len(context),), generator=generator)
        earlier = context[torch.arange(len(context)), some]
        noise = torch.randn(true.shape, generator=generator).to(device)
        actions = batch.actions[:, :-1].to(device)
        made = world.next_frame(noise, context.to(device), actions, levels).float().cpu()
        thing = Thing.missed(made, true, behind, LEAST_MISSING, plain=True)
        whole, shown = likeliest(thing, made)
        left_open, there = thing.there & shown, thing.there[:, None, None, None]
        decided = torch.where(left_open[:, None, None, None], whole, torch.where(there, made, true))
        moving = Thing.missed(last, true, behind, LEAST_MISSING, plain=True)
        return cls(earlier, last, made, decided, left_open, moving)

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """All rows of all parts."""
        things = [vars(part.moving) for part in parts]
        moving = Thing(**{name: torch.cat([t[name] for t in things]) for name in things[0]})
        names = [field.name for field in dataclasses.fields(cls) if field.name != "moving"]
        rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        return cls(**rows, moving=moving)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The frames before, those shown and those to learn, each (count, C, H, W).

        Three in ten are dreamed ones left open, if there are any, three any, and the rest made up.
        """
        three_tenths = 3 * count // 10
        left_open = self._pick(self.open, three_tenths, generator)
        others = torch.randint(len(self.made), (three_tenths,), generator=generator)
        dreamed = torch.cat((left_open, others))
        made_up = self._pick(self.moving.there, count - len(dreamed), generator)
        rows = torch.cat((dreamed, made_up))
        things = Thing(**{name: value[made_up] for name, value in vars(self.moving).items()})
        doubts = made_up_doubt(things, generator)
        shown = torch.cat((self.made[dreamed], doubts[0]))
        decided = torch.cat((self.decided[dreamed], doubts[1]))
        there = self.moving.there[rows, None, None, None]
        without = torch.where(there, self.moving.without[rows], decided)
        last, earlier = self.last[rows], self.earlier[rows]
        return with_traces(last, shown, decided, without, earlier, generator)

    def _pick(self, chosen: Tensor, count: int, generator: torch.Generator) -> Tensor:
        rows = torch.nonzero(chosen)[:, 0]
        if not len(rows):
            return rows
        return rows[torch.randint(len(rows), (count,), generator=generator)]


def likeliest(thing: Thing, shown: Tensor) -> tuple[Tensor, Tensor]:
    """Frames (B, C, H, W) with a thing whole where those that are shown have most of it, and bool
    (B,) whether they show it at all."""
    likeness, at = thing.likeness(shown).max(dim=1)
    return thing.moved(at), likeness > SHOWN


def made_up_doubt(things: Thing, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Frames (B, C, H, W) that show things in several places, and the same with each in one; or as
    they are, where too little is shown."""
    count, (height, width) = len(things.at), things.without.shape[-2:]

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    size = torch.tensor([height - 1.01, width - 1.01])
    middle = torch.stack((things.at // width, things.at % width), dim=1)[:, None].float()
    apart = WIDEST_PX * uniform(1, 2) ** 1.5  # mostly near, and seldom as far down as across
    places = middle + apart * normal(MOST_PLACES, 2) + 0.5 * normal(1, 2)
    places = torch.where(uniform(MOST_PLACES, 1) < ANYWHERE, size * uniform(MOST_PLACES, 2), places)
    ghostly, number = uniform(1) < GHOSTS, torch.arange(MOST_PLACES)
    places[:, 0] = torch.where(ghostly, middle[:, 0], places[:, 0])
    places = places.clamp(min=0).minimum(size)
    used = number < torch.randint(1, MOST_PLACES + 1, (count, 1), generator=generator)
    evenness = (2.5 * uniform(1) - 1).exp()
    share = uniform(MOST_PLACES) ** (1 / evenness) * (used & ~(ghostly & (number == 0)))
    least, most = LIGHT
    light = torch.where(ghostly, GHOST_LIGHT * uniform(1), least + (most - least) * uniform(1))
    share = share / share.sum(dim=1, keepdim=True).clamp(min=1e-6) * light
    share[:, 0] += ghostly[:, 0]
    corner = places.floor()
    rest = places - corner
    shares = torch.zeros(count, height * width)
    for down in (0, 1):
        for right in (0, 1):
            index = ((corner[..., 0] + down) * width + corner[..., 1] + right).long()
            part = (rest - 1 + torch.tensor([down, right])).abs().prod(dim=2)
            shares.scatter_add_(1, index, share * part)
    frames = things.spread(shares)
    whole, shown = likeliest(things, frames)
    return frames, torch.where(shown[:, None, None, None], whole, frames)


def with_traces(
    last: Tensor,
    shown: Tensor,
    decided: Tensor,
    without: Tensor,
    earlier: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Last frames (B, C, H, W) that show what has moved along a row where it was some frames ago,
    new ones that show it there, too, and the same decided.

    In half of them it is whole where it is, and what it left has to go, be it left now or before:
    of a paddle that leaves a wall dreams kept a second one there. In the others it has faded and a
    share of it has stayed, as a denoiser shows that does not know how far it went, and it is to be
    whole where most of it is shown: a paddle that faded where it stood was taken for such a rest.
    What else is gone leaves no trace: of a brick that broke two frames do not tell that it has to
    go, and a thing that the frames `without` do not show is in doubt already.
    """
    gone, new = (earlier - decided).clamp(min=0), (without - earlier).clamp(min=0)
    had, has = (light.sum((1, 3), keepdim=True) for light in (gone, new))
    chances = torch.rand(4, len(shown), 1, 1, 1, generator=generator)
    traced, doubted = chances[0] < TRACES, chances[0] < TRACES / 2
    lasting = ~doubted & (chances[1] < 0.5)
    moved = traced & (has > had / 2) & (had > has / 2)
    gone, new = gone * moved, new * moved
    bright, stayed = 1 - (1 - TRACE_LIGHT) * chances[2].square(), chances[3]
    # What lasted is never as bright as the thing itself: who could tell one from the other?
    left = gone * torch.where(doubted, bright * stayed, torch.where(lasting, LASTED, 1.0) * bright)
    shown = shown + left + (bright * (1 - stayed) - 1) * new * doubted
    decided = torch.where(doubted & (stayed > 0.5), decided + gone - new, decided)
    both = torch.where((left > 0) & lasting, torch.maximum(last, shown), last)
    last = torch.where(moved & ~lasting, earlier, both)
    return last, shown.clamp(-1, 1), decided.clamp(-1, 1)


def lesson_loss(made: Tensor, decided: Tensor, last: Tensor, changed_weight: float) -> Tensor:
    """Mean squared error, in which what changes or is wrong counts `changed_weight` times."""
    off = made - decided
    matters = torch.maximum(off.detach().abs(), (decided - last).abs()).amax(1, keepdim=True)
    return (off.square() * (1 + (changed_weight - 1) * (matters > 0.05))).mean()
