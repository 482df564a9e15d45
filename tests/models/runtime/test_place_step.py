"""A step of play that recalls the view of the pose that it leads to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from models.frames import to_uint8
from models.networks.keyframes import Keyframes
from models.networks.place_memory import PlaceMemory, PlaceMemoryConfig
from models.networks.pose import PoseConfig, PoseModel
from models.networks.unet import UNetConfig
from models.runtime.frame_step import Events, PlayStep
from models.runtime.place_step import PlaceStep
from tests.support.tiny_places import (
    BUTTONS,
    CAMERA,
    DEGREES_PER_COUNT,
    MOUSE_X,
    MOUSE_Y,
    room_at,
)

CONTEXT = 2


class Inner(PlayStep):
    """Shows the first frame that it is given."""

    outputs = ("frame", "count")
    state = ("count",)

    @property
    def noises(self) -> dict[str, tuple[int, ...]]:
        return {"noise": (3, CAMERA.height, CAMERA.width)}

    def forward(
        self, frames: Tensor, actions: Tensor, noise: Tensor, count: Tensor
    ) -> tuple[Tensor, ...]:
        assert frames.shape[1] == CONTEXT + 1
        return frames[:, 0], count + 1

    def begin(self, frames: object, actions: object) -> dict[str, np.ndarray]:
        return {"count": np.zeros(1, np.float32)}

    def read(self, made: object, rng: np.random.Generator) -> Events:
        return Events(ended=True)


@pytest.fixture
def step() -> PlaceStep:
    torch.manual_seed(0)
    unet = UNetConfig((8,), (1,), (False,), 16, patch=2)
    memory = PlaceMemory(PlaceMemoryConfig(CAMERA.height, CAMERA.width, CAMERA.focal_px, unet, 3))
    corner = (60.0, 60.0)
    low = (-60.0, -60.0)
    config = PoseConfig(BUTTONS, MOUSE_X, MOUSE_Y, DEGREES_PER_COUNT, low, corner, memory=4)
    headings = torch.arange(0.0, 360, 10)
    poses = torch.stack((torch.zeros(36), torch.zeros(36), headings, torch.zeros(36)), dim=1)
    frames = torch.cat([to_uint8(room_at(pose[None])[0]) for pose in poses])
    bank = Keyframes(frames.permute(0, 2, 3, 1), poses, 60.0)
    return PlaceStep(Inner(), PoseModel(config), memory, bank).eval()


def inputs(step: PlaceStep, right: int) -> list[Tensor]:
    frames = np.zeros((CONTEXT, CAMERA.height, CAMERA.width, 3), np.uint8)
    actions = np.zeros((CONTEXT, BUTTONS + 6), np.float32)
    actions[-1, BUTTONS + MOUSE_X.index(right)] = actions[-1, BUTTONS + 4] = 1
    begun = step.begin(frames, actions)
    begun |= {"pose": np.float32([0, 0, 90, 0]), "moved": np.zeros(2, np.float32)}
    noise = np.zeros(step.noises["noise"], np.float32)
    given = (frames, actions, noise, *(begun[name] for name in step.state))
    return [torch.from_numpy(array)[None] for array in given]


@torch.inference_mode()
def test_it_shows_the_view_of_the_pose_that_the_action_leads_to(step: PlaceStep) -> None:
    made = dict(zip(step.outputs, step(*inputs(step, right=100)), strict=True))
    assert made["pose"].tolist() == [[0, 0, pytest.approx(80), 0]]
    true = to_uint8(room_at(torch.tensor([[0.0, 0.0, 80.0, 0.0]]))[0]).permute(0, 2, 3, 1)
    assert (made["frame"].float() - true.float()).abs().mean() < 1  # grey levels
    assert made["count"].item() == 1
    assert step.state == ("count", "pose", "moved", "pose_h", "pose_c")
    assert set(step.state) <= set(step.outputs)


@torch.inference_mode()
def test_between_keyframes_they_are_turned(step: PlaceStep) -> None:
    pose = torch.tensor([[0.0, 0.0, 84.0, 3.0]])
    true, _ = room_at(pose)
    nearest = room_at(torch.tensor([[0.0, 0.0, 80.0, 0.0]]))[0]
    off = (step.recall(pose) - true)[..., 2:-2, 2:-2].abs().mean()
    assert off < 0.3 * (nearest - true)[..., 2:-2, 2:-2].abs().mean()


def test_events_are_told_by_the_step_within(step: PlaceStep) -> None:
    assert step.read({}, np.random.default_rng(0)).ended
