"""What a network learns where a thing may be in one of several places: to show it in one of them.

The least squared error shows it faintly in each, and a dream goes on from that: a ball in two faint
places is in none a step later, and one that is gone could be anywhere and so is nowhere. So the
frame to learn is redrawn. The thing that an estimate misses most is moved to where the network
believes it to be, as detectors are taught by the boxes that come nearest to their guesses (Carion
et al. 2020).

Shapes: B batch, C = 3 channels, H W pixels, S edge of a square. Frames are floats in [-1, 1], and
light is what they are brighter by, summed over channels. A place is its pixel's index (B,) in H W.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

REACH_PX = 2  # to each side of its middle that a thing has at most
SIDE_PX = 2 * REACH_PX + 1  # S
MARGIN_PX = 4  # to each side of a thing's place: what is learnt with it
LOOKED_AT = 4  # places where most is missing: the largest may be a counter's digit
LEAST_LIGHT = 2.5  # of a thing, and missing around its middle: nearly half of Breakout's ball
FAINT = 0.1  # of [-1, 1]: smaller differences are none
JOINED = 0.15  # of a thing's light: with more right beside it, it is a piece of a larger one
SAME_COLOUR = 0.95  # cosine of two colours: red and grey, a ball and a wall, have 0.89
GROUND = 0.3  # of light: how unlike what a thing is in front of may be elsewhere
BELIEVED = 0.2  # likeness: about that of a tenth of a thing's light
LIKELIER = 0.95  # of the most likeness: a place with more counts as no less likely
PER_PX = 0.004  # likeness that a pixel nearer is worth where the estimate believes in no place


@dataclass(frozen=True)
class Thing:
    """What an estimate misses most of a frame.

    there:   bool (B,), whether it is a thing that can be moved; else it is a piece of one, or what
             is missing is a shade.
    at:      its middle. pattern (B, C, S, S) and covers (B, 1, S, S): its light, and where.
    without: the frame (B, C, H, W) without it.
    ground:  light (B, 1, 1, 1) of what it is in front of.
    """

    there: Tensor
    at: Tensor
    pattern: Tensor
    covers: Tensor
    without: Tensor
    ground: Tensor

    @classmethod
    def missed(
        cls,
        estimate: Tensor,
        frame: Tensor,
        behind: Tensor,
        least: float = LEAST_LIGHT,
        plain: bool = False,
    ) -> Thing:
        """behind: what the frame (B, C, H, W) would show without things that move.

        least: how much light has to be missing around a thing's middle.
        plain: that things have one colour each, so that what has another right beside one is not of
        it: a wall, say. In a picture full of textures everything would be a thing.
        """
        off, above = frame - estimate, frame - behind
        moving = above.amax(dim=1, keepdim=True) > FAINT
        movable = moving & (_grown((off.amax(dim=1, keepdim=True) > FAINT).float()) > 0)
        light = above.clamp(min=0) * movable
        missing = off.clamp(min=0).sum(dim=1, keepdim=True)
        # A hundredth more for the pixel itself, so that of equal squares a thing's middle is first.
        missing = 9 * F.avg_pool2d(missing, 3, stride=1, padding=1) + 0.01 * missing
        found = []
        for _ in range(LOOKED_AT):
            most, at = missing.flatten(1).max(dim=1)
            thing = cls._at(at, light, movable, frame, plain)
            found.append(replace(thing, there=thing.there & (most > least)))
            near = _distance(at, frame, math.inf) <= MARGIN_PX
            missing = missing.masked_fill(near[:, None], 0.0)
        there = torch.stack([thing.there for thing in found], dim=1)
        first = there.int().argmax(dim=1)  # the largest that is a thing, or the first

        def chosen(name: str) -> Tensor:
            every = torch.stack([getattr(thing, name) for thing in found], dim=1)
            return every[torch.arange(len(first), device=first.device), first]

        names = ("at", "pattern", "covers", "without", "ground")
        return cls(there.any(dim=1), *map(chosen, names))

    @classmethod
    def _at(cls, at: Tensor, light: Tensor, movable: Tensor, frame: Tensor, plain: bool) -> Thing:
        """What is missed around places: the light of whatever moves and is missed, and where."""
        near = (_distance(at, frame, math.inf) <= REACH_PX)[:, None]
        covered = (near & movable).float()
        light = light * covered
        without = frame - light
        pixels = covered.sum((1, 2, 3), keepdim=True).clamp(min=1)
        ground = (without * covered).sum((2, 3), keepdim=True) / pixels
        beside = _grown(covered) - covered
        if plain:
            extra, colour = (frame - ground).clamp(min=0), light.sum((2, 3), keepdim=True)
            beside = beside * (F.cosine_similarity(extra, colour, dim=1)[:, None] > SAME_COLOUR)
        joined = ((frame - ground).sum(dim=1).clamp(min=0) * beside[:, 0]).sum((1, 2))
        whole = light.sum((1, 2, 3))
        there = (whole > LEAST_LIGHT) & (joined < JOINED * whole)
        ground = ground.sum(dim=1, keepdim=True)
        return cls(there, at, _cut(light, at), _cut(covered, at), without, ground)

    def likeness(self, shown: Tensor) -> Tensor:
        """How much like it a frame looks at every place, (B, H W): 1 for the thing itself, a share
        of its light nearly twice that share, and less than 0 for other things.

        -1 where it would be in front of another ground than it is.
        """
        extra = (shown - self.without).clamp(min=0)
        square = F.avg_pool2d(extra.square().sum(dim=1, keepdim=True), SIDE_PX, 1, REACH_PX)
        alike = 2 * _match(extra, self.pattern) - SIDE_PX**2 * square
        whole = self.pattern.square().sum((1, 2, 3), keepdim=True).clamp(min=1e-6)
        off = (self.without.sum(dim=1, keepdim=True) - self.ground).abs()
        unlike = _match(off, self.covers) / self.covers.sum((1, 2, 3), keepdim=True).clamp(min=1)
        return torch.where(unlike < GROUND, alike / whole, -1.0).flatten(1)

    def moved(self, to: Tensor) -> Tensor:
        """The frame (B, C, H, W) with it at another place."""
        return self.spread(F.one_hot(to, self.without.shape[-2:].numel()).float())

    def spread(self, shares: Tensor) -> Tensor:
        """The frame with a share of it at every place: shares (B, H W)."""
        height, width = self.without.shape[-2:]
        shares = shares.view(1, -1, height, width)
        put = F.conv_transpose2d(shares, self.pattern, padding=REACH_PX, groups=shares.shape[1])
        return (self.without + put.view_as(self.without)).clamp(-1, 1)


def decided(
    estimate: Tensor, answer: Tensor, frame: Tensor, behind: Tensor
) -> tuple[Tensor, Tensor]:
    """The frame to learn (B, C, H, W), and bool (B, 1, H, W) where a thing was looked for in it.

    estimate: a frame that shows what may come faintly: where it shows the thing most it is to be.
    answer:   what the network makes of that. Where the estimate shows it nowhere, this decides: at
              first for somewhere near its true place, later for where the network puts it.
    frame:    the true frame. behind: what it would show without things that move.
    """
    thing = Thing.missed(estimate, frame, behind)
    believed = thing.likeness(estimate)
    most, likeliest = believed.max(dim=1)
    here = believed.gather(1, thing.at[:, None])[:, 0]
    far = _distance(thing.at, frame, 2).flatten(1)
    chosen = (thing.likeness(answer) - PER_PX * far).argmax(dim=1)
    to = torch.where(here < LIKELIER * most, likeliest, thing.at)
    to = torch.where(most < BELIEVED, chosen, to)
    there = thing.there[:, None, None, None]
    near = [_distance(place, frame, math.inf) <= MARGIN_PX for place in (thing.at, to)]
    return torch.where(there, thing.moved(to), frame), there & (near[0] | near[1])[:, None]


def _distance(at: Tensor, frame: Tensor, order: float) -> Tensor:
    """Of every pixel of (B, C, H, W) from a place, (B, H, W): in a straight line, or the longer of
    across and down."""
    height, width = frame.shape[-2:]
    down = torch.arange(height, device=at.device)[:, None] - (at // width)[:, None, None]
    right = torch.arange(width, device=at.device) - (at % width)[:, None, None]
    both = torch.stack(torch.broadcast_tensors(down, right)).float()
    return torch.linalg.vector_norm(both, ord=order, dim=0)


def _grown(mask: Tensor) -> Tensor:
    """(B, 1, H, W), also where another pixel touches a 1."""
    return F.max_pool2d(mask, 3, stride=1, padding=1)


def _cut(values: Tensor, at: Tensor) -> Tensor:
    """The squares (B, C, S, S) of (B, C, H, W) around places; beyond the edges is nothing."""
    squares = F.unfold(values, SIDE_PX, padding=REACH_PX)
    chosen = squares.gather(2, at[:, None, None].expand(-1, squares.shape[1], 1))
    return chosen.view(*values.shape[:2], SIDE_PX, SIDE_PX)


def _match(values: Tensor, patterns: Tensor) -> Tensor:
    """How much of each pattern (B, C, S, S) is around every pixel of (B, C, H, W): (B, 1, H, W)."""
    together = values.reshape(1, -1, *values.shape[-2:])
    return F.conv2d(together, patterns, padding=REACH_PX, groups=len(patterns)).transpose(0, 1)
