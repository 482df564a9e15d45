"""The actions of a Minari dataset as vectors of an action space: a choice, or buttons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.episode import MAX_ACTIONS

ANEW = "and write it anew with minari.create_dataset_from_buffers"


@dataclass(frozen=True)
class ForeignActions:
    """Actions of a dataset.

    discrete: whether an action is one of several choices; else each of several buttons is held or
              not.
    size:     how many choices or buttons there are.
    choices:  the choices of which each action is made, one or several: the first number of each
              and how many there are. Empty where an action is 0 or 1 by button.
    """

    discrete: bool
    size: int
    choices: tuple[tuple[int, int], ...] = ()

    def to_vectors(self, actions: Any, count: int) -> NDArray[np.float32]:
        """Actions as vectors (count, size). Raises UserError for what they cannot be.

        Of several choices the first of each is nothing pressed, and every other one a button.
        """
        found = np.asarray(actions)
        if found.dtype.kind not in "biu" or len(found) != count:
            raise UserError(f"its actions are {found.dtype} {found.shape}")
        columns = found.reshape(count, -1)
        if columns.shape[1] != (len(self.choices) or self.size):
            raise UserError(f"its actions are {found.dtype} {found.shape}")
        if not self.choices:
            if not np.isin(columns, (0, 1)).all():
                raise UserError(f"its actions are not {count} times {self.size} of 0 and 1")
            return columns.astype(np.float32)
        hot = []
        for (first, options), column in zip(self.choices, columns.T, strict=True):
            numbers = column.astype(np.int64) - first
            if ((numbers < 0) | (numbers >= options)).any():
                raise UserError(f"it has an action that is none of {options}")
            hot.append(np.eye(options, dtype=np.float32)[numbers][:, 0 if self.discrete else 1 :])
        return np.concatenate(hot, axis=1)


def find_actions(space: Any) -> ForeignActions:
    """Read an action space, as Minari serialises it.

    Raises UserError, which says what can be done, for actions that no keys play; LookupError,
    TypeError or ValueError for what describes no space.
    """
    kind = space["type"]
    if kind == "Discrete":
        found = ForeignActions(True, int(space["n"]), ((int(space.get("start", 0)), space["n"]),))
    elif kind == "MultiBinary":
        found = ForeignActions(False, math.prod(np.ravel(space["n"]).tolist()))
    elif kind == "MultiDiscrete":
        options = np.ravel(space["nvec"]).tolist()
        starts = np.ravel(space.get("start", np.zeros(len(options), int))).tolist()
        size = sum(number - 1 for number in options)
        found = ForeignActions(False, size, tuple(zip(starts, options, strict=True)))
    else:
        raise UserError(f"it has actions of the kind {_short(space)}")
    sizes = [options for _, options in found.choices] + [found.size]
    if not all(type(size) is int and 0 < size <= MAX_ACTIONS for size in sizes):
        raise UserError(f"it has {found.size} actions")
    return found


def _short(space: Any) -> str:
    """Describe an action space that cannot be played, and what can be done about it."""
    kind = str(space["type"])[:20]
    if kind == "Box":
        shape = str(tuple(space["shape"]))[:40]
        return (
            f"Box {shape}, numbers on a scale, and worlds are played with keys: make a few choices "
            f"of each number (spaces.MultiDiscrete), such as left, nothing and right, {ANEW}"
        )
    if kind in ("Dict", "Tuple"):
        parts = space["subspaces"]
        parts = parts.items() if kind == "Dict" else enumerate(parts)
        told = ", ".join(f"{str(name)[:20]} {str(part['type'])[:20]}" for name, part in parts)
        return (
            f"{kind} ({told[:200]}), in parts: put them together as one row of choices "
            f"(spaces.MultiDiscrete) or buttons (spaces.MultiBinary), {ANEW}"
        )
    return (
        f"{kind}, which no keys play: make choices (spaces.Discrete) or buttons "
        f"(spaces.MultiBinary) of them, {ANEW}"
    )
