"""A square room of smooth colours that can be drawn exactly, and walks through it."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from models.frames import to_uint8
from models.networks.camera import Camera
from training.places import PlacedEpisode

CAMERA = Camera(16, 24, 9.0)
WALL = 60.0  # map units from the middle to each wall
STRIDE = 4.0
BUTTONS = 2  # forward and back
MOUSE_X, MOUSE_Y = (-100, 0, 100), (-50, 0, 50)
DEGREES_PER_COUNT = 0.1


def rays(pose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which way pixels look, for each unit of depth: east, north and up, each (H, W)."""
    heading = math.radians(float(pose[0, 2]))
    right = (torch.arange(CAMERA.width) + 0.5 - CAMERA.width / 2) / CAMERA.focal_px
    down = (torch.arange(CAMERA.height) + 0.5 - CAMERA.height / 2) / CAMERA.focal_px
    east = math.cos(heading) + right * math.sin(heading)
    north = math.sin(heading) - right * math.cos(heading)
    up = math.tan(math.radians(float(pose[0, 3]))) - down
    return (
        east.expand(CAMERA.height, -1),
        north.expand(CAMERA.height, -1),
        up[:, None].expand(-1, CAMERA.width),
    )


def colours(angle: Tensor, height: Tensor) -> Tensor:
    """Smooth colours (1, C, H, W) in [-1, 1]."""
    parts = (torch.sin(3 * angle + 1), torch.cos(4 * angle) * 0.7, torch.sin(2 * height + angle))
    return torch.stack(parts)[None] * 0.8


def panorama(pose: Tensor) -> Tensor:
    """What is infinitely far away, from a pose (1, 4): (1, C, H, W)."""
    east, north, up = rays(pose)
    return colours(torch.atan2(north, east), up / (east.square() + north.square()).sqrt())


def room_at(pose: Tensor) -> tuple[Tensor, Tensor]:
    """The walls of the room from a pose (1, 4): (1, C, H, W), and their depth (1, H, W)."""
    east, north, up = rays(pose)
    x, y = float(pose[0, 0]), float(pose[0, 1])
    to_x = torch.where(east > 0, (WALL - x) / east, (-WALL - x) / east)
    to_y = torch.where(north > 0, (WALL - y) / north, (-WALL - y) / north)
    depth = torch.minimum(to_x, to_y)
    at_x, at_y = x + depth * east, y + depth * north
    return colours(torch.atan2(at_y, at_x), depth * up / 30), depth[None]


def episode(seed: int, steps: int = 60) -> PlacedEpisode:
    """Walk about the room: what is pressed lasts a while, and walls stop."""
    rng = np.random.default_rng(seed)
    pose = np.array([*rng.uniform(-40, 40, 2), rng.uniform(0, 360), 0.0], np.float32)
    poses, actions = [pose], []
    keys, mouse = np.zeros(BUTTONS), (1, 1)
    for step in range(steps):
        if step % 6 == 0:
            keys = np.eye(BUTTONS)[rng.integers(2)] * (rng.random() < 0.8)
            mouse = (int(rng.integers(3)), int(rng.integers(3)))
        action = np.zeros(BUTTONS + 6, np.float32)
        action[:BUTTONS] = keys
        action[BUTTONS + mouse[0]] = action[BUTTONS + 3 + mouse[1]] = 1
        x, y, heading, pitch = pose
        heading = (heading - DEGREES_PER_COUNT * MOUSE_X[mouse[0]]) % 360
        pitch = np.clip(pitch - DEGREES_PER_COUNT * MOUSE_Y[mouse[1]], -20, 20)
        ahead = STRIDE * (keys[0] - keys[1])
        x += ahead * math.cos(math.radians(heading))
        y += ahead * math.sin(math.radians(heading))
        x, y = (float(np.clip(value, -45, 45)) for value in (x, y))
        pose = np.array([x, y, heading, pitch], np.float32)
        poses.append(pose)
        actions.append(action)
    told = torch.from_numpy(np.stack(poses))
    frames = torch.cat([room_at(one[None])[0] for one in told])
    return PlacedEpisode(
        to_uint8(frames).permute(0, 2, 3, 1).numpy(), told.numpy(), np.stack(actions)
    )
