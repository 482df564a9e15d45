"""Walking through recorded episodes in a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from base.errors import UserError
from datasets.episode import stamped
from datasets.recording import Recording
from datasets.store import Store
from engine.contracts import CsgoActions, Step
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import Event, KeyDown, KeyUp, Picture
from tests.support.recordings import record_toys, toy_info
from tools.inspection.browse import HINT, browse
from tools.inspection.browse_picture import END, HERE, LIFE, PASSED, REWARD, position_bar
from tools.inspection.folders import inspect


def walk(folder: Path, *events: Event) -> NullWindow:
    """What was shown while these things happened; at the end the window closes itself."""
    clock = VirtualClock()
    window = NullWindow(events, clock)
    browse(Store(folder), window, clock)
    assert window.closed
    return window


def taps(*keys: str) -> list[Event]:
    """Each key pressed and let go, a tenth of a second after the one before."""
    return [
        kind(key, 0.1 * i + late)
        for i, key in enumerate(keys, start=1)
        for kind, late in ((KeyDown, 0.0), (KeyUp, 0.05))
    ]


def cell(picture: Picture, label: str) -> str:
    return dict(cell for row in picture.hud for cell in row)[label]


def shown(window: NullWindow) -> list[tuple[str, str]]:
    """(episode, frame) of every picture, without what was only drawn again."""
    places = [(cell(p, "episode").split()[0], cell(p, "frame")) for p in window.pictures]
    return [place for i, place in enumerate(places) if i == 0 or place != places[i - 1]]


def test_keys_walk_through_steps_seconds_and_episodes(tmp_path: Path) -> None:
    record_toys(tmp_path, 40, 25)
    keys = ("left", "right", "right", "left", "up", "up", "up", "down", "end", "home")
    window = walk(tmp_path, *taps(*keys, "page down", "page down", "end", "page up", "escape"))
    assert [f"{episode}:{frame.split()[0]}" for episode, frame in shown(window)] == [
        *("0:0", "0:1", "0:2", "0:1", "0:16", "0:31", "0:40", "0:25", "0:40", "0:0"),
        *("1:0", "1:25", "0:0"),
    ]


def test_the_frame_is_the_one_recorded_and_its_action_the_one_taken_there(tmp_path: Path) -> None:
    record_toys(tmp_path, 100)
    store = Store(tmp_path)
    last = walk(tmp_path, *taps("up", "up", "up", "up", "up", "right", "escape")).pictures[-1]
    assert cell(last, "frame") == "76 of 100"
    assert last.frame is not None and last.frame.shape[1] == 512
    np.testing.assert_array_equal(last.frame[32:512:64, 32::64], store.read(0, 76, 77).frames[0])
    steps = store.steps(0)
    assert cell(last, "action") == store.info.actions.describe(steps.actions[76])
    assert cell(last, "return") == f"{steps.rewards[:76].sum():g}"


def test_playing_keeps_the_pace_of_the_recording_and_stops_at_the_end(tmp_path: Path) -> None:
    record_toys(tmp_path, 30)
    events = [KeyDown("space", 1.0), KeyDown("space", 2.01), KeyDown("space", 3.0)]
    window = walk(tmp_path, *events, KeyDown("f1", 9.0), KeyDown("escape", 9.5))
    frames = [int(frame.split()[0]) for _, frame in shown(window)]
    assert frames == list(range(31))
    stopped = [p for p in window.pictures if cell(p, "frame") == "15 of 30"]
    assert HINT in [p.line for p in stopped]  # it stood still there for a second
    assert "game over" in window.pictures[-1].line and window.pictures[-1].help


def test_an_arrow_that_is_held_goes_on(tmp_path: Path) -> None:
    record_toys(tmp_path, 60)
    held = (KeyDown("right", 1.0), KeyUp("right", 1.63), KeyDown("escape", 3.0))
    assert shown(walk(tmp_path, *held))[-1] == ("0", "6 of 60")  # at 0.4 s, then every 0.05 s


def test_frames_that_cannot_be_read_are_black_with_the_reason(tmp_path: Path) -> None:
    record_toys(tmp_path, 5)
    path = tmp_path / "episode_000000.h5"
    with h5py.File(path, "r") as file:
        at = file["frames"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at : at + 100] = bytes(100)
    path.write_bytes(stamped(bytes(data)))
    picture = walk(tmp_path, *taps("escape")).pictures[0]
    assert picture.line.startswith(f"cannot read frames from {path}")
    assert picture.frame is not None and not picture.frame[:512].any()


def test_a_mouse_is_an_arrow_and_held_keys_are_named(tmp_path: Path) -> None:
    frame, space = np.zeros((64, 64, 3), np.uint8), CsgoActions()
    with Recording(tmp_path, "toy") as recording:
        recording.begin(replace(toy_info(), actions=space), frame)
        for name in ("w+click+mouse(1000,0)", "mouse(0,-50)", "idle"):
            recording.add(space.named(name), Step(frame), {})
    right, up, idle = (
        p.frame[:512] for p in walk(tmp_path, *taps("right", "right", "escape")).pictures[:3]
        if p.frame is not None
    )  # fmt: skip
    assert right[256, 270:480].any(axis=1).all() and not right[:, :240].any()
    assert up[150:240, 256].any(axis=1).all() and not up[300:].any()
    assert not idle.any()
    first = walk(tmp_path, *taps("escape")).pictures[0]
    assert cell(first, "action") == "w+click+mouse(1000,0)"


def test_the_bar_marks_rewards_lost_lives_and_ends(tmp_path: Path) -> None:
    record_toys(tmp_path, 100)
    steps = Store(tmp_path).steps(0)
    steps.rewards[:] = 0
    steps.rewards[19], steps.life_lost[59] = 1, True  # on the way to frames 20 and 60
    bar = position_bar(101, 50, steps)
    top, middle, bottom = bar[0], bar[len(bar) // 2], bar[-1]
    assert tuple(top[20]) == REWARD and tuple(bottom[60]) == LIFE
    assert tuple(middle[20]) == PASSED and tuple(middle[50]) == HERE
    assert all(tuple(row[100]) == END for row in (top, middle, bottom))


def test_without_a_display_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record_toys(tmp_path, 5)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(UserError, match="no display to show episodes on"):
        inspect(tmp_path, play=True)
