"""The decider, alone and at the end of a denoiser's walk."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from base.errors import UserError
from models.decider import FAINT, Decider, without_decider
from models.denoiser import Denoiser
from models.openvino_core import openvino as ov
from models.openvino_graph import build
from models.sampler import Levels
from tests.tiny_cartridge import manifest, networks


def frames(count: int = 2, side: int = 16) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_it_starts_as_the_identity() -> None:
    new, last = frames(4).chunk(2)
    assert torch.equal(Decider(8)(new, last), new)


@pytest.mark.parametrize("correction", [0.9 * FAINT, 1.1 * FAINT])
def test_what_it_would_correct_faintly_stays_as_it_is(correction: float) -> None:
    """Else dust would gather: it comes after what keeps the denoiser's own dust away."""
    decider = Decider(8)
    with torch.no_grad():
        decider.conv_out.bias.fill_(correction)
    new, last = frames(4).chunk(2)
    moved = correction if correction > FAINT else 0.0
    torch.testing.assert_close(decider(new, last), new + moved)


def test_a_walk_ends_with_it_and_only_with_it() -> None:
    of = manifest()
    plain = networks(of)["denoiser"]
    assert isinstance(plain, Denoiser)
    world = Denoiser(dataclasses.replace(of.denoiser, decider=8)).eval()
    assert world.decider is not None
    world.load_state_dict(plain.state_dict(), strict=False)
    context = frames(of.denoiser.context)[None]
    actions = torch.zeros(1, of.denoiser.context, of.denoiser.actions)
    given = (frames(1), context, actions, Levels("insist", (2.0, 0.5)))
    with torch.no_grad():
        before = plain.next_frame(*given)
        assert torch.equal(world.next_frame(*given), before)
        world.decider.conv_out.bias.fill_(0.2)
        after = world.next_frame(*given)
    torch.testing.assert_close(after, (before + 0.2).clamp(-1, 1), atol=2.1 / 255, rtol=0)


def test_openvino_decides_alike() -> None:
    decider = Decider(8).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in decider.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2)
    new, last = frames(2).chunk(2)
    shapes = {name: (tuple(new.shape), torch.float32) for name in ("frame", "last")}
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(build(decider, shapes), "CPU", settings)
    made = torch.from_numpy(compiled([new.numpy(), last.numpy()])[0])
    torch.testing.assert_close(made, decider(new, last).detach(), atol=1e-4, rtol=1e-4)


def test_only_changes_are_decided() -> None:
    config = manifest().denoiser
    with pytest.raises(ValueError, match="decider"):
        dataclasses.replace(config, target="frame", decider=8)
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(config, decider=-1)


def test_a_card_can_ask_for_no_endless_one() -> None:
    of = manifest()
    with pytest.raises(UserError, match="channels"):
        dataclasses.replace(of, denoiser=dataclasses.replace(of.denoiser, decider=10**6))


def test_weights_without_it_are_those_of_a_denoiser_without() -> None:
    config = manifest().denoiser
    world = Denoiser(dataclasses.replace(config, decider=8))
    assert without_decider(world.state_dict()).keys() == Denoiser(config).state_dict().keys()
