"""Several frames learnt in a row: each on top of the answers before it."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from models.frames import quantise
from models.networks.denoiser import Denoiser, DenoiserConfig
from models.networks.unet import UNetConfig
from tests.support.networks import awaken
from training.losses.denoising import Noising, predict, squared_error
from training.losses.sequence import sequence_losses

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
    [made] = sequence_losses(denoiser, frames, actions, [clean])
    alone = predict(denoiser, frames[:, T], frames[:, :T], actions[:, :T], clean)
    torch.testing.assert_close(made, squared_error(alone).mean())


@torch.no_grad()
def test_answers_take_the_place_of_recorded_frames() -> None:
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    made = list(sequence_losses(denoiser, frames, actions, noisings))
    seen, losses = frames.clone(), []
    for i, n in enumerate(noisings):
        context = seen[:, i : i + T]
        assert n.context_sigma is not None and n.context_noise is not None
        level = n.context_sigma.view(B, 1, 1, 1, 1)
        shown = context + level * n.context_noise + 0.1 * n.context_offset
        torch.testing.assert_close(n.on_context(context, 0.1), shown)
        alone = predict(denoiser, frames[:, T + i], context, actions[:, i : i + T], n)
        seen[:, T + i] = quantise(alone.estimate)
        losses.append(squared_error(alone).mean())
    torch.testing.assert_close(made, losses)
    assert (seen[:, T:] - frames[:, T:]).abs().mean() > 0.01


def test_nothing_is_learnt_through_an_answer() -> None:
    """Each frame's loss steers its own step alone; the frames before it are taken as they came."""
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    sum(sequence_losses(denoiser, frames, actions, noisings)).backward()
    together = [parameter.grad.clone() for parameter in denoiser.parameters()]  # type: ignore[union-attr]
    denoiser.zero_grad()
    frames_so_far = frames.clone()
    for i, n in enumerate(noisings):
        next(sequence_losses(denoiser, frames_so_far[:, i:], actions[:, i:], [n])).backward()
        with torch.no_grad():
            context = frames_so_far[:, i : i + T]
            alone = predict(denoiser, frames[:, T + i], context, actions[:, i : i + T], n)
            frames_so_far[:, T + i] = quantise(alone.estimate)
    for parameter, expected in zip(denoiser.parameters(), together, strict=True):
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-4)


def test_gradients_may_be_taken_frame_by_frame() -> None:
    """All frames' graphs at once once took as many times the memory."""
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    torch.stack(list(sequence_losses(denoiser, frames, actions, noisings))).sum().backward()
    together = [parameter.grad.clone() for parameter in denoiser.parameters()]  # type: ignore[union-attr]
    denoiser.zero_grad()
    for loss in sequence_losses(denoiser, frames, actions, noisings):
        loss.backward()
    for parameter, expected in zip(denoiser.parameters(), together, strict=True):
        torch.testing.assert_close(parameter.grad, expected, atol=1e-6, rtol=1e-4)


def test_rows_have_the_noise_that_they_have_among_all() -> None:
    denoiser = awaken(Denoiser(RELEASED))
    frames, actions = recording()
    noisings = [noising(i) for i in range(N)]
    chosen, device = slice(1, 3), torch.device("cpu")
    some = [n.rows(chosen, device) for n in noisings]
    alone = [n.rows(slice(0, 1), device) for n in noisings]
    with torch.no_grad():
        whole = torch.stack(list(sequence_losses(denoiser, frames, actions, noisings)))
        part = torch.stack(list(sequence_losses(denoiser, frames[1:3], actions[1:3], some)))
        first = torch.stack(list(sequence_losses(denoiser, frames[:1], actions[:1], alone)))
    torch.testing.assert_close((2 * part + first) / 3, whole)
