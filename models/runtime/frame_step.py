"""One whole step of play as one function, which a runtime can compile as one graph.

Shapes: B batch, T context frames, C = 3 channels, H W pixels, A action width, D draws of noise,
L width of a memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser, Upsampler
from models.networks.frame_prior import FramePrior
from models.networks.reward_end import REWARDS, RewardEnd
from models.networks.reward_model import RewardModel
from models.sampler import Sampler

State = dict[str, NDArray[Any]]  # arrays that a step takes and gives, by name


@dataclass(frozen=True)
class Events:
    """Events that came with a frame."""

    reward: float = 0.0
    ended: bool = False
    life_lost: bool = False


class PlayStep(nn.Module):
    """Context, actions and noise → the next frame: what all steps of play have in common.

    What `forward` takes is, in this order: frames uint8 (B, T, H, W, C) oldest first; actions
    float (B, T, A), of which row t was taken at frame t; each of `noises`; each of `state`.

    outputs: names of what `forward` returns: first the frame that is shown; "frame" goes into the
             context, and what has the name of a state takes its place.
    state:   names of what is carried from step to step besides the context.
    """

    outputs: ClassVar[tuple[str, ...]]
    state: ClassVar[tuple[str, ...]] = ()

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the unit noise that a step uses, by name, without the batch."""
        raise NotImplementedError

    def begin(self, frames: NDArray[np.uint8], actions: NDArray[np.float32]) -> State:
        """The state after a context (T, H, W, 3) and its actions (T, A), as far as they tell it."""
        return {}

    def read(self, made: State, rng: np.random.Generator) -> Events:
        """Return the events in what `forward` returned; none unless something tells."""
        return Events()


class FrameStep(PlayStep):
    """One frame by a sampler, and what came with it told from the last frames.

    prior: mends each frame before it is shown and fed back; None leaves it as it was dreamed.
    """

    outputs = ("frame", "events")

    def __init__(
        self,
        denoiser: Denoiser,
        reward_end: RewardEnd,
        sampler: Sampler,
        prior: FramePrior | None = None,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.reward_end = reward_end
        self.prior = prior
        self.sampler = sampler

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes of the frame's noise, and of the context's if the sampler adds some."""
        draws, *shape = noise_shape(self.denoiser, self.sampler)
        # Drawn apart, so that the frame's noise is the same with noise on the context and without.
        length = self.denoiser.config.given if self.sampler.s_cond else 0
        noised = {"context_noise": (length, *shape)} if length else {}
        return {"noise": (draws - length, *shape), **noised}

    def forward(
        self, frames: Tensor, actions: Tensor, noise: Tensor, context_noise: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Return the frame uint8 (B, H, W, C) and events (B, 5).

        noise (B, D, C, H, W); context_noise (B, T, C, H, W) if the sampler puts some there.
        events: logits of REWARDS, of a lost life and of the end.
        """
        context = to_context(frames)
        if context_noise is not None:
            noise = torch.cat((noise, context_noise), dim=1)
        frame = self.denoiser.sample(noise, context, actions, self.sampler)
        if self.prior is not None:
            frame = self.prior.mend(frame)
        seen = torch.cat((context, frame[:, None]), dim=1)[:, -self.reward_end.config.frames :]
        reward, life, end = self.reward_end(seen)
        events = torch.cat((reward, life[:, None], end[:, None]), dim=1)
        return to_frame(frame), events

    def read(self, made: State, rng: np.random.Generator) -> Events:
        """Return the most probable events.

        Sampling would end one game in a hundred too early.
        """
        events = made["events"]
        life_lost, ended = (events[3:] > 0).tolist()
        return Events(REWARDS[int(events[:3].argmax())], ended, life_lost)


class SampledStep(PlayStep):
    """One frame by a sampler, and nothing that tells of rewards or ends."""

    outputs = ("frame",)

    def __init__(self, denoiser: Denoiser, sampler: Sampler) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.sampler = sampler

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shape (D, C, H, W) of the frame's noise."""
        return {"noise": noise_shape(self.denoiser, self.sampler)}

    def forward(self, frames: Tensor, actions: Tensor, noise: Tensor) -> tuple[Tensor, ...]:
        """Return the frame, uint8 (B, H, W, C); noise (B, D, C, H, W)."""
        return (to_frame(self.denoiser.sample(noise, to_context(frames), actions, self.sampler)),)


class RecurrentStep(PlayStep):
    """One frame by a sampler, and what came with it told by a network with a memory.

    state: h and c (B, L), that memory.
    """

    outputs = ("frame", "events", "h", "c")
    state = ("h", "c")

    def __init__(self, denoiser: Denoiser, reward_end: RewardModel, sampler: Sampler) -> None:
        super().__init__()
        self.denoiser, self.reward_end = denoiser, reward_end
        self.sampler = sampler

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shape (D, C, H, W) of the frame's noise."""
        return {"noise": noise_shape(self.denoiser, self.sampler)}

    def forward(
        self, frames: Tensor, actions: Tensor, noise: Tensor, h: Tensor, c: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the frame, uint8 (B, H, W, C), events (B, 5), h and c; noise (B, D, C, H, W).

        events: logits of the rewards REWARDS, of going on and of the end.
        """
        context = to_context(frames)
        frame = self.denoiser.sample(noise, context, actions, self.sampler)
        reward, end, (h, c) = self.reward_end(context[:, -1], actions[:, -1], frame, (h, c))
        return to_frame(frame), torch.cat((reward, end), dim=1), h, c

    @torch.inference_mode()
    def begin(self, frames: NDArray[np.uint8], actions: NDArray[np.float32]) -> State:
        """Return h and c (L,) after a context: frames (T, H, W, C) and actions (T, A).

        The last action is left out, since it leads to the frame that comes next.
        """
        weight = self.reward_end.lstm.hidden.weight
        seen = to_context(torch.from_numpy(frames)[None].to(weight.device))
        acted = torch.from_numpy(actions)[None, :-1].to(weight.device)
        low = weight.dtype is not torch.float32  # its matrices are; all else is float32
        with torch.autocast(weight.device.type, weight.dtype, enabled=low):
            _, _, memory = self.reward_end.sequence(seen[:, :-1], acted, seen[:, 1:])
        return {
            name: part[0].float().cpu().numpy().copy()
            for name, part in zip(self.state, memory, strict=True)
        }

    def read(self, made: State, rng: np.random.Generator) -> Events:
        """Sample from the logits, as the released players were trained."""
        events = made["events"]
        reward = REWARDS[draw(events[:3], rng)]
        return Events(reward, ended=draw(events[3:], rng) == 1)


class EnlargingStep(PlayStep):
    """A step in two sizes: the small frame is dreamed, then enlarged; nothing tells of rewards.

    state: large, uint8 (B, H', W', C), the enlarged frame before.
    """

    outputs = ("large", "frame")
    state = ("large",)

    def __init__(
        self,
        denoiser: Denoiser,
        upsampler: Upsampler,
        sampler: Sampler,
        upsampling: Sampler,
    ) -> None:
        super().__init__()
        self.denoiser, self.upsampler = denoiser, upsampler
        self.sampler, self.upsampling = sampler, upsampling

    @property
    def noises(self) -> Mapping[str, tuple[int, ...]]:
        """Return the shapes (D, C, H, W) of both frames' noises, each in its own size."""
        return {
            "noise": noise_shape(self.denoiser, self.sampler),
            "large_noise": noise_shape(self.upsampler, self.upsampling),
        }

    def forward(
        self, frames: Tensor, actions: Tensor, noise: Tensor, large_noise: Tensor, large: Tensor
    ) -> tuple[Tensor, ...]:
        """Both noises (B, D, C, H, W) of their sizes → large and frame, uint8."""
        frame = self.denoiser.sample(noise, to_context(frames), actions, self.sampler)
        seen = enlarged_context(to_context(large[:, None])[:, 0], frame)
        shown = self.upsampler.sample(large_noise, seen, None, self.upsampling)
        return to_frame(shown), to_frame(frame)


def noise_shape(denoiser: Denoiser, sampler: Sampler) -> tuple[int, ...]:
    """Return (D, C, H, W) of the noise that `Denoiser.sample` takes."""
    config = denoiser.config
    return (sampler.draws(config.given), 3, config.height, config.width)


def to_context(frames: Tensor) -> Tensor:
    """Stored frames uint8 (B, T, H, W, C) → (B, T, C, H, W) in [-1, 1]."""
    return to_float(frames.permute(0, 1, 4, 2, 3).contiguous())


def to_frame(frame: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] → uint8 (B, H, W, C)."""
    return to_uint8(frame.permute(0, 2, 3, 1))


def enlarged_context(large: Tensor, small: Tensor) -> Tensor:
    """Return an upsampler's context: the large frame before, then the small new one, enlarged.

    large (B, C, H', W'), small (B, C, H, W) → (B, 2, C, H', W'). Cubic curves enlarge, so some
    values go beyond [-1, 1]; released weights expect that.
    """
    factor = large.shape[-1] // small.shape[-1]
    enlarged = F.interpolate(small, scale_factor=factor, mode="bicubic", align_corners=False)
    return torch.cat((large[:, None], enlarged[:, None]), dim=1)


def draw(logits: NDArray[np.float32], rng: np.random.Generator) -> int:
    """A category, as often as its logit says."""
    return int((logits + rng.gumbel(size=logits.shape)).argmax())
