"""How views are made of keyframes: geometry, recall and blending."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.networks.camera import Camera, bring, offsets, project
from models.networks.keyframes import Keyframes, farthest_points, keys
from models.networks.place_memory import PlaceMemory, PlaceMemoryConfig
from models.networks.unet import UNetConfig
from tests.support.tiny_places import CAMERA, panorama, room_at

UNET = UNetConfig((8, 16), (1, 1), (False, False), 16, patch=2)
CONFIG = PlaceMemoryConfig(CAMERA.height, CAMERA.width, CAMERA.focal_px, UNET, sources=3)


def pose(x: float = 0.0, y: float = 0.0, heading: float = 0.0, pitch: float = 0.0) -> Tensor:
    return torch.tensor([[x, y, heading, pitch]])


def error(made: Tensor, true: Tensor, seen: Tensor) -> float:
    return float((made - true).abs().mean(dim=1, keepdim=True)[seen.expand(1, 1, -1, -1)].mean())


def test_offsets_say_where_a_source_stands_as_seen_from_the_view() -> None:
    found = offsets(pose(10, 20, 90), pose(8, 25, 60, 45)[:, None])
    assert found.forwards.item() == pytest.approx(5, abs=1e-4)  # looking along y
    assert found.right.item() == pytest.approx(-2, abs=1e-4)
    assert found.turned.item() == pytest.approx(math.radians(30), abs=1e-5)
    assert found.source_rise.item() == pytest.approx(1, abs=1e-5)
    assert found.distance.item() == pytest.approx(math.hypot(5, 2), abs=1e-4)


def test_headings_are_compared_the_short_way_round() -> None:
    found = offsets(pose(heading=350), pose(heading=10)[:, None])
    assert found.turned.item() == pytest.approx(math.radians(-20), abs=1e-5)


@pytest.mark.parametrize("heading, pitch", [(0, 0), (25, 0), (-40, 0), (15, 12)])
def test_a_turn_needs_no_depth(heading: float, pitch: float) -> None:
    source, view = pose(heading=0), pose(heading=heading, pitch=pitch)
    for inverse in (1e-4, 0.02):
        places, seen = project(
            CAMERA, offsets(view, source[:, None]), torch.full((1, 1, 1, 1), inverse)
        )
        brought = bring(panorama(source)[:, None], places)[:, 0, 0]
        assert 0.1 < seen.float().mean() <= 1
        assert error(brought, panorama(view), seen[:, 0]) < 0.02


def test_a_step_is_undone_by_the_true_depth() -> None:
    source, view = pose(x=-20, y=10, heading=5), pose(x=0, y=0, heading=-10, pitch=5)
    true, depth = room_at(view)
    off = {}
    for name, told in (("true", 1 / depth), ("wrong", 1 / depth / 3)):
        places, seen = project(CAMERA, offsets(view, source[:, None]), told[:, None])
        brought = bring(room_at(source)[0][:, None], places)[:, 0, 0]
        off[name] = error(brought, true, seen[:, 0])
    assert off["true"] < 0.02
    assert off["wrong"] > 3 * off["true"]


def test_a_larger_picture_is_looked_up_at_the_same_places() -> None:
    view, source = pose(heading=20, pitch=3), pose()
    flat = torch.full((1, 1, 1, 1), 1e-4)
    found = offsets(view, source[:, None])
    small, _ = project(CAMERA, found, flat)
    large, _ = project(CAMERA.scaled(5), found, flat)
    torch.testing.assert_close(large[:, :, :, 2::5, 2::5], small, atol=1e-4, rtol=0)


def test_what_lies_behind_a_source_is_not_seen_in_it() -> None:
    _, seen = project(
        CAMERA, offsets(pose(heading=180), pose()[:, None]), torch.full((1, 1, 1, 1), 0.01)
    )
    assert not seen.any()


def test_farthest_points_cover_all_others() -> None:
    points = torch.tensor([[0.0], [0.1], [5.0], [9.0], [10.0], [5.1]])
    assert farthest_points(points, 3).tolist() == [0, 4, 2]
    assert sorted(farthest_points(points, 100).tolist()) == list(range(6))
    assert farthest_points(torch.zeros(4, 2), 3).tolist() == [0]  # all the same


def bank(count: int = 12) -> Keyframes:
    headings = torch.arange(count) * (360 / count)
    poses = torch.stack([torch.zeros(count), torch.zeros(count), headings, torch.zeros(count)], 1)
    frames = torch.randint(0, 256, (count, 4, 6, 3), dtype=torch.uint8)
    return Keyframes(frames, poses, unit=128.0)


def test_recall_takes_the_nearest_in_place_and_heading() -> None:
    asked = torch.tensor([[0.0, 0.0, 358.0, 0.0], [3.0, -3.0, 95.0, 10.0]])
    assert bank().recall(asked, 3).tolist() == [[0, 11, 1], [3, 4, 2]]


def test_recall_leaves_out_what_is_barred_unless_there_is_nothing_else() -> None:
    asked, barred = torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.zeros(1, 12, dtype=torch.bool)
    barred[0, [0, 11]] = True
    assert bank().recall(asked, 2, barred).tolist() == [[1, 10]] or bank().recall(
        asked, 2, barred
    ).tolist() == [[1, 2]]
    assert bank().recall(asked, 99, barred).shape == (1, 12)


def test_a_unit_of_the_map_counts_as_a_radian() -> None:
    there = torch.tensor([[0.0, 0.0, 0.0, 0.0], [64.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 57.29578]])
    points = keys(there, 64.0)
    assert (points[1] - points[0]).norm().item() == pytest.approx(1)
    assert (points[2] - points[0]).norm().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "frames, poses, unit",
    [
        (torch.zeros(2, 4, 6, 3), torch.zeros(2, 4), 1.0),
        (torch.zeros(2, 4, 6, 3, dtype=torch.uint8), torch.zeros(3, 4), 1.0),
        (torch.zeros(2, 4, 6, 3, dtype=torch.uint8), torch.full((2, 4), math.nan), 1.0),
        (torch.zeros(2, 4, 6, 3, dtype=torch.uint8), torch.zeros(2, 4), 0.0),
        (torch.zeros(0, 4, 6, 3, dtype=torch.uint8), torch.zeros(0, 4), 1.0),
    ],
)
def test_what_is_no_bank_is_refused(frames: Tensor, poses: Tensor, unit: float) -> None:
    with pytest.raises(ValueError):
        Keyframes(frames, poses, unit)


def sources(count: int = 3) -> tuple[Tensor, Tensor]:
    taken_from = torch.cat([pose(x=-6 * i, y=4 * i, heading=10 * i) for i in range(count)])[None]
    frames = torch.cat([room_at(one[None])[0] for one in taken_from[0]])[None]
    return frames, taken_from


def test_before_it_has_learnt_it_shows_the_usual_depth_and_the_nearest_sources() -> None:
    memory = PlaceMemory(CONFIG)
    frames, taken_from = sources()
    recalled = memory(pose(heading=2), frames, taken_from)
    assert recalled.view.shape == (1, 3, CAMERA.height, CAMERA.width)
    torch.testing.assert_close(
        recalled.inverse_depth, torch.full_like(recalled.inverse_depth, 1 / CONFIG.usual)
    )
    torch.testing.assert_close(recalled.weights.sum(1), torch.ones_like(recalled.weights[:, 0]))
    everywhere = recalled.seen.all(dim=1)[0]
    assert bool((recalled.weights[0, 0] > recalled.weights[0, 2])[everywhere].all())


def test_a_view_from_where_a_keyframe_was_taken_is_that_keyframe() -> None:
    memory = PlaceMemory(CONFIG)
    frames, taken_from = sources()
    recalled = memory(taken_from[:, 0], frames, taken_from)
    assert (recalled.best - frames[:, 0]).abs().max() < 1e-3


def test_it_learns_depth_from_plain_pictures() -> None:
    torch.manual_seed(0)
    memory = PlaceMemory(replace(CONFIG, unit=60.0))
    frames, taken_from = sources()
    true, depth = room_at(pose())
    optimizer = torch.optim.Adam(memory.parameters(), lr=3e-3)

    def off() -> tuple[float, Tensor]:
        recalled = memory(
            pose(), frames[:, 1:].repeat(1, 2, 1, 1, 1)[:, :3], taken_from[:, [1, 2, 1]]
        )
        told = (recalled.inverse_depth / 60.0 - 1 / depth).abs().mean()
        return told.item(), (recalled.view - true).abs().mean()

    before = off()
    for _ in range(60):
        optimizer.zero_grad()
        loss = off()[1]
        loss.backward()
        optimizer.step()
    after = off()
    assert after[1] < 0.6 * before[1]
    assert after[0] < before[0]


@pytest.mark.parametrize(
    "change",
    [
        {"sources": 0},
        {"focal_px": 0.0},
        {"nearest": 2.0},
        {"sweep": ()},
        {"sweep": (1.0, -1.0)},
        {"unit": math.inf},
    ],
)
def test_what_is_no_place_memory_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        replace(CONFIG, **change)


def test_a_camera_needs_a_size() -> None:
    with pytest.raises(ValueError):
        Camera(0, 10, 3.0)
