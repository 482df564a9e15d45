"""Small recordings for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.contracts import CsgoActions, Step
from tests.support.toy_world import ACTIONS, ToyWorld


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
    """Stand-in for `base.isolated_call.IsolatedProcess`: calls in this process, at once."""

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


def record_in_two_sizes(
    folder: Path, *lengths: int, shape: tuple[int, int] = (10, 16), factor: int = 2
) -> None:
    """Record episodes in folder/low and, so many times as large, in folder/full.

    A light square over a still ground goes right with the mouse and left; what it looks like when
    it is large, small frames only hint at. Actions are those of Counter-Strike.
    """
    actions = CsgoActions()
    info = EpisodeInfo("shooter", actions, rate_fps=16.0, seed=0, player="random")
    height, width = shape
    with Recording(folder / "low", "shooter") as low, Recording(folder / "full", "shooter") as full:
        for length in lengths:
            rng = np.random.default_rng(low.number)
            ground = rng.integers(40, 90, (height, width, 3), dtype=np.uint8)
            x = int(rng.integers(width))

            def frames(x: int, ground: NDArray[np.uint8] = ground) -> list[NDArray[np.uint8]]:
                small = ground.copy()
                small[height // 2 - 1 : height // 2 + 1, [x, (x + 1) % width]] = 220
                large = small.repeat(factor, axis=0).repeat(factor, axis=1)
                large[::2, ::2] //= 2
                return [small, large]

            for recording, frame in zip((low, full), frames(x), strict=True):
                recording.begin(info, frame)
            for i in range(length):
                turn = int(rng.choice((-4, 0, 4)))
                action = actions.named(f"w+mouse({turn},0)")
                x = (x + turn // 4) % width
                for recording, frame in zip((low, full), frames(x), strict=True):
                    recording.add(action, Step(frame, ended=i == length - 1), {"random": i + 1})
