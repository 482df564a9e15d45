"""Saved moments: back as they were, and any other bytes are one clear line."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.player import saves
from engine.player.history import Moment
from engine.player.options import GameStart
from engine.player.saves import read_moment, save_path, write_moment
from engine.player.session import Session
from tests.support.toy_world import ToyWorld


def a_moment(steps: int = 5) -> Moment:
    world = ToyWorld()
    frame = world.reset(seed=3)
    for _ in range(steps):
        frame = world.step(world.actions.named("FIRE")).frame
    return Moment(frame, world.snapshot(), reward=1.0, total=5.0, steps=steps, over=True)


def saved_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_moment(Path(folder) / "a.npz", "toy", a_moment())
        return (Path(folder) / "a.npz").read_bytes()


GOOD = saved_bytes()


def try_to_read(data: bytes) -> Moment | UserError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toy.npz"
        path.write_bytes(data)
        try:
            return read_moment(path, "toy", like=a_moment())
        except UserError as error:
            assert str(error).startswith("toy.npz ") and "\n" not in str(error)
            return error


def test_written_and_read_again(tmp_path: Path) -> None:
    moment = a_moment()
    path = save_path(tmp_path / "new folder", "toy")
    write_moment(path, "toy", moment)
    back = read_moment(path, "toy", like=moment)
    assert np.array_equal(back.frame, moment.frame)
    assert (back.reward, back.total, back.steps, back.over) == (1.0, 5.0, 5, True)
    assert back.snapshot.keys() == moment.snapshot.keys()
    for name, array in moment.snapshot.items():
        assert np.array_equal(back.snapshot[name], array)
        assert back.snapshot[name].dtype == array.dtype


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(data: bytes) -> None:
    assert isinstance(try_to_read(data), UserError)


@given(st.integers(0, len(GOOD) - 1))
def test_a_truncated_save_is_refused(length: int) -> None:
    assert isinstance(try_to_read(GOOD[:length]), UserError)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_does_no_harm(place: int, change: int) -> None:
    data = bytearray(GOOD)
    data[place] ^= change
    back = try_to_read(bytes(data))
    if isinstance(back, Moment):
        for name, array in a_moment().snapshot.items():
            assert np.array_equal(back.snapshot[name], array)


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"world": np.array("pong")}, "another world"),
        ({"version": np.array(99)}, "another version"),
        ({"version": np.array([1, 2])}, "damaged"),
        ({"steps": np.array("many")}, "damaged"),
        ({"steps": np.array(np.inf)}, "damaged"),
        ({"frame": np.zeros((8, 8, 4), np.uint8)}, "does not fit"),
        ({"frame": np.zeros((8, 8), np.uint8)}, "does not fit"),
        ({"frame": np.zeros((16, 16, 3), np.float32)}, "does not fit"),
        ({"snapshot.rng": np.zeros((4, 1), np.uint64)}, "does not fit"),
        ({"snapshot.extra": np.zeros(3)}, "does not fit"),
        ({"world": np.array({"a": "pickle"}, dtype=object)}, "damaged"),
    ],
)
def test_foreign_contents_are_refused(change: dict[str, np.ndarray], complaint: str) -> None:
    with np.load(io.BytesIO(GOOD)) as archive:
        arrays = dict(archive)
    error = try_to_read(npz(**(arrays | change)))
    assert isinstance(error, UserError) and complaint in str(error)


def test_a_file_that_would_unpack_to_more_than_memory_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saves, "LARGEST_BYTES", 1000)
    assert isinstance(try_to_read(GOOD), UserError)


def test_a_snapshot_that_the_world_rejects_leaves_the_game_where_it_was(tmp_path: Path) -> None:
    """Arrays of the right kind can hold the wrong values: only the world itself can tell."""

    class Picky(ToyWorld):
        def restore(self, snapshot):  # type: ignore[no-untyped-def]
            self._x = -1000  # half-way through when it finds out
            if snapshot["where"][0] < 0:
                raise IndexError("no such column")
            return super().restore(snapshot)

    session = Session(lambda _: Picky(), GameStart(), folder=tmp_path, clock=lambda: 0.0)
    current = session.open(print)
    for bad in (
        replace(current, snapshot={**current.snapshot, "where": np.array([-5, 0, 0])}),
        replace(current, frame=np.zeros((8, 8, 3), np.uint8)),  # no frame that it can show
    ):
        write_moment(save_path(tmp_path, "toy"), "toy", bad)
        with pytest.raises(UserError, match="does not fit"):
            session.load(1, current)
    expected = ToyWorld()
    expected.reset(0)
    action = expected.actions.named("RIGHT")
    assert np.array_equal(session.world.step(action).frame, expected.step(action).frame)


def test_names_become_safe_file_names(tmp_path: Path) -> None:
    assert save_path(tmp_path, "../../etc/passwd").parent == tmp_path
    assert save_path(tmp_path, "???").name == "world.npz"
