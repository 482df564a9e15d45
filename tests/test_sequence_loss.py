"""Several frames learnt in a row: each on top of the answers before it."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from models.denoiser import Denoiser, DenoiserConfig
from models.frames import quantise
from models.sequence_loss import Noising, sequence_loss
from models.unet import UNetConfig
from tests.networks import awaken

B, T, N, A, SIDE = 3, 2, 3, 4, 8
UNET = UNetConfig(channels=(8,), depths=(1,), attention=(False,), cond=16)
CONFIG = DenoiserConfig(SIDE, SIDE, T, A, "frame", 0.5, UNET)
RELEASED = dataclasses.replace(CONFIG, sigma_offset=0.1, noised_context=True, floor=True)


def recording() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(B, T + N, 3, SIDE, SIDE, generator=generator) * 2 - 1
    return frames, torch.eye(A)[torch.randint(0, A, (B, T + N), generator=generator)]


def noising(seed: int) -> Noising:
    generator = torch.Generator().manual_seed(seed)
    return Noising(
        sigma=torch.rand(B, generator=generator) + 0.1,
        noise=torch.randn(B, 3, SIDE, SIDE, generator=generator),
        offset=torch.randn(B, 3, 1, 1, generator=generator),
        context_sigma=torch.rand(B, generator=generator),
        context_noise=torch.randn(B, T, 3, SIDE, SIDE, generator=generator),
        context_offset=torch.randn(B, T, 3, 1, 1, generator=generator),
    )


@torch.no_grad()
def test_of_one_frame_it_is_the_denoisers_own_loss() -> None:
    denoiser = awaken(Denoiser(CONFIG))
    frames, actions = recording()
    clean = dataclasses.replace(noising(0), context_sigma=None, context_offset=None)
    made = sequence_loss(denoiser, frames, actions, [clean])
    loss, _ = denoiser.loss(frames[:, T], clean.sigma, clean.noise, frames[:, :T], actions[:, :T])
    torch.testing.assert_close(made, loss.mean())


@torch.no_grad()
def test_answers_take_the_place_of_recorded_frames() -> None:
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    made = sequence_loss(denoiser, frames, actions, noisings)
    seen, losses = frames.clone(), []
    for i, n in enumerate(noisings):
        context = seen[:, i : i + T]
        assert n.context_sigma is not None and n.context_noise is not None
        level = n.context_sigma.view(B, 1, 1, 1, 1)
        loss, estimate = denoiser.loss(
            frames[:, T + i],
            n.sigma,
            n.noise,
            context,
            actions[:, i : i + T],
            shown=context + level * n.context_noise + 0.1 * n.context_offset,
            context_sigma=n.context_sigma,
            offset=n.offset,
        )
        seen[:, T + i] = quantise(estimate)
        losses.append(loss.mean())
    torch.testing.assert_close(made, sum(losses) / N)
    assert (seen[:, T:] - frames[:, T:]).abs().mean() > 0.01


def test_nothing_is_learnt_through_an_answer() -> None:
    """Each frame's loss steers its own step alone; the frames before it are taken as they came."""
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    sequence_loss(denoiser, frames, actions, noisings).backward()
    together = [parameter.grad.clone() for parameter in denoiser.parameters()]  # type: ignore[union-attr]
    denoiser.zero_grad()
    frames_so_far = frames.clone()
    for i, n in enumerate(noisings):
        (sequence_loss(denoiser, frames_so_far[:, i:], actions[:, i:], [n]) / N).backward()
        with torch.no_grad():
            context = frames_so_far[:, i : i + T]
            _, estimate = denoiser.loss(
                frames[:, T + i],
                n.sigma,
                n.noise,
                context,
                actions[:, i : i + T],
                shown=n.on_context(context, 0.1),
                context_sigma=n.context_sigma,
                offset=n.offset,
            )
            frames_so_far[:, T + i] = quantise(estimate)
    for parameter, expected in zip(denoiser.parameters(), together, strict=True):
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_frames_that_are_not_there_do_not_count() -> None:
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(2)]
    valid = torch.ones(B, T + N, dtype=torch.bool)
    whole = sequence_loss(denoiser, frames, actions, noisings, valid)
    torch.testing.assert_close(sequence_loss(denoiser, frames, actions, noisings), whole)
    valid[0, T] = valid[:, T + 1] = False
    frames[0, T], frames[:, T + 1] = 9.0, 9.0
    part = sequence_loss(denoiser, frames, actions, noisings, valid)
    first = noisings[0]
    alone, _ = denoiser.loss(
        frames[:, T],
        first.sigma,
        first.noise,
        frames[:, :T],
        actions[:, :T],
        shown=first.on_context(frames[:, :T], 0.1),
        context_sigma=first.context_sigma,
        offset=first.offset,
    )
    torch.testing.assert_close(part, alone[1:].mean() / 2)
