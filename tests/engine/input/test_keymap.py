"""The keymap: keys by default, as they are set, and as they are listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contracts import CsgoActions, Switch
from engine.input.key_names import NO_KEY
from engine.input.keymap import (
    COMMANDS,
    FIXED,
    MEANINGS,
    SPARE,
    Command,
    KeyLayout,
    Keymap,
    all_layouts,
    layout_of,
    layout_of_switches,
)
from engine.settings import SettingsFile
from engine.ui.help_pages import help_page, help_room, help_rows
from tests.support.scripted_game import Game, hold, play_script, tap
from tests.support.toy_world import ACTIONS, MouseToy


def own(**keys: tuple[str, ...]) -> Keymap:
    """Set keys by the names of commands, for a game of named actions."""
    return Keymap({"player": keys}, layout_of(ACTIONS))


def set_keys(folder: Path, **keys: tuple[str, ...]) -> SettingsFile:
    file = SettingsFile(folder / "settings.json")
    file.change(keys={"player": keys})
    return file


def test_every_command_comes_with_keys_and_no_game_comes_with_one_of_them() -> None:
    keys = [key for _, has, _ in COMMANDS for key in has]
    assert len(set(keys)) == len(keys) and all(has for _, has, _ in COMMANDS)
    assert {command for command, _, _ in COMMANDS} == set(Command) == set(MEANINGS)
    games = {key for g in all_layouts() for bound in g.keys.values() for key in bound}
    assert not games & set(keys)
    came = Keymap({})
    assert all(came.command(key) is command for command, has, _ in COMMANDS for key in has)


def test_what_is_fixed_is_so_whatever_is_set() -> None:
    """Also where the other keys of these commands went."""
    keys = own(leave=(), help=("i",), settings=())
    assert {key: keys.command(key) for key in FIXED} == dict(FIXED)
    assert keys.keys_of(Command.HELP) == ("f1", "i")


def test_of_two_commands_on_a_key_the_one_that_it_was_set_for_has_it() -> None:
    keys = own(pause=("h",))  # which the figures come with, as nobody but an editor can write
    assert keys.command("h") is Command.PAUSE and keys.keys_of(Command.HUD) == ()
    rows = {about: key for key, about in help_rows(keys)}
    assert rows[MEANINGS[Command.PAUSE]] == "H"
    assert rows[MEANINGS[Command.HUD]] == NO_KEY  # a command without a key is not hidden


def test_a_spare_key_is_one_until_its_command_or_its_key_is_set() -> None:
    (key,) = SPARE
    assert own().command(key) is SPARE[key]
    assert own(record=("f8", "k")).command(key) is None
    assert own(pause=(key,)).command(key) is Command.PAUSE
    game = KeyLayout("game", "Game", {"reload": (key,)})
    assert Keymap({}, game).command(key) is None is Keymap({}).command(key)


def test_a_key_means_one_thing_and_commands_go_before_buttons_and_buttons_before_switches() -> None:
    layout, switches = layout_of(ACTIONS), layout_of_switches([Switch("a", "x"), Switch("f2", "y")])
    keymap = Keymap(
        {"arcade": {"fire": ("p", "f2")}, "switches": {"a": ("f2", "k")}}, layout, switches
    )
    assert keymap.command("p") is Command.PAUSE
    assert keymap.buttons["fire"] == ("f2",) and keymap.buttons["left"][0] == "a"
    assert keymap.switches == {"a": ("k",), "f2": ()} and keymap.switch("k") == "a"


def test_the_list_of_keys_has_them_as_they_are_bound_now() -> None:
    settings = {
        "shooter": {"jump": ("j", "pad x"), "walk": ()},
        "player": {"pause": ("k", "pad start"), "rewind": ("pad back",)},
    }
    rows = help_rows(Keymap(settings, layout_of(CsgoActions())))
    assert [r for r in rows if r[1] == "jump"] == [("J", "jump"), ("Pad X", "jump")]
    assert ("Left button", "fire") in rows and ("Pad right trigger", "fire") in rows
    assert ("Right stick", "look around") in rows
    assert [r[0] for r in rows if r[1] == MEANINGS[Command.PAUSE]] == ["K", "Pad start"]
    assert [r[0] for r in rows if r[1] == MEANINGS[Command.REWIND]] == ["Pad back"]
    assert not [row for row in rows if row[1] == "walk"]  # nothing is bound to it
    assert {about for _, about in rows} >= set(MEANINGS.values())
    assert "Enter, Keypad Enter" in [row[0] for row in rows], "two keys, and two names"


def test_lines_speak_of_the_keys_as_they_are(tmp_path: Path) -> None:
    def lines(**keys: tuple[str, ...]) -> list[str]:
        pressed = [*tap("k", 2.5), *tap("pad start", 2.5), *tap("return", 9.5), *tap("f7", 12.5)]
        settings = set_keys(tmp_path, **keys)
        return play_script(pressed, tmp_path, ticks=16, settings=settings).lines

    assert "paused - K plays on, '.' makes one step" in lines(pause=("k",))
    said = lines(**{"pause": ("pad start",), "single step": (), "save": ("b",)})
    assert "paused - Pad start plays on" in said
    assert "slot 2 is empty - B saves there" in said


def test_a_game_obeys_the_keys_that_were_set(tmp_path: Path) -> None:
    settings = set_keys(tmp_path, pause=("d",), rewind=("k",))
    game = play_script(hold("k", 5, 8), tmp_path, ticks=12, settings=settings)
    assert "rewinding" in game.lines and game.lines[-1] != "rewinding"
    # A key that both have is the player's.
    paused = play_script(tap("d", 2.5), tmp_path, ticks=12, settings=settings)
    assert paused.diary.actions == ["NOOP"] * 3


def listed(game: Game) -> list[tuple[str, str]]:
    return list(game.window.pictures[-1].help)


def test_a_long_list_comes_in_pages_that_f1_leads_through(tmp_path: Path) -> None:
    def after(presses: int) -> list[tuple[str, str]]:
        pressed = [event for i in range(presses) for event in tap("f1", 2.5 + i)]
        return listed(play_script(pressed, tmp_path, ticks=12, kind=MouseToy))

    first, second, third = after(1), after(2), after(3)
    assert first[-1] == ("F1", "the next page (this is 1 of 3)")
    assert third[-1] == ("F1", "back to the game (this is 3 of 3)")
    assert set(MEANINGS.values()) <= {about for _, about in first + second + third}
    assert after(4) == [] and after(5) == first


def test_pages_hold_every_row_once_in_any_window() -> None:
    keys = {**ACTIONS.keys, **{f"button {i}": (f"{i}",) for i in range(18)}}
    rows = help_rows(Keymap({}, KeyLayout("any", "Any", keys, mouse=True)))
    for size in ((160, 160), (256, 300), (512, 512), (1280, 720), (3840, 2160)):
        pages, number = [], 1
        while page := help_page(rows, number, size):
            columns, lines = help_room(size)
            assert len(page) <= columns * lines
            pages.append(page)
            number += 1
        whole = [row for page in pages for row in page if len(pages) == 1 or row != page[-1]]
        assert whole == list(rows)


@pytest.mark.parametrize("command", Command)
def test_every_command_is_answered_in_a_game(tmp_path: Path, command: Command) -> None:
    (key,) = (keys[0] for this, keys, _ in COMMANDS if this is command)
    game = play_script([*tap(key, 2.5), *tap("escape", 4.5)], tmp_path, ticks=7)
    assert game.window.closed
