"""Small recordings for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.contracts import Step
from tests.toy_world import ACTIONS, ToyWorld


def toy_info(game: str = "toy", seed: int = 7) -> EpisodeInfo:
    """Metadata of a recording of the toy world."""
    return EpisodeInfo(
        game=game,
        actions=ACTIONS,
        rate_fps=15.0,
        seed=seed,
        player="random",
        mixture={"random": 0},
        emulator={"version": "1.0", "rom": "none"},
    )


def toy_episode(
    length: int, seed: int = 7, shape: tuple[int, int] = (8, 8)
) -> tuple[NDArray[np.uint8], list[tuple[NDArray[np.float32], Step]]]:
    """The first frame, and `length` random steps of the toy world, the last one ending it."""
    world = ToyWorld(length=length, shape=shape)
    rng = np.random.default_rng(seed)
    first = world.reset(seed)
    actions = [world.actions.one_hot(int(rng.integers(4))) for _ in range(length)]
    return first, [(action, world.step(action)) for action in actions]


def record_toys(
    folder: Path, *lengths: int, game: str = "toy", shape: tuple[int, int] = (8, 8)
) -> None:
    """Record one episode of the toy world for each length."""
    with Recording(folder, game) as recording:
        for length in lengths:
            seed = recording.number
            first, steps = toy_episode(length, seed, shape)
            recording.begin(toy_info(game, seed), first)
            for i, (action, step) in enumerate(steps):
                recording.add(action, step, {"random": i + 1})


class Here:
    """Stands in for `base.apart.Apart`: calls in this process, which begins at once."""

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)
