"""The steps of play that a cartridge's world can make, by sampling options, and what runs each."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from base.errors import UserError, unknown
from models.cartridge.manifest import Manifest, Preset
from models.cartridge.reader import Cartridge, described
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.frame_prior import FramePrior
from models.networks.place_memory import PlaceMemory
from models.networks.pose import PoseModel
from models.networks.reward_end import RewardEnd
from models.networks.reward_model import RewardModel
from models.runtime.choice import openvino_precisions
from models.runtime.frame_step import EnlargingStep, FrameStep, PlayStep, RecurrentStep, SampledStep
from models.runtime.place_step import PlaceStep
from models.runtime.selection import (
    FLOATS,
    PRECISIONS,
    Choice,
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
class SamplingOptions:
    """Options of making frames that a player can choose.

    steps:         denoising steps.
    context_noise: deviation of the noise on the context that the network sees, of a frame in
                   [-1, 1].
    precision:     of the arithmetic, one of models.runtime.selection's.
    """

    steps: int
    context_noise: float
    precision: str


@dataclass(frozen=True)
class PreparedStep:
    """A step of play, and what runs it."""

    options: SamplingOptions
    step: PlayStep
    runner: Runner


class SamplerCache:
    """Steps of play by the options they are made with, each prepared when it is first asked for.

    standard: how many steps are taken unless others are asked for. most: how many there can be.
    provenance: of the frames, which replays keep (`engine.contracts.provenance_of`).
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
        """Prepare the standard step, which is measured on this machine if it never was.

        device, precision, compiled: as for models.runtime.selection.choose. preset: a name in the
        manifest's.
        Raises UserError for what the cartridge does not offer and this machine cannot do.
        """
        self._cartridge = cartridge
        name, self._preset = _preset(cartridge.manifest, preset)
        self._sampler = self._preset.frame
        self.standard = self.most = self._sampler.steps
        if self._sampler.sigma_min is not None:
            self.most = MOST_STEPS
        if steps is not None:
            if not 1 <= steps <= self.most:
                raise UserError(f"this world takes 1 to {self.most} denoising steps, not {steps}")
            self.standard = steps
        self.context_noise = self._sampler.s_cond
        self.context_noises = tuple(sorted({*CONTEXT_NOISES, self.context_noise}))
        step = self._step(self.standard, self.context_noise)
        identity = self._identity(self.standard, self.context_noise)
        runner, self._decision = choose(
            step, self.example(step), identity, device, precision, compiled
        )
        self.provenance = self._provenance(name, runner.choice)
        self.precisions = _precisions(step, runner.choice)
        options = SamplingOptions(self.standard, self.context_noise, runner.choice.precision)
        self._prepared = {options: PreparedStep(options, step, runner)}

    def _provenance(self, preset: str, choice: Choice) -> dict[str, str]:
        return {
            "weights": self._cartridge.weights,
            "networks": hashlib.sha256(self._built.encode()).hexdigest()[:16],
            **({"preset": preset} if preset else {}),
            "steps": str(self.standard),
            "device": choice.device,
            "precision": choice.precision,
            "runtime": choice.describe(),
        }

    def prepared(
        self, steps: int, context_noise: float | None = None, precision: str | None = None
    ) -> PreparedStep:
        """Return a step of `steps` denoising steps, the rest as standard unless given.

        Raises UserError for a precision that this machine cannot work in.
        """
        noise = self.context_noise if context_noise is None else context_noise
        options = SamplingOptions(steps, noise, precision or self._decision.choice.precision)
        if options not in self._prepared:
            step = self._step(steps, noise)
            choice = dataclasses.replace(self._decision.choice, precision=options.precision)
            runner = prepare(step, choice, self.example(step), self._identity(steps, noise))
            self._prepared[options] = PreparedStep(options, step, runner)
        return self._prepared[options]

    def describe(self, made: PreparedStep) -> str:
        """Return one line on what runs a step, and why, if that was measured on it."""
        measured = made.options.steps == self.standard
        chosen = measured and made.runner.choice == self._decision.choice
        return self._decision.describe() if chosen else made.runner.choice.describe()

    def _identity(self, steps: int, context_noise: float) -> str:
        """Return what tells a step from all others: its networks and how they are sampled."""
        return f"{self._cartridge.weights} {self._built} {steps} {context_noise} {self._preset}"

    @property
    def _built(self) -> str:
        """Architecture of the networks: the same weights do other things in another one."""
        manifest = self._cartridge.manifest
        return str([getattr(manifest, name) for name in described(manifest)])

    def _step(self, steps: int, context_noise: float) -> PlayStep:
        networks, keyframes = self._cartridge.networks, self._cartridge.keyframes
        step = self._frame_step(steps, context_noise)
        if keyframes is None:
            return step
        memory = cast(PlaceMemory, networks["place_memory"])
        return PlaceStep(step, cast(PoseModel, networks["pose"]), memory, keyframes)

    def _frame_step(self, steps: int, context_noise: float) -> PlayStep:
        networks = self._cartridge.networks
        sampler = dataclasses.replace(self._sampler.with_steps(steps), s_cond=context_noise)
        denoiser = cast(Denoiser, networks["denoiser"])
        if self._preset.upsampling is not None:
            upsampler = cast(Upsampler, networks["upsampler"])
            return EnlargingStep(denoiser, upsampler, sampler, self._preset.upsampling)
        match networks.get("reward_end"):
            case RewardEnd() as head:
                prior = cast(FramePrior | None, networks.get("frame_prior"))
                return FrameStep(denoiser, head, sampler, prior)
            case RewardModel() as model:
                return RecurrentStep(denoiser, model, sampler)
        return SampledStep(denoiser, sampler)

    def example(self, step: PlayStep) -> Inputs:
        """Return inputs like those of play, for measuring: a start, or noise if there is none."""
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


def _preset(manifest: Manifest, wanted: str | None) -> tuple[str, Preset]:
    """Return how a world makes its frames, and the name of that, empty if it has only one way.

    Raises UserError for a preset that it does not have.
    """
    if manifest.sampler is not None:
        if wanted is not None:
            raise UserError(f"{manifest.name} has no presets; leave --preset out")
        return "", Preset(manifest.sampler)
    name = wanted or next(iter(manifest.presets))
    if name not in manifest.presets:
        raise unknown("preset", name, tuple(manifest.presets))
    return name, manifest.presets[name]


def _precisions(step: PlayStep, choice: Choice) -> tuple[str, ...]:
    """Return the precisions that a step can be switched to, the chosen one among them."""
    if is_large(step):  # large weights are in memory once, as one precision needs them
        return (choice.precision,)
    free = openvino_precisions() if choice.engine == "openvino" else FLOATS
    return tuple(sorted({*free, choice.precision}, key=PRECISIONS.index))
