"""What a decider learns from: frames that leave it open where a thing is, and the same decided.

Some are what a world really dreams after recorded frames. It is seldom in doubt, so most are made
up: the thing that moves in a recorded frame is taken out and put back as a denoiser in doubt would
show it, a share of its light in each of a few places around, or as one that has a ghost beside it.
Either way it is to be whole in the one place where the frame shows it most, and nowhere else; and
light that is of no thing in the recorded frame is to go. Where little of a thing is shown, as of a
ball that may be served, nothing is to change: two frames do not tell whether it comes.

Shapes: B batch, C = 3 channels, H W pixels. Frames are floats in [-1, 1].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batches import Batch
from models.deciding import Thing
from models.denoiser import Denoiser
from models.frames import to_float
from models.sampler import Levels

LEAST_MISSING = 0.8  # light: of Breakout's ball a sixth. With less missing, a thing is there
MOST_PLACES = 12  # that a made up frame shows a thing in
WIDEST_PX = 5.0  # how far from each other such places are: the largest standard deviation
LIGHT = (0.5, 1.05)  # the least and the most of a thing's light in all of them
BELIEVED = 0.5  # of a thing's light: with less of it around nobody knows that it comes
AROUND_PX = 8  # how far around: a little less than the decider sees
GHOSTS = 0.3  # share of made up frames that show the thing where it is, and a ghost around
HINTS = 0.2  # share of them that show too little of it for anything to be decided
GHOST_LIGHT = 0.5  # the most of a thing's light that a ghost has
SIDE_PX = 32  # of the squares that are learnt from
ASIDE_PX = 6  # how far a thing may be from the middle of its square


@dataclass(frozen=True)
class Lessons:
    """Frames, a row each.

    last, made, decided: the frame before (B, C, H, W), the dreamed one, and what it should be.
    open:   bool (B,), whether a thing is missing in the dreamed one, though enough of it is shown
            around; its place is `at` (B,).
    moving: what moves in the recorded frame, of which made up ones are made.
    """

    last: Tensor
    made: Tensor
    decided: Tensor
    open: Tensor
    at: Tensor
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
        noise = torch.randn(true.shape, generator=generator)
        shown, actions = context.to(device), batch.actions[:, :-1].to(device)
        made = world.next_frame(noise.to(device), shown, actions, levels).float().cpu()
        behind = context.median(dim=1).values
        thing = Thing.missed(made, true, behind, LEAST_MISSING, plain=True)
        at = thing.likeness(made).argmax(dim=1)
        left_open = thing.there & believed(thing, made, at)
        there, moved = thing.there[:, None, None, None], left_open[:, None, None, None]
        decided = torch.where(moved, thing.moved(at), torch.where(there, made, true))
        moving = Thing.missed(context[:, -1], true, behind, LEAST_MISSING, plain=True)
        return cls(context[:, -1], made, decided, left_open, thing.at, moving)

    @classmethod
    def joined(cls, parts: Sequence[Lessons]) -> Lessons:
        """All rows of all parts."""
        things = [vars(part.moving) for part in parts]
        moving = Thing(**{name: torch.cat([t[name] for t in things]) for name in things[0]})
        names = [field.name for field in dataclasses.fields(cls) if field.name != "moving"]
        rows = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        return cls(**rows, moving=moving)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """The frames before, those shown and those to learn, each (count, C, S, S): squares.

        Three in ten are dreamed ones left open, if there are any, two any, and the rest made up.
        """
        left_open = self._pick(self.open, 3 * count // 10, generator)
        made_up = self._pick(self.moving.there, count - len(left_open) - count // 5, generator)
        others = torch.randint(
            len(self.made), (count - len(left_open) - len(made_up),), generator=generator
        )
        rows = torch.cat((left_open, others))
        things = Thing(**{name: value[made_up] for name, value in vars(self.moving).items()})
        shown, decided = made_up_doubt(things, generator)
        anywhere = torch.randint(self.made[0, 0].numel(), (len(rows),), generator=generator)
        about = torch.where(self.open[rows], self.at[rows], anywhere)
        return squares(
            (
                torch.cat((self.last[rows], self.last[made_up])),
                torch.cat((self.made[rows], shown)),
                torch.cat((self.decided[rows], decided)),
            ),
            torch.cat((about, things.at)),
            generator,
        )

    def _pick(self, chosen: Tensor, count: int, generator: torch.Generator) -> Tensor:
        rows = torch.nonzero(chosen)[:, 0]
        if not len(rows):
            return rows
        return rows[torch.randint(len(rows), (count,), generator=generator)]


def believed(thing: Thing, shown: Tensor, at: Tensor) -> Tensor:
    """bool (B,): whether frames show enough of a thing's light around places (B,)."""
    light = (shown - thing.without).clamp(min=0).sum(dim=1, keepdim=True)
    side = 2 * AROUND_PX + 1
    around = F.avg_pool2d(light, side, stride=1, padding=AROUND_PX, divisor_override=1)
    shared = around.flatten(1).gather(1, at[:, None])[:, 0]
    return shared > BELIEVED * thing.pattern.sum(dim=(1, 2, 3))


def made_up_doubt(things: Thing, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Frames (B, C, H, W) that show things in several places, and the same with each in one; or as
    they are, where too little is shown."""
    count, (height, width) = len(things.at), things.without.shape[-2:]

    def uniform(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    middle = torch.stack((things.at // width, things.at % width), dim=1)[:, None].float()
    apart = WIDEST_PX * uniform(1, 2) ** 1.5  # mostly near, and seldom as far down as across
    places = middle + apart * normal(MOST_PLACES, 2) + 0.5 * normal(1, 2)
    kind = uniform(1)
    ghostly, hinted = kind < GHOSTS, kind > 1 - HINTS
    places[:, 0] = torch.where(ghostly, middle[:, 0], places[:, 0])
    places = places.clamp(min=0).minimum(torch.tensor([height - 1.01, width - 1.01]))
    number = torch.arange(MOST_PLACES)
    used = number < torch.randint(1, MOST_PLACES + 1, (count, 1), generator=generator)
    evenness = (2.5 * uniform(1) - 1).exp()
    share = uniform(MOST_PLACES) ** (1 / evenness) * (used & ~(ghostly & (number == 0)))
    least, most = LIGHT
    faint, enough = GHOST_LIGHT * uniform(1), least + (most - least) * uniform(1)
    light = torch.where(ghostly | hinted, faint, enough)
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
    shown = things.spread(shares)
    decided = things.moved(things.likeness(shown).argmax(dim=1))
    return shown, torch.where(hinted[..., None, None], shown, decided)


def squares(
    frames: tuple[Tensor, Tensor, Tensor], about: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """The same square of each of the frames (B, C, H, W), with places (B,) somewhere inside."""
    height, width = frames[0].shape[-2:]
    tall, wide = min(SIDE_PX, height), min(SIDE_PX, width)
    aside = torch.randint(-ASIDE_PX, ASIDE_PX + 1, (2, len(about)), generator=generator)
    top = (about // width - tall // 2 + aside[0]).clamp(0, height - tall)
    left = (about % width - wide // 2 + aside[1]).clamp(0, width - wide)
    corners = list(zip(top.tolist(), left.tolist(), strict=True))

    def cut(many: Tensor) -> Tensor:
        placed = zip(many, corners, strict=True)
        return torch.stack([frame[:, y : y + tall, x : x + wide] for frame, (y, x) in placed])

    first, second, third = frames
    return cut(first), cut(second), cut(third)


def lesson_loss(made: Tensor, decided: Tensor, last: Tensor, changed_weight: float) -> Tensor:
    """Mean squared error, in which what changes or is wrong counts `changed_weight` times."""
    off = made - decided
    matters = torch.maximum(off.detach().abs(), (decided - last).abs()).amax(1, keepdim=True)
    return (off.square() * (1 + (changed_weight - 1) * (matters > 0.05))).mean()
