"""A dream: a trained world model, played as a World."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from base.errors import UserError
from base.pictures import fitted
from base.sizes import MB
from engine.contracts import (
    DENOISING_STEPS,
    FEWER,
    INSET,
    MORE,
    PILOT,
    PLAYING,
    ActionVector,
    Frame,
    Knob,
    Notes,
    Snapshot,
    Step,
    Switched,
)
from models.agent import Agent
from models.cartridge.reader import Cartridge, Checked
from models.networks.actor_critic import ActorCritic
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import PRECISIONS, Compile, quick_dtype

CONTEXT_NOISE, PRECISION, SEED = "context noise", "precision", "seed"
PLAYERS = ("you", "recording")
OLD_CLOCK = 6  # numbers of a moment's clock before there were knobs
NOISE_UNIT = 1e-6  # of context noise, in snapshots
LARGE_BYTES = 200 * MB
THUMBNAIL_PX = 128  # of a start's picture, at most
INSET_SHARE = 1 / 3  # of the shown frame's width
EVENT_STREAM = 101  # tells the random numbers of events from those of frames


class DiffusionWorld:
    """The world of a cartridge, as engine.contracts.SwitchableWorld and AdjustableWorld.

    It remembers its last frames, the actions taken at them and what its step carries along. The
    noise of step n is drawn from the seed and n alone, so a moment is those and some numbers.

    samplers: what makes its frames, by the options they are made with.
    game:  the emulator's name for the game, of a world that begins where `enter` puts it.
    agent: a player that comes with the world, if one does.
    context: how many frames it looks at.
    """

    def __init__(self, cartridge: Cartridge, samplers: SamplerCache) -> None:
        manifest = cartridge.manifest
        self.name = manifest.name
        self.actions = manifest.actions
        self.rate_fps = manifest.rate_fps
        self.game = manifest.game
        self.context = manifest.denoiser.context
        player = cast(ActorCritic | None, cartridge.networks.get("actor_critic"))
        self.agent = Agent(player, self.actions) if player else None
        # The emulator that makes a world's starts has as many as there are seeds.
        self.starts = len(cartridge.starts["frames"]) or 1
        shown = manifest.upsampler or manifest.denoiser
        self.frame_shape = (shown.height, shown.width, 3)
        self._starts, self._samplers = cartridge.starts, samplers
        self._prepared = samplers.prepared(samplers.standard)
        self._seed = self._steps = self._start = 0
        self._inset = self._replaying = False
        switches = [FEWER, MORE] if samplers.most > 1 else []
        switches += [INSET] if manifest.upsampler else []
        switches += [PILOT] if "following" in cartridge.starts else []
        self.switches = tuple(switches)
        # What the next step works on: frames, actions and what the step carries along.
        self._state: dict[str, NDArray[Any]] = {}
        if not self.game:
            self.reset(seed=0)

    @property
    def runtime(self) -> str:
        """One line on how the network runs here."""
        return self._samplers.describe(self._prepared)

    @property
    def provenance(self) -> Mapping[str, str]:
        """Settings that decide its frames, apart from seed, start, actions, switches and knobs."""
        return self._samplers.provenance

    @property
    def thumbnails(self) -> tuple[Frame, ...]:
        """The starts' last frames, made small if they are not."""
        frames = self._starts["large"] if "large" in self._starts else self._starts["frames"][:, -1]
        return tuple(fitted(frame, THUMBNAIL_PX, THUMBNAIL_PX) for frame in frames)

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Begin again from a starting context; its last frame."""
        self._start = start % self.starts
        return self._begin({name: array[self._start] for name, array in self._starts.items()}, seed)

    def enter(self, frames: NDArray[np.uint8], actions: NDArray[np.float32], seed: int) -> Frame:
        """Begin from frames uint8 (N, H, W, 3) and the actions (N - 1, A) between them.

        Of more than the context holds, the last count. Raises UserError for fewer.
        """
        if len(frames) < self.context:
            raise UserError(f"{self.name} begins from {self.context} frames, not {len(frames)}")
        acted = np.concatenate([actions, self.actions.idle()[None]])
        last = slice(-self.context, None)
        return self._begin({"frames": frames[last], "actions": acted[last]}, seed)

    def _begin(self, given: dict[str, NDArray[Any]], seed: int) -> Frame:
        step = self._prepared.step
        began = {**given, **step.begin(given["frames"], given["actions"])}
        self._state = {name: began[name].copy() for name in ("frames", "actions", *step.state)}
        self._seed, self._steps = seed % 2**63, 0
        return self._picture()

    def step(self, action: ActionVector) -> Step:
        """Dream the next frame."""
        recorded = self._recorded()
        step, state = self._prepared.step, self._state
        actions = state["actions"].copy()
        actions[-1] = action if recorded is None else recorded
        noises = {
            name: noise_of(self._seed, self._steps, shape, which)
            for which, (name, shape) in enumerate(step.noises.items())
        }
        carried = {name: state[name] for name in step.state}
        inputs = {"frames": state["frames"], "actions": actions, **noises, **carried}
        made = dict(zip(step.outputs, self._prepared.runner.run(inputs), strict=True))
        # New arrays, not changed ones: the runtime may still look at those it was given.
        self._state = {
            "frames": np.concatenate([state["frames"][1:], made["frame"][None]]),
            "actions": np.concatenate([actions[1:], np.zeros_like(actions[:1])]),
            **{name: made[name] for name in step.state},
        }
        self._steps += 1
        events = step.read(made, np.random.default_rng([self._seed, self._steps, EVENT_STREAM]))
        return Step(
            self._picture(),
            reward=events.reward,
            ended=events.ended,
            life_lost=events.life_lost,
            action=recorded,
            piloted=recorded is not None,
            notes=self._notes(),
        )

    def _recorded(self) -> ActionVector | None:
        """Return the recorded player's next action, as long as it is at the controls."""
        if not self._replaying:
            return None
        following: NDArray[np.float32] = self._starts["following"][self._start]
        if self._steps < len(following):
            return following[self._steps].copy()
        self._replaying = False
        return None

    def switch(self, key: str) -> Switched:
        """Change the number of denoising steps, the inset, or who plays."""
        if key == PILOT.key:
            return self.turn(PLAYING, -1 if self._replaying else 1)
        if key != INSET.key:
            return self.turn(DENOISING_STEPS, 1 if key == MORE.key else -1)
        self._inset = not self._inset
        return Switched("", self._picture(), notes=self._notes())

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Knobs of how frames are made, of who plays, and of the seed."""
        samplers, options = self._samplers, self._prepared.options
        counts = tuple(str(count + 1) for count in range(samplers.most))
        noises = tuple(f"{noise:g}" for noise in samplers.context_noises)
        knobs = (
            Knob(DENOISING_STEPS, str(options.steps), counts),
            Knob(CONTEXT_NOISE, f"{options.context_noise:g}", noises),
            Knob(PRECISION, options.precision, samplers.precisions),
            Knob(PLAYING, PLAYERS[self._replaying], PLAYERS if PILOT in self.switches else ()),
        )
        return (*(k for k in knobs if len(k.choices) > 1), Knob(SEED, str(self._seed)))

    def turn(self, name: str, by: int) -> Switched:
        """Move a knob; what the network runs as is prepared anew for some, which takes a while."""
        if name == SEED:
            self._seed = (self._seed + by) % 2**63
            return Switched(f"seed {self._seed}", self._picture(), notes=self._notes())
        (knob,) = (knob for knob in self.knobs if knob.name == name)
        value, options = knob.moved(by), self._prepared.options
        if name == DENOISING_STEPS:
            options = replace(options, steps=int(value))
            notice = f"{value} denoising step{'s' if options.steps > 1 else ''}"
        elif name == CONTEXT_NOISE:
            noise = self._samplers.context_noises[knob.choices.index(value)]
            options, notice = replace(options, context_noise=noise), f"context noise {value}"
        elif name == PRECISION:
            options, notice = replace(options, precision=value), f"computed in {value}"
        else:
            recorded = value == PLAYERS[True]
            if recorded and self._steps >= len(self._starts["following"][self._start]):
                raise UserError("the recording is over; restart to see it again")
            self._replaying = recorded
            notice = "a recorded player plays" if self._replaying else "you play"
        self._prepared = self._samplers.prepared(*astuple(options))
        return Switched(notice, self._picture(), notes=self._notes())

    def snapshot(self) -> Snapshot:
        """Return what the next step works on, the seed, and how switches and knobs stand."""
        numbers = (
            self._seed, self._steps, self._start, self._prepared.options.steps, self._inset,
            self._replaying, *self._finer(),
        )  # fmt: skip
        state = {name: array.copy() for name, array in self._state.items()}
        return {**state, "clock": np.array(numbers, np.int64)}

    def restore(self, snapshot: Snapshot) -> Frame:
        """Go back to a snapshot; UserError if it is not one of this world's."""
        clock = snapshot.get("clock")
        if clock is not None and clock.shape == (OLD_CLOCK,):
            snapshot = {**snapshot, "clock": np.append(clock, self._finer())}
        for name, array in self.snapshot().items():
            given = snapshot.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                raise UserError(f"this is no moment of {self.name}: its '{name}' do not fit")
        seed, steps, start, count, inset, replaying, noise, precision = (
            int(value) for value in snapshot["clock"]
        )
        noises = {round(level / NOISE_UNIT): level for level in self._samplers.context_noises}
        if not (
            0 <= start < self.starts
            and count >= 1
            and min(seed, steps) >= 0
            and noise in noises
            and 0 <= precision < len(PRECISIONS)
        ):
            raise UserError(f"this is no moment of {self.name}: its 'clock' does not fit")
        named = PRECISIONS[precision]
        if named not in self._samplers.precisions:  # it comes from another machine
            named = self._prepared.options.precision
        count = min(count, self._samplers.most)  # the world took more steps when this was saved
        self._prepared = self._samplers.prepared(count, noises[noise], named)
        self._state = {name: snapshot[name].copy() for name in self._state}
        self._seed, self._steps, self._start = seed, steps, start
        self._inset = bool(inset)
        self._replaying = bool(replaying) and PILOT in self.switches
        return self._picture()

    def _finer(self) -> tuple[int, int]:
        """Context noise and precision as whole numbers."""
        options = self._prepared.options
        return round(options.context_noise / NOISE_UNIT), PRECISIONS.index(options.precision)

    def close(self) -> None:
        """Release nothing: the networks go with the object."""

    def _picture(self) -> Frame:
        frame: Frame = self._state["frames"][-1]
        if "large" not in self._state:
            return frame.copy()
        shown: Frame = self._state["large"].copy()
        if self._inset:
            width = round(shown.shape[1] * INSET_SHARE)
            height = round(width * frame.shape[0] / frame.shape[1])
            shown[:height, :width] = cv2.resize(
                frame, (width, height), interpolation=cv2.INTER_NEAREST
            )
        return shown

    def _notes(self) -> Notes:
        count = (("denoising", f"{self._prepared.options.steps} of {self._samplers.most}"),)
        playing = (("playing", "recording" if self._replaying else "you"),)
        return (count if FEWER in self.switches else ()) + (
            playing if PILOT in self.switches else ()
        )


def noise_of(seed: int, step: int, shape: tuple[int, ...], which: int = 0) -> NDArray[np.float32]:
    """Unit noise for one step, decided by the seed and the step's number alone.

    which: number of the noise, for a step that uses several.
    """
    rng = np.random.default_rng([seed % 2**63, step] + [which] * (which > 0))
    return rng.standard_normal(shape, np.float32)


def open_world(
    checked: Checked,
    *,
    device: str | None = None,
    precision: str | None = None,
    preset: str | None = None,
    steps: int | None = None,
    compiled: Compile = "auto",
) -> DiffusionWorld:
    """Load a cartridge and get it ready to play on this machine.

    checked: by models.cartridge.reader.check. The rest is as for SamplerCache.
    Raises UserError for what is not a whole cartridge and for what this machine cannot do.
    """
    # What is large is kept in memory as it is worked with; the rest is quicker in float32.
    large = checked.bytes > LARGE_BYTES
    cartridge = checked.load(quick_dtype(device, precision) if large else torch.float32)
    return DiffusionWorld(
        cartridge, SamplerCache(cartridge, device, precision, preset, steps, compiled)
    )
