"""A camera on a map: how views from different poses are related.

A pose is (x, y, heading, pitch): map units, then degrees, of which heading is counter-clockwise
from the x axis and pitch upwards. Views are perspective pictures of one focal length with a level
horizon, and pitch shifts the picture: exact in games that draw so, and near it in others as long
as one looks about level.

Shapes: B views, K sources of each, H W pixels. A source is a picture that was taken elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_DEPTH = 0.1  # relative to a pixel's depth in the view: what is nearer a source than that, or
# behind it, is not seen there


@dataclass(frozen=True)
class Camera:
    """Size of a view in pixels, and its focal length in the same."""

    height: int
    width: int
    focal_px: float

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 1 or not 0 < self.focal_px < 1e6:
            raise ValueError("a camera needs a positive height, width and focal length")

    def scaled(self, factor: int) -> Camera:
        """Return the camera of the same view in pictures that are so many times as large."""
        return Camera(self.height * factor, self.width * factor, self.focal_px * factor)


@dataclass(frozen=True)
class Offsets:
    """Where sources stand as seen from a view, each (B, K).

    forwards, right: map units. turned: radians that the view is turned from the source, to the
    left. rise, source_rise (of the view (B, 1), and the sources): tangents of their pitch.
    """

    forwards: Tensor
    right: Tensor
    turned: Tensor
    rise: Tensor
    source_rise: Tensor

    @property
    def distance(self) -> Tensor:
        """Map units from the view to each source, (B, K)."""
        return (self.forwards.square() + self.right.square()).sqrt()


def offsets(poses: Tensor, sources: Tensor) -> Offsets:
    """Relate poses (B, 4) to those of their sources (B, K, 4)."""
    x, y, heading, pitch = (value[:, None] for value in poses.unbind(1))
    east, north = sources[..., 0] - x, sources[..., 1] - y
    cos, sin = torch.deg2rad(heading).cos(), torch.deg2rad(heading).sin()
    turned = torch.deg2rad((heading - sources[..., 2] + 180) % 360 - 180)
    rise, source_rise = (torch.deg2rad(p).tan() for p in (pitch, sources[..., 3]))
    return Offsets(east * cos + north * sin, east * sin - north * cos, turned, rise, source_rise)


def project(camera: Camera, found: Offsets, inverse_depth: Tensor) -> tuple[Tensor, Tensor]:
    """Find each pixel of a view in its sources.

    inverse_depth: (B, P, H, W) in one over map units, P guesses for each pixel; H and W may be 1
    where it is the same everywhere. Depth is measured along the view's axis.
    Returns the places (B, K, P, H, W, 2), x and y from -1 to 1 across a source as
    `torch.nn.functional.grid_sample` takes them, and which of them lie in it (B, K, P, H, W) bool.
    """
    device = inverse_depth.device
    half = (camera.width / 2, camera.height / 2)
    columns = torch.arange(camera.width, device=device) + 0.5 - half[0]
    rows = torch.arange(camera.height, device=device)[:, None] + 0.5 - half[1]
    aside = columns / camera.focal_px
    forwards, right, turned, rise, source_rise = (
        value[..., None, None, None]
        for value in (found.forwards, found.right, found.turned, found.rise, found.source_rise)
    )
    # The point behind a pixel at depth 1, seen from the source: moved there, then turned.
    inverse = inverse_depth[:, None]
    along, across = 1 - forwards * inverse, aside - right * inverse
    depth = along * turned.cos() + across * turned.sin()
    across = across * turned.cos() - along * turned.sin()
    ahead = depth > LEAST_DEPTH
    depth = depth.clamp(min=LEAST_DEPTH)
    down = (rows / camera.focal_px - rise) / depth + source_rise
    x = across / depth * (camera.focal_px / half[0])
    y = down * (camera.focal_px / half[1])
    x, y = torch.broadcast_tensors(x, y)
    inside = ahead & (x.abs() < 1) & (y.abs() < 1)
    return torch.stack((x, y), dim=-1), inside


def bring(pictures: Tensor, places: Tensor) -> Tensor:
    """Take pixels from pictures (B, K, C, h, w) at places (B, K, P, H, W, 2): (B, K, P, C, H, W).

    Between pixels straight lines tell, and beyond an edge it is as at the edge.
    """
    b, k, p, h, w, _ = places.shape
    # All guesses of a source at once, one below the other.
    grid = places.reshape(b * k, p * h, w, 2)
    taken = F.grid_sample(pictures.flatten(0, 1), grid, padding_mode="border", align_corners=False)
    return taken.view(b, k, -1, p, h, w).transpose(2, 3)
