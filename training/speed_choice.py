"""A measured choice of how to train, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Choice:
    """Way to train: precision (bf16 by autocast), whether torch compiles, and why: one line."""

    precision: Precision
    compiled: bool
    why: str
