"""Recording while playing: episodes that training takes, a film, and what a kill leaves of both."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from base.errors import UserError
from datasets.resize import shrink
from datasets.store import Store
from engine.contracts import ActionVector, Frame, Step, World
from engine.media.live_film import LiveFilm
from engine.media.overlay import keys_strip, pressed
from engine.player.headless import RunFiles, run
from engine.player.loop import play
from engine.player.options import Outputs
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event
from tests.support.scripted_game import TICK_S, PromptWorker, dream, hold, same, tap
from tests.support.toy_world import ACTIONS, MouseToy, SwitchingToy, ToyWorld
from tools.app.live_recording import LiveRecording
from tools.inspection.folders import inspect

ROOT = Path(__file__).resolve().parents[2]


def film(path: Path, torn: bool = False) -> list[Frame]:
    """The pictures of a film; of one that may be torn those before the tear, as players do."""
    pictures: list[Frame] = []
    with av.open(str(path)) as container:
        try:
            pictures.extend(frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        except av.error.InvalidDataError:
            if not torn:
                raise
    return pictures


def play_recording(
    recorder: LiveRecording,
    folder: Path,
    events: Sequence[Event],
    ticks: int,
    open_world: Callable[[], World] = ToyWorld,
) -> list[str]:
    """Play for so many ticks; the lines that were shown, without repeats."""
    clock = VirtualClock()
    window = NullWindow([*events, CloseAsked((ticks - 0.5) * TICK_S)], clock)
    play(
        lambda report: open_world(),
        window,
        outputs=Outputs(recorder=recorder, folder=folder),
        clock=clock,
        worker=PromptWorker(on_done=window.wake),
    )
    lines = [picture.line for picture in window.pictures]
    return [line for i, line in enumerate(lines) if i == 0 or line != lines[i - 1]]


def test_what_is_played_between_two_keys_is_an_episode_and_a_film(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new")
    events = [*tap("f8", 9.5), *hold("d", 15, 20), *tap("f8", 39.5)]
    lines = play_recording(recorder, tmp_path, events, 110)
    assert recorder.close() == ""
    assert f"• REC 0:00   recording to {tmp_path / 'new'}" in lines
    assert f"recorded in {tmp_path / 'new'}" in lines
    assert any(line.startswith("• REC 0:01") for line in lines)
    assert lines[-1] == ""  # nothing is shown when nothing is recorded

    store = Store(tmp_path / "new")
    assert len(store) == 1 and store.length(0) == 30
    names = ["NOOP"] * 5 + ["RIGHT"] * 6 + ["NOOP"] * 19
    straight = dream(["NOOP"] * 10 + names)
    window = store.read(0, 0, 31)
    assert same(list(window.frames), straight[10:])
    assert [ACTIONS.describe(action) for action in window.actions[:-1]] == names
    assert store.steps(0).truncated[-1]
    info = store.episode_info(0)
    assert (info.game, info.player, info.mixture) == ("toy", "human", {"human": 30})
    (path,) = (tmp_path / "new").glob("*.mp4")
    pictures = film(path)
    assert len(pictures) == 31
    for picture, frame in zip(pictures, straight[10:], strict=True):
        small = picture[16::32, 16::32].astype(int)
        assert np.abs(small - frame).mean() < 12


def test_recordings_are_a_folder_that_inspect_and_the_next_recording_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        recorder = LiveRecording(tmp_path / "new")
        play_recording(recorder, tmp_path, [*tap("f8", 2.5), *tap("f8", 20.5)], 25)
        assert recorder.close() == ""
    inspect(tmp_path / "new")
    assert "2 episodes" in capsys.readouterr().out
    assert len(list((tmp_path / "new").glob("*.mp4"))) == 2


def test_r_records_where_the_game_has_no_use_for_it(tmp_path: Path) -> None:
    for kind, count in ((ToyWorld, 1), (MouseToy, 0)):  # there R reloads
        folder = tmp_path / kind.__name__
        recorder = LiveRecording(folder)
        play_recording(recorder, tmp_path, [*tap("r", 2.5), *tap("r", 9.5)], 15, kind)
        recorder.close()
        assert len(list(folder.glob("*.h5"))) == count


def test_each_jump_and_each_game_begins_an_episode_and_the_film_goes_on(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new", running=True)
    events = [*hold("backspace", 10, 14), *tap("f5", 20.5), *tap("return", 25.5), *tap("f9", 34.5)]
    play_recording(recorder, tmp_path, events, 50)
    assert recorder.close() == ""
    store = Store(tmp_path / "new")
    lengths = [store.length(i) for i in range(len(store))]
    assert len(lengths) == 4 and lengths[0] == 10
    assert store.episode_info(2).seed == 1
    (path,) = (tmp_path / "new").glob("*.mp4")
    assert len(film(path)) == sum(lengths) + 4


def test_a_game_that_ends_ends_its_episode(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new", running=True)
    events = [*tap("return", 9.5)]
    play_recording(recorder, tmp_path, events, 30, lambda: ToyWorld(length=5))
    assert recorder.close() == ""
    store = Store(tmp_path / "new")
    assert [store.steps(i).ended.tolist() for i in range(2)] == [[False] * 4 + [True]] * 2


def test_steps_of_an_agent_are_told_from_the_players(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new", running=True)
    toy = SwitchingToy(ToyWorld())
    play_recording(recorder, tmp_path, tap("m", 9.5), 20, lambda: toy)
    recorder.close()
    store = Store(tmp_path / "new")
    assert store.episode_info(0).mixture == {"human": 10, "agent": 10}
    assert ACTIONS.describe(store.steps(0).actions[-1]) == "RIGHT"


def test_a_world_that_does_something_else_is_no_agent(tmp_path: Path) -> None:
    """In Doom there is no zoom: who held its key was kept as one."""

    class Altering(ToyWorld):
        def step(self, action: ActionVector) -> Step:
            return replace(super().step(action), action=self.actions.named("NOOP"))

    recorder = LiveRecording(tmp_path / "new", running=True)
    play_recording(recorder, tmp_path, hold("d", 3, 5), 20, Altering)
    recorder.close()
    store = Store(tmp_path / "new")
    assert store.episode_info(0).mixture == {"human": store.length(0)}
    assert ACTIONS.describe(store.steps(0).actions[4]) == "NOOP"


def test_another_size_of_picture_ends_the_recording_and_not_the_game(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new", running=True)
    toy = SwitchingToy(ToyWorld())
    events = [*tap("f2", 9.5), *tap("f8", 20.5)]
    lines = play_recording(recorder, tmp_path, events, 40, lambda: toy)
    assert any(line.startswith("recording stopped: the picture changed its size") for line in lines)
    said = (
        "recording stopped: {} holds recordings whose frame size is 16×16, and of these it is 32×16"
    )
    assert any(line.startswith(said.format(tmp_path / "new")) for line in lines)
    recorder.close()
    store = Store(tmp_path / "new")
    assert [store.length(i) for i in range(len(store))] == [10]
    assert len(list((tmp_path / "new").glob("*.mp4"))) == 1, "no film of what was refused"


def test_a_folder_that_cannot_be_written_is_one_line_and_the_game_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = LiveRecording(tmp_path / "file" / "new")
    lines = play_recording(recorder, tmp_path, tap("f8", 5.5), 20)
    assert any(line.startswith("recording stopped: cannot write to") for line in lines)
    with pytest.raises(UserError, match="cannot write to"):  # asked for before the game
        recorder = LiveRecording(tmp_path / "file" / "new", running=True)
        play_recording(recorder, tmp_path, [], 20)
    assert not recorder.close(), "and is not said again"


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    recorder = LiveRecording(tmp_path)
    lines = play_recording(recorder, tmp_path / "saves", tap("f8", 5.5), 20)
    assert any("holds no recording" in line for line in lines)
    recorder.close()
    assert not list(tmp_path.glob("*.mp4"))


def test_a_film_alone_does_not_make_a_folder_strange(tmp_path: Path) -> None:
    """A crash within the first steps leaves no episode, but the beginning of a film."""
    (tmp_path / "20250101-120000-000.mp4").write_bytes(b"")
    recorder = LiveRecording(tmp_path, running=True)
    play_recording(recorder, tmp_path / "saves", [], 20)
    assert recorder.close() == ""
    assert len(Store(tmp_path)) == 1


def test_doom_itself_is_recorded_in_two_sizes_as_its_worlds_learn_it(tmp_path: Path) -> None:
    class Doom(MouseToy):
        name = "doom"

    folder = tmp_path / "doom_game"
    recorder = LiveRecording(folder, game="doom", running=True)
    events = [*tap("f8", 8.5), *tap("f8", 12.5)]
    play_recording(recorder, tmp_path / "saves", events, 20, lambda: Doom(shape=(150, 280)))
    assert recorder.close() == ""
    full, low = Store(folder / "full"), Store(folder / "low")
    assert (full.frame_shape, low.frame_shape) == ((150, 280, 3), (30, 56, 3))
    lengths = [[store.length(i) for i in range(len(store))] for store in (full, low)]
    assert lengths[0] == lengths[1] and len(lengths[0]) == 2 == len(list(folder.glob("*.mp4")))
    first = full.read(0, 0, 1).frames
    assert np.array_equal(shrink(first, 30, 56), low.read(0, 0, 1).frames)


def test_the_overlay_is_a_strip_under_the_picture_that_shows_what_is_pressed(
    tmp_path: Path,
) -> None:
    recorder = LiveRecording(tmp_path / "new", overlay=True, running=True)
    play_recording(recorder, tmp_path, hold("d", 10, 19), 30)
    assert recorder.close() == ""
    (path,) = (tmp_path / "new").glob("*.mp4")
    pictures = film(path)
    assert pictures[0].shape == (512 + 42, 512, 3)
    bright = [picture[512:554].max() > 150 for picture in pictures]
    assert bright == [False] * 11 + [True] * 10 + [False] * 10


def test_caps_say_what_is_held() -> None:
    space = MouseToy.actions
    action = space.named("w+space+mouse(30,-4)")
    assert pressed(space, action) == ("w", "space", "mouse(30,-4)")
    assert pressed(space, space.idle()) == pressed(space, None) == ()
    one, two = keys_strip(512, ("w",)), keys_strip(512, ("w", "space"))
    assert one.shape == two.shape == (42, 512, 3)
    assert (two > 200).sum() > (one > 200).sum() > 0


def test_a_film_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    live = LiveFilm(tmp_path / "file" / "a.mp4", 15.0)
    live.add(np.zeros((16, 16, 3), np.uint8))
    live.finish()
    assert live.close().startswith(f"cannot write {tmp_path / 'file' / 'a.mp4'}")


PROGRAM = """
import sys, time
from dataclasses import replace
from pathlib import Path
from engine.player.headless import RunFiles, run
from tests.support.toy_world import ToyWorld
from tools.app.live_recording import LiveRecording
recorder = LiveRecording(Path(sys.argv[1]), running=True, player="scripted")
toy = ToyWorld(before_step=lambda: time.sleep(0.004))
run(lambda: toy, RunFiles(), steps=10**9, observers=[recorder])
"""


def test_a_kill_leaves_an_episode_and_a_film_of_all_but_the_last_second(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT)
    journal = tmp_path / "episode_000000.journal"
    for _ in range(3000):
        films = list(tmp_path.glob("*.mp4"))
        written = journal.stat().st_size if journal.exists() else 0
        if written > 30_000 and films and films[0].stat().st_size > 100_000:
            break
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = Store(tmp_path)
    assert len(store) == 1 and store.episode_info(0).player == "scripted"
    window = store.read(0, 0, store.length(0) + 1)
    toy = ToyWorld()
    again = [toy.reset(0), *(toy.step(action).frame for action in window.actions[:-1])]
    assert same(list(window.frames), again)
    (path,) = tmp_path.glob("*.mp4")
    # A fragment goes to the file in pieces, so the kill may come between two of them.
    pictures = film(path, torn=True)
    assert len(pictures) >= 15
    small = pictures[-1][16::32, 16::32].astype(int)
    shown = [int(np.abs(small - frame).mean() < 12) for frame in again[: len(pictures)]]
    assert shown[-1]


def test_without_a_window_a_run_is_recorded_too(tmp_path: Path) -> None:
    recorder = LiveRecording(tmp_path / "new", running=True, player="scripted")
    run(lambda: ToyWorld(length=20), RunFiles(), steps=50, observers=[recorder])
    assert recorder.close() == ""
    store = Store(tmp_path / "new")
    assert [store.length(i) for i in range(len(store))] == [20, 20, 10]
