"""Checkpoints: everything a run needs to go on exactly where it was, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import torch

from base import torch_file
from base.errors import UserError
from base.files import replacing

NAME = "checkpoint.pt"


def save(run: Path, state: dict[str, Any]) -> None:
    """Replace the run's checkpoint by `state` (tensors, numbers, lists and dicts of them).

    Raises UserError when the disk refuses; the checkpoint before stays.
    """
    with replacing(run / NAME) as temporary, open(temporary, "wb") as file:
        stream = _Stream(file)
        try:
            torch.save(state, stream)  # type: ignore[arg-type]  # all of a file that it uses
        except Exception:  # on a full disk torch's own error is a riddle
            if stream.refused is None:
                raise
            raise stream.refused from None


class _Stream:
    """A file that remembers what the system said when it refused to write."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.refused: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.refused = error
            raise

    def flush(self) -> None:
        self._file.flush()


def load(run: Path) -> dict[str, Any] | None:
    """The run's checkpoint on the CPU, or None if it has not come to its first one.

    Nothing in the file is executed. Raises UserError for one that is damaged or no checkpoint.
    """
    path = run / NAME
    if not path.exists():
        return None
    try:
        # Not mapped: the file is replaced while its content is in use.
        state = torch_file.load(path, "checkpoint", mapped=False)
        for tensor in torch_file.tensors_in(state):
            torch_file.check_claims(path, [tensor])  # each alone, since some may share memory
    except UserError as error:
        raise UserError(
            f"{path} cannot be read as a checkpoint; remove it to start the run over ({error})"
        ) from error
    if not isinstance(state, dict) or set(state) != {"update", "learner"}:
        raise UserError(f"{path} is not a checkpoint of this program; remove it to start over")
    return state
