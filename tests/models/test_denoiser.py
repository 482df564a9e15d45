"""The denoiser: preconditioning, targets, and frames of play."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from models.frames import quantise, to_float, truncate
from models.networks.denoiser import Denoiser, DenoiserConfig, FourierFeatures, Upsampler
from models.networks.targets import CHANGED, NEAR_PX, TargetName
from models.networks.unet import UNetConfig
from models.sampler import Sampler
from tests.support.networks import awaken

B, T, A, SIDE = 3, 2, 4, 8
UNET = UNetConfig(channels=(8, 16), depths=(1, 1), attention=(False, False), cond=16, patch=2)
TARGETS: tuple[TargetName, ...] = ("frame", "change", "warp")
SAMPLER = Sampler((2.0, 0.5))


def config(target: TargetName) -> DenoiserConfig:
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
def test_with_lags_it_looks_at_some_frames_of_a_long_context(example: Example) -> None:
    lags = dataclasses.replace(config("change"), context=5, lags=(0, 3), last_actions=2)
    denoiser = awaken(Denoiser(lags))
    context = to_float(torch.randint(0, 256, (B, 5, 3, SIDE, SIDE)))
    actions = torch.zeros(B, 5, A)

    def seen(context: Tensor) -> Tensor:
        return denoiser(example.noise, torch.ones(B), context, actions)

    assert torch.equal(denoiser.look(context), context[:, [1, 4]])
    for frame in range(5):
        other = context.clone()
        other[:, frame] = -other[:, frame]
        assert torch.equal(seen(other), seen(context)) == (frame not in (1, 4))


@pytest.mark.parametrize("lags", [(1, 2), (0, 2, 1), (0, 1, 1), (0, 2)])
def test_lags_rise_from_the_last_frame_and_stay_in_the_context(lags: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"lags must rise from 0|no frame 2 steps back"):
        dataclasses.replace(config("change"), lags=lags)


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


@torch.no_grad()
def test_a_sampler_can_put_noise_on_the_context(example: Example) -> None:
    denoiser = awaken(Denoiser(dataclasses.replace(config("frame"), noised_context=True)))
    sampler = Sampler((2.0,), s_cond=0.2)
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
    target: TargetName, example: Example
) -> None:
    denoiser = awaken(Denoiser(config(target)))
    sigma = torch.full((B,), 1e-6)
    made = denoiser(example.frame, sigma, example.context, example.actions)
    torch.testing.assert_close(made, example.frame, atol=1e-4, rtol=0)


@torch.no_grad()
def test_a_new_network_repeats_the_last_frame_or_dreams_grey(example: Example) -> None:
    """Its output is 0: of a change nothing, of a frame the middle of all frames."""
    given = (example.noise[:, None], example.context, example.actions, SAMPLER)
    still = Denoiser(config("change")).sample(*given)
    assert (still - example.context[:, -1]).abs().max() < 0.1
    blind = Denoiser(config("frame"))
    grey = blind.sample(*given)
    assert grey.abs().mean() < 0.3 < example.context.abs().mean()
    assert torch.equal(grey, blind.sample(given[0], -example.context, *given[2:]))


@pytest.mark.parametrize("target", TARGETS)
@torch.no_grad()
def test_dreamed_frames_have_values_that_stored_frames_have(
    target: TargetName, example: Example
) -> None:
    denoiser = awaken(Denoiser(config(target)))
    made = denoiser.sample(example.noise[:, None], example.context, example.actions, SAMPLER)
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


def test_what_is_too_faint_to_be_a_change_is_none() -> None:
    """Of a picture that moves only in places, pixel by pixel. Where a camera moves, the faint
    changes beside others are what keeps it sharp: without them a dream went blurred and grey."""
    faint, change = CHANGED / 2, 2 * CHANGED
    estimate = torch.full((1, 3, 20, 20), faint)
    estimate[0, 1, 4, 5] = -change
    alone = torch.zeros_like(estimate)
    alone[0, 1, 4, 5] = -change
    near = torch.zeros_like(estimate)
    near[..., 4 - NEAR_PX : 5 + NEAR_PX, 5 - NEAR_PX : 6 + NEAR_PX] = faint
    near[0, 1, 4, 5] = -change
    for target, settled in (("change", alone), ("warp", near), ("frame", estimate)):
        assert torch.equal(Denoiser(config(target)).target.settle(estimate), settled)


@pytest.mark.parametrize("target", ["frame", "change"])
@torch.no_grad()
def test_an_upsampler_keeps_faint_detail(target: TargetName) -> None:
    """It adds to a frame that it did not make, so faint errors do not add up."""
    upsampler = Upsampler(dataclasses.replace(config(target), actions=0))
    estimate = torch.full((1, 3, SIDE, SIDE), CHANGED / 2)
    assert torch.equal(upsampler.target.settle(estimate), estimate)


def test_an_upsampler_is_told_no_actions_and_warps_nothing() -> None:
    with pytest.raises(ValueError, match="told no actions"):
        Upsampler(config("change"))
    with pytest.raises(ValueError, match="must be one of frame, change here, not 'warp'"):
        Upsampler(dataclasses.replace(config("warp"), actions=0))
