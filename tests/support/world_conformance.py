"""What every World promises, checked through its own interface; call it from a world's test."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np

from base.errors import UserError
from engine.contracts import (
    AdjustableWorld,
    Frame,
    Knob,
    Notes,
    Snapshot,
    Step,
    SwitchableWorld,
    Switched,
    World,
    state_names_of,
    state_of,
)
from engine.input.keymap import Keymap


def check_world(world: World, steps: int = 40, another: Callable[[], World] | None = None) -> None:
    """Fail unless `world` keeps the contract in engine/contracts.py over short games.

    another: builds an equal world; then seeds and snapshots must also mean the same there.
    """
    _check_description(world)
    _check_steps(world, steps)
    _check_states(world, steps)
    _check_a_seed_decides(world, steps, another)
    _check_starts(world)
    _check_frames_are_fresh(world)
    _check_snapshots(world, steps, another)
    if isinstance(world, SwitchableWorld):
        _check_switches(world)
    if isinstance(world, AdjustableWorld):
        _check_knobs(world)
    world.close()
    world.close()


def _check_description(world: World) -> None:
    assert isinstance(world, World)
    assert world.name
    assert world.rate_fps > 0
    assert world.starts >= 1
    height, width, colours = world.frame_shape
    assert height > 0 and width > 0 and colours == 3


def _check_states(world: World, steps: int) -> None:
    """A world that knows its state tells it with every step, and of no other kind does one."""
    names = state_names_of(world)
    played = list(_play(world, steps, seed=1))
    for step in played:
        if not names:
            assert step.state is None
            continue
        assert step.state is not None and step.state.shape == (len(names),)
        assert step.state.dtype == np.float32 and np.isfinite(step.state).all()
    if names:
        np.testing.assert_array_equal(played[-1].state, state_of(world))


def _check_steps(world: World, steps: int) -> None:
    _check_frame(world, world.reset(seed=1))
    for step in _play(world, steps, seed=1):
        assert isinstance(step, Step)
        _check_frame(world, step.frame)
        assert type(step.reward) is float and np.isfinite(step.reward)
        assert all(type(flag) is bool for flag in (step.ended, step.truncated, step.life_lost))
        _check_notes(step.notes)
        if step.action is not None:
            assert step.action.shape == (world.actions.size,) and step.action.dtype == np.float32


def _check_a_seed_decides(world: World, steps: int, another: Callable[[], World] | None) -> None:
    """Neither what was played before nor another world in the same process may matter."""
    first = [world.reset(seed=2), *_frames(_play(world, steps, seed=2))]
    assert len({frame.tobytes() for frame in first}) > 1, "nothing ever moved"
    again = [world.reset(seed=2), *_frames(_play(world, steps, seed=2))]
    _same_frames(first, again)
    if another is None:
        return
    other = another()
    other.reset(seed=3)
    _play(other, 5, seed=3)
    _same_frames(first, [other.reset(seed=2), *_frames(_play(other, steps, seed=2))])
    other.close()


def _check_starts(world: World) -> None:
    for start in range(min(world.starts, 4)):
        first = world.reset(seed=0, start=start)
        _check_frame(world, first)
        _same_frames([first], [world.reset(seed=0, start=start + world.starts)])


def _check_frames_are_fresh(world: World) -> None:
    """A caller may keep frames, and even draw on them."""
    rng = np.random.default_rng(4)
    actions = [world.actions.random(rng) for _ in range(6)]
    world.reset(seed=4)
    plain = [world.step(action).frame.copy() for action in actions]
    kept = [world.reset(seed=4)]
    for expected, action in zip(plain, actions, strict=True):
        kept[-1][:] = 77
        kept.append(world.step(action).frame)
        _same_frames([expected], [kept[-1]])
    assert all((frame == 77).all() for frame in kept[:-1]), "a frame given away was written to"
    expected = kept[-1].copy()
    kept[-1][:] = 77
    for _ in range(2):  # after a step, and after a restore
        showing = world.restore(world.snapshot())
        _same_frames([expected], [showing])
        showing[:] = 77


def _check_snapshots(world: World, steps: int, another: Callable[[], World] | None) -> None:
    world.reset(seed=5)
    shown = _frames(_play(world, 7, seed=5))[-1]
    snapshot = world.snapshot()
    assert all(array.dtype != object for array in snapshot.values())
    stored = _through_a_file(snapshot)
    ahead = _frames(_play(world, steps, seed=6))
    for _ in range(2):  # the first use must not spoil the second
        _same_frames([shown], [world.restore(snapshot)])
        _same_frames(ahead, _frames(_play(world, steps, seed=6)))
    other = world if another is None else another()
    other.reset(seed=9)
    _same_frames([shown], [other.restore(stored)])
    _same_frames(ahead, _frames(_play(other, steps, seed=6)))
    if other is not world:
        other.close()


def _check_switches(world: SwitchableWorld) -> None:
    """Each switch is part of a moment: kept with it, and undone by going back before it."""
    keys = [switch.key for switch in world.switches]
    of_actions = {key for bound in world.actions.keys.values() for key in bound}
    assert len(set(keys)) == len(keys)
    commands = Keymap({})
    assert not any(key in of_actions or commands.command(key) for key in keys), (
        "a key that means something else"
    )
    assert all(switch.key and switch.meaning for switch in world.switches)
    for key in keys:
        _check_a_change(world, partial(world.switch, key))


def _check_knobs(world: AdjustableWorld) -> None:
    """The same of each knob, and it stands where it was moved to."""
    names = [knob.name for knob in world.knobs]
    assert len(set(names)) == len(names)
    for name in names:
        for by in (1, -1):
            before = _knob(world, name)
            _check_a_change(world, partial(world.turn, name, by))
            assert _knob(world, name) == before
            try:
                world.turn(name, by)
            except UserError:
                assert _knob(world, name) == before
                continue
            after = _knob(world, name)
            if before.choices:
                place = before.choices.index(before.value) + by
                assert after.choices == before.choices and after.value == before.choices[place]
            else:
                assert after.value != before.value
            if name != "seed":  # that is the reset's
                world.reset(seed=6)
                assert _knob(world, name) == after, "a reset moved a knob"
            world.turn(name, -by)


def _knob(world: AdjustableWorld, name: str) -> Knob:
    return next(knob for knob in world.knobs if knob.name == name)


def _check_a_change(world: World, change: Callable[[], Switched]) -> None:
    """It is part of a moment: kept with it, and undone by going back before it."""
    world.reset(seed=6)
    shown = _frames(_play(world, 5, seed=6))[-1]
    unchanged = _frames(_play(world, 8, seed=7))

    world.reset(seed=6)
    _play(world, 5, seed=6)[-1].frame[:] = 77  # a caller may; a change shows what was there
    before = _through_a_file(world.snapshot())
    try:
        changed = change()
    except UserError:  # it cannot be done now, and nothing has happened
        _same_frames(unchanged, _frames(_play(world, 8, seed=7)))
        return
    _check_frame(world, changed.frame)
    _check_notes(changed.notes)
    assert type(changed.notice) is str and changed.ended in (None, True, False)
    expected = changed.frame.copy()
    changed.frame[:] = 77
    after = _through_a_file(world.snapshot())
    ahead = _play(world, 8, seed=7)
    for step in ahead:
        _check_frame(world, step.frame)
    shape = world.frame_shape
    _check_frame(world, world.reset(seed=6))
    assert world.frame_shape == shape, "a reset turned a switch back"
    _same_frames([expected], [world.restore(after)])
    _same_frames(_frames(ahead), _frames(_play(world, 8, seed=7)))

    _same_frames([shown], [world.restore(before)])
    _same_frames(unchanged, _frames(_play(world, 8, seed=7)))


def _check_notes(notes: Notes) -> None:
    assert type(notes) is tuple
    assert all(type(text) is str for label, value in notes for text in (label, value))


def _through_a_file(snapshot: Snapshot) -> Snapshot:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **snapshot)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _play(world: World, steps: int, seed: int) -> list[Step]:
    """Up to `steps` random steps; fewer if the game ends."""
    rng = np.random.default_rng(seed)
    played: list[Step] = []
    while len(played) < steps and not (played and played[-1].ended):
        played.append(world.step(world.actions.random(rng)))
    return played


def _frames(steps: list[Step]) -> list[Frame]:
    return [step.frame.copy() for step in steps]


def _check_frame(world: World, frame: Frame) -> None:
    assert frame.shape == world.frame_shape
    assert frame.dtype == np.uint8


def _same_frames(expected: list[Frame], actual: list[Frame]) -> None:
    assert len(expected) == len(actual)
    for i, (one, other) in enumerate(zip(expected, actual, strict=True)):
        np.testing.assert_array_equal(one, other, err_msg=f"frame {i}")
