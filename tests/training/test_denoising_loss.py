"""Denoising as a loss: its terms, and what a perfect network would say."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.frames import truncate
from models.networks.denoiser import Denoiser
from models.networks.targets import CHANGED, TargetName
from tests.models.test_denoiser import SIDE, TARGETS, UNET, A, B, Example, T, config, example
from tests.support.networks import awaken
from training.losses.denoising import Noising, Prediction, change_weight, predict, squared_error
from training.losses.texture import texture_error, texture_loss
from training.losses.unpaired import low_frequency_error

__all__ = ["example"]
NOTHING = torch.zeros(8, 1, A)  # done, by each of eight players


def predicted(denoiser: Denoiser, of: Example, noising: Noising) -> Prediction:
    return predict(denoiser, of.frame, of.context, of.actions, noising)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("sigma", [0.002, 0.5, 2.0, 20.0])
@torch.no_grad()
def test_the_loss_is_0_exactly_where_the_estimate_is_the_frame(
    target: TargetName, sigma: float, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    denoiser = Denoiser(config(target))
    sigmas = torch.full((B,), sigma)
    clean = example.frame - (0 if target == "frame" else example.context[:, -1])

    def perfect(x: Tensor, *_: Tensor, wrong: float = 0.0) -> Tensor:
        """Solve c_skip x + c_out output = clean, with the noisy x undone from its scaling."""
        data = denoiser.config.sigma_data
        total = sigma**2 + data**2
        noisy = x * total**0.5
        answer = (clean - data**2 / total * noisy) / (sigma * data / total**0.5)
        flow = torch.zeros_like(answer[:, :2])  # nothing moves
        return torch.cat((answer + wrong, flow), dim=1) if target == "warp" else answer + wrong

    noising = Noising(sigmas, example.noise)
    monkeypatch.setattr(denoiser, "network", perfect)
    made = predicted(denoiser, example, noising)
    torch.testing.assert_close(made.estimate, example.frame, atol=2e-5, rtol=0)
    assert squared_error(made).max() < 1e-6
    wrong = 0.5
    monkeypatch.setattr(denoiser, "network", partial(perfect, wrong=wrong))
    made = predicted(denoiser, example, noising)
    expected = torch.full((B,), wrong**2)
    torch.testing.assert_close(squared_error(made), expected, atol=1e-3, rtol=1e-3)
    c_out = denoiser.scales(sigmas)[2].flatten()[0].item()
    assert (made.estimate - example.frame).mean().item() == pytest.approx(wrong * c_out, rel=1e-2)


@torch.no_grad()
def test_pixels_that_change_count_more(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    frame = example.context[:, -1].clone()
    frame[:, 1, :2, :4] += 3 * CHANGED  # one colour of 8 pixels
    frame[:, 0, 4:, :] += CHANGED / 2  # too little to count
    example = dataclasses.replace(example, frame=frame)
    made = predicted(denoiser, example, Noising(torch.full((B,), 0.5), example.noise))
    plain = squared_error(made)
    assert change_weight(frame, example.context, 1.0) is None
    weighted = squared_error(made, change_weight(frame, example.context, 11.0))
    changed = made.error.square()[:, :, :2, :4].sum(dim=(1, 2, 3)) / made.error[0].numel()
    torch.testing.assert_close(weighted - plain, 10 * changed)


@torch.no_grad()
def test_pixels_may_be_left_out(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    made = predicted(denoiser, example, Noising(torch.full((B,), 0.5), example.noise))
    left = torch.ones_like(example.frame[:, :1], dtype=torch.bool)
    left[..., 3:] = False
    one, other = squared_error(made, mask=left), squared_error(made, mask=~left)
    torch.testing.assert_close(one + other, squared_error(made))
    assert (one > 0).all() and (other > 0).all()


@torch.no_grad()
def test_noise_on_the_context_decides_the_answer_and_not_the_question(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    sigma, context = torch.full((B,), 0.5), example.context
    noising = Noising(sigma, example.noise)
    shown = dataclasses.replace(
        noising, context_sigma=torch.full((B,), 0.1), context_noise=torch.ones_like(context)
    )
    made = predicted(denoiser, example, shown)
    target = example.frame - context[:, -1]
    c_in, c_skip, c_out = denoiser.scales(sigma)
    x = target + 0.5 * example.noise
    answer = c_skip * x + c_out * denoiser.network(x * c_in, sigma, context + 0.1, example.actions)
    torch.testing.assert_close(made.estimate, context[:, -1] + answer)
    expected = ((answer - target) / c_out).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(squared_error(made), expected)
    assert not torch.allclose(made.estimate, predicted(denoiser, example, noising).estimate)


@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_of_pure_noise_the_answer_knows_nothing_of_the_target(
    target: TargetName, example: Example
) -> None:
    """At the level where play in one step begins, the target shone through and was relied on."""
    denoiser = awaken(Denoiser(config(target)))
    noising = Noising(torch.full((B,), 0.5), example.noise)
    made, other = (
        predict(denoiser, frame, example.context, example.actions, noising, pure_noise=True)
        for frame in (example.frame, -example.frame)
    )
    assert torch.equal(made.estimate, other.estimate)
    assert not torch.allclose(squared_error(made), squared_error(other))


@pytest.mark.parametrize("sigma", [0.01, 0.5, 2.0])
@torch.no_grad()
def test_offset_noise_counts_as_noise(sigma: float) -> None:
    """One value for all pixels of a channel, but many examples: variances add up."""
    denoiser = Denoiser(dataclasses.replace(config("frame"), sigma_offset=0.3))
    seen: list[Tensor] = []

    def network(x: Tensor, *_: Tensor | None) -> Tensor:
        seen.append(x)
        return torch.zeros_like(x)

    denoiser.network = network  # type: ignore[method-assign]
    generator = torch.Generator().manual_seed(0)
    count = 20_000
    frame, noise = 0.5 * torch.randn(2, count, 3, 1, 1, generator=generator)
    offset = torch.randn(count, 3, 1, 1, generator=generator)
    given = (frame, torch.zeros(count, T, 3, 1, 1), torch.zeros(count, T, A))
    noising = Noising(torch.full((count,), sigma), 2 * noise, offset)
    made = predict(denoiser, *given, noising)
    assert seen[0].std().item() == pytest.approx(1, rel=0.01)
    # What it is asked for has variance 1.
    assert squared_error(made).mean().item() == pytest.approx(1, rel=0.02)
    c_skip = 0.5**2 / (sigma**2 + 0.3**2 + 0.5**2)
    noisy = frame + sigma * 2 * noise + 0.3 * offset
    torch.testing.assert_close(made.estimate, c_skip * noisy)
    with pytest.raises(ValueError, match="learns with offset noise"):
        predict(denoiser, *given, dataclasses.replace(noising, offset=None))


@torch.no_grad()
def test_estimates_of_released_networks_are_levels_below(example: Example) -> None:
    plain = awaken(Denoiser(config("frame")))
    floor = awaken(Denoiser(dataclasses.replace(config("frame"), floor=True)))
    noising = Noising(torch.ones(B), example.noise)
    made, raw = (predicted(denoiser, example, noising) for denoiser in (floor, plain))
    torch.testing.assert_close(squared_error(made), squared_error(raw))
    torch.testing.assert_close(made.estimate, truncate(raw.estimate))


def test_texture_counts_in_some_rows(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    sigma = torch.tensor([0.5, 1.0, 2.0])
    made = predicted(denoiser, example, Noising(sigma, example.noise))
    c_out = denoiser.scales(sigma)[2].flatten()
    expected = texture_error(made.estimate, example.frame, UNET.patch) / c_out**2
    some = torch.tensor([True, False, True])
    loss = texture_loss(made, some, UNET.patch)
    torch.testing.assert_close(loss, torch.where(some, expected, 0.0))
    loss.sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in denoiser.parameters())


@pytest.mark.parametrize("target", ["frame", "change"])
def test_unpaired_frames_are_held_to_what_is_seen_coarsely(
    target: TargetName, example: Example
) -> None:
    """Of whole frames, not of changes, the error was that against a grey picture."""
    denoiser = awaken(Denoiser(config(target)))
    sigma = torch.tensor([0.5, 1.0, 2.0])
    made = predicted(denoiser, example, Noising(sigma, example.noise))
    c_out = denoiser.scales(sigma)[2].flatten()
    coarse = F.avg_pool2d(made.estimate - example.context[:, -1], UNET.patch)
    expected = coarse.square().mean(dim=(1, 2, 3)) / c_out**2
    unpaired = torch.tensor([True, False, True])
    loss = low_frequency_error(made, example.context[:, -1], unpaired, UNET.patch)
    torch.testing.assert_close(loss, torch.where(unpaired, expected, 0.0))


def test_a_camera_that_turns_is_learnt_as_flow() -> None:
    """Frames that only move: with a "warp" the network need not paint them, and soon follows."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    denoiser = Denoiser(dataclasses.replace(config("warp"), context=1))
    optimizer = torch.optim.Adam(denoiser.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        wide = torch.rand(8, 3, SIDE, SIDE + 1, generator=generator) * 2 - 1
        last, frame = wide[..., :-1], wide[..., 1:]
        noise = torch.randn(last.shape, generator=generator)
        noising = Noising(torch.full((8,), 2.0), noise)
        loss = squared_error(predict(denoiser, frame, last[:, None], NOTHING, noising)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
