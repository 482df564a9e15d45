"""A dream: a trained world model, played as a World."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from engine.contracts import ActionVector, Frame, Snapshot, Step
from models.cartridge import Cartridge, load
from models.frame_step import FrameStep
from models.reward_end import REWARDS
from models.runtime import Runner, choose


class DiffusionWorld:
    """The world of a cartridge, as engine.contracts.World.

    It remembers its last frames and the actions taken at them, nothing else. The noise of step n
    is drawn from the seed and n alone, so a moment is those plus two numbers. Of rewards the most
    probable is taken, and a life or the game ends when that is more probable than not: drawing
    lots would end one game in a hundred early for nothing.

    runtime: one line on how the network runs here.
    """

    def __init__(self, cartridge: Cartridge, runner: Runner) -> None:
        manifest, config = cartridge.manifest, cartridge.manifest.denoiser
        self.name = manifest.name
        self.actions = manifest.actions
        self.rate_fps = manifest.rate_fps
        self.frame_shape = (config.height, config.width, 3)
        self.starts = len(cartridge.frames)
        self.runtime = runner.choice.describe()
        self._runner = runner
        self._start_frames, self._start_actions = cartridge.frames, cartridge.actions
        self.reset(seed=0)

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Begin again from a starting context; its last frame."""
        start %= self.starts
        self._frames: NDArray[np.uint8] = self._start_frames[start].copy()
        self._actions: NDArray[np.float32] = self._start_actions[start].copy()
        self._seed, self._steps = seed % 2**63, 0
        return self._frames[-1].copy()

    def step(self, action: ActionVector) -> Step:
        """Dream the next frame."""
        self._actions[-1] = action
        noise = noise_of(self._seed, self._steps, (3, *self.frame_shape[:2]))
        frame, events = self._runner.run(
            {"frames": self._frames, "actions": self._actions, "noise": noise}
        )
        self._steps += 1
        # New arrays, not changed ones: the runtime may still look at those it was given.
        self._frames = np.concatenate([self._frames[1:], frame[None]])
        self._actions = np.concatenate([self._actions[1:], np.zeros_like(self._actions[:1])])
        life_lost, ended = (events[3:] > 0).tolist()
        reward = REWARDS[int(events[:3].argmax())]
        return Step(frame.copy(), reward=reward, ended=ended, life_lost=life_lost)

    def snapshot(self) -> Snapshot:
        """The last frames and actions, the seed and how many steps were taken."""
        return {
            "frames": self._frames.copy(),
            "actions": self._actions.copy(),
            "clock": np.array([self._seed, self._steps], np.int64),
        }

    def restore(self, snapshot: Snapshot) -> Frame:
        """Go back to a snapshot; UserError if it is not one of this world's."""
        now = self.snapshot()
        for name, array in now.items():
            given = snapshot.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                raise UserError(f"this is no moment of {self.name}: its '{name}' do not fit")
        self._frames = snapshot["frames"].copy()
        self._actions = snapshot["actions"].copy()
        self._seed, self._steps = (int(value) for value in snapshot["clock"])
        return self._frames[-1].copy()

    def close(self) -> None:
        """Nothing to release: the networks go with the object."""


def noise_of(seed: int, step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Unit noise for one step, decided by the seed and the step's number alone."""
    rng = np.random.default_rng([seed % 2**63, step])
    return rng.standard_normal(shape, np.float32)


def open_world(
    path: Path,
    *,
    device: str | None = None,
    precision: str | None = None,
    steps: int | None = None,
) -> DiffusionWorld:
    """Load a cartridge and get it ready to play on this machine.

    device, precision, steps: as for `get_ready`.
    Raises UserError for what is not a whole cartridge and for what this machine cannot do.
    """
    cartridge = load(path)
    return DiffusionWorld(cartridge, get_ready(cartridge, device, precision, steps))


def get_ready(
    cartridge: Cartridge,
    device: str | None = None,
    precision: str | None = None,
    steps: int | None = None,
) -> Runner:
    """Make what runs a cartridge's network on this machine.

    device, precision: as in models/runtime.py; chosen by measuring unless given.
    steps: how many network calls make a frame, at most as many as the cartridge has noise levels;
           fewer is quicker and rougher.
    Raises UserError for what this machine cannot do.
    """
    sigmas = cartridge.manifest.sampler.sigmas
    if steps is not None and not 1 <= steps <= len(sigmas):
        raise UserError(f"this world is made for 1 to {len(sigmas)} sampler steps, not {steps}")
    step = FrameStep(cartridge.denoiser, cartridge.reward_end, sigmas[:steps])
    shape = (3, *cartridge.frames.shape[2:4])
    example = {
        "frames": cartridge.frames[0],
        "actions": cartridge.actions[0],
        "noise": noise_of(0, 0, shape),
    }
    return choose(step, example, f"{cartridge.weights} {step.sigmas}", device, precision)
