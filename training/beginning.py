"""Beginning of a run: new networks and all that trains them, and other weights to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

import torch

from base.errors import UserError
from models.cartridge import reader as cartridge
from models.cartridge.reader import Cartridge
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.frame_prior import FramePrior
from models.networks.reward_end import RewardEnd
from training.data import Data
from training.export import frame_sampler
from training.learners.base import IN_CARTRIDGES, Learner
from training.learners.rollout_learner import RolloutLearner
from training.learners.sequence_learner import SequenceLearner
from training.learners.upsampler_learner import UpsamplerLearner
from training.lengthen import lengthened
from training.recipes.presets import Recipe
from training.recipes.two_sizes import PLAY_PRESETS, SequenceConfig, UpsamplerConfig
from training.recipes.world import TrainConfig
from training.rollouts import Rollouts
from training.small_rollouts import SmallRollouts

D = TypeVar("D", bound=Denoiser)


def build(
    recipe: Recipe, data: Data, device: torch.device, world: Cartridge | None = None
) -> Learner:
    """Return new networks and everything that trains them, decided by the configured seed.

    world: the one that an upsampler is for; without it its small frames are recorded ones only.
    Raises UserError for networks that cannot be built.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            match recipe:
                case TrainConfig():
                    return _rollout_learner(recipe, data, device)
                case SequenceConfig():
                    denoiser = _placed(Denoiser(recipe.denoiser(*_sizes(data))), device)
                    return SequenceLearner(recipe, denoiser, data)
                case UpsamplerConfig():
                    assert data.large is not None
                    height, width, _ = data.large.store.frame_shape
                    upsampler = _placed(Upsampler(recipe.upsampler(height, width)), device)
                    rollouts = _small_rollouts(recipe, world, device)
                    return UpsamplerLearner(recipe, upsampler, data, rollouts)
    except ValueError as error:
        raise UserError(f"this network cannot be built: {error}") from error


def _rollout_learner(recipe: TrainConfig, data: Data, device: torch.device) -> RolloutLearner:
    height, width, actions = _sizes(data)
    denoiser = Denoiser(recipe.denoiser(height, width, actions))
    head = RewardEnd(recipe.reward_end(height, width)).to(device)
    mending = recipe.frame_prior(height, width)
    prior = FramePrior(mending).to(device) if mending else None
    rollouts = None
    if recipe.rollouts:
        rollouts = Rollouts(
            data.segments,
            recipe.rollouts,
            round(recipe.keep_diverged_share * recipe.rollouts),
            recipe.rollout_steps,
            recipe.diverged_light,
            recipe.hard_start_share,
            recipe.seed + 1,
            recipe.first_rollouts,
        )
    return RolloutLearner(recipe, _placed(denoiser, device), head, prior, rollouts, data)


def _small_rollouts(
    recipe: UpsamplerConfig, world: Cartridge | None, device: torch.device
) -> SmallRollouts | None:
    count = round(recipe.dreamed_share * recipe.batch * recipe.accumulate)
    if world is None or not count:
        return None
    denoiser = cast(Denoiser, world.networks["denoiser"])
    return SmallRollouts(denoiser, frame_sampler(world.manifest, PLAY_PRESETS[0]), count, device)


def _placed(denoiser: D, device: torch.device) -> D:
    """Return it on a device, in the layout that convolutions are quickest in, on CPUs too."""
    layout = torch.channels_last
    return denoiser.to(device, memory_format=layout)  # type: ignore[call-overload]


def _sizes(data: Data) -> tuple[int, int, int]:
    """Return height, width and action width of what is recorded."""
    height, width, _ = data.store.frame_shape
    return height, width, data.store.info.actions.size


def begin_with(learner: Learner, path: Path) -> None:
    """Take a cartridge's weights into a new learner's networks and averages.

    Networks that saw fewer frames may be taken: the frames before count for nothing at first. Of a
    world where nothing tells rewards and ends, the head that is to tell them begins as it is; so
    does a frame prior of a world without one.
    Raises UserError for what is no cartridge, and for networks of other shapes.
    """
    networks = cartridge.load(path).networks
    for own, network in learner.networks.items():
        name = IN_CARTRIDGES.get(own, own)
        if name not in networks and network is not learner.denoiser:
            continue
        try:
            network.load_state_dict(lengthened(network, networks[name].state_dict()))
        except (KeyError, RuntimeError) as error:
            raise UserError(
                f"the {name} of {path} is not of this recipe's shape, for frames of this size and "
                "these actions; training cannot start from it"
            ) from error
    # Not by averaging: the frequencies of the noise embedding are no weights that are learnt.
    for own, network in learner.networks.items():
        learner.averages[own].load_state_dict(network.state_dict())
