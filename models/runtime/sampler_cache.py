"""The ways a cartridge's world can be walked from noise to a frame, and what runs each of them."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from base.errors import UserError, unknown
from models.cartridge.manifest import Preset
from models.cartridge.reader import Cartridge, described
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.frame_prior import FramePrior
from models.networks.reward_end import RewardEnd
from models.networks.reward_model import RewardModel
from models.runtime.choice import openvino_precisions
from models.runtime.frame_step import EnlargingStep, FrameStep, PlayStep, RecurrentStep, SampledStep
from models.runtime.selection import (
    FLOATS,
    PRECISIONS,
    Compile,
    Inputs,
    Runner,
    choose,
    is_large,
    prepare,
)

MOST_STEPS = 10  # denoising steps that a world of presets can be asked for
CONTEXT_NOISES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # deviations that can be asked for


@dataclass(frozen=True)
class Way:
    """How a frame is made.

    count:         of denoising steps.
    context_noise: deviation of the noise on the context that the network sees, of a frame in
                   [-1, 1].
    precision:     of the arithmetic, one of models.runtime.selection's.
    """

    count: int
    context_noise: float
    precision: str


@dataclass(frozen=True)
class Walk:
    """A step of play, and what runs it."""

    way: Way
    step: PlayStep
    runner: Runner


class Walks:
    """A walk for each way to make a frame, made ready when it is first asked for.

    standard: how many steps are taken unless others are asked for. most: how many there can be.
    making: what a replay keeps of how frames are made, as engine.contracts.making_of has it.
    context_noise: the standard one; context_noises: all there are. precisions: likewise.
    """

    def __init__(
        self,
        cartridge: Cartridge,
        device: str | None = None,
        precision: str | None = None,
        preset: str | None = None,
        steps: int | None = None,
        compiled: Compile = "auto",
    ) -> None:
        """device, precision, compiled: as for models.runtime.selection.choose. preset: a name in
        the manifest's.

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
            preset = preset or next(iter(presets))
            if preset not in presets:
                raise unknown("preset", preset, tuple(presets))
            self._preset = presets[preset]
            self.standard, self.most = self._preset.frame.steps, MOST_STEPS
        if steps is not None:
            if not 1 <= steps <= self.most:
                raise UserError(f"this world takes 1 to {self.most} denoising steps, not {steps}")
            self.standard = steps
        self.context_noise = self._preset.frame.s_cond if self._preset else 0.0
        self.context_noises = tuple(sorted({*CONTEXT_NOISES, self.context_noise}))
        step = self._step(self.standard, self.context_noise)
        identity = self._identity(self.standard, self.context_noise)
        runner, self._decision = choose(
            step, self.example(step), identity, device, precision, compiled
        )
        self.making = {
            "weights": cartridge.weights,
            "networks": hashlib.sha256(self._built.encode()).hexdigest()[:16],
            **({"preset": preset} if preset else {}),
            "steps": str(self.standard),
            "device": runner.choice.device,
            "precision": runner.choice.precision,
            "runtime": runner.choice.describe(),
        }
        # Large weights are in memory once, as one precision needs them.
        free = openvino_precisions() if runner.choice.engine == "openvino" else FLOATS
        free = tuple(sorted({*free, runner.choice.precision}, key=PRECISIONS.index))
        self.precisions = (runner.choice.precision,) if is_large(step) else free
        way = Way(self.standard, self.context_noise, runner.choice.precision)
        self._walks = {way: Walk(way, step, runner)}

    def walk(
        self, count: int, context_noise: float | None = None, precision: str | None = None
    ) -> Walk:
        """The walk of `count` denoising steps, the rest as standard unless given.

        Raises UserError for a precision that this machine cannot work in.
        """
        noise = self.context_noise if context_noise is None else context_noise
        way = Way(count, noise, precision or self._decision.choice.precision)
        if way not in self._walks:
            step = self._step(count, noise)
            choice = dataclasses.replace(self._decision.choice, precision=way.precision)
            runner = prepare(step, choice, self.example(step), self._identity(count, noise))
            self._walks[way] = Walk(way, step, runner)
        return self._walks[way]

    def describe(self, walk: Walk) -> str:
        """One line on what runs a walk, and why, if that was measured on it."""
        chosen = walk.runner.choice == self._decision.choice and walk.way.count == self.standard
        return self._decision.describe() if chosen else walk.runner.choice.describe()

    def _identity(self, count: int, context_noise: float) -> str:
        """What tells a step from all others: its networks and how they are sampled."""
        sampler = self._cartridge.manifest.sampler or self._preset
        return f"{self._cartridge.weights} {self._built} {count} {context_noise} {sampler}"

    @property
    def _built(self) -> str:
        """What the networks are made of: the same weights do other things in another one."""
        manifest = self._cartridge.manifest
        return str([getattr(manifest, name) for name in described(manifest)])

    def _step(self, count: int, context_noise: float) -> PlayStep:
        networks, manifest = self._cartridge.networks, self._cartridge.manifest
        denoiser = cast(Denoiser, networks["denoiser"])
        if self._preset is None:
            assert manifest.sampler is not None
            return FrameStep(
                denoiser,
                cast(RewardEnd, networks["reward_end"]),
                manifest.sampler.first(count),
                context_noise,
                cast(FramePrior | None, networks.get("frame_prior")),
            )
        sampler = dataclasses.replace(self._preset.frame, steps=count, s_cond=context_noise)
        if self._preset.upsampling is not None:
            upsampler = cast(Upsampler, networks["upsampler"])
            return EnlargingStep(denoiser, upsampler, sampler, self._preset.upsampling)
        if "reward_end" in networks:
            return RecurrentStep(denoiser, cast(RewardModel, networks["reward_end"]), sampler)
        return SampledStep(denoiser, sampler)

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
