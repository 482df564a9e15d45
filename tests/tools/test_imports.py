"""Imports that are killed: started again they go on, and leave nothing half-written behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from base.errors import UserError
from base.files import clear_unfinished
from base.notes import add_note, read_notes
from datasets.importers.foreign import ForeignEpisode
from datasets.packed import Steps
from datasets.store import Store
from tests.support.recordings import record_toys, toy_episode, toy_info
from tools.importing.parts import LOG, check_out, import_all, importing

KEYS = [f"part {i}" for i in range(4)]
KILLED_IN_A_PART = """
def read(i):
    if i == 2:
        import datasets.recording
        datasets.recording.Recording.finish = lambda self: self.close() or kill()
    return episode(i)
"""
KILLED_BEFORE_A_PART_IS_MOVED = """
def read(i):
    if i == 2:
        import tools.importing.parts
        tools.importing.parts.Import._bring = lambda self, part: kill()
    return episode(i)
"""
PROGRAM = """
import os, signal, sys
from pathlib import Path
from tests.tools.test_imports import KEYS, episode
from tools.importing.parts import import_all

def kill():
    os.kill(os.getpid(), signal.SIGKILL)
{read}
import_all(Path(sys.argv[1]), "toy", KEYS, read)
"""


def episode(number: int) -> ForeignEpisode:
    """An episode of `number` + 9 steps."""
    first, steps = toy_episode(number + 9, seed=number)
    flags = np.zeros(len(steps), bool)
    return ForeignEpisode(
        toy_info(seed=number),
        np.stack([first, *(step.frame for _, step in steps)]),
        Steps(
            np.stack([action for action, _ in steps]),
            np.zeros(len(steps), np.float32),
            flags,
            flags,
            flags,
        ),
    )


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in (".recording", LOG))


@pytest.mark.parametrize(
    ("read", "again"), [(KILLED_IN_A_PART, [2, 3]), (KILLED_BEFORE_A_PART_IS_MOVED, [3])]
)
def test_a_killed_import_goes_on(tmp_path: Path, read: str, again: list[int]) -> None:
    program = [sys.executable, "-c", PROGRAM.format(read=read), str(tmp_path)]
    assert subprocess.run(program, capture_output=True).returncode == -signal.SIGKILL
    names = [f"episode_{i:06d}.h5" for i in range(4)]
    assert there(tmp_path) == [".importing", *names[:2]]
    assert len(Store(tmp_path)) == 2  # looking at what there is changes nothing
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in names[:2]}
    done: list[int] = []

    def note(i: int) -> ForeignEpisode:
        done.append(i)
        return episode(i)

    check_out(tmp_path, KEYS)
    assert import_all(tmp_path, "toy", KEYS, note) == (9 + 10 + 11 + 12, [])
    assert done == again and there(tmp_path) == names
    assert all((tmp_path / name).stat().st_mtime_ns == at for name, at in before.items())
    store = Store(tmp_path)
    assert [store.episode_info(i).seed for i in range(4)] == [0, 1, 2, 3]
    assert all(store.steps(i).truncated.sum() == 1 for i in range(4))
    assert import_all(tmp_path, "toy", KEYS, note)[0] == 42 and done == again


def test_other_recordings_are_neither_mixed_in_nor_lost(tmp_path: Path) -> None:
    """Somebody may play into the folder of an import that was killed, and delete some of it."""
    import_all(tmp_path, "toy", KEYS[:2], episode)
    with pytest.raises(UserError, match="holds recordings already, which are not of this import"):
        check_out(tmp_path, KEYS[1:])
    record_toys(tmp_path, 30)
    with pytest.raises(UserError, match="which are not of this import"):
        check_out(tmp_path, KEYS)
    (tmp_path / "episode_000001.h5").unlink()
    with importing(tmp_path, "toy") as coming:
        assert list(coming.parts) == KEYS[:1]
    import_all(tmp_path, "toy", KEYS[:2], episode)
    store = Store(tmp_path)
    assert store.numbers == [0, 2, 3] and [store.length(i) for i in range(3)] == [9, 30, 10]


def test_an_episode_of_a_part_that_was_deleted_is_not_wanted(tmp_path: Path) -> None:
    """All of a film came again beside what was left of it, once a bad minute had been deleted."""
    first, steps = toy_episode(5)
    with importing(tmp_path, "toy") as coming, coming.part("film") as recording:
        for _ in range(3):
            recording.begin(toy_info(), first)
            recording.add(*steps[0], {})
    (tmp_path / "episode_000001.h5").unlink()
    with importing(tmp_path, "toy") as coming:
        assert list(coming.parts) == ["film"]
    for number in (0, 2):
        (tmp_path / f"episode_{number:06d}.h5").unlink()
    with importing(tmp_path, "toy") as coming:
        assert not coming.parts, "all of it may come again"


def test_a_part_that_fails_leaves_nothing(tmp_path: Path) -> None:
    first, steps = toy_episode(20)
    with importing(tmp_path, "toy") as coming:
        with pytest.raises(KeyboardInterrupt), coming.part("a") as recording:
            recording.begin(toy_info(), first)
            recording.add(*steps[0], {})
            raise KeyboardInterrupt
        with coming.part("b") as recording:
            recording.begin(toy_info(), first)
            recording.add(*steps[0], {})
    with importing(tmp_path, "toy") as coming:
        assert list(coming.parts) == ["b"]
    assert there(tmp_path) == ["episode_000000.h5"]


def test_damaged_notes_are_passed_over(tmp_path: Path) -> None:
    import_all(tmp_path, "toy", KEYS[:1], episode)
    with open(tmp_path / LOG, "ab") as log:
        log.write(b'[1]\n{"key": "part 1", "episodes": [-1], "steps": 3}\n\xff\0\n{"key": "par')
    assert import_all(tmp_path, "toy", KEYS[:2], episode)[0] == 19
    add_note(tmp_path / LOG, {"key": 3})
    keys = [note["key"] for note in read_notes(tmp_path / LOG)]
    assert keys == ["part 0", "part 1", "part 1", 3]
    assert len(Store(tmp_path)) == 2


def test_what_a_kill_left_of_a_copy_is_removed(tmp_path: Path) -> None:
    names = [".episode_000001.x_1y2.h5", ".episode_000002.abc.h5", "episode_000001.h5"]
    for name in names:
        (tmp_path / name).touch()
    clear_unfinished(tmp_path / "episode_000001.h5")
    assert there(tmp_path) == names[1:]
