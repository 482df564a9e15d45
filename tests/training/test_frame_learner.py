"""Recipes for worlds in two sizes: their numbers, and what an update learns of which examples."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from base.errors import UserError
from engine.contracts import CsgoActions
from models.cartridge.manifest import Preset
from models.cartridge.reader import load
from models.diamond import config as diamond
from models.diamond.config import DEPARTURES
from models.frames import quantise, to_float
from models.networks.unet import UNetConfig
from models.runtime.frame_step import enlarged_context
from tests.support.networks import awaken
from tests.support.recordings import record_in_two_sizes
from tests.support.tiny_cartridge import manifest as tiny_manifest
from tests.support.tiny_cartridge import write_tiny_cartridge
from tests.support.tiny_training import TINY_SEQUENCE, TINY_UPSAMPLER
from training.beginning import build
from training.data import Data, open_data
from training.learners import upsampler_learner
from training.learners.frame_learner import FrameLearner
from training.learners.upsampler_learner import UpsamplerLearner
from training.losses import denoising
from training.losses.texture import texture_loss
from training.losses.unpaired import low_frequency_error
from training.recipes.presets import PRESETS
from training.recipes.two_sizes import SequenceConfig, UpsamplerConfig

Tiny = SequenceConfig | UpsamplerConfig
ROLLING = replace(TINY_UPSAMPLER, rollout_steps=2, log_loss=True, muon_learning_rate=3e-3)
BOTH = pytest.mark.parametrize("config", [TINY_SEQUENCE, TINY_UPSAMPLER, ROLLING])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shooter")
    record_in_two_sizes(made, 990, 40, 30)
    return made


def data_of(folder: Path, config: Tiny) -> Data:
    return open_data(folder, config, memory_gb=0.2)


def learner_of(folder: Path, config: Tiny) -> FrameLearner:
    made = build(config, data_of(folder, config), torch.device("cpu"))
    assert isinstance(made, FrameLearner)
    awaken(made.denoiser).train()  # behind silent layers nothing would be learnt at first
    return made


def test_the_preset_of_csgo_is_the_published_configuration() -> None:
    low, large = PRESETS["csgo"], PRESETS["csgo-upsampler"]
    assert isinstance(low, SequenceConfig) and isinstance(large, UpsamplerConfig)
    # What is floored only for weights that were released is rounded in ours.
    assert low.denoiser(30, 56, 51) == replace(diamond.csgo_denoiser(), floor=False)
    assert large.upsampler(150, 280) == replace(diamond.csgo_upsampler(), floor=False)
    assert (low.batch, low.accumulate, low.sequence_length, low.context) == (16, 8, 4, 4)
    assert (large.batch, large.accumulate, large.window) == (4, 8, 2)
    for recipe in (low, large):
        numbers = (recipe.learning_rate, recipe.weight_decay, recipe.warmup, recipe.cooldown)
        assert numbers == (1e-4, 1e-2, 100, 0)
        assert (recipe.sigma_location, recipe.sigma_scale, recipe.gradient_clip) == (-1.2, 1.2, 10)
    off = dict.fromkeys(DEPARTURES, False)
    for way, preset in diamond.CSGO.items():
        assert low.samplers()[way] == replace(preset.frame, **off)
        assert preset.upsampling is not None
        # Heun's second call is never made on the way into 0, the only step there is.
        assert large.samplers()[way] == replace(preset.upsampling, order=1, **off)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"accumulate": 0}, "--accumulate must be more than 0, not 0"),
        ({"learning_rate": float("nan")}, "--learning-rate must be a finite number"),
        ({"steps": ()}, "--steps needs 1 or 2 numbers"),
        ({"steps": (0,)}, "--steps, --sigma-min, --sigma-max: a sampler has 1 to 100 steps"),
        ({"sigma_min": 9.0}, "sigma_min and sigma_max must rise"),
        ({"ema": 1.0}, "--ema must be less than 1"),
    ],
)
@BOTH
def test_values_that_will_not_do_are_refused(
    config: Tiny, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        replace(config, **change)


def test_more_values_that_will_not_do_are_refused() -> None:
    with pytest.raises(UserError, match="--sequence-length must be more than 0"):
        replace(TINY_SEQUENCE, sequence_length=0)
    with pytest.raises(UserError, match="--rollout-steps must be more than 0"):
        replace(TINY_UPSAMPLER, rollout_steps=0)
    with pytest.raises(UserError, match="s_churn and s_noise must be finite and not negative"):
        replace(TINY_UPSAMPLER, churn=-1.0)


@BOTH
def test_how_many_examples_are_worked_on_at_once_changes_nothing(
    folder: Path, config: Tiny
) -> None:
    whole, single = replace(config, batch=4, accumulate=1), replace(config, batch=1, accumulate=4)
    made = []
    for one in (whole, single):
        learner = learner_of(folder, one)
        losses = learner.gradients(0, learner.batches[0])
        made.append((losses, [p.grad for p in learner.denoiser.parameters()]))
    (losses, gradients), (others, other_gradients) = made
    assert losses == pytest.approx(others, rel=1e-4)
    for gradient, other in zip(gradients, other_gradients, strict=True):
        torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-3)


@BOTH
def test_gradients_are_clipped_after_all_were_added_up(folder: Path, config: Tiny) -> None:
    free, clipped = (
        learner_of(folder, config),
        learner_of(folder, replace(config, gradient_clip=1e-3)),
    )
    norm = free.gradients(0, free.batches[0])["gradient_norm"]
    assert clipped.gradients(0, clipped.batches[0])["gradient_norm"] == pytest.approx(norm)
    squares = [p.grad.square().sum() for p in clipped.denoiser.parameters()]  # type: ignore[union-attr]
    assert norm > 1e-3
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(1e-3, rel=1e-3)


@BOTH
def test_saved_and_loaded_it_goes_on_exactly(folder: Path, config: Tiny) -> None:
    learner, file = learner_of(folder, config), io.BytesIO()
    learner.update(0, learner.batches[0])
    torch.save(learner.state_dict(), file)
    restored = build(config, data_of(folder, config), torch.device("cpu"))
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for index in (1, 2):
        assert learner.update(index, learner.batches[index]) == restored.update(
            index, restored.batches[index]
        )
    for name, network in learner.averages.items():
        other = restored.averages[name].state_dict()
        assert all(torch.equal(w, other[key]) for key, w in network.state_dict().items())


@BOTH
def test_it_learns_and_the_average_follows(folder: Path, config: Tiny) -> None:
    learner = learner_of(folder, replace(config, learning_rate=3e-3))
    before = [p.clone() for p in learner.averaged.parameters()]
    index, batch = 3, learner.batches[0]  # the same examples and noise each time
    losses = [learner.update(index, batch)["first"] for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]
    after = learner.averaged.parameters()
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_sequence_is_learnt_under_noise_on_frame_and_context(folder: Path) -> None:
    learner = learner_of(folder, TINY_SEQUENCE)
    noisings = learner.noisings(2000, torch.Generator().manual_seed(0))
    assert len(noisings) == TINY_SEQUENCE.sequence_length
    for noising in noisings:
        assert noising.context_sigma is not None and noising.context_noise is not None
        assert noising.context_offset is not None and noising.offset is not None
        for level in (noising.sigma, noising.context_sigma):
            assert level.log().mean().item() == pytest.approx(-1.2, abs=0.1)
            assert level.log().std().item() == pytest.approx(1.2, abs=0.1)
        assert noising.context_noise.shape == (2000, 2, 3, 10, 16)
        assert noising.context_offset.shape == (2000, 2, 3, 1, 1)
        assert not torch.equal(noising.sigma, noising.context_sigma)


def test_an_upsampler_sees_the_large_frame_before_and_the_small_one_of_the_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = learner_of(folder, TINY_UPSAMPLER)
    seen: list[Any] = []

    def predict(*given: Any) -> Any:
        seen.append(given)
        return denoising.predict(*given)

    monkeypatch.setattr(upsampler_learner, "predict", predict)
    batch = learner.batches[0]
    learner.gradients(0, batch)
    frames, contexts = (torch.cat([given[i] for given in seen]) for i in (1, 2))
    assert torch.equal(frames, to_float(batch.large[:, 1]))
    expected = enlarged_context(to_float(batch.large[:, 0]), to_float(batch.small[:, 1]))
    assert torch.equal(contexts, expected)


def test_an_upsampler_goes_on_from_its_answers_until_an_example_is_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In play every large frame before is the network's own answer."""
    config = replace(TINY_UPSAMPLER, rollout_steps=3)
    learner, rows = learner_of(folder, config), config.batch * config.accumulate
    contexts: list[Tensor] = []
    answers: list[Tensor] = []

    def predict(*given: Any) -> Any:
        made = denoising.predict(*given)
        contexts.append(given[2])
        answers.append(quantise(made.estimate))
        return made

    monkeypatch.setattr(upsampler_learner, "predict", predict)
    last, went_on = None, 0
    for index in range(4):
        batch = learner.batches[index]
        learner.gradients(index, batch)
        seen, made = torch.cat(contexts), torch.cat(answers)
        contexts.clear()
        answers.clear()
        for row in range(rows):
            before = to_float(batch.large[row, 0])
            if batch.goes_on[row] and last is not None:
                before, went_on = last[row], went_on + 1
            expected = enlarged_context(before[None], to_float(batch.small[row : row + 1, 1]))
            assert torch.equal(seen[row : row + 1], expected)
        last = made
    assert went_on == 3 * rows * 2 // 3  # two moments of three


def test_short_recordings_are_learnt_from_in_shorter_rows(folder: Path) -> None:
    """Those of someone who plays for a minute were refused for having no long episode."""
    data = data_of(folder, replace(TINY_UPSAMPLER, rollout_steps=5_000))
    assert data.segments.length == max(data.store.length(e) + 1 for e in data.training)


DREAMING = replace(TINY_UPSAMPLER, rollout_steps=3, dreamed_share=0.5)


def dreaming_learner(folder: Path, world: Path) -> UpsamplerLearner:
    data = data_of(folder, DREAMING)
    made = build(DREAMING, data, torch.device("cpu"), load(world, torch.bfloat16))
    assert isinstance(made, UpsamplerLearner) and made.rollouts is not None
    awaken(made.denoiser).train()
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cartridge of small frames in 51 actions, that makes something new of what it sees."""
    path = tmp_path_factory.mktemp("world") / "cartridge"
    network = TINY_SEQUENCE.denoiser(10, 16, 51)
    presets = {"fast": Preset(TINY_SEQUENCE.sampler(1))}
    of = replace(
        tiny_manifest(), actions=CsgoActions(), denoiser=network, reward_end=None, sampler=None,
        presets=presets,
    )  # fmt: skip
    write_tiny_cartridge(path, of)
    return path


def test_an_upsampler_learns_of_dreamed_frames_what_can_be_known(
    folder: Path, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learnt from recorded frames alone it blurred what a dream shows, which is no recording."""
    learner = dreaming_learner(folder, world)
    rollouts, rows = learner.rollouts, DREAMING.batch * DREAMING.accumulate
    assert rollouts is not None and rollouts.count == 2
    seen_contexts: list[Tensor] = []
    textured: list[Tensor] = []
    coarse: list[Tensor] = []

    def predict(*given: Any) -> Any:
        seen_contexts.append(given[2])
        return denoising.predict(*given)

    def texture(prediction: denoising.Prediction, rows: Tensor, patch: int) -> Tensor:
        textured.append(rows)
        return texture_loss(prediction, rows, patch)

    def low_frequency(
        prediction: denoising.Prediction, enlarged: Tensor, rows: Tensor, patch: int
    ) -> Tensor:
        coarse.append(rows)
        return low_frequency_error(prediction, enlarged, rows, patch)

    monkeypatch.setattr(upsampler_learner, "predict", predict)
    monkeypatch.setattr(upsampler_learner, "texture_loss", texture)
    monkeypatch.setattr(upsampler_learner, "low_frequency_error", low_frequency)
    for index in range(4):
        batch, before = learner.batches[index], rollouts.context
        assert batch.small.shape[1] == TINY_SEQUENCE.context + 1
        learner.gradients(index, batch)
        contexts = torch.cat(seen_contexts)
        for rows_of in (textured, coarse):
            assert torch.cat(rows_of).tolist() == [True] * 2 + [False] * 2
        for watched in (seen_contexts, textured, coarse):
            watched.clear()
        assert rollouts.context is not None
        dreamed = rollouts.context[:, -1]
        small = torch.cat((dreamed, batch.small[2:, -1]))
        blank = torch.zeros(rows, 3, 20, 32)
        assert torch.equal(contexts[:, 1], enlarged_context(blank, to_float(small))[:, 1])
        for row in range(2):
            recorded = batch.small[row, 1:-1]
            own = before is not None and bool(batch.goes_on[row])
            seen = before[row, 1:] if own and before is not None else recorded
            assert torch.equal(rollouts.context[row, :-1], seen)
            assert not torch.equal(dreamed[row], batch.small[row, -1])


def test_dreams_go_on_exactly_from_a_checkpoint(folder: Path, world: Path) -> None:
    learner, file = dreaming_learner(folder, world), io.BytesIO()
    for index in range(2):
        learner.update(index, learner.batches[index])
    torch.save(learner.state_dict(), file)
    restored = dreaming_learner(folder, world)
    restored.load_state_dict(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    for index in (2, 3):
        assert learner.update(index, learner.batches[index]) == restored.update(
            index, restored.batches[index]
        )


def test_an_upsampler_that_changes_nothing_scores_as_cubic_curves_do(folder: Path) -> None:
    """Its change is that against the enlarged small frame, so a silent network leaves that."""
    config = replace(TINY_UPSAMPLER, target="change", sigma_data=1e-4, churn=0.0, sigma_max=1.1)
    made = build(config, data_of(folder, config), torch.device("cpu"))
    scores = made.score()
    assert scores.plain == "cubic" and scores.steps == 15
    assert 5 < scores.plain_1 < 40
    assert (scores.psnr_1, scores.psnr_n) == pytest.approx(
        (scores.plain_1, scores.plain_n), abs=0.1
    )


def test_released_worlds_networks_can_be_gone_on_with() -> None:
    unet = SequenceConfig().denoiser(30, 56, 51).unet
    assert unet == UNetConfig(**dataclasses.asdict(diamond.csgo_denoiser().unet))
    folded = replace(TINY_UPSAMPLER, patch=2).upsampler(20, 32).unet
    assert folded.patch == 2 and not folded.pad_features
