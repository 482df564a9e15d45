"""The denoiser: preconditioning, loss and play agree on what a perfect network would say."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.frames import quantise, to_float, truncate
from models.networks.denoiser import (
    CHANGED,
    NEAR,
    Denoiser,
    DenoiserConfig,
    FourierFeatures,
    Target,
)
from models.networks.texture import texture_error
from models.networks.unet import UNetConfig
from models.sampler import Levels, SamplerConfig
from tests.networks import awaken

B, T, A, SIDE = 3, 2, 4, 8
UNET = UNetConfig(channels=(8, 16), depths=(1, 1), attention=(False, False), cond=16, patch=2)
NOTHING = torch.zeros(8, 1, A)  # done, by each of eight players
TARGETS: tuple[Target, ...] = ("frame", "change", "warp")
LEVELS = Levels((2.0, 0.5))


def config(target: Target) -> DenoiserConfig:
    sigma_data = 0.5 if target == "frame" else 0.1
    return DenoiserConfig(SIDE, SIDE, T, A, target, sigma_data, UNET)


@dataclasses.dataclass(frozen=True)
class Example:
    frame: Tensor
    noise: Tensor
    context: Tensor
    actions: Tensor


@pytest.fixture
def example() -> Example:
    generator = torch.Generator().manual_seed(5)
    frames = to_float(torch.randint(0, 256, (B, T + 1, 3, SIDE, SIDE), generator=generator))
    noise = torch.randn(B, 3, SIDE, SIDE, generator=generator)
    actions = torch.eye(A)[torch.randint(0, A, (B, T), generator=generator)]
    return Example(frames[:, -1], noise, frames[:, :-1], actions)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("sigma", [0.002, 0.5, 2.0, 20.0])
@torch.no_grad()
def test_the_loss_is_0_exactly_where_the_estimate_is_the_frame(
    target: Target, sigma: float, example: Example, monkeypatch: pytest.MonkeyPatch
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

    arguments = (example.frame, sigmas, example.noise, example.context, example.actions)
    monkeypatch.setattr(denoiser, "network", perfect)
    loss, estimate = denoiser.loss(*arguments)
    torch.testing.assert_close(estimate, example.frame, atol=2e-5, rtol=0)
    assert loss.max() < 1e-6
    wrong = 0.5
    monkeypatch.setattr(denoiser, "network", partial(perfect, wrong=wrong))
    loss, estimate = denoiser.loss(*arguments)
    torch.testing.assert_close(loss, torch.full((B,), wrong**2), atol=1e-3, rtol=1e-3)
    c_out = denoiser.scales(sigmas)[2].flatten()[0].item()
    assert (estimate - example.frame).mean().item() == pytest.approx(wrong * c_out, rel=1e-2)


@torch.no_grad()
def test_what_the_network_sees_has_unit_variance_and_so_has_what_it_is_asked_for() -> None:
    denoiser = Denoiser(config("change"))
    generator = torch.Generator().manual_seed(0)
    clean = 0.1 * torch.randn(200_000, generator=generator)
    noise = torch.randn(200_000, generator=generator)
    for sigma in (0.01, 0.1, 2.0):
        c_in, c_skip, c_out = (s.item() for s in denoiser.scales(torch.tensor([sigma])))
        x = clean + sigma * noise
        assert (c_in * x).std().item() == pytest.approx(1, rel=0.01)
        assert ((clean - c_skip * x) / c_out).std().item() == pytest.approx(1, rel=0.01)


@torch.no_grad()
def test_pixels_that_change_count_more(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    frame = example.context[:, -1].clone()
    frame[:, 1, :2, :4] += 3 * CHANGED  # one colour of 8 pixels
    frame[:, 0, 4:, :] += CHANGED / 2  # too little to count
    given = (torch.full((B,), 0.5), example.noise, example.context, example.actions)
    plain, same = denoiser.loss(frame, *given)
    weighted, estimate = denoiser.loss(frame, *given, changed_weight=11.0)
    # The loss is linear in the weight, so what the changed pixels add can be told apart.
    twice, _ = denoiser.loss(frame, *given, changed_weight=21.0)
    torch.testing.assert_close(weighted - plain, (twice - plain) / 2)
    torch.testing.assert_close(estimate, same)
    target = frame - example.context[:, -1]
    x = target + 0.5 * example.noise
    c_in, c_skip, c_out = denoiser.scales(given[0])
    output = denoiser.network(x * c_in, given[0], example.context, example.actions)
    error = (output - (target - c_skip * x) / c_out).square()
    changed = error[:, :, :2, :4].sum(dim=(1, 2, 3)) / error[0].numel()
    torch.testing.assert_close(weighted - plain, 10 * changed)


@torch.no_grad()
def test_pixels_may_be_left_out(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    given = (example.frame, torch.full((B,), 0.5), example.noise, example.context, example.actions)
    left = torch.ones_like(example.frame[:, :1], dtype=torch.bool)
    left[..., 3:] = False
    whole, estimate = denoiser.loss(*given)
    one, same = denoiser.loss(*given, learnt=left)
    other, _ = denoiser.loss(*given, learnt=~left)
    torch.testing.assert_close(one + other, whole)
    assert (one > 0).all() and (other > 0).all()
    torch.testing.assert_close(estimate, same)


@torch.no_grad()
def test_what_is_shown_for_the_context_decides_the_answer_and_not_the_question(
    example: Example,
) -> None:
    denoiser = awaken(Denoiser(config("change")))
    frame, noise, context, actions = dataclasses.astuple(example)
    sigma, shown = torch.full((B,), 0.5), context + 0.1
    loss, estimate = denoiser.loss(frame, sigma, noise, context, actions, shown=shown)
    target = frame - context[:, -1]
    c_in, c_skip, c_out = denoiser.scales(sigma)
    x = target + 0.5 * noise
    answer = c_skip * x + c_out * denoiser.network(x * c_in, sigma, shown, actions)
    torch.testing.assert_close(estimate, context[:, -1] + answer)
    torch.testing.assert_close(loss, ((answer - target) / c_out).square().mean(dim=(1, 2, 3)))
    _, unnoised = denoiser.loss(frame, sigma, noise, context, actions)
    assert not torch.allclose(estimate, unnoised)


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
    context, actions = torch.zeros(count, T, 3, 1, 1), torch.zeros(count, T, A)
    given = (frame, torch.full((count,), sigma), 2 * noise, context, actions)
    loss, estimate = denoiser.loss(*given, offset=offset)
    assert seen[0].std().item() == pytest.approx(1, rel=0.01)
    assert loss.mean().item() == pytest.approx(1, rel=0.02)  # what it is asked for has variance 1
    c_skip = 0.5**2 / (sigma**2 + 0.3**2 + 0.5**2)
    torch.testing.assert_close(estimate, c_skip * (frame + sigma * 2 * noise + 0.3 * offset))
    with pytest.raises(ValueError, match="learns with offset noise"):
        denoiser.loss(*given)


@torch.no_grad()
def test_it_can_be_told_of_noise_on_the_context(example: Example) -> None:
    deaf = awaken(Denoiser(config("change")))
    keen = awaken(Denoiser(dataclasses.replace(config("change"), noised_context=True)))
    keen.load_state_dict(deaf.state_dict(), strict=False)
    assert keen.context_noise_embedding is not None
    assert set(keen.state_dict()) - set(deaf.state_dict()) == {"context_noise_embedding.weight"}
    sigma, noised = torch.ones(B), torch.full((B,), 0.1)
    given = (example.noise, sigma, example.context, example.actions)
    assert torch.equal(deaf(*given), deaf(*given, noised))
    assert (keen(*given) - keen(*given, noised)).abs().max() > 1e-3
    # Told of none it still adds what 0 looks like, as released weights expect.
    assert torch.equal(keen(*given), keen(*given, torch.ones(B)))
    assert (keen(*given) - deaf(*given)).abs().max() > 1e-3


@torch.no_grad()
def test_a_network_can_do_without_actions(example: Example) -> None:
    blind = awaken(Denoiser(dataclasses.replace(config("frame"), actions=0)))
    assert not any("action" in name for name in blind.state_dict())
    given = (example.noise, torch.ones(B), example.context)
    assert torch.equal(blind(*given, None), blind(*given, example.actions))
    with pytest.raises(ValueError, match="needs actions"):
        Denoiser(config("frame"))(*given, None)


@torch.no_grad()
def test_estimates_of_released_networks_are_levels_below(example: Example) -> None:
    plain = awaken(Denoiser(config("frame")))
    floor = awaken(Denoiser(dataclasses.replace(config("frame"), floor=True)))
    given = (example.noise, torch.ones(B), example.context, example.actions)
    torch.testing.assert_close(floor(*given), truncate(plain(*given)))
    targets = (example.frame, torch.ones(B), example.noise, example.context, example.actions)
    (loss, estimate), (same, raw) = floor.loss(*targets), plain.loss(*targets)
    torch.testing.assert_close(loss, same)
    torch.testing.assert_close(estimate, truncate(raw))


@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_both_samplers_walk_the_same_way(target: Target, example: Example) -> None:
    denoiser = awaken(Denoiser(config(target)))
    given = (example.context, example.actions)
    sampler = SamplerConfig(3, 0.1, 2.0)
    made = denoiser.sample(example.noise[:, None], *given, sampler)
    levels = Levels(sampler.sigmas)
    assert torch.equal(made, denoiser.next_frame(example.noise, *given, levels))


@torch.no_grad()
def test_a_sampler_can_put_noise_on_the_context(example: Example) -> None:
    denoiser = awaken(Denoiser(dataclasses.replace(config("frame"), noised_context=True)))
    sampler = SamplerConfig(1, 0.1, 2.0, s_cond=0.2)
    noise = torch.randn(B, sampler.draws(T), 3, SIDE, SIDE)
    context = example.context + 0.2 * noise[:, 1:]
    by_hand = denoiser(
        2.0 * noise[:, 0], torch.full((B,), 2.0), context, example.actions, torch.full((B,), 0.2)
    )
    made = denoiser.sample(noise, example.context, example.actions, sampler)
    torch.testing.assert_close(made, quantise(by_hand))


@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_with_next_to_no_noise_the_answer_is_what_was_given(
    target: Target, example: Example
) -> None:
    denoiser = awaken(Denoiser(config(target)))
    sigma = torch.full((B,), 1e-6)
    made = denoiser(example.frame, sigma, example.context, example.actions)
    torch.testing.assert_close(made, example.frame, atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_new_network_repeats_the_last_frame_or_dreams_grey(example: Example) -> None:
    """Its output is 0: of a change nothing, of a frame the middle of all frames."""
    given = (example.noise, example.context, example.actions, LEVELS)
    still = Denoiser(config("change")).next_frame(*given)
    assert (still - example.context[:, -1]).abs().max() < 0.1
    blind = Denoiser(config("frame"))
    grey = blind.next_frame(*given)
    assert grey.abs().mean() < 0.3 < example.context.abs().mean()
    assert torch.equal(grey, blind.next_frame(example.noise, -example.context, *given[2:]))


@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_dreamed_frames_have_values_that_stored_frames_have(
    target: Target, example: Example
) -> None:
    denoiser = awaken(Denoiser(config(target)))
    made = denoiser.next_frame(example.noise, example.context, example.actions, LEVELS)
    assert torch.equal(made, quantise(made))
    assert made.unique().numel() > 20 and made.abs().max() <= 1


@torch.no_grad()
def test_the_order_of_actions_and_of_frames_matters(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    actions = torch.eye(A)[torch.tensor([[0, 1]] * B)]
    sigma = torch.ones(B)
    made = denoiser(example.noise, sigma, example.context, actions)
    for other in ((example.context, actions.flip(1)), (example.context.flip(1), actions)):
        assert (denoiser(example.noise, sigma, *other) - made).abs().max() > 1e-3


@torch.no_grad()
def test_a_network_may_be_told_the_last_actions_only(example: Example) -> None:
    denoiser = awaken(Denoiser(dataclasses.replace(config("change"), last_actions=1)))
    sigma = torch.ones(B)

    def made(*actions: int) -> Tensor:
        told = torch.eye(A)[torch.tensor([actions] * B)]
        return denoiser(example.noise, sigma, example.context, told)

    assert torch.equal(made(0, 1), made(2, 1))
    assert (made(0, 1) - made(0, 2)).abs().max() > 1e-3


def test_fourier_features_are_points_on_circles() -> None:
    features = FourierFeatures(10)
    made = features(torch.tensor([0.0, 0.3]))
    assert made.shape == (2, 10)
    torch.testing.assert_close(made[0], torch.tensor([1.0] * 5 + [0.0] * 5))
    angle = 2 * torch.pi * 0.3 * features.weight[0]
    torch.testing.assert_close(made[1], torch.cat((angle.cos(), angle.sin())))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"height": 0}, "must be positive"),
        ({"context": 0}, "must be positive"),
        ({"actions": -1}, "actions not negative"),
        ({"sigma_offset": -0.1}, "sigma_offset must be between 0 and 100, not -0.1"),
        ({"sigma_offset": float("nan")}, "sigma_offset must be between 0 and 100, not nan"),
        ({"floor": True, "target": "change"}, "not of changes"),
        ({"sigma_data": 0.0}, "sigma_data must be positive"),
        ({"sigma_data": float("nan")}, "sigma_data must be positive"),
        ({"target": "noise"}, "target must be one of frame, change, warp, not 'noise'"),
        ({"context": 3}, "unet.cond must be a multiple of 6"),
        ({"context": 4, "last_actions": 3}, "unet.cond must be a multiple of 6"),
        ({"last_actions": -1}, "last_actions must not be negative"),
    ],
)
def test_impossible_denoisers_are_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(config("change"), **wrong)  # type: ignore[arg-type]


def test_texture_counts_in_the_loss_as_weighed(example: Example) -> None:
    denoiser = awaken(Denoiser(config("change")))
    sigma = torch.tensor([0.5, 1.0, 2.0])
    given = example.frame, sigma, example.noise, example.context, example.actions
    (plain, made), (both, same) = (
        denoiser.loss(*given, texture_weight=weight) for weight in (0.0, 3.0)
    )
    assert torch.equal(made, same)
    c_out = denoiser.scales(sigma)[2].flatten()
    expected = plain + 3 * texture_error(made, example.frame) / c_out**2
    torch.testing.assert_close(both, expected)
    some = torch.tensor([True, False, True])
    told, _ = denoiser.loss(*given, texture_weight=3.0, textured=some)
    torch.testing.assert_close(told, torch.where(some, expected, plain))


def test_of_what_nobody_knows_the_details_texture_counts_and_what_is_seen_coarsely(
    example: Example,
) -> None:
    denoiser = awaken(Denoiser(config("change")))
    sigma = torch.tensor([0.5, 1.0, 2.0])
    given = example.frame, sigma, example.noise, example.context, example.actions
    loose = torch.tensor([True, False, True])
    plain, made = denoiser.loss(*given)
    both, same = denoiser.loss(*given, texture_weight=3.0, loose=loose)
    assert torch.equal(made, same) and both[1] == plain[1]
    c_out = denoiser.scales(sigma)[2].flatten()
    coarse = F.avg_pool2d(made - example.context[:, -1], UNET.patch)
    away = coarse.square().mean(dim=(1, 2, 3))
    expected = (away + 3 * texture_error(made, example.frame)) / c_out**2
    torch.testing.assert_close(both[loose], expected[loose])
    without, _ = denoiser.loss(*given, loose=loose)
    torch.testing.assert_close(without[loose], (away / c_out**2)[loose])


def test_what_is_too_faint_to_be_a_change_is_none() -> None:
    """Of a picture that moves only in places, pixel by pixel. Where a camera moves, the faint
    changes beside others are what keeps it sharp: without them a dream went blurred and grey."""
    faint, change = CHANGED / 2, 2 * CHANGED
    estimate = torch.full((1, 3, 20, 20), faint)
    estimate[0, 1, 4, 5] = -change
    alone = torch.zeros_like(estimate)
    alone[0, 1, 4, 5] = -change
    near = torch.zeros_like(estimate)
    near[..., 4 - NEAR : 5 + NEAR, 5 - NEAR : 6 + NEAR] = faint
    near[0, 1, 4, 5] = -change
    for target, settled in (("change", alone), ("warp", near), ("frame", estimate)):
        assert torch.equal(Denoiser(config(target)).settle(estimate), settled)


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
        loss, _ = denoiser.loss(frame, torch.full((8,), 2.0), noise, last[:, None], NOTHING)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(loss.mean().item())
    assert losses[-1] < losses[0] / 4
