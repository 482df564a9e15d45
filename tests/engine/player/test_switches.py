"""Switches of a world, turned in the middle of a game: seen at once, and undone by rewinding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2

from engine.contracts import Switch, Switched
from engine.input.keymap import COMMANDS
from engine.settings import SettingsFile
from engine.ui.screen import Event, Picture
from tests.support.scripted_game import Game, down, dream, hold, play_script, same, tap, up
from tests.support.toy_world import SwitchingToy


def play(events: list[Event], folder: Path, ticks: int, length: int = 1_000_000) -> Game:
    return play_script(events, folder, ticks=ticks, length=length, wrap=SwitchingToy)


def widths(pictures: list[Picture]) -> list[int]:
    """Widths of the frames shown, without repeats in a row."""
    shown = [p.frame.shape[1] for p in pictures if p.frame is not None]
    return [width for i, width in enumerate(shown) if i == 0 or width != shown[i - 1]]


def test_a_switch_is_turned_between_steps_and_the_game_goes_on(tmp_path: Path) -> None:
    game = play(tap("m", 3.5), tmp_path, ticks=8)
    # What was really done is what observers hear of and the figures show.
    assert game.diary.actions == ["NOOP"] * 4 + ["RIGHT"] * 4
    assert dict(game.window.pictures[-1].hud[1])["action"] == "RIGHT"
    assert game.window.pictures[-1].hud[2] == (("playing", "itself"),)
    assert "it plays itself" in game.lines
    assert ("jumped", None) not in game.diary.lines  # the frame on screen stayed as it was


def test_a_switch_shows_at_once_even_during_a_pause(tmp_path: Path) -> None:
    game = play([*tap("p", 2.5), *tap("f2", 5.5)], tmp_path, ticks=20)
    assert len(game.diary.actions) == 3
    frame = dream(["NOOP"] * 3)[-1]
    last = game.window.pictures[-1]
    assert same([last.frame], [frame.repeat(2, axis=1)])
    assert dict(last.hud[2])["playing"] == "you"
    assert game.diary.told("jumped") == [None]  # other pixels than the step left


def test_every_press_counts_although_a_step_is_under_way(tmp_path: Path) -> None:
    game = play([*tap("f2", 3.2), *tap("f2", 3.4), *tap("f2", 3.6)], tmp_path, ticks=6)
    assert widths(game.window.pictures) == [16, 32, 16, 32]


def test_frames_may_change_size_and_rewinding_brings_the_old_ones_back(tmp_path: Path) -> None:
    events = [*tap("f2", 9.5), *hold("backspace", 15, 24), *tap("f12", 30.5)]
    game = play(events, tmp_path, ticks=40)
    assert widths(game.window.pictures) == [16, 32, 16]
    jump = len(game.diary.lines) - game.diary.lines[::-1].index(("jumped", None)) - 1
    assert same(
        game.diary.frames[jump:], dream(["NOOP"] * 40)[5 : 5 + len(game.diary.frames) - jump]
    )
    (path,) = tmp_path.glob("toy-*.png")
    assert cv2.imread(str(path)).shape == (16, 16, 3)


def test_a_switch_turned_while_rewinding_acts_where_the_screen_is(tmp_path: Path) -> None:
    events = [*tap("p", 9.5), down("backspace", 12.5), down("m", 15.7), up("backspace", 15.8)]
    game = play([*events, *tap("p", 25.5)], tmp_path, ticks=30)
    jump = game.diary.lines.index(("jumped", None))
    back_to = next(
        i for i, f in enumerate(dream(["NOOP"] * 10)) if same([f], [game.diary.frames[jump]])
    )
    assert back_to < 10
    after = [name for kind, name in game.diary.lines[jump:] if kind == "stepped"]
    assert after and set(after) == {"RIGHT"}
    expected = dream(["NOOP"] * back_to + after)[back_to:]
    assert same(game.diary.frames[jump:], expected)


def test_a_saved_moment_brings_its_switches_and_its_size_back(tmp_path: Path) -> None:
    events = [*tap("f2", 2.5), *tap("f5", 5.5), *tap("f2", 8.5), *tap("f9", 12.5)]
    assert widths(play(events, tmp_path, ticks=15).window.pictures) == [16, 32, 16, 32]
    # And in another run, which has only seen narrow frames.
    again = play(tap("f9", 3.5), tmp_path, ticks=6)
    assert widths(again.window.pictures) == [16, 32]


def test_a_moment_saved_right_after_a_switch_has_it(tmp_path: Path) -> None:
    events = [*tap("p", 2.5), *tap("f2", 4.5), *tap("f5", 6.5), *tap("f2", 8.5), *tap("f9", 9.5)]
    assert widths(play(events, tmp_path, ticks=15).window.pictures) == [16, 32, 16, 32]


def test_a_switch_that_cannot_be_turned_is_a_line(tmp_path: Path) -> None:
    game = play(tap("]", 2.5), tmp_path, ticks=6)
    assert "there is no more of it" in game.lines
    assert same(game.diary.frames, dream(["NOOP"] * 6))


def test_a_game_that_is_over_can_still_be_looked_at(tmp_path: Path) -> None:
    game = play(tap("f2", 9.5), tmp_path, ticks=15, length=5)
    assert len(game.diary.actions) == 5
    assert widths(game.window.pictures) == [16, 32]
    assert game.lines[-1] == "game over - Enter restarts"


def test_the_list_of_keys_has_them_between_the_games_and_the_players_own(tmp_path: Path) -> None:
    rows = play(tap("f1", 2.5), tmp_path, ticks=6).window.pictures[-1].help
    assert [row[0] for row in rows[3:6]] == ["F2", "M", "]"]
    assert rows[3][1] == "twice as wide"
    assert rows[6][1] == COMMANDS[0][2]


def test_the_keys_of_commands_go_first(tmp_path: Path) -> None:
    class Greedy(SwitchingToy):
        switches = (Switch("p", "mine"),)

        def switch(self, key: str) -> Switched:
            raise AssertionError("it is the player's key")

    game = play_script(tap("p", 2.5), tmp_path, ticks=6, wrap=Greedy)
    assert len(game.diary.actions) == 3  # a pause, as ever
    rows = play_script(tap("f1", 2.5), tmp_path, ticks=6, wrap=Greedy).window.pictures[-1].help
    assert ("no key", "mine") in rows  # and it is not hidden


def test_switches_last_over_a_restart(tmp_path: Path) -> None:
    game = play([*tap("f2", 2.5), *tap("return", 5.5)], tmp_path, ticks=9)
    assert widths(game.window.pictures) == [16, 32]
    began = game.diary.lines.index(("began", (1, 1)))
    first = dream([], seed=1, start=1)[0]
    assert same(game.diary.frames[began : began + 1], [first.repeat(2, axis=1)])


def test_a_switch_obeys_the_keys_that_were_set_and_is_listed_with_them(tmp_path: Path) -> None:
    """The world, and so a replay, knows it by the key that it comes with."""
    turned: list[str] = []

    class Told(SwitchingToy):
        def switch(self, key: str) -> Switched:
            turned.append(key)
            return super().switch(key)

    settings = SettingsFile(tmp_path / "settings.json")
    settings.change(keys={"switches": {"f2": ("k", "pad y"), "m": (), "]": ("a",)}})

    def shown(*events: Event) -> Game:
        return play_script(events, tmp_path, ticks=9, wrap=Told, settings=settings)

    game = shown(*tap("k", 1.5), *tap("f2", 3.5), *tap("m", 4.5))
    assert widths(game.window.pictures) == [16, 32] and turned == ["f2"]
    # Of a pad a key that is the player's own stays that; and of the game one that is the game's.
    again = shown(*tap("pad y", 2.5), *hold("a", 5, 6))
    assert widths(again.window.pictures) == [16] and again.diary.actions.count("LEFT") == 2
    rows = {about: key for key, about in shown(*tap("f1", 2.5)).window.pictures[-1].help}
    assert rows["twice as wide"] == "K" and rows["plays itself"] == rows["more of it"] == "no key"


def test_time_that_a_game_was_over_makes_no_step_late(tmp_path: Path) -> None:
    """A switch can bring a game back to life, as one to the emulator does."""

    class Reviving(SwitchingToy):
        def switch(self, key: str) -> Switched:
            return replace(super().switch(key), ended=False)

    game = play_script(tap("f2", 30.5), tmp_path, ticks=40, length=5, wrap=Reviving)
    assert len(game.diary.actions) == 6
    assert game.timings.summary()["jitter"]["p99_ms"] < 1
