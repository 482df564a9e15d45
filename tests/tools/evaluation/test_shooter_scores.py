"""The figures of a shooter, checked with cameras and upsamplers whose worth is known beforehand."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from base.errors import UserError
from datasets.store import FrameWindow
from engine.contracts import ActionVector, CsgoActions
from models.cartridge.manifest import Manifest, Preset
from models.cartridge.reader import load
from models.runtime.frame_step import EnlargingStep
from models.runtime.sampler_cache import SamplerCache
from models.runtime.selection import Choice, Inputs
from models.sampler import karras_sampler
from tests.support.recordings import record_in_two_sizes
from tests.support.tiny_cartridge import manifest, write_tiny_cartridge
from tools import evaluate
from tools.evaluation import shooter_scores
from tools.evaluation.dreams import Dreamer, Excerpt, Footage, Frames

ACTIONS = CsgoActions()
SAMPLER = karras_sampler(1, 0.5, 2.0)


def world(large: bool, side_px: int = 8) -> Manifest:
    """A tiny shooter, whose frames an upsampler makes twice as large or not."""
    tiny = manifest(side_px, (16,))
    denoiser = replace(tiny.denoiser, actions=ACTIONS.size, context=2)
    two = replace(denoiser, height=2 * side_px, width=2 * side_px, actions=0)
    return replace(
        tiny,
        denoiser=denoiser,
        upsampler=two if large else None,
        actions=ACTIONS,
        reward_end=None,
        sampler=None,
        presets={"fast": Preset(SAMPLER, SAMPLER if large else None)},
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes, of which the second is held out."""
    folder = tmp_path_factory.mktemp("shooter")
    record_in_two_sizes(folder, 30, 40, shape=(8, 8))
    return folder


def dreaming(folder: Path, recordings: Path, large: bool = True) -> Dreamer:
    """The dreams of an untrained cartridge."""
    cartridge = load(write_tiny_cartridge(folder / "tiny", world(large)))
    samplers = SamplerCache(cartridge, "cpu", "float32")
    footage = Footage(recordings, cartridge.manifest)
    return Dreamer(samplers.prepared(samplers.standard), 2, footage, lambda: None)


def camera_of(rng: np.random.Generator, speed: float) -> shooter_scores.Hold:
    """A camera before a wall; it turns and walks at some speed, 1 being like Doom's."""
    wall = cv2.resize(rng.integers(0, 256, (20, 36, 3), dtype=np.uint8), (168, 90))

    def hold(start: Excerpt, held: ActionVector, seed: int) -> Frames:
        name = ACTIONS.describe(held)
        aside = (name == shooter_scores.LEFT) - (name == shooter_scores.RIGHT)
        ahead = (name == shooter_scores.FORWARD) - (name == shooter_scores.BACK)
        shown = []
        for t in range(9):
            size = 1 + 0.05 * speed * t * ahead
            slid = 0.03 * speed * t * aside * 56
            move = np.array([[size, 0, 28 + slid - 84 * size], [0, size, 15 - 45 * size]])
            shown.append(cv2.warpAffine(wall, move, (56, 30)))
        start.window.frames[-1] = shown[0]
        return np.stack(shown[1:])

    return hold


@pytest.mark.parametrize(("speed", "share"), [(1, 1.0), (0, 0.0), (-1, 0.0), (0.1, 0.0)])
def test_a_camera_that_obeys_and_some_that_do_not(speed: float, share: float) -> None:
    frames, none = np.zeros((2, 30, 56, 3), np.uint8), np.zeros(2, np.float32)
    starts = [Excerpt(FrameWindow(frames, none, none, none > 0, none > 0), 0, 0)] * 2
    figures = shooter_scores.camera(camera_of(np.random.default_rng(0), speed), starts, 2, ACTIONS)
    assert figures == {"turn": share, "walk": share, "camera_starts": 2}


class Knowing:
    """Enlarges a recorded frame to the one that was recorded, dimmed by some levels."""

    choice = Choice("torch", "cpu", "float32")

    def __init__(self, small: Frames, large: Frames, dim: int) -> None:
        self.known = {frame.tobytes(): other for frame, other in zip(small, large, strict=True)}
        self.dim, self.before = dim, list[NDArray[np.uint8]]()

    def run(self, inputs: Inputs) -> tuple[NDArray[np.uint8]]:
        assert list(inputs) == ["small", "large_noise", "large"]
        self.before.append(inputs["large"])
        return (self.known[inputs["small"].tobytes()] - self.dim,)


def test_an_upsampler_works_on_its_own_answers(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dreamer = dreaming(tmp_path, recordings)
    excerpt = dreamer.footage.at(1, 3, 6)
    small, true = excerpt.window.frames, dreamer.footage.large_frames(excerpt, 0, 6)
    knowing = Knowing(small, true, dim=2)
    monkeypatch.setattr(shooter_scores, "prepare", lambda step, choice, example: knowing)
    figures = shooter_scores.upsampler(dreamer, [excerpt])
    np.testing.assert_array_equal(knowing.before, [true[0], *(true[1:-1] - 2)])
    assert figures["upsampler_db"] == pytest.approx(20 * np.log10(255 / 2))
    assert 10 < figures["upsampler_cubic_db"] < 35
    gain = figures["upsampler_db"] - figures["upsampler_cubic_db"]
    assert figures["upsampler_gain_db"] == pytest.approx(gain)
    assert figures["upsampler_gain_5_db"] == pytest.approx(gain, abs=1)
    cubic = shooter_scores.cubically(small, true)[2]
    height, width = true.shape[1:3]
    plain = cv2.resize(small[2], (width, height), interpolation=cv2.INTER_CUBIC)
    assert np.abs(cubic.astype(int) - plain).max() <= 1


def test_the_half_that_enlarges_does_what_play_does(tmp_path: Path, recordings: Path) -> None:
    """Given the very frame that was dreamed it makes the very picture that is shown."""
    dreamer = dreaming(tmp_path, recordings)
    step = dreamer.prepared.step
    assert isinstance(step, EnlargingStep)
    start = dreamer.footage.at(1, 5, 2)
    before = torch.from_numpy(dreamer.footage.large_frames(start, 1, 2))
    noise, large_noise = (torch.randn(1, *shape) for shape in step.noises.values())
    frames, actions = start.window.frames, start.window.actions
    context = (torch.from_numpy(array)[None] for array in (frames, actions))
    shown, dreamed = step(*context, noise, large_noise, before)
    (enlarged,) = shooter_scores.Enlarging(step)(dreamed, large_noise, before)
    off = (enlarged.int() - shown.int()).abs()  # in play the small frame was not rounded
    assert (off <= 2).float().mean() > 0.97 and shown.float().std() > 1


@pytest.mark.parametrize("large", [True, False])
def test_the_command_measures_shooters_with_an_upsampler_and_without(
    tmp_path: Path,
    recordings: Path,
    large: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(evaluate, "SHOOTER_STEPS", 5)
    monkeypatch.setattr(evaluate, "CONTROL_STARTS", 2)
    monkeypatch.setattr(evaluate, "ENLARGED_STEPS", 4)
    path = write_tiny_cartridge(tmp_path / "tiny", world(large))
    plainly = ["--starts", "2", "--frames", "4", "--device", "cpu", "--precision", "float32"]
    command = ["evaluate", str(path), "--data", str(recordings / "low"), *plainly]
    command += ["--play-seconds", "2", "--play-starts", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--json"])
    evaluate.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["camera_starts"] == 2 and 0 <= figures["turn"] <= 1
    assert {"psnr_1_gain_db", "psnr_5_db", "sharpness_5", "contrast_5", "walk"} <= set(figures)
    of_two = {"sharpness_5_full", "contrast_5_full", "upsampler_gain_db", "upsampler_starts"}
    assert of_two <= set(figures) if large else not of_two & set(figures)
    assert "turn_game" not in figures, "nobody can play that game again"
    monkeypatch.setattr(sys, "argv", command)
    evaluate.main()
    assert "psnr_1_gain_db" in capsys.readouterr().out


def test_recordings_in_two_sizes_that_do_not_go_with_a_world_are_refused(
    tmp_path: Path, recordings: Path
) -> None:
    assert Footage(recordings, world(large=True)).large is not None
    assert Footage(recordings / "low", world(large=False)).large is None
    record_in_two_sizes(tmp_path / "wide", 12, 12, shape=(8, 8), factor=3)
    with pytest.raises(UserError, match="has frames of 24 x 24, the cartridge shows 16 x 16"):
        Footage(tmp_path / "wide", world(large=True))
    (tmp_path / "wide" / "full").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="has no large frames beside it in a folder full"):
        Footage(tmp_path / "wide", world(large=True))
