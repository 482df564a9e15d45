"""The loop as a player meets it: keys in, pictures out, scripted and exact."""

from __future__ import annotations

import gc
import threading
import weakref
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from base.errors import UserError
from engine.contracts import ActionVector, Frame, Report, Step, Switched
from engine.player.loop import play
from engine.player.observer import Observer
from engine.player.options import Outputs, PlayOptions
from engine.ui.borrowed_window import BorrowedWindow
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, FocusLost, KeyDown, Picture
from tests.support.scripted_game import (
    TICK_S,
    PromptWorker,
    down,
    dream,
    hold,
    play_script,
    same,
    tap,
    up,
)
from tests.support.toy_world import SwitchingToy, ToyWorld, square_x


def test_one_step_a_tick_and_every_frame_is_shown_once_made(tmp_path: Path) -> None:
    game = play_script([], tmp_path, ticks=10)
    assert game.diary.lines[0] == ("began", (0, 0))
    assert game.diary.actions == ["NOOP"] * 10
    assert same(game.window.frames, dream(["NOOP"] * 10))
    assert game.window.closed and game.toy.closed


def test_held_keys_act_from_the_next_step_on(tmp_path: Path) -> None:
    game = play_script(hold("d", 3, 5), tmp_path, ticks=8)
    expected = ["NOOP"] * 3 + ["RIGHT"] * 3 + ["NOOP"] * 2
    assert game.diary.actions == expected
    assert same(game.window.frames, dream(expected))
    assert [square_x(frame) for frame in game.window.frames][-3:] == [3, 3, 3]


def test_a_tap_within_a_tick_counts_for_one_step(tmp_path: Path) -> None:
    game = play_script(tap("space", 2.3), tmp_path, ticks=6)
    assert game.diary.actions == ["NOOP", "NOOP", "NOOP", "FIRE", "NOOP", "NOOP"]


def test_input_to_display_runs_from_the_key_to_the_picture_of_its_step(tmp_path: Path) -> None:
    game = play_script([down("d", 3.5)], tmp_path, ticks=8, step_s=0.02)
    latency = game.timings.summary()["input to display"]
    # Half a tick until the step samples it, 20 ms for the step, nothing for a null window.
    expected_ms = pytest.approx(500 * TICK_S + 20, abs=0.01)
    figures = dict.fromkeys(("median_ms", "p95_ms", "p99_ms"), expected_ms)
    assert latency == {**figures, "count": 1}
    assert dict(game.window.pictures[-1].hud[0])["input ms"] == "53 / 53 / 53"


def test_drawing_never_makes_a_step_late(tmp_path: Path) -> None:
    """Drawing takes 5 ms here; what changes just before a step is due is drawn while it is made."""
    clock = VirtualClock()

    class Slow(NullWindow):
        def present(self, picture: Picture) -> None:
            clock.advance(0.005)
            super().present(picture)

    # The first step is due after one picture, the keys are pressed 2 ms before later ones.
    pressed = [KeyDown("h", tick * TICK_S + 0.003) for tick in range(5, 60)]
    window = Slow([*pressed, CloseAsked(65 * TICK_S)], clock)
    worker = PromptWorker(window.wake)
    outputs = Outputs(folder=tmp_path)
    timings = play(lambda report: ToyWorld(), window, outputs=outputs, clock=clock, worker=worker)
    assert timings.summary()["jitter"]["p99_ms"] == pytest.approx(0, abs=1e-6)
    shown = [bool(picture.hud) for picture in window.pictures if picture.frame is not None]
    assert sum(one != other for one, other in pairwise(shown)) == len(pressed), "all are answered"


def test_a_machine_too_slow_plays_in_slow_motion_and_says_so(tmp_path: Path) -> None:
    game = play_script([], tmp_path, ticks=90, step_s=2 * TICK_S)
    assert 44 <= len(game.diary.actions) <= 46
    assert "slow motion: 7.5 of 15 steps/s" in game.lines
    assert dict(game.window.pictures[-1].hud[0])["steps/s"] == "7.5"


def test_a_machine_that_keeps_up_never_speaks_of_slow_motion(tmp_path: Path) -> None:
    game = play_script([], tmp_path, ticks=90, step_s=0.8 * TICK_S)
    assert game.lines == ["loading toy ...", "F1 lists the keys", ""]
    assert dict(game.window.pictures[-1].hud[0])["steps/s"] == "15.0"


def test_pause_stops_the_game_and_the_single_step_key_moves_it_by_one(tmp_path: Path) -> None:
    events = [*tap("p", 2.5), down("d", 6.5), *tap(".", 10.5), up("d", 11.5), *tap("p", 20.5)]
    game = play_script(events, tmp_path, ticks=24)
    assert game.diary.actions == ["NOOP"] * 3 + ["RIGHT"] + ["NOOP"] * 3
    assert "paused - P plays on, '.' makes one step" in game.lines


def test_a_pause_waits_for_events_instead_of_spinning(tmp_path: Path) -> None:
    still = play_script(tap("p", 0.5), tmp_path, ticks=15 * 60)
    assert still.window.polls < 150  # a minute, in waits of half a second


def test_keys_tapped_during_a_pause_do_not_fire_after_it(tmp_path: Path) -> None:
    events = [*tap("p", 1.5), *tap("space", 4.5), *tap("p", 8.5)]
    assert "FIRE" not in play_script(events, tmp_path, ticks=12).diary.actions


def test_the_single_step_key_pauses_a_running_game(tmp_path: Path) -> None:
    game = play_script(tap(".", 3.5), tmp_path, ticks=20)
    assert len(game.diary.actions) == 5


def test_enter_starts_the_next_game(tmp_path: Path) -> None:
    game = play_script(tap("return", 3.5), tmp_path, ticks=6, seed=7, start=1)
    assert game.diary.told("began") == [(7, 1), (8, 2)]
    assert same(game.diary.frames, dream(["NOOP"] * 4, seed=7, start=1) + dream(["NOOP"] * 2, 8, 2))


def test_game_over_keeps_the_picture_until_enter(tmp_path: Path) -> None:
    game = play_script(tap("return", 20.5), tmp_path, ticks=25, length=5)
    assert len(game.diary.actions) == 5 + 4
    assert "game over - Enter restarts" in game.lines
    over = [p for p in game.window.pictures if p.line.startswith("game over")]
    assert np.array_equal(over[-1].frame, dream(["NOOP"] * 5)[-1])


def test_rewinding_shows_the_past_backwards_one_frame_a_tick(tmp_path: Path) -> None:
    game = play_script(hold("backspace", 30, 39), tmp_path, ticks=40)
    played = dream(["NOOP"] * 30)
    backwards = [p.frame for p in game.window.pictures if p.line == "rewinding"]
    shown = [backwards[0], *(b for a, b in pairwise(backwards) if not np.array_equal(a, b))]
    assert same(shown, played[:-12:-1])


def test_playing_on_from_a_rewound_moment_is_exact(tmp_path: Path) -> None:
    events = [*hold("d", 5, 12), *hold("backspace", 20, 29), *hold("a", 34, 40)]
    game = play_script(events, tmp_path, ticks=45)
    jump = game.diary.lines.index(("jumped", None))
    before = [name for kind, name in game.diary.lines[:jump] if kind == "stepped"]
    after = [name for kind, name in game.diary.lines[jump:] if kind == "stepped"]
    assert len(before) == 20 and "LEFT" in after
    history = before[:10] + after  # ten steps were taken back
    assert same(game.diary.frames[jump:], dream(history)[10:])


def test_rewinding_goes_back_at_least_ten_seconds(tmp_path: Path) -> None:
    game = play_script(hold("backspace", 400, 800), tmp_path, ticks=805)
    jump = game.diary.lines.index(("jumped", None))
    frames = dream(["NOOP"] * 400)
    back_to = next(i for i, frame in enumerate(frames) if same([frame], [game.diary.frames[jump]]))
    assert back_to <= 400 - 150
    assert "as far back as memory goes" in game.lines


def test_a_tap_on_rewind_goes_back_one_step_even_while_paused(tmp_path: Path) -> None:
    events = [*tap("p", 9.5), *tap("backspace", 12.5), *tap(".", 20.5)]
    game = play_script(events, tmp_path, ticks=30)
    assert len(game.diary.actions) == 11
    assert same(game.diary.frames[-2:], dream(["NOOP"] * 10)[-2:])


def test_rewinding_ends_when_the_window_loses_the_keys(tmp_path: Path) -> None:
    """The key going up is then someone else's event, and the game would run back for ever."""
    events = [down("backspace", 19.5), FocusLost(24.5 * TICK_S)]
    game = play_script(events, tmp_path, ticks=40)
    jump = game.diary.lines.index(("jumped", None))
    assert same(game.diary.frames[jump:], dream(["NOOP"] * 40)[15:30])


def test_the_line_says_the_end_of_memory_only_while_the_key_is_down(tmp_path: Path) -> None:
    game = play_script([*tap("p", 2.5), *hold("backspace", 4, 20)], tmp_path, ticks=30)
    assert game.lines[-2:] == [
        "as far back as memory goes",
        "paused - P plays on, '.' makes one step",
    ]


def test_rewinding_undoes_the_end_of_a_game_and_a_restart(tmp_path: Path) -> None:
    events = [*tap("return", 8.5), *hold("backspace", 12, 20)]
    game = play_script(events, tmp_path, ticks=30, length=5)
    jump = game.diary.lines.index(("jumped", None))
    assert any(same([game.diary.frames[jump]], [frame]) for frame in dream(["NOOP"] * 4))
    assert len(game.diary.actions[jump:]) >= 1


def test_a_saved_moment_comes_back_exactly_and_outlives_the_player(tmp_path: Path) -> None:
    game = play_script([*hold("d", 2, 4), *tap("f5", 9.5)], tmp_path, ticks=15)
    assert any(line.startswith("saved") for line in game.lines)
    saved = dream(game.diary.actions[:10])

    again = play_script([*tap("f9", 3.5), *hold("a", 6, 8)], tmp_path, ticks=12, seed=99, start=2)
    jump = again.diary.lines.index(("jumped", None))
    after = [name for kind, name in again.diary.lines[jump:] if kind == "stepped"]
    assert "LEFT" in after
    assert same(again.diary.frames[jump:], dream(game.diary.actions[:10] + after)[10:])
    assert same(again.diary.frames[jump : jump + 1], saved[-1:])


def test_return_and_steps_come_back_with_a_moment(tmp_path: Path) -> None:
    events = [*tap("space", 2.5), *tap("f5", 5.5), *tap("space", 8.5), *tap("f9", 12.5)]
    game = play_script(events, tmp_path, ticks=15)
    totals = [dict(picture.hud[1])["return"] for picture in game.window.pictures if picture.hud]
    assert [t for i, t in enumerate(totals) if i == 0 or t != totals[i - 1]] == ["0", "1", "2", "1"]


def test_loading_without_a_save_and_from_a_foreign_file_is_one_line(tmp_path: Path) -> None:
    empty = play_script(tap("f9", 2.5), tmp_path, ticks=9)
    assert "slot 1 is empty" in empty.lines
    (tmp_path / "toy.npz").write_bytes(b"GIF89a, not ours")
    game = play_script(tap("f9", 2.5), tmp_path, ticks=9)
    assert "toy.npz is damaged or not a saved moment; saving replaces it" in game.lines
    assert same(game.diary.frames, dream(["NOOP"] * 9))  # and the game went on


def test_a_disk_that_refuses_still_keeps_the_moment_until_you_leave(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    game = play_script([*tap("f5", 4.5), *tap("f9", 9.5)], blocked, ticks=12)
    assert any(
        line.startswith("saved in slot 1 until you leave; cannot write") for line in game.lines
    )
    assert ("jumped", None) in game.diary.lines


def test_a_screenshot_is_what_the_window_shows(tmp_path: Path) -> None:
    game = play_script(tap("f12", 4.5), tmp_path, ticks=9)
    (path,) = tmp_path.glob("toy-*.png")
    assert f"screenshot: {path}" in game.lines
    assert same([cv2.imread(str(path))[..., ::-1]], dream(["NOOP"] * 5)[-1:])


def test_help_figures_and_full_screen_switch_on_and_off(tmp_path: Path) -> None:
    events = [*tap("f1", 1.5), *tap("f1", 3.5), *tap("f1", 4.5), *tap("h", 5.5), *tap("f11", 7.5)]
    game = play_script(events, tmp_path, ticks=10)
    assert [bool(p.help) for p in game.window.pictures if p.frame is not None].count(True) >= 2
    last = game.window.pictures[-1]
    assert not last.help and not last.hud
    assert game.window.fullscreen


def test_escape_leaves_and_so_does_a_limit_of_steps(tmp_path: Path) -> None:
    assert len(play_script(tap("escape", 3.5), tmp_path, ticks=99).diary.actions) == 4
    assert len(play_script([], tmp_path, ticks=99, steps=7).diary.actions) == 7


def test_the_window_answers_while_a_step_takes_for_ever(tmp_path: Path) -> None:
    """The first step ends only after the window has shown the help page asked for during it."""
    clock, stepping, shown = VirtualClock(), threading.Event(), threading.Event()
    polled_at: list[float] = []

    class Window(NullWindow):
        def poll(self, timeout_s: float) -> list:
            if stepping.is_set():
                polled_at.append(clock.now)
                if len(polled_at) == 100:  # two seconds into the step
                    return [KeyDown("f1", clock.now)]
            return super().poll(timeout_s)

        def present(self, picture: Picture) -> None:
            super().present(picture)
            if picture.help:
                stepping.clear()
                shown.set()

    def block() -> None:
        if not shown.is_set():
            stepping.set()
            assert shown.wait(30), "the window did not answer during the step"

    class LeaveAfterOne(Observer):
        def stepped(self, action: ActionVector, step: Step) -> None:
            raise UserError("seen enough")

    window = Window([CloseAsked(1e9)], clock)
    with pytest.raises(UserError, match="seen enough"):
        play(
            lambda report: ToyWorld(before_step=block),
            window,
            outputs=Outputs([LeaveAfterOne()], folder=tmp_path),
            clock=clock,
        )
    assert len(polled_at) >= 100
    assert max(later - earlier for earlier, later in pairwise(polled_at)) <= 0.05
    assert window.closed


def test_the_window_says_loading_and_can_be_left_while_the_world_opens(tmp_path: Path) -> None:
    loaded = threading.Event()

    class Window(NullWindow):
        def poll(self, timeout_s: float) -> list:
            if self.polls == 5:
                return [KeyDown("escape")]
            return super().poll(min(timeout_s, 0.001))

        def close(self) -> None:
            super().close()
            loaded.set()

    def open_world(report: Report) -> ToyWorld:
        assert loaded.wait(30), "the window could not be left"
        return ToyWorld()

    window = Window([CloseAsked(1e9)])
    play(open_world, window, options=PlayOptions("toy"), outputs=Outputs(folder=tmp_path))
    assert [picture.line for picture in window.pictures] == ["loading toy ..."]


def test_the_window_shows_how_far_loading_has_come(tmp_path: Path) -> None:
    clock, shown = VirtualClock(), threading.Event()

    class Window(NullWindow):
        def present(self, picture: Picture) -> None:
            super().present(picture)
            if picture.line == "downloading 34 %":
                shown.set()

    def open_world(report: Report) -> ToyWorld:
        report("downloading 34 %")
        assert shown.wait(30), "the window did not say so while the world was opened"
        return ToyWorld()

    window = Window([CloseAsked(1e9)], clock)
    options, outputs = PlayOptions("toy", steps=1), Outputs(folder=tmp_path)
    play(open_world, window, options=options, outputs=outputs, clock=clock)
    lines = [picture.line for picture in window.pictures]
    assert lines[:2] == ["loading toy ...", "downloading 34 %"]
    assert "downloading 34 %" not in lines[2:]


def test_a_world_that_cannot_be_opened_closes_the_window_with_its_own_error(
    tmp_path: Path,
) -> None:
    def open_world(report: Report) -> ToyWorld:
        raise UserError("weights.safetensors is truncated")

    clock = VirtualClock()
    window = NullWindow([CloseAsked(1e9)], clock)
    with pytest.raises(UserError, match="truncated"):
        outputs, worker = Outputs(folder=tmp_path), PromptWorker(window.wake)
        play(open_world, window, outputs=outputs, clock=clock, worker=worker)
    assert window.closed


def test_observers_may_keep_frames(tmp_path: Path) -> None:
    kept: list[Frame] = []

    class Keeper(Observer):
        def stepped(self, action: ActionVector, step: Step) -> None:
            kept.append(step.frame)

    clock = VirtualClock()
    window = NullWindow([CloseAsked(9.5 * TICK_S)], clock)
    play(
        lambda report: ToyWorld(),
        window,
        outputs=Outputs([Keeper()], folder=tmp_path),
        clock=clock,
        worker=PromptWorker(window.wake),
    )
    assert same(kept, dream(["NOOP"] * 10)[1:])


def test_escape_takes_the_list_of_keys_away_before_it_leaves(tmp_path: Path) -> None:
    """It ended the game under the list, with all that was not saved."""
    game = play_script([*tap("f1", 2.5), *tap("escape", 4.5)], tmp_path, ticks=9)
    assert len(game.diary.actions) == 9
    assert not game.window.pictures[-1].help


@pytest.mark.parametrize("first", ["loading", "playing"])
def test_a_world_that_was_left_is_not_kept_in_memory(tmp_path: Path, first: str) -> None:
    """It stayed until the next one was loaded beside it, and those left while loading piled up."""
    kept: list[weakref.ref[ToyWorld]] = []

    def open_world(report: Report) -> ToyWorld:
        toy = ToyWorld()
        kept.append(weakref.ref(toy))
        return toy

    clock, leaves_at = VirtualClock(), 0.0 if first == "loading" else 5 * TICK_S
    window = NullWindow([CloseAsked(leaves_at)], clock)
    gc.disable()
    try:
        outputs, worker = Outputs(folder=tmp_path), PromptWorker(window.wake)
        play(open_world, window, outputs=outputs, clock=clock, worker=worker)
        assert [world() for world in kept] == [None]
    finally:
        gc.enable()


def test_a_lent_window_answers_until_what_is_under_way_is_done(tmp_path: Path) -> None:
    """It hung for five seconds, and what was pressed meanwhile went to the menu behind the game."""
    clock, told = VirtualClock(), threading.Event()

    class Window(NullWindow):
        def present(self, picture: Picture) -> None:
            super().present(picture)
            if picture.line == "leaving ...":
                told.set()

    def open_world(report: Report) -> ToyWorld:
        assert told.wait(30), "nothing was said"
        return ToyWorld()

    pressed = [KeyDown("escape", 0.1), KeyDown("escape", 0.2), KeyDown("return", 0.35)]
    window = Window([*pressed, CloseAsked(1e9)], clock)
    borrowed = BorrowedWindow(window)
    options, outputs = PlayOptions("toy"), Outputs(folder=tmp_path)
    play(open_world, borrowed, options=options, outputs=outputs, clock=clock)
    assert [picture.line for picture in window.pictures] == ["loading toy ...", "leaving ..."]
    assert not window.closed and not borrowed.close_asked
    assert all(isinstance(event, CloseAsked) for event in window.poll(0.0))


def test_its_close_button_does_not_wait(tmp_path: Path) -> None:
    clock, closed = VirtualClock(), threading.Event()

    class Lent(BorrowedWindow):
        def close(self) -> None:
            super().close()
            closed.set()

    def open_world(report: Report) -> ToyWorld:
        assert closed.wait(30), "it waits"
        return ToyWorld()

    borrowed = Lent(NullWindow([KeyDown("escape", 0.1), CloseAsked(0.2)], clock))
    play(open_world, borrowed, outputs=Outputs(folder=tmp_path), clock=clock)
    assert borrowed.close_asked


def test_what_only_had_a_line_to_say_does_not_become_an_error_by_leaving(tmp_path: Path) -> None:
    clock, turned = VirtualClock(), threading.Event()

    class Refusing(SwitchingToy):
        def switch(self, key: str) -> Switched:
            turned.set()
            raise UserError("it cannot be turned")

    class Window(NullWindow):
        def poll(self, timeout_s: float) -> list:
            return [CloseAsked()] if turned.is_set() else super().poll(timeout_s)

    window = Window([*tap("f2", 3.5), CloseAsked(1e9)], clock)
    worker = PromptWorker(window.wake)
    outputs = Outputs(folder=tmp_path)
    play(lambda _: Refusing(ToyWorld()), window, outputs=outputs, clock=clock, worker=worker)
    assert window.closed


def test_starts_are_counted_in_a_circle_both_ways(tmp_path: Path) -> None:
    """A replay that began at start -1 could be written, and not be read."""
    game = play_script([], tmp_path, ticks=2, start=-1)
    assert game.diary.told("began") == [(0, ToyWorld.starts - 1)]
