"""Learning how places look from where frames were taken, and how actions lead from place to place.

Two networks that share nothing but their updates: a place memory learns to make a recorded frame
from keyframes of other times, and a pose to follow recorded walks whose beginnings it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from models.networks.place_memory import PlaceMemory
from models.networks.pose import PoseModel, within
from training.learners.base import Learner, Losses
from training.losses.place import view_loss, walk_loss
from training.optimizer import build
from training.places import PlaceBank, PlaceBatch, PlaceBatches, Places
from training.recipes.place import PlaceConfig
from training.recipes.presets import Recipe
from training.scores import Scores, psnr, strip
from training.speed import autocast

SCORED = 64  # walks at evaluations
PICTURES = 6  # views of each in the strip, from first to last
TOGETHER = 64  # views made at once


class PlaceLearner(Learner):
    """A place memory and a pose, and the bank that views are recalled from.

    held_out: places that are scored at, and kept out of the bank.
    """

    batches: PlaceBatches

    def __init__(
        self,
        config: PlaceConfig,
        memory: PlaceMemory,
        pose: PoseModel,
        places: Places,
        held_out: Places,
    ) -> None:
        self.recipe, self.memory, self.pose, self.held_out = config, memory, pose, held_out
        rates = (config.learning_rate, config.pose_learning_rate)
        networks: dict[str, nn.Module] = {"place_memory": memory, "pose": pose}
        optimizers = [
            build(network, rate, 0.0, config.weight_decay)[0]
            for network, rate in zip(networks.values(), rates, strict=True)
        ]
        # The network that takes the time; all that is asked of it is its U-Net and its device.
        slowest = cast(Denoiser, memory)
        super().__init__(cast(Recipe, config), slowest, networks, optimizers)
        self.bank = PlaceBank(places, config.bank, config.unit, config.seed)
        self.batches = PlaceBatches(
            places,
            self.bank,
            config.batch,
            config.sources,
            config.apart,
            config.walks,
            config.window,
            config.seed,
        )

    def gradients(self, index: int, batch: PlaceBatch) -> Losses:
        """Reports view and walk, their losses; view_norm and walk_norm, the norms of their
        gradients before clipping."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        config, device = self.recipe, self.device
        with autocast(device, self.precision):
            recalled = self.memory(
                batch.poses.to(device),
                to_float(batch.sources.to(device)),
                batch.taken_from.to(device),
            )
            view = view_loss(recalled, to_float(batch.frames.to(device)))
        walks = batch.walks.to(device)
        told = self.pose.follow(walks, batch.actions.to(device), config.known)
        walk = walk_loss(told, walks[:, 1:], self.pose.config.stride)
        view.backward()
        walk.backward()
        norms = [
            nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip).item()
            for network in self.networks.values()
        ]
        return {
            "view": view.item(),
            "walk": walk.item(),
            "view_norm": norms[0],
            "walk_norm": norms[1],
        }

    @torch.no_grad()
    def score(self) -> Scores:
        """Views of held-out walks, at the poses that actions lead to from a known beginning.

        What costs nothing is the keyframe nearest to where the frame was taken.
        """
        config, held_out = self.recipe, self.held_out
        beginnings = held_out.beginnings(config.window)
        spread = torch.linspace(0, len(beginnings) - 1, min(SCORED, len(beginnings))).long()
        rows = beginnings[spread]
        walks, actions = (part.to(self.device) for part in held_out.walks(rows, config.window))
        pose = cast(PoseModel, self.averages["pose"])
        told = pose.follow(walks, actions, config.known)
        # The first pose that is not known is that after the last known one.
        steps = torch.linspace(config.known, config.window, min(PICTURES, config.steps)).long()
        true = held_out.frames[rows[:, None] + steps].permute(0, 1, 4, 2, 3)
        made = torch.stack([self.views(told[:, step - 1]) for step in steps.tolist()], dim=1)
        plain = torch.stack([self.nearest(walks[:, step]) for step in steps.tolist()], dim=1)
        return Scores(
            psnr_1=psnr(made[:, 0], true[:, 0]),
            psnr_n=psnr(made[:, -1], true[:, -1]),
            plain_1=psnr(plain[:, 0], true[:, 0]),
            plain_n=psnr(plain[:, -1], true[:, -1]),
            plain="nearest",
            steps=config.steps,
            strip=strip(true, made),
        )

    @torch.no_grad()
    def recorded_views(self, rows: Tensor) -> Tensor:
        """Return the views uint8 (B, C, H, W) from where frames to learn from were taken.

        rows: (B,) of those frames. Keyframes near them in time do not count, so that the views are
        no better than in play: what a denoiser that is shown recalled views is to learn from.
        """
        places = self.batches.places
        near = [self.bank.near(places, some, self.recipe.apart) for some in rows.split(TOGETHER)]
        return self.views(places.poses[rows], near)

    def views(self, poses: Tensor, barred: Sequence[Tensor] = ()) -> Tensor:
        """Return views uint8 (B, C, H, W) from poses (B, 4), by the averaged weights.

        barred: for each TOGETHER of them, which keyframes do not count; empty: all do.
        """
        memory, made = cast(PlaceMemory, self.averages["place_memory"]), []
        for part, some in enumerate(poses.cpu().split(TOGETHER)):
            left_out = barred[part] if barred else None
            indices = self.bank.keyframes.recall(some, self.recipe.sources, left_out)
            sources, taken_from = (part.to(self.device) for part in self.bank.sources(indices))
            with autocast(self.device, self.precision):
                recalled = memory(some.to(self.device), to_float(sources), taken_from)
            made.append(to_uint8(recalled.view).cpu())
        return torch.cat(made)

    def nearest(self, poses: Tensor) -> Tensor:
        """The keyframes uint8 (B, C, H, W) nearest to poses (B, 4)."""
        return self.bank.pictures[self.bank.keyframes.recall(poses.cpu(), 1)[:, 0]]


def build_places(
    recipe: PlaceConfig,
    places: Places,
    held_out: Places,
    buttons: int,
    mouse: tuple[tuple[int, ...], tuple[int, ...]],
    device: torch.device,
) -> PlaceLearner:
    """New networks for recorded places and everything that trains them, decided by the seed.

    buttons: entries of an action before the mouse's motions; mouse: those, right and down.
    Raises ValueError for networks that cannot be built.
    """
    height, width = places.frames.shape[1:3]
    low, high = within(places.poses, recipe.cell)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        memory = PlaceMemory(recipe.place_memory(height, width))
        pose = PoseModel(recipe.pose(buttons, *mouse, low, high))
    memory = memory.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return PlaceLearner(recipe, memory, pose.to(device), places, held_out)
