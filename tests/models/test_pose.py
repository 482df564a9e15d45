"""Poses that follow the controls: the mouse exactly, and steps as learnt."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from models.networks.pose import PoseConfig, PoseModel, PoseState, within

CONFIG = PoseConfig(
    buttons=2,
    mouse_x=(-100, 0, 100),
    mouse_y=(-50, 0, 50),
    degrees_per_count=0.1,
    low=(-60.0, -60.0),
    high=(60.0, 60.0),
    lowest=-20.0,
    highest=20.0,
    cell=8.0,
    features=4,
    reach=8.0,
    stride=4.0,
    memory=16,
    hidden=16,
)


def action(keys: tuple[float, float] = (0, 0), right: int = 0, down: int = 0) -> Tensor:
    one = torch.zeros(1, CONFIG.actions)
    one[0, :2] = torch.tensor(keys)
    one[0, 2 + CONFIG.mouse_x.index(right)] = one[0, 5 + CONFIG.mouse_y.index(down)] = 1
    return one


def at(x: float = 0, y: float = 0, heading: float = 0, pitch: float = 0) -> Tensor:
    return torch.tensor([[x, y, heading, pitch]])


def test_heading_and_pitch_follow_the_mouse_exactly() -> None:
    model = PoseModel(CONFIG)
    state = model.begin(at(heading=5))
    for _ in range(3):  # to the right is clockwise, and past 0 comes 360
        state = model(state, action(right=100, down=-50))
    assert state.poses[0, 2:].tolist() == pytest.approx([335, 15])
    for _ in range(9):
        state = model(state, action(right=-100, down=50))
    assert state.poses[0, 2:].tolist() == pytest.approx([65, -20])  # no lower than that


def test_what_stands_still_stays_until_something_is_learnt() -> None:
    model = PoseModel(CONFIG)
    state = model(model.begin(at(3, -4)), action((1, 0)))
    assert state.poses[0, :2].tolist() == pytest.approx([3, -4])


def test_what_moves_goes_on_and_never_leaves_the_map() -> None:
    model = PoseModel(CONFIG)
    begun = model.begin(at(50, 0, heading=30))
    state = PoseState(begun.poses, torch.tensor([[3.0, 1.0]]), begun.h, begun.c)
    state = model(state, action(right=100))
    assert state.poses[0, :2].tolist() == pytest.approx([53, 1], abs=1e-4)
    for _ in range(9):
        state = model(state, action())
    assert state.poses[0, 0].item() == 60


def test_the_grid_is_felt_where_the_player_is_and_around_it() -> None:
    model = PoseModel(replace(CONFIG, features=1))
    up, across = model.config.cells
    with torch.no_grad():
        model.grid.copy_((torch.arange(across) * 8.0 - 60).expand(1, 1, up, across))  # it is x
    for heading, ahead, right in ((0, 8, 0), (90, 0, 8)):
        axes = model_axes(heading)
        felt = model.feel(at(10, 5)[:, :2], axes)[0].tolist()
        assert felt[0] == pytest.approx(10, abs=1e-3)
        assert felt[1] == pytest.approx(10 + ahead, abs=1e-3)
        assert felt[3] == pytest.approx(10 + right, abs=1e-3)


def model_axes(heading: float) -> tuple[Tensor, Tensor]:
    angle = math.radians(heading)
    forwards = torch.tensor([[math.cos(angle), math.sin(angle)]])
    return forwards, torch.tensor([[math.sin(angle), -math.cos(angle)]])


def walks(count: int, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Poses (B, T + 1, 4) of walking straight on, 4 a step, to walls at 40; actions (B, T, A)."""
    generator = torch.Generator().manual_seed(seed)
    begun = (torch.rand(count, 2, generator=generator) - 0.5) * 80
    heading = 360 * torch.rand(count, 1, 1, generator=generator)
    keys = torch.randint(2, (count, 1), generator=generator)  # forward, or none
    angle = torch.deg2rad(heading)
    ahead = 4 * keys[:, :, None] * torch.cat((angle.cos(), angle.sin()), dim=2)
    position = [begun]
    for _ in range(steps):
        position.append((position[-1] + ahead[:, 0]).clamp(-40, 40))
    poses = torch.stack(position, dim=1)
    view = torch.cat((heading, torch.zeros_like(heading)), dim=2).expand(-1, steps + 1, -1)
    actions = torch.cat([action(), action((1, 0))])[keys].expand(-1, steps, -1)
    return torch.cat((poses, view), dim=2), actions


def test_it_learns_what_keys_do_and_that_walls_stop() -> None:
    torch.manual_seed(0)
    model = PoseModel(CONFIG)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for update in range(140):
        poses, actions = walks(128, 8, seed=update)
        told = model.follow(poses, actions, known=2)
        loss = (told - poses[:, 1:])[..., :2].abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    poses, actions = walks(64, 8, seed=1000)
    with torch.no_grad():
        told = model.follow(poses[:, :2], actions, known=2)
    off = (told - poses[:, 1:])[:, -1, :2].norm(dim=1)
    assert off.mean() < 2  # half a step, after six that it told by itself
    assert (told[..., :2].abs() < 50).all()  # walls are at 40, and the map goes on to 60


def test_known_poses_are_gone_on_from() -> None:
    model = PoseModel(CONFIG)
    poses = torch.stack([at(0, 0), at(10, 0), at(12, 3)], dim=1)
    actions = torch.stack([action(), action(), action()], dim=1)
    told = model.follow(poses, actions, known=3)
    assert told[0, 1, :2].tolist() == pytest.approx([20, 0], abs=1e-4)
    assert told[0, 2, :2].tolist() == pytest.approx([14, 6], abs=1e-4)


def test_a_game_without_a_mouse_keeps_its_view() -> None:
    model = PoseModel(replace(CONFIG, mouse_x=(), mouse_y=()))
    state = model(model.begin(at(heading=77, pitch=3)), torch.tensor([[1.0, 0.0]]))
    assert state.poses[0, 2:].tolist() == [77, 3]


def test_a_map_holds_all_poses() -> None:
    low, high = within(torch.cat([at(3, -7), at(-2, 9)]), 16)
    assert list(low) == [-18, -23]
    assert list(high) == [19, 25]


@pytest.mark.parametrize(
    "change",
    [
        {"buttons": 0},
        {"cell": 0.0},
        {"cell": 1e-3},
        {"high": (-60.0, 60.0)},
        {"low": (0.0,)},
        {"lowest": -90.0},
    ],
)
def test_what_is_no_pose_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        replace(CONFIG, **change)
