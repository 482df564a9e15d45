"""The steps of an episode in little memory, for stores that hold thousands of episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Steps:
    """The steps of an episode: row t leads from frame t to frame t + 1.

    actions: float32 (T, A). rewards: float32 (T,). ended, truncated, life_lost: bool (T,).
    """

    actions: NDArray[np.float32]
    rewards: NDArray[np.float32]
    ended: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    life_lost: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rewards)


class PackedSteps:
    """Steps in compact form, followed by a row of zeros for the last frame, which has no step.

    Actions that are all 0 or 1 take one bit per entry.
    """

    def __init__(self, steps: Steps) -> None:
        self._count = len(steps)
        actions = np.pad(steps.actions, ((0, 1), (0, 0)))
        held = actions != 0
        self._width = actions.shape[1]
        self._bits = bool((actions == held).all())
        self._actions: NDArray[Any] = np.packbits(held, axis=1) if self._bits else actions
        self._rewards = np.pad(steps.rewards, (0, 1))
        flags = np.stack((steps.ended, steps.truncated, steps.life_lost))
        self._flags = np.pad(flags, ((0, 0), (0, 1)))

    def __len__(self) -> int:
        """T, without the row that is zero."""
        return self._count

    def rows(self, start: int, stop: int) -> Steps:
        """Rows start to stop - 1 of the T + 1, as arrays of their own."""
        actions = self._actions[start:stop]
        if self._bits:
            actions = np.unpackbits(actions, axis=1, count=self._width)
        ended, truncated, life_lost = self._flags[:, start:stop].copy()
        return Steps(
            actions.astype(np.float32),
            self._rewards[start:stop].copy(),
            ended,
            truncated,
            life_lost,
        )


class PackedEpisode:
    """Common part of reading an episode from a file of any kind.

    packed: all of its steps; they are small.
    states: float32 (T + 1, S), the game's state at each frame; None where none was recorded.
    """

    packed: PackedSteps
    states: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """T, the number of steps; there are T + 1 frames."""
        return len(self.packed)

    @property
    def steps(self) -> Steps:
        """All of its steps, as arrays of their own."""
        return self.packed.rows(0, len(self))

    def check_window(self, start: int, stop: int) -> None:
        """Raise IndexError unless 0 <= start < stop <= T + 1."""
        if not 0 <= start < stop <= len(self) + 1:
            raise IndexError(f"no frames {start} to {stop} in an episode of {len(self)} steps")
