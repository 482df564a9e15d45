"""Ten save slots: chosen by pictures, a file each, and a game goes on from any of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.contracts import Frame
from engine.player.history import Moment
from engine.player.saves import read_picture, save_path, write_moment
from engine.player.slots import COUNT, EMPTY_LEVEL, Slots
from engine.ui.screen import Picture, Thumbnail
from tests.support.scripted_game import down, dream, hold, play_script, same, tap
from tests.support.toy_world import ToyWorld


def moment(level: int, shape: tuple[int, int] = (16, 16)) -> Moment:
    """A moment that shows one grey level."""
    world = ToyWorld()
    world.reset(seed=level)
    return Moment(np.full((*shape, 3), level, np.uint8), world.snapshot(), steps=level)


def middle(thumbnail: Thumbnail) -> int:
    height, width = thumbnail.frame.shape[:2]
    return int(thumbnail.frame[height // 2, width // 2, 0])


def test_each_slot_keeps_its_own_moment_and_outlives_the_player(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "toy")
    for slot in range(1, COUNT + 1):
        assert slots.save(slot, moment(10 * slot)).startswith(f"saved in slot {slot}")
    later = Slots(tmp_path, "toy")
    steps = [later.moment(slot, like=moment(0)).steps for slot in range(1, COUNT + 1)]
    assert steps == [10 * slot for slot in range(1, COUNT + 1)]
    assert len(list(tmp_path.iterdir())) == COUNT


def test_the_one_moment_that_was_kept_before_there_were_slots_is_in_the_first(
    tmp_path: Path,
) -> None:
    write_moment(tmp_path / "toy.npz", "toy", moment(77))
    assert Slots(tmp_path, "toy").moment(1, like=moment(0)).steps == 77


def test_the_file_of_a_slot_is_never_that_of_another_world() -> None:
    paths = {save_path(Path(), name, slot) for name in ("toy", "toy.2", "toy-2") for slot in (1, 2)}
    assert len(paths) == 2 + 2  # "toy.2" and "toy-2" have had the same file for ever


def test_the_row_shows_every_slot_and_marks_the_chosen_one(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "toy")
    slots.save(2, moment(200))
    slots.save(10, moment(120, shape=(16, 33)))  # as when two were side by side
    line, holds, row = Slots(tmp_path, "toy").row(2, like=moment(0))
    assert (line, holds) == ("slot 2", True)
    assert [thumbnail.label for thumbnail in row] == [str(slot) for slot in range(1, 11)]
    assert [thumbnail.marked for thumbnail in row].index(True) == 1
    assert [middle(row[i]) for i in (0, 1, 9)] == [EMPTY_LEVEL, 200, 120]
    assert {thumbnail.frame.shape for thumbnail in row} == {(128, 128, 3)}


def test_a_damaged_slot_is_shown_as_such_and_says_one_line(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "toy")
    slots.save(3, moment(200))
    save_path(tmp_path, "toy", 3).write_bytes(b"GIF89a, not ours")
    line, holds, row = Slots(tmp_path, "toy").row(3, like=moment(0))
    assert line == "slot 3: toy.3.npz is damaged or not a saved moment; saving replaces it"
    assert not holds
    assert row[2].label == "3 damaged"
    assert middle(row[2]) != EMPTY_LEVEL  # it is crossed out


def test_a_picture_is_read_again_only_when_its_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []

    def read(path: Path, world: str) -> Frame:
        reads.append(path)
        return read_picture(path, world)

    monkeypatch.setattr("engine.player.slots.read_picture", read)
    write_moment(save_path(tmp_path, "toy", 2), "toy", moment(50))
    slots = Slots(tmp_path, "toy")
    assert middle(slots.row(1, like=moment(0))[2][1]) == 50
    slots.row(2, like=moment(0))
    assert len(reads) == 1
    write_moment(save_path(tmp_path, "toy", 2), "toy", moment(60))
    assert middle(slots.row(1, like=moment(0))[2][1]) == 60


@given(st.binary(max_size=300))
def test_any_bytes_have_a_picture_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("slot") / "toy.npz"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_picture(path, "toy")
    assert "\n" not in str(caught.value)


def rows(pictures: list[Picture]) -> list[tuple[Thumbnail, ...]]:
    """The rows of slots that were shown, without repeats."""
    found = [picture.row for picture in pictures if len(picture.row) == COUNT]
    return [row for i, row in enumerate(found) if i == 0 or row is not found[i - 1]]


def test_keys_choose_a_slot_in_a_circle_and_show_where_it_is(tmp_path: Path) -> None:
    events = [*tap("f6", 2.5), *tap("f7", 6.5), *tap("f7", 8.2), *tap("f7", 8.5)]
    game = play_script(events, tmp_path, ticks=100)
    marked = [
        [thumbnail.marked for thumbnail in row].index(True) for row in rows(game.window.pictures)
    ]
    assert marked == [9, 0, 1, 2]
    assert "slot 10 is empty - F5 saves there" in game.lines
    assert not game.window.pictures[-1].row  # they go away by themselves
    assert game.diary.actions == ["NOOP"] * 100  # and the game never stopped


def test_a_game_branches_from_any_slot_and_the_slot_stays(tmp_path: Path) -> None:
    events = [
        *tap("f5", 4.5),  # slot 1
        *tap("f7", 9.2), *tap("f5", 9.5),  # slot 2
        *tap("f6", 14.2), *tap("f9", 14.5), *hold("d", 16, 18),  # on from slot 1
        *tap("f7", 24.2), *tap("f9", 24.5),  # and from slot 2
        *tap("f6", 29.2), *tap("f9", 29.5),  # and from slot 1 as it was
    ]  # fmt: skip
    game = play_script(events, tmp_path, ticks=35)
    jumps = [i for i, (kind, _) in enumerate(game.diary.lines) if kind == "jumped"]
    straight = dream(["NOOP"] * 20)
    landed = [game.diary.frames[jump] for jump in jumps]
    assert same(landed, [straight[5], straight[10], straight[5]])
    assert same(game.diary.frames[jumps[2] :], straight[5:11])
    after = game.diary.lines[jumps[0] + 1 : jumps[1]]
    assert ("stepped", "RIGHT") in after


def test_two_slots_that_are_saved_to_within_a_step_both_hold_it(tmp_path: Path) -> None:
    """The second took the place of the first, which is easy to do where a step takes long."""
    events = [down(key, 4.5) for key in ("f5", "f7", "f5")]
    play_script(events, tmp_path, ticks=8)
    slots = Slots(tmp_path, "toy")
    assert [slots.moment(slot, like=moment(0)).steps for slot in (1, 2)] == [5, 5]
