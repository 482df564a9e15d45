"""Replays: a session again, frame by frame; and any bytes are a replay or one clear line."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.contracts import Frame, World
from engine.player.headless import RunFiles, run, run_replay
from engine.player.loop import play
from engine.player.options import GameStart, Outputs
from engine.player.replay_file import Began, Moved, Replay, ReplayWriter, cartridge_of, read_replay
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event
from tests.support.scripted_game import TICK_S, Diary, PromptWorker, hold, same, tap
from tests.support.toy_world import SwitchingToy, ToyWorld

ROOT = Path(__file__).resolve().parents[3]


class Told:
    """What was told and shown in one play."""

    def __init__(self, diary: Diary, window: NullWindow) -> None:
        self.diary, self.window = diary, window
        self.lines = [picture.line for picture in window.pictures]


def play_on(
    world: World,
    folder: Path,
    events: Sequence[Event],
    ticks: int,
    *,
    replay: Replay | None = None,
    save: Path | None = None,
    log: ReplayWriter | None = None,
) -> Told:
    """Play a world for so many ticks in the real loop."""
    clock = VirtualClock()
    window = NullWindow([*events, CloseAsked((ticks - 0.5) * TICK_S)], clock)
    diary = Diary()
    if save is not None:
        log = ReplayWriter(save, "toy")
    play(
        lambda report: world,
        window,
        start=GameStart(replay=replay),
        outputs=Outputs([diary], log=log, folder=folder),
        clock=clock,
        worker=PromptWorker(on_done=window.wake),
    )
    return Told(diary, window)


# Everything that a player can do to a game, one after the other.
EVERYTHING = [
    *hold("d", 3, 8), *tap("f2", 10.5), *tap("f5", 12.5), *tap("space", 14.5),
    *hold("backspace", 20, 26), *hold("a", 28, 31), *tap("m", 34.5), *tap("return", 40.5),
    *tap("f9", 45.5), *tap("]", 47.5), *tap("page up", 50.5), *hold("d", 52, 55),
]  # fmt: skip


def recorded(folder: Path) -> tuple[Path, Told]:
    """A session with everything in it, and the file it was written to."""
    path = folder / "a.replay"
    toy = SwitchingToy(ToyWorld(length=100))
    return path, play_on(toy, folder, EVERYTHING, 60, save=path)


def test_a_session_is_played_again_frame_by_frame_with_all_that_was_done(tmp_path: Path) -> None:
    path, first = recorded(tmp_path)
    replay = read_replay(path)
    again = play_on(SwitchingToy(ToyWorld(length=100)), tmp_path / "other", [], 75, replay=replay)
    count = len(first.diary.lines)
    assert {kind for kind, _ in first.diary.lines} == {"began", "stepped", "jumped"}
    assert again.diary.lines[:count] == first.diary.lines
    assert same(again.diary.frames[:count], first.diary.frames)
    checked = len(replay.events)
    assert (
        f"the replay is over: {checked} compared frames are as recorded - you play" in again.lines
    )
    assert again.diary.lines[count:] == [("stepped", "NOOP")] * (len(again.diary.lines) - count)
    assert len(again.diary.lines) > count  # it went on


def test_a_replay_of_a_replay_is_the_same_replay(tmp_path: Path) -> None:
    path, _ = recorded(tmp_path)
    replay = read_replay(path)
    toy = SwitchingToy(ToyWorld(length=100))
    count = replay.steps + sum(isinstance(event, (Began, Moved)) for event, _ in replay.events)
    play_on(toy, tmp_path, [], count + 2, replay=replay, save=tmp_path / "b.replay")
    copy = read_replay(tmp_path / "b.replay")
    assert copy.events[: len(replay.events) - 1] == replay.events[:-1]


def test_a_game_that_was_over_goes_on_where_the_player_went(tmp_path: Path) -> None:
    """Nothing is due in a game that is over, and yet the replay restarts it."""
    path = tmp_path / "a.replay"
    events = [*tap("return", 9.5), *hold("backspace", 14, 16)]
    first = play_on(ToyWorld(length=5), tmp_path, events, 30, save=path)
    again = play_on(ToyWorld(length=5), tmp_path, [], 40, replay=read_replay(path))
    assert again.diary.lines == first.diary.lines
    assert same(again.diary.frames, first.diary.frames)


def test_the_player_takes_over_by_going_elsewhere(tmp_path: Path) -> None:
    path, first = recorded(tmp_path)
    replay = read_replay(path)
    toy = SwitchingToy(ToyWorld(length=100))
    events = [*hold("a", 2, 8), *tap("backspace", 6.5), *hold("a", 10, 12)]
    again = play_on(toy, tmp_path, events, 16, replay=replay)
    assert f"you play - the replay was left at step 7 of {replay.steps}" in again.lines
    jump = again.diary.lines.index(("jumped", None))
    assert again.diary.lines[:jump] == first.diary.lines[:jump]  # the game's keys did nothing yet
    assert ("stepped", "LEFT") in again.diary.lines[jump:]


class OtherToy(ToyWorld):
    """A toy whose frames are a little different from the seventh on, like another machine's."""

    def __init__(self) -> None:
        super().__init__()
        self.provenance = {"precision": "bfloat16"}

    def _draw(self) -> Frame:
        frame = super()._draw()
        frame[0, 0] ^= self._steps >= 7
        return frame


def test_frames_that_differ_are_said_once_and_the_replay_goes_on(tmp_path: Path) -> None:
    class Exact(ToyWorld):
        provenance = {"precision": "float32"}  # noqa: RUF012

    path = tmp_path / "a.replay"
    play_on(Exact(), tmp_path, hold("d", 3, 50), 60, save=path)
    again = play_on(OtherToy(), tmp_path, [], 70, replay=read_replay(path))
    said = (
        "the frames differ from the recorded ones (precision was float32, is bfloat16) "
        "at step 15 of 60"
    )
    assert said in again.lines
    assert "the replay is over: 4 of 5 compared frames differ - you play" in again.lines
    assert again.diary.actions[:60] == ["NOOP"] * 3 + ["RIGHT"] * 48 + ["NOOP"] * 9


def test_a_replay_in_a_world_that_cannot_do_what_is_in_it_is_refused(tmp_path: Path) -> None:
    path, _ = recorded(tmp_path)
    with pytest.raises(UserError, match="turns a switch that toy has not: f2"):
        run_replay(ToyWorld, RunFiles(), read_replay(path))

    class Other(ToyWorld):
        name = "other"

    with pytest.raises(UserError, match="of the world toy, and this is other"):
        run_replay(Other, RunFiles(), read_replay(path))


def test_a_moment_that_does_not_fit_ends_the_replay_where_it_is(tmp_path: Path) -> None:
    path, _ = recorded(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    bad = next(i for i, line in enumerate(lines) if "moved" in line)
    lines[bad] = json.dumps({"moved": "bm90IGEgbW9tZW50", "frame": 1}) + "\n"
    path.write_text("".join(lines))
    toy = SwitchingToy(ToyWorld(length=100))
    again = play_on(toy, tmp_path, [], 60, replay=read_replay(path))
    assert (
        "the replay ends here, you play: a moment in it is damaged or not a saved moment"
        in again.lines
    )
    assert len(again.diary.lines) > 50  # and play goes on


def test_without_a_window_a_replay_makes_the_same_frames_again(tmp_path: Path) -> None:
    path, again = tmp_path / "a.replay", tmp_path / "again.npz"
    wanted = RunFiles(frames=tmp_path / "first.npz")
    run(
        lambda: ToyWorld(length=30),
        wanted,
        steps=100,
        seed=4,
        start=1,
        log=ReplayWriter(path, "toy"),
    )
    report = run_replay(lambda: ToyWorld(length=30), RunFiles(frames=again), read_replay(path))
    assert (report["steps"], report["seed"], report["start"]) == (100, 4, 1)
    assert report["replay"] == {"compared": 3 * 3 + 2, "differing": 0}
    with np.load(tmp_path / "first.npz") as first, np.load(again) as second:
        for name in ("frames", "rewards", "ended"):
            assert np.array_equal(first[name], second[name])


def test_frames_of_two_sizes_do_not_go_into_one_file(tmp_path: Path) -> None:
    path, _ = recorded(tmp_path)
    with pytest.raises(UserError, match="two sizes"):
        run_replay(
            lambda: SwitchingToy(ToyWorld(length=100)),
            RunFiles(frames=tmp_path / "a.npz"),
            read_replay(path),
        )


def test_a_disk_that_fills_up_ends_the_replay_and_not_the_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = __import__("os").write, []

    def write(descriptor: int, data: bytes) -> int:
        written.append(data)
        if len(written) > 2:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr("engine.player.replay_file.os.write", write)
    path = tmp_path / "a.replay"
    told = play_on(ToyWorld(), tmp_path, [], 60, save=path)
    assert any("the replay ends here: cannot write" in line for line in told.lines)
    assert len(told.diary.actions) == 60
    assert read_replay(path).steps == 15


PROGRAM = """
import sys
from pathlib import Path
from engine.player.headless import RunFiles, run
from engine.player.replay_file import ReplayWriter
from tests.support.toy_world import ToyWorld
run(ToyWorld, RunFiles(), steps=10**9, log=ReplayWriter(Path(sys.argv[1]), "toy"))
"""


def test_a_kill_costs_at_most_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "a.replay"
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], cwd=ROOT)
    while not path.exists() or path.read_bytes().count(b"\n") < 20:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    replay = read_replay(path)
    assert replay.steps >= 18 * 15
    assert run_replay(ToyWorld, RunFiles(), replay)["replay"]["differing"] == 0


def good() -> bytes:
    """The bytes of a small replay."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return recorded(Path(folder))[0].read_bytes()


GOOD = good()


def tried(folder: Path, data: bytes) -> Replay | UserError:
    path = folder / "a.replay"
    path.write_bytes(data)
    with contextlib.suppress(UserError):  # it looks at the first line alone
        assert cartridge_of(path).isprintable()
    try:
        return read_replay(path)
    except UserError as error:
        assert "\n" not in str(error)
        return error


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_line(place: Path, data: bytes) -> None:
    assert isinstance(tried(place, data), UserError)
    assert isinstance(tried(place, data + b"\n"), UserError)


@given(st.integers(0, len(GOOD) - 1))
def test_a_file_cut_anywhere_is_the_beginning_of_the_replay(place: Path, length: int) -> None:
    cut, whole = tried(place, GOOD[:length]), tried(place, GOOD)
    assert isinstance(whole, Replay)
    if isinstance(cut, Replay):
        assert cut.events == whole.events[: len(cut.events)]
    else:
        assert GOOD[:length].count(b"\n") < 2  # not even the first game had begun


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_a_replay_or_one_line(place: Path, at: int, byte: int) -> None:
    tried(place, GOOD[:at] + bytes([byte]) + GOOD[at + 1 :])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["began", "steps", "switched", "adjusted", "moved", "frame"])


@given(st.lists(st.dictionaries(KEYS, json_values, max_size=3), max_size=4))
def test_lines_of_any_shape_give_a_replay_or_one_line(place: Path, lines: list[dict]) -> None:
    header, first, *_ = GOOD.splitlines(keepends=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    tried(place, header + first + text.encode())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": "something"}, "not a replay"),
        ({"version": 2}, "version is not 1"),
        ({"asked": None}, "damaged"),
        ({"provenance": []}, "damaged"),
        ({"provenance": {"a": 1}}, "damaged"),
        ({"world": None}, "damaged"),
    ],
)
def test_foreign_headers_are_refused(place: Path, change: dict, complaint: str) -> None:
    header, rest = GOOD.split(b"\n", 1)
    changed = json.dumps(json.loads(header) | change).encode()
    error = tried(place, changed + b"\n" + rest)
    assert isinstance(error, UserError) and complaint in str(error)


def test_a_replay_that_called_its_provenance_making_is_read(place: Path) -> None:
    header, rest = GOOD.split(b"\n", 1)
    old = json.loads(header)
    old["making"] = old.pop("provenance") | {"precision": "float32"}
    replay = tried(place, json.dumps(old).encode() + b"\n" + rest)
    assert isinstance(replay, Replay) and replay.provenance == old["making"]


def test_a_file_that_is_not_there_or_too_large_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_replay(place / "missing")
    monkeypatch.setattr("engine.player.replay_file.LARGEST_BYTES", 10)
    assert "too large" in str(tried(place, GOOD))


def test_a_key_saves_the_session_so_far_and_play_goes_on(tmp_path: Path) -> None:
    """With no file that was asked for, and with one, which goes on to the end."""
    events = [*EVERYTHING[:20], *tap("v", 30.5)]
    for path in (None, tmp_path / "whole.replay"):
        log, folder = ReplayWriter(path, "toy"), tmp_path / f"with {path is not None}"
        toy = SwitchingToy(ToyWorld(length=100))
        first = play_on(toy, folder, events, 60, log=log)
        (saved,) = folder.glob("*.replay")
        assert f"replay: {saved}" in first.lines
        replay = read_replay(saved)
        again = play_on(SwitchingToy(ToyWorld(length=100)), folder, [], 45, replay=replay)
        assert any("compared frames are as recorded" in line for line in again.lines)
        steps = replay.steps
        assert 0 < steps < 31 < len(first.diary.actions)
        assert again.diary.actions[:steps] == first.diary.actions[:steps]
    assert read_replay(tmp_path / "whole.replay").steps == len(first.diary.actions)


def test_a_session_of_which_nothing_is_kept_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**about: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    log = ReplayWriter(None, "toy")
    told = play_on(ToyWorld(), tmp_path, tap("v", 5.5), 12, log=log)
    assert "nothing is kept of this session" in told.lines
    assert len(told.diary.actions) == 12 and not list(tmp_path.glob("*.replay"))
