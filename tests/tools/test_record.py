"""The recording tool: what it refuses, how seeds decide, and what playing by hand leaves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from base.errors import UserError
from datasets.recording import Recording
from datasets.store import Store
from engine.games.atari import AtariWorld
from engine.player.loop import play
from engine.player.options import GameStart, Outputs
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event
from tests.support.recordings import record_toys
from tests.support.scripted_game import TICK_S, PromptWorker, hold, tap
from tools.app.games import game_called
from tools.capture.record_game import Hand, Take, record, record_by_hand
from tools.options.record import RecordConfig


def test_as_many_steps_as_asked_for_where_nothing_shows_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counted by the progress bar, which counts nothing where it is switched off."""
    monkeypatch.setattr("tools.capture.record_game.ProgressBar", partial(tqdm, disable=True))
    record(RecordConfig("breakout", tmp_path / "data", steps=30))
    assert sum(Store(tmp_path / "data").length(i) for i in range(1)) == 30


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"game": "brekout"}, "unknown game 'brekout'; did you mean 'breakout'"),
        ({"player": "agent"}, "no agent player for breakout; use --player scripted or random"),
        ({"game": "seaquest", "player": "scripted"}, "no scripted player for seaquest; use"),
        ({"player": "human"}, "playing by hand needs a display"),
        ({"steps": 0}, "--steps must be 1 or more, not 0"),
        ({"seed": -1}, "--seed must be 0 or more, not -1"),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_is_made(
    tmp_path: Path, asked: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        record(RecordConfig(**({"game": "breakout", "out": tmp_path / "new"} | asked)))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_recordings_of_another_game_are_left_as_they_are(tmp_path: Path) -> None:
    record_toys(tmp_path, 3)
    with pytest.raises(UserError, match="holds recordings of toy, not breakout"):
        record(RecordConfig("breakout", tmp_path, steps=5))
    assert len(Store(tmp_path)) == 1


def test_seed_and_number_decide_an_episode(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, third = tmp_path / "one", tmp_path / "other", tmp_path / "third"
    record(RecordConfig("breakout", one, player="scripted", steps=40, seed=1))
    assert capsys.readouterr().out.startswith("recorded 40 steps at ")
    record(RecordConfig("breakout", one, player="scripted", steps=40, seed=1))
    record(RecordConfig("breakout", other, player="scripted", steps=40, seed=1))
    record(RecordConfig("breakout", third, player="scripted", steps=40, seed=0))
    first, again, different = Store(one), Store(other), Store(third)
    assert first.length(0) == 40 and first.steps(0).truncated[-1]
    np.testing.assert_array_equal(first.steps(0).actions, again.steps(0).actions)
    np.testing.assert_array_equal(first.read(0, 0, 41).frames, again.read(0, 0, 41).frames)
    # An appended episode is a new one, and no other seed ever gives the same.
    seeds = [first.episode_info(0).seed, first.episode_info(1).seed, different.episode_info(0).seed]
    assert len(set(seeds)) == 3
    assert sum(first.episode_info(0).mixture.values()) == 40
    assert first.episode_info(0).emulator["rom"] == "breakout"


@contextmanager
def _take(folder: Path, steps: int = 1000) -> Iterator[Take]:
    config = RecordConfig("breakout", folder, player="human", steps=steps)
    with Recording(folder, "breakout") as recording, tqdm(delay=60) as bar:
        game = game_called("breakout")
        yield Take(config, game, AtariWorld("breakout"), recording, bar, [])


def _play_by_hand(folder: Path, events: list[Event], ticks: int) -> Store:
    """Record breakout under scripted keys, on a clock that moves only when told to."""
    clock = VirtualClock()
    window = NullWindow([*events, CloseAsked((ticks - 0.5) * TICK_S)], clock)
    worker = PromptWorker(on_done=window.wake)
    with _take(folder) as take:
        outputs = Outputs([Hand(take)], folder=folder.parent)
        play(lambda _: take.world, window, start=GameStart(7), outputs=outputs, clock=clock,
             worker=worker)  # fmt: skip
    return Store(folder)


def test_what_a_person_plays_is_recorded(tmp_path: Path) -> None:
    store = _play_by_hand(tmp_path / "data", hold("d", 3, 7), ticks=12)
    names = [store.info.actions.describe(action) for action in store.steps(0).actions]
    assert names == ["NOOP"] * 3 + ["RIGHT"] * 5 + ["NOOP"] * 4
    assert store.steps(0).truncated.tolist() == [False] * 11 + [True]
    info = store.episode_info(0)
    assert (info.player, info.mixture, info.seed) == ("human", {"human": 12}, 7)
    world = AtariWorld("breakout")
    frames = [world.reset(7), *(world.step(action).frame for action in store.steps(0).actions)]
    np.testing.assert_array_equal(store.read(0, 0, 13).frames, frames)


def test_rewinding_and_restarting_begin_other_episodes(tmp_path: Path) -> None:
    """What was played before and after must never look like one game to a model."""
    events = hold("a", 7, 9) + hold("backspace", 10, 13) + tap("return", 20)
    store = _play_by_hand(tmp_path / "data", events, ticks=25)
    assert [store.episode_info(i).seed for i in range(len(store))] == [7, 7, 8]
    before = store.read(0, 0, store.length(0) + 1).frames
    after = store.read(1, 0, 1).frames[0]
    assert not np.array_equal(before[-1], after)
    assert any(np.array_equal(frame, after) for frame in before)


def test_playing_by_hand_ends_after_the_steps_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.capture.record_game.data_folder", lambda: tmp_path / "moments")
    with _take(tmp_path / "data", steps=6) as take:
        late = time.perf_counter() + 1e6
        mixture = record_by_hand(take, NullWindow([CloseAsked(late)]))
    assert mixture == {"human": 6}
    assert Store(tmp_path / "data").length(0) == 6


def test_ctrl_c_ends_playing_by_hand(tmp_path: Path) -> None:
    with _take(tmp_path / "data") as take:
        take.stopped.append(True)
        late = time.perf_counter() + 1e6
        assert record_by_hand(take, NullWindow([CloseAsked(late)])) == {"human": 1}
    assert Store(tmp_path / "data").length(0) == 1
