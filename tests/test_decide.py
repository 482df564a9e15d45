"""tools.decide: a world is given a decider."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from base.errors import UserError
from models.cartridge import load
from models.decider import Decider
from models.denoiser import Denoiser
from models.manifest import Preset
from models.sampler import SamplerConfig
from tests.recordings import record_toys
from tests.tiny_cartridge import manifest, write_tiny_cartridge
from tools.blend import BlendConfig, blend
from tools.decide import DecideConfig, decide, teach
from training.hard_places import write_hard_places
from training.lessons import Lessons
from training.speed import PRECISIONS, autocast


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    record_toys(folder, 30, 30, 30, shape=(16, 16))
    return folder


def small(cartridge: Path, data: Path, out: Path, **other: object) -> DecideConfig:
    config = DecideConfig(str(cartridge), data, out, windows=20, updates=3, batch=10, width=8)
    return dataclasses.replace(config, **{"precision": "fp32", **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("listed", [False, True])
def test_all_but_the_decider_stays(tmp_path: Path, recordings: Path, listed: bool) -> None:
    places = tmp_path / "places.csv"
    write_hard_places(places, [(1, 9, "one"), (1, 12, "other"), (2, 20, "other")])
    world, out = write_tiny_cartridge(tmp_path / "world"), tmp_path / "out"
    decide(small(world, recordings, out, hard_places=places if listed else None), "as it was said")
    before, after = load(world), load(out)
    own, now = (cartridge.networks["denoiser"].state_dict() for cartridge in (before, after))
    assert all(torch.equal(now[name], weight) for name, weight in own.items())
    assert {name.split(".")[0] for name in now.keys() - own.keys()} == {"decider"}
    assert now["decider.conv_out.weight"].abs().max() > 0, "it learnt"
    assert after.manifest.denoiser == dataclasses.replace(before.manifest.denoiser, decider=8)
    assert list(after.manifest.source["commands"])[-1] == "as it was said"
    assert not after.manifest.metrics and after.starts.keys() == before.starts.keys()


def test_one_that_is_there_is_replaced_and_taught_by_the_same_seed_alike(
    tmp_path: Path, recordings: Path
) -> None:
    world = write_tiny_cartridge(tmp_path / "world")
    first, second = tmp_path / "first", tmp_path / "second"
    decide(small(world, recordings, first), "said")
    decide(small(first, recordings, second), "said again")
    one, other = (load(path).networks["denoiser"].state_dict() for path in (first, second))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_blend_keeps_the_seconds_decider(tmp_path: Path, recordings: Path) -> None:
    plain = write_tiny_cartridge(tmp_path / "plain", seed=1)
    world, out = write_tiny_cartridge(tmp_path / "world", seed=2), tmp_path / "decided"
    decide(small(world, recordings, out), "said")
    blend(BlendConfig(str(plain), str(out), tmp_path / "blend", 0.5), "said")
    made, second = (load(path).networks["denoiser"] for path in (tmp_path / "blend", out))
    assert isinstance(made, Denoiser) and made.decider is not None
    assert torch.equal(made.decider.conv_out.weight, second.state_dict()["decider.conv_out.weight"])


def test_worlds_and_recordings_that_will_not_do(tmp_path: Path, recordings: Path) -> None:
    of = manifest()
    ways = {"fast": Preset(SamplerConfig(1, 0.5, 2.0))}
    walker = dataclasses.replace(of, sampler=None, reward_end=None, presets=ways)
    other, out = tmp_path / "other", tmp_path / "out"
    record_toys(other, 30, 30)
    for world, data, said in (
        (write_tiny_cartridge(tmp_path / "walker", walker), recordings, "decider is for"),
        (write_tiny_cartridge(tmp_path / "world"), other, "frames of 8 x 8"),
        (tmp_path / "nowhere", recordings, "nowhere"),
    ):
        with pytest.raises(UserError, match=said):
            decide(small(world, data, out), "said")
        assert not out.exists()


@pytest.mark.parametrize("name", ["windows", "updates", "batch", "width", "learning_rate"])
def test_numbers_that_nothing_can_be_taught_with(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=name.replace("_", "-")):
        small(tmp_path, tmp_path, tmp_path / "out", **{name: 0})


def test_too_wide_a_decider_and_a_seed_that_is_none_are_refused_before_anything_is_dreamed(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A width that no card may have was refused only when all was taught."""
    monkeypatch.setattr("tools.decide.gather", lambda *_: pytest.fail("it dreams"))
    world = write_tiny_cartridge(tmp_path / "world")
    with pytest.raises(UserError, match="channels"):
        decide(small(world, recordings, tmp_path / "out", width=10**6), "said")
    with pytest.raises(UserError, match="seed"):
        small(world, recordings, tmp_path / "out", seed=-1)


class Noise(Lessons):
    """Lessons that show noise, as large as frames are."""

    def __init__(self) -> None:
        pass

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        last, shown, decided = torch.rand(3, count, 3, 64, 64, generator=generator) * 2 - 1
        return last, shown, decided


@pytest.mark.parametrize("width", [8, 24])
def test_half_precision_teaches_much_the_same(tmp_path: Path, width: int) -> None:
    """In channels_last the gradients of dilated convolutions with 24 channels were nan in bf16, on
    a processor that has that natively."""
    cpu, taught = torch.device("cpu"), []
    for precision in PRECISIONS:
        torch.manual_seed(0)
        config = small(tmp_path, tmp_path, tmp_path, width=width, precision=precision, updates=4)
        decider = teach(Noise(), config, torch.Generator().manual_seed(0), cpu)
        taught.append(torch.cat([weight.detach().flatten() for weight in decider.parameters()]))
    assert torch.cosine_similarity(taught[0], taught[1], dim=0) > 0.98


@pytest.mark.parametrize("width", [8, 24])
def test_gradients_in_half_precision_are_the_gradients(width: int) -> None:
    torch.manual_seed(0)
    last, shown = torch.rand(2, 4, 3, 32, 32) * 2 - 1
    decider = Decider(width)
    torch.nn.init.normal_(decider.conv_out.weight, std=0.1)
    found = []
    for precision in PRECISIONS:
        decider.zero_grad()
        with autocast(torch.device("cpu"), precision):
            correction = decider.correction(shown, last)
        correction.float().square().mean().backward()
        gradients = [p.grad for p in decider.parameters() if p.grad is not None]
        found.append(torch.cat([g.flatten() for g in gradients]))
    assert torch.cosine_similarity(found[0], found[1], dim=0) > 0.98
