"""Checkpoints: everything a run needs to go on exactly where it was, in one file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from base.errors import UserError
from base.files import write_bytes

NAME = "checkpoint.pt"


def save(run: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint by `state` (tensors, numbers, lists and dicts of them).

    Raises UserError when the disk refuses; the checkpoint before stays.
    """
    # Made in memory: on a full disk torch's own writing ends in riddles.
    made = io.BytesIO()
    torch.save(state, made)
    write_bytes(run / NAME, made.getvalue())


def load(run: Path) -> dict[str, Any] | None:
    """The run's checkpoint on the CPU, or None if it has not come to its first one.

    Nothing in the file is executed. Raises UserError for a file that is not a checkpoint.
    """
    path = run / NAME
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a file that is not its own
        raise UserError(
            f"{path} cannot be read as a checkpoint; remove it to start the run over"
        ) from error
    if not isinstance(state, dict) or set(state) != {"update", "learner"}:
        raise UserError(f"{path} is not a checkpoint of this program; remove it to start over")
    return state
