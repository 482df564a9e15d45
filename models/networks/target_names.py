"""Names of the targets of a denoiser, importable without torch: `models.networks.targets`."""

from __future__ import annotations

from typing import Literal

TargetName = Literal["frame", "change", "warp"]
