"""Control: the share of starts from which a dream shows which of two opposed actions is held.

A small network learns from the game itself to tell them apart, from the frame before and the frame
after some steps of holding one. So the figure means the same for a paddle, a chicken and a camera.
Source: inverse dynamics as a measure of a world model's control (Baker et al. 2022, VPT).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.contracts import ActionSpace, ActionVector, Frame, World
from engine.players import Player
from models.frames import to_float
from tools.evaluation.dreams import Dreamer, Excerpt

OPPOSED = (("LEFT", "RIGHT"), ("UP", "DOWN"))
BRANCHES = 500  # moments of the game from which both actions are held
APART_STEPS = 16  # between two of them
UPDATES, BATCH, RATE, WIDTH = 300, 64, 1e-3, 32

Pairs = NDArray[np.uint8]  # (N, 2, H, W, 3): the frames before and after


def opposed_actions(space: ActionSpace) -> tuple[ActionVector, ActionVector] | None:
    """Return two actions that do opposite things, by their names; None if there are no such."""
    names = getattr(space, "names", ())
    for first, second in OPPOSED:
        if first in names and second in names:
            return space.named(first), space.named(second)
    return None


def control(
    dreamer: Dreamer,
    starts: Sequence[Excerpt],
    game: World,
    player: Callable[[Any, int], Player],
    steps: int,
) -> dict[str, float]:
    """Return the shares of starts in which the right action of two is told, in dream and game.

    Counted is a start from which the frame after holding the second action looks more like the
    second than the frame after holding the first does. starts: excerpts that begin with them.
    player: brings the game to where it is branched. Empty without two opposed actions.
    """
    actions = opposed_actions(game.actions)
    if actions is None:
        return {}
    branches = branched(game, player, actions, steps)
    held_out = len(branches[0]) // 5
    network = _learn([pairs[held_out:] for pairs in branches])
    dreamed = [dream_pairs(dreamer, starts, held, steps) for held in actions]
    return {
        "control": _told(network, dreamed),
        "control_game": _told(network, [pairs[:held_out] for pairs in branches]),
        "control_starts": len(starts),
    }


def branched(
    game: World,
    player: Callable[[Any, int], Player],
    actions: tuple[ActionVector, ActionVector],
    steps: int,
    count: int = BRANCHES,
) -> tuple[Pairs, Pairs]:
    """Return what holding each action makes of so many moments of a game, moment by moment.

    A branch in which the game ends is left out.
    """
    made: list[list[NDArray[np.uint8]]] = []
    number, frame, by = 0, game.reset(0), player(game, 0)
    while len(made) < count:
        for _ in range(APART_STEPS):
            step = game.step(by.act(frame))
            frame = step.frame
            if step.ended or step.truncated:
                number += 1
                frame, by = game.reset(number), player(game, number)
        moment = game.snapshot()
        branch = []
        for held in actions:
            before = game.restore(moment)
            after = hold(game, held, steps)
            branch += [np.stack((before, after))] if after is not None else []
        made += [branch] if len(branch) == len(actions) else []
        frame = game.restore(moment)
    first, second = zip(*made, strict=True)
    return np.stack(first), np.stack(second)


def hold(game: World, held: ActionVector, steps: int) -> Frame | None:
    """Return the frame after some steps of one action; None if the game ends before."""
    for _ in range(steps):
        step = game.step(held)
        if step.ended or step.truncated:
            return None
    return step.frame


def dream_pairs(
    dreamer: Dreamer, starts: Sequence[Excerpt], held: ActionVector, steps: int
) -> Pairs:
    """Return what a dream makes of holding an action, start by start."""
    last = dreamer.context - 1
    return np.stack(
        [
            np.stack((start.window.frames[last], dreamer.hold(start, held, steps, seed).frames[-1]))
            for seed, start in enumerate(starts)
        ]
    )


def _learn(pairs: Sequence[Pairs]) -> nn.Module:
    """Learn to tell the pairs of the second action (above 0) from those of the first (below)."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    width = 6
    for wider in (WIDTH, 2 * WIDTH, 2 * WIDTH):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.ReLU()]
        width = wider
    network = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(1))
    kinds = [_tensor(kind) for kind in pairs]
    network(kinds[0][:1])  # the last layer learns its width
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.05)
    target = torch.tensor([0.0] * BATCH + [1.0] * BATCH)
    for _ in range(UPDATES):
        rows = torch.cat([kind[torch.randint(len(kind), (BATCH,))] for kind in kinds])
        loss = F.binary_cross_entropy_with_logits(network(rows)[:, 0], target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return network


@torch.no_grad()
def _told(network: nn.Module, pairs: Sequence[Pairs]) -> float:
    first, second = (network(_tensor(kind))[:, 0] for kind in pairs)
    return float((second > first).float().mean())


def _tensor(pairs: Pairs) -> Tensor:
    """Return pairs (N, 2, H, W, 3) as (N, 6, H, W) in [-1, 1]."""
    count, _, height, width, _ = pairs.shape
    frames = torch.from_numpy(pairs).permute(0, 1, 4, 2, 3)
    return to_float(frames).reshape(count, 6, height, width)
