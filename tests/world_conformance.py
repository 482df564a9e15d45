"""What every World promises, checked through its own interface; call it from a world's test."""

from __future__ import annotations

import numpy as np

from engine.contracts import Frame, Step, World


def check_world(world: World, steps: int = 8) -> None:
    """Fail unless `world` keeps the contract in engine/contracts.py over a short game."""
    assert isinstance(world, World)
    rng = np.random.default_rng(1)
    actions = [world.actions.one_hot(int(i)) for i in rng.integers(world.actions.size, size=steps)]

    def run() -> list[Step]:
        return [world.step(action) for action in actions]

    first = world.reset(seed=5, start=1)
    _check_frame(world, first)
    played = run()
    for step in played:
        _check_frame(world, step.frame)
        assert isinstance(step.reward, float)
        assert isinstance(step.ended, bool)

    # The same seed, start and actions: the same game; starts count modulo `starts`.
    assert np.array_equal(world.reset(seed=5, start=1 + world.starts), first)
    _check_same(run(), played)

    # A snapshot is plain arrays, a copy, and brings everything back, more than once.
    world.reset(seed=5, start=1)
    before = world.step(actions[0])
    snapshot = world.snapshot()
    assert all(array.dtype != object for array in snapshot.values())
    kept = {name: array.copy() for name, array in snapshot.items()}
    ahead = run()
    for name, array in snapshot.items():
        assert np.array_equal(array, kept[name]), f"stepping changed a snapshot's '{name}'"
    for _ in range(2):
        assert np.array_equal(world.restore(snapshot), before.frame)
        _check_same(run(), ahead)

    # Frames are the caller's to keep and to change.
    world.restore(snapshot)
    world.step(actions[0]).frame[:] = 0
    _check_same([world.step(action) for action in actions[1:]], ahead[1:])

    world.close()
    world.close()


def _check_frame(world: World, frame: Frame) -> None:
    assert frame.shape == world.frame_shape
    assert frame.dtype == np.uint8


def _check_same(these: list[Step], those: list[Step]) -> None:
    for this, that in zip(these, those, strict=True):
        assert np.array_equal(this.frame, that.frame)
        assert (this.reward, this.ended, this.truncated) == (that.reward, that.ended, that.truncated)
