"""One update: which noise, whose frames, what is averaged, and that a seed decides all of it."""

from __future__ import annotations

import copy
import io
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datasets.batches import Batches
from models.frames import to_float, to_uint8
from models.networks.denoiser import Denoiser
from tests.support.networks import awaken
from tests.support.tiny_training import TINY, record_enough, tiny_data, tiny_learner
from training.data import Data
from training.learners import rollout_learner
from training.learners.base import Losses, average
from training.learners.rollout_learner import RolloutLearner
from training.losses import denoising
from training.losses.denoising import Prediction


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return tiny_data(record_enough(tmp_path_factory.mktemp("toys")))


def train(learner: RolloutLearner, data: Data, first: int, last: int) -> list[Losses]:
    """Updates number `first` to `last` - 1."""
    config = learner.config
    fresh = Batches(data.segments, config.batch - config.rollouts, config.seed)
    return [learner.update(index, fresh[index]) for index in range(first, last)]


def weights(learner: RolloutLearner) -> dict[str, Tensor]:
    state = learner.state_dict()
    return {
        f"{name}.{key}": value
        for name in ("denoiser", "head", "denoiser_ema", "head_ema")
        for key, value in state[name].items()
    }


@pytest.mark.parametrize(
    "change", [{}, {"rollouts": 0}, {"prior_channels": ()}, {"target": "frame"}]
)
def test_a_seed_decides_the_losses(data: Data, change: dict[str, object]) -> None:
    config = replace(TINY, **change)  # type: ignore[arg-type]
    first, again = (train(tiny_learner(data, config), data, 0, 3) for _ in range(2))
    assert first == again
    other = replace(config, seed=1)
    assert train(tiny_learner(data, other), data, 0, 1)[0]["recorded"] != first[0]["recorded"]
    for losses in first:
        assert losses["recorded"] > 0 and losses["head"] > 0 and losses["gradient_norm"] > 0
        assert (losses["dreamed"] > 0) == (config.rollouts > 0)


def test_building_leaves_the_global_generator_alone(data: Data) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    tiny_learner(data)
    assert torch.equal(torch.rand(1), expected)


def test_saved_and_loaded_it_goes_on_exactly(data: Data) -> None:
    learner, file = tiny_learner(data), io.BytesIO()
    train(learner, data, 0, 2)
    torch.save(learner.state_dict(), file)
    restored = tiny_learner(data, replace(TINY, seed=TINY.seed))
    awaken(restored.denoiser, seed=9)  # nothing of it may be left
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    assert train(learner, data, 2, 5) == train(restored, data, 2, 5)
    for name, value in weights(learner).items():
        assert torch.equal(value, weights(restored)[name]), name


def test_everything_that_is_played_learns(data: Data) -> None:
    learner = tiny_learner(data)
    awaken(learner.denoiser)  # behind silent layers nothing would learn at first
    before = copy.deepcopy(weights(learner))
    train(learner, data, 0, 1)
    for name, value in weights(learner).items():
        fixed = name.endswith("noise_embedding.weight")
        assert torch.equal(value, before[name]) == fixed, name


def test_the_learning_rate_follows_the_schedule_from_the_configured_one(data: Data) -> None:
    learner = tiny_learner(data)
    config = learner.config
    rates = []
    for index in range(config.updates):
        train(learner, data, index, index + 1)
        rates.append([o.param_groups[0]["lr"] for o in learner.optimizers])
    for rate, full in zip(
        zip(*rates, strict=True),
        (
            *(config.learning_rate, config.muon_learning_rate) * 2,  # the denoiser's, the prior's
            config.head_learning_rate,
        ),
        strict=True,
    ):
        # Warm-up over 3 updates; the cool-down, over a quarter of 6, begins after update 5.
        shares = [r / full for r in rate]
        assert shares == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1 / 1.5])


def test_averages_move_towards_the_weights() -> None:
    ema, model = nn.Linear(2, 2), nn.Linear(2, 2)
    before = ema.weight.detach().clone()
    average(ema, model, keep=0.75)
    torch.testing.assert_close(ema.weight.detach(), 0.75 * before + 0.25 * model.weight.detach())


def test_early_averages_forget_quickly(data: Data) -> None:
    learner = tiny_learner(data)
    start = learner.denoiser_ema.cond[0].weight.clone()
    train(learner, data, 0, 1)
    now = learner.denoiser.cond[0].weight.detach()
    torch.testing.assert_close(learner.denoiser_ema.cond[0].weight, 0.1 * start + 0.9 * now)
    assert not learner.denoiser_ema.training and learner.denoiser.training


def perfect(learner: RolloutLearner, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the network know every answer, whatever noise is put on."""
    rollouts = learner.rollouts
    assert rollouts is not None
    true: list[Tensor] = []

    def network(x: Tensor, sigma: Tensor, *_: Any) -> Tensor:
        c_in, c_skip, c_out = learner.denoiser.scales(sigma)
        return ((true[-1][: len(x)] - c_skip * x / c_in) / c_out).requires_grad_()

    def predict(
        denoiser: Denoiser, frame: Tensor, context: Tensor, *rest: Any, **named: Any
    ) -> Any:
        true.append(frame - denoiser.target.base(context))
        return denoising.predict(denoiser, frame, context, *rest, **named)

    monkeypatch.setattr(learner.denoiser, "network", network)
    monkeypatch.setattr(rollout_learner, "predict", predict)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `predict` is given from now on: frame, context, actions, noising."""
    seen: list[Any] = []

    def predict(denoiser: Denoiser, *given: Any, **named: Any) -> Any:
        seen.extend(given)
        return denoising.predict(denoiser, *given, **named)

    monkeypatch.setattr(rollout_learner, "predict", predict)
    return seen


@pytest.mark.parametrize("target", ["frame", "change"])
def test_a_perfect_network_dreams_along_with_the_recording(
    data: Data, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: dict[str, Any] = {"target": target, "rollout_steps": 100, "prior_channels": ()}
    config = replace(TINY, **changed)
    learner = tiny_learner(data, config)
    rollouts = learner.rollouts
    assert rollouts is not None
    perfect(learner, data, monkeypatch)
    rollouts.batch(0)
    rollouts.ages[:] = 0
    for index, losses in enumerate(train(learner, data, 0, 4)):
        assert losses["recorded"] < 1e-6 and losses["dreamed"] < 1e-6
        assert losses["rollout_age"] == index + 1
    off = rollouts.context.int() - rollouts.batch(4).frames[:, :-1].int()
    # Of a change, what is too faint to be one may be left out: two and a half grey levels.
    assert off.abs().max() <= (0 if target == "frame" else 3)


def test_a_rollouts_own_frames_are_its_context(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = tiny_learner(data, replace(TINY, samples=1, context_noise=0.0))
    rollouts = learner.rollouts
    assert rollouts is not None
    train(learner, data, 0, 1)
    rollouts.ages[:] = 1
    rollouts.context[:] = 77
    seen = watched(monkeypatch)
    train(learner, data, 1, 2)
    own, recorded = seen[1].split([TINY.rollouts, TINY.batch - TINY.rollouts])
    torch.testing.assert_close(own, torch.full_like(own, 77 / 127.5 - 1))
    assert recorded.std() > 0.1


def test_a_rollout_goes_on_with_the_frame_that_play_would_show(data: Data) -> None:
    """Dreams to learn from once went down the later levels under noise, and play never does."""
    learner = tiny_learner(data, replace(TINY, context_noise=0.0))
    awaken(learner.denoiser)
    rollouts, config = learner.rollouts, learner.config
    assert rollouts is not None
    rollouts.batch(0)
    rollouts.ages[:] = 1
    context, actions = to_float(rollouts.context), rollouts.batch(0).actions[:, :-1]
    noise = torch.randn(
        config.batch, *context.shape[2:], generator=torch.Generator().manual_seed(0)
    )[: config.rollouts]
    with torch.no_grad():
        played = learner.denoiser.sample(noise[:, None], context, actions, config.sampler)
    train(learner, data, 0, 1)
    assert (to_uint8(played).int() - rollouts.context[:, -1].int()).abs().max() <= 1  # of rounding


def test_texture_counts_in_dreams_alone(data: Data) -> None:
    """After recorded frames a sharp edge in the wrong place is worse than a blurred one."""
    plain, textured = (
        tiny_learner(data, replace(TINY, samples=1, texture_weight=weight)) for weight in (0.0, 9.0)
    )
    [a], [b] = train(plain, data, 0, 1), train(textured, data, 0, 1)
    assert b["recorded"] == a["recorded"] and b["dreamed"] > 1.01 * a["dreamed"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_frozen_contexts_show_no_motion(
    share: float, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that saw motion went on with it, whatever the keys said."""
    learner = tiny_learner(
        data, replace(TINY, batch=62, context_noise=0.0, frozen_context_share=share)
    )
    seen = watched(monkeypatch)
    train(learner, data, 0, 1)
    context = learner.denoiser.look(seen[1])
    assert torch.equal(context, seen[3].on_context(context, 0.0))
    still = (context == context[:, -1:]).flatten(1).all(dim=1)
    assert not still[: TINY.rollouts].any(), "dreams go on from their own frames"
    assert still[TINY.rollouts :].float().mean().item() == pytest.approx(share, abs=0.2)


def test_what_a_dream_lost_is_not_asked_of_it_and_the_rest_is(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = tiny_learner(
        data, replace(TINY, samples=1, keep_diverged_share=1.0, rollout_steps=100)
    )
    rollouts = learner.rollouts
    assert rollouts is not None
    train(learner, data, 0, 1)
    rollouts.ages[:] = 1
    rollouts.displaced[:] = False
    rollouts.displaced[0, -1, 0, 0] = True
    seen: list[Tensor] = []

    def error(prediction: Prediction, weight: Tensor | None, mask: Tensor) -> Tensor:
        seen.append(mask)
        return denoising.squared_error(prediction, weight, mask)

    monkeypatch.setattr(rollout_learner, "squared_error", error)
    train(learner, data, 1, 2)
    lost, rest = seen[0][0, 0], seen[0][1:]
    assert not lost[0, 0] and lost[7, 7] and rest.all()


def test_noise_is_put_on_what_the_network_sees_and_on_nothing_else(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise on the last frame once made most of a still picture count as moving."""
    learner = tiny_learner(data, replace(TINY, context_noise=0.1))
    seen = watched(monkeypatch)
    train(learner, data, 0, 1)
    context = learner.denoiser.look(seen[1])
    shown = seen[3].on_context(context, 0.0)
    assert (((context + 1) * 127.5).round() / 127.5 - 1 - context).abs().max() < 1e-5
    assert (shown - context).std().item() == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize("change", [{"rollouts": 1}, {"channels": (8, 24)}, {"head_channels": 4}])
def test_another_learners_state_is_refused(data: Data, change: dict[str, object]) -> None:
    other = tiny_learner(data, replace(TINY, **change))  # type: ignore[arg-type]
    with pytest.raises((RuntimeError, ValueError)):
        tiny_learner(data).load_state_dict(other.state_dict())


def test_losses_are_plain_numbers(data: Data) -> None:
    [losses] = train(tiny_learner(data), data, 0, 1)
    assert all(type(value) is float for value in losses.values())


def test_bf16_is_close_to_fp32(data: Data) -> None:
    plain, quick = tiny_learner(data), tiny_learner(data)
    quick.precision = "bf16"
    for learner in (plain, quick):
        awaken(learner.denoiser)
    [a], [b] = train(plain, data, 0, 1), train(quick, data, 0, 1)
    assert (
        b["recorded"] == pytest.approx(a["recorded"], rel=0.05) and b["recorded"] != a["recorded"]
    )
    assert all(p.dtype == torch.float32 for p in quick.denoiser.parameters())


def test_with_log_loss_what_hardly_moves_counts_as_much(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worse example's loss is a thousand times as large, and pulled at nearly everything."""
    learner = tiny_learner(data, replace(TINY, samples=1, log_loss=True))
    pulls = torch.ones(2, requires_grad=True)
    losses = pulls * torch.tensor([1.0, 1000.0])
    monkeypatch.setattr(learner, "losses", lambda *_: (losses, torch.zeros(()), torch.zeros(()), 0))
    learner.gradients(0, learner.batches[0])
    assert pulls.grad is not None
    torch.testing.assert_close(pulls.grad, torch.tensor([0.5, 0.5]), rtol=0.03, atol=0)
