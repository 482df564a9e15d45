"""The ways a cartridge's world can be walked from noise to a frame, and what runs each of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from base.errors import UserError, unknown
from models.cartridge import Cartridge
from models.denoiser import Denoiser
from models.frame_step import EnlargingStep, FrameStep, PlayStep, RecurrentStep
from models.manifest import Preset
from models.reward_end import RewardEnd
from models.reward_model import RewardModel
from models.runtime import Inputs, Runner, choose, prepare

MOST_STEPS = 10  # denoising steps that a world of presets can be asked for


@dataclass(frozen=True)
class Walk:
    """A step of play that takes `count` denoising steps, and what runs it."""

    count: int
    step: PlayStep
    runner: Runner


class Walks:
    """A walk for each number of denoising steps, made ready when it is first asked for.

    standard: how many steps are taken unless others are asked for. most: how many there can be.
    """

    def __init__(
        self,
        cartridge: Cartridge,
        device: str | None = None,
        precision: str | None = None,
        preset: str | None = None,
        steps: int | None = None,
    ) -> None:
        """device, precision: as for models.runtime.choose. preset: a name in the manifest's.

        Raises UserError for what the cartridge does not offer and this machine cannot do.
        """
        self._cartridge = cartridge
        sampler, presets = cartridge.manifest.sampler, cartridge.manifest.presets
        self._preset: Preset | None = None
        if sampler is not None:
            if preset is not None:
                raise UserError(f"{cartridge.manifest.name} has no presets; leave --preset out")
            self.standard = self.most = len(sampler.sigmas)
        else:
            name = preset or next(iter(presets))
            if name not in presets:
                raise unknown("preset", name, tuple(presets))
            self._preset = presets[name]
            self.standard, self.most = self._preset.frame.steps, MOST_STEPS
        if steps is not None:
            if not 1 <= steps <= self.most:
                raise UserError(f"this world takes 1 to {self.most} denoising steps, not {steps}")
            self.standard = steps
        step = self._step(self.standard)
        identity = f"{cartridge.weights} {self.standard} {sampler or self._preset}"
        large = any(
            weight.dtype is not torch.float32
            for network in cartridge.networks.values()
            for weight in network.parameters()
        )
        runner = choose(step, self.example(step), identity, device, precision, large=large)
        self._walks = {self.standard: Walk(self.standard, step, runner)}

    def walk(self, count: int) -> Walk:
        """The walk of `count` denoising steps; all run alike."""
        if count not in self._walks:
            step, choice = self._step(count), self._walks[self.standard].runner.choice
            self._walks[count] = Walk(count, step, prepare(step, choice, self.example(step)))
        return self._walks[count]

    def _step(self, count: int) -> PlayStep:
        networks, manifest = self._cartridge.networks, self._cartridge.manifest
        denoiser = cast(Denoiser, networks["denoiser"])
        if self._preset is None:
            assert manifest.sampler is not None
            return FrameStep(
                denoiser, cast(RewardEnd, networks["reward_end"]), manifest.sampler.sigmas[:count]
            )
        sampler = dataclasses.replace(self._preset.frame, steps=count)
        if self._preset.upsampling is None:
            return RecurrentStep(denoiser, cast(RewardModel, networks["reward_end"]), sampler)
        upsampler = cast(Denoiser, networks["upsampler"])
        return EnlargingStep(denoiser, upsampler, sampler, self._preset.upsampling)

    def example(self, step: PlayStep) -> Inputs:
        """Inputs like those of play, for measuring: a start, or noise where there is none."""
        rng, config = np.random.default_rng(0), self._cartridge.manifest.denoiser
        starts = self._cartridge.starts
        example: dict[str, Any] = {
            name: starts[name][0] for name in ("frames", "actions") if len(starts[name])
        } or {
            "frames": rng.integers(0, 256, starts["frames"].shape[1:], dtype=np.uint8),
            "actions": np.zeros((config.context, config.actions), np.float32),
        }
        for name, shape in step.noises.items():
            example[name] = rng.standard_normal(shape, np.float32)
        state = step.begin(example["frames"], example["actions"])
        return {**example, **{n: state[n] if n in state else starts[n][0] for n in step.state}}
