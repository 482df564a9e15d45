"""The page of settings: keys are set, taken from others, brought back; and a game obeys them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.contracts import BESIDE, SHOW, SWITCHES, CsgoActions
from engine.input.keymap import (
    COMMANDS,
    FIXED,
    MEANINGS,
    Command,
    Keymap,
    all_layouts,
    layout_of,
    layout_of_switches,
)
from engine.settings import Settings, SettingsFile
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.page_layout import lay_out
from engine.ui.pygame.window import DesktopWindow
from engine.ui.screen import CloseAsked, Event, KeyDown, KeyUp, MouseMoved, Picture, Pointed
from engine.ui.screens.settings_screen import SettingsScreen, show_settings
from tests.support.scripted_game import Game, down, hold, play_script, tap, up
from tests.support.toy_world import ACTIONS, MouseToy, ToyWorld

SIZE = (800, 600)
ARCADE = layout_of(ACTIONS)
PAUSE, HUD = MEANINGS[Command.PAUSE], MEANINGS[Command.HUD]
SENSITIVITY = "Sensitivity of mouse and right stick"


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.json")


@pytest.fixture
def screen(file: SettingsFile) -> SettingsScreen:
    return SettingsScreen(file, [ARCADE])


def press(screen: SettingsScreen, *keys: str) -> None:
    for key in keys:
        screen.handle(KeyDown(key), SIZE)
        screen.handle(KeyUp(key), SIZE)


def values(screen: SettingsScreen) -> dict[str, str]:
    return {row.label: row.value for row in screen.page.rows}


def go_to(screen: SettingsScreen, label: str) -> None:
    press(screen, "home", *["down"] * list(values(screen)).index(label))
    assert screen.page.rows[screen.page.marked].label == label


def test_its_rows_are_the_sensitivity_buttons_commands_and_a_way_back(
    screen: SettingsScreen,
) -> None:
    shown = values(screen)
    assert list(shown)[:4] == [SENSITIVITY, "left", "right", "fire"]
    assert list(shown)[4:] == [*MEANINGS.values(), "All as it came"]
    assert shown[SENSITIVITY] == "< 1 >"
    assert shown["left"] == "A, Left, Pad left, Stick left"
    assert shown[PAUSE] == "P, Pad start"


def test_a_key_takes_the_place_of_those_of_its_device(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    go_to(screen, "left")
    press(screen, "return")
    dialog = screen.page.dialog
    assert dialog is not None and dialog.title == "Press a key for 'left'"
    press(screen, "q")
    assert screen.page.dialog is None
    assert values(screen)["left"] == "* Q, Pad left, Stick left"  # a mark, not a colour
    press(screen, "return", "pad left shoulder")
    assert values(screen)["left"] == "* Pad left shoulder, Q"
    assert SettingsFile(file.path).now.keys == {"arcade": {"left": ("pad left shoulder", "q")}}


def test_the_mouse_keeps_its_buttons(file: SettingsFile) -> None:
    screen = SettingsScreen(file, [layout_of(CsgoActions())])
    go_to(screen, "fire")
    press(screen, "return", "f")
    assert values(screen)["fire"] == "* F, Left button, Pad right trigger"


def test_a_key_that_is_taken_is_asked_about(screen: SettingsScreen, file: SettingsFile) -> None:
    go_to(screen, "left")
    press(screen, "return", "space")
    dialog = screen.page.dialog
    assert dialog is not None and dialog.title == "Taken already"
    assert dialog.lines[0] == "Space is 'fire'"  # which still has one of a pad
    press(screen, "escape")
    assert file.now == Settings() and not screen.closed
    press(screen, "return", "space", "down", "return")  # the second choice: leave it
    assert file.now == Settings()
    press(screen, "return", "space", "return")
    assert values(screen)["left"] == "* Space, Pad left, Stick left"
    assert values(screen)["fire"] == "* Pad A"


def test_a_question_is_answered_with_the_mouse(screen: SettingsScreen) -> None:
    go_to(screen, "left")
    press(screen, "return", "space")
    screen.handle(Pointed(0, pressed=True), SIZE)
    assert values(screen)["fire"] == "* Pad A"


def test_a_command_gets_another_key_and_keeps_it(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    go_to(screen, PAUSE)
    press(screen, "return", "k")
    assert values(screen)[PAUSE] == "* K, Pad start"
    assert SettingsFile(file.path).now.keys == {"player": {"pause": ("k", "pad start")}}
    press(screen, "delete")
    assert file.now == Settings()


def test_a_command_that_is_left_without_a_key_is_not_left_so_silently(
    screen: SettingsScreen,
) -> None:
    go_to(screen, PAUSE)
    press(screen, "return", "h")
    dialog = screen.page.dialog
    assert dialog is not None
    assert dialog.lines[0] == f"H is '{HUD}', which has no other key"
    press(screen, "return")
    assert values(screen)[HUD] == "* no key" and values(screen)[PAUSE] == "* H, Pad start"
    go_to(screen, HUD)  # and to bring it back takes it from where it went, after a question
    press(screen, "delete")
    assert screen.page.dialog is not None and PAUSE in screen.page.dialog.lines[0]
    press(screen, "return")
    assert (values(screen)[HUD], values(screen)[PAUSE]) == ("H", "* Pad start")


def test_games_and_commands_take_keys_from_each_other(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    go_to(screen, "fire")
    press(screen, "return", "p", "return")
    assert (values(screen)["fire"], values(screen)[PAUSE]) == ("* P, Pad A", "* Pad start")
    go_to(screen, PAUSE)
    press(screen, "return", "a", "return")
    assert (values(screen)["left"], values(screen)[PAUSE]) == (
        "* Left, Pad left, Stick left",
        "* A, Pad start",
    )
    press(screen, "end", "return")
    assert file.now == Settings()


def test_some_keys_do_what_they_do_for_ever(screen: SettingsScreen, file: SettingsFile) -> None:
    go_to(screen, "fire")
    for key in set(FIXED) - {"escape"}:
        press(screen, "return", key)
        dialog = screen.page.dialog
        assert dialog is not None and dialog.lines[0].endswith(f": {MEANINGS[FIXED[key]]}")
        press(screen, "escape")
    go_to(screen, MEANINGS[Command.LEAVE])
    press(screen, "return", "q")
    assert values(screen)[MEANINGS[Command.LEAVE]] == "* Q, Esc, Pad guide"
    assert Keymap(file.now.keys).command("escape") is Command.LEAVE


def test_a_key_that_is_waited_for_does_nothing_else(file: SettingsFile) -> None:
    """F11 is full screen everywhere, but not where it is to be another's key."""
    clock, item = VirtualClock(), 4 + len(COMMANDS) - 1  # the last of the commands
    keys = ["end", "up", "return", "f11", "return", "f11", "escape"]
    events: list[Event] = [KeyDown(key, i + 1.0) for i, key in enumerate(keys)]
    window = NullWindow([*events, *(KeyUp(key, i + 1.1) for i, key in enumerate(keys))], clock)
    assert show_settings(window, file, [ARCADE], clock) is False
    assert not window.fullscreen
    assert file.now.keys["player"] == {
        "full screen": (),
        "leave": ("f11", "escape", "pad guide"),
    }
    assert any(p.page is not None and p.page.marked == item for p in window.pictures)


def test_a_conflict_that_was_written_by_hand_is_shown(file: SettingsFile) -> None:
    file.change(keys={"player": {"pause": ("space",)}})
    screen = SettingsScreen(file, [ARCADE])
    assert values(screen)["fire"] == "Space (taken), Pad A"
    go_to(screen, "fire")
    assert screen.line.startswith(f"Space is for '{PAUSE}'; ")
    assert values(screen)[PAUSE] == "* Space"


def test_escape_while_a_key_is_waited_for_changes_nothing(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    go_to(screen, "fire")
    press(screen, "return", "escape")
    assert screen.page.dialog is None and not screen.closed and file.now == Settings()
    press(screen, "return")
    screen.handle(Pointed(0), SIZE)
    assert screen.page.dialog is not None
    screen.handle(Pointed(0, pressed=True), SIZE)
    assert screen.page.dialog is None and not screen.closed and file.now == Settings()


def test_a_button_gets_its_own_keys_back_from_whoever_has_them(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    go_to(screen, "left")
    press(screen, "return", "space", "return")
    go_to(screen, "fire")
    press(screen, "delete", "return")
    assert values(screen)["fire"] == "Space, Pad A"
    assert values(screen)["left"] == "* Pad left, Stick left"
    go_to(screen, "left")
    press(screen, "pad x")
    assert file.now == Settings()


def test_all_comes_back_but_what_other_games_have(file: SettingsFile) -> None:
    other = {"shooter": {"jump": ("j",)}}
    file.change(keys={"arcade": {"fire": ("x",)}, **other}, sensitivity=3.0)
    screen = SettingsScreen(file, [ARCADE])
    press(screen, "end", "return")
    assert file.now == Settings(keys=other)


def test_sensitivity_goes_in_steps_up_to_its_ends(
    screen: SettingsScreen, file: SettingsFile
) -> None:
    press(screen, "right", "right", "left", "pad right")
    assert values(screen)[SENSITIVITY] == "< 2 >"
    press(screen, *["left"] * 40)
    assert values(screen)[SENSITIVITY] == "  0.1 >"
    press(screen, *["stick right"] * 40)
    assert values(screen)[SENSITIVITY] == "< 10  "
    press(screen, "delete")
    assert file.now == Settings()
    file.change(sensitivity=1.2)  # from a file that was written by hand
    press(screen, "right")
    assert file.now.sensitivity == 1.5


def test_left_and_right_do_nothing_to_keys(screen: SettingsScreen, file: SettingsFile) -> None:
    go_to(screen, "fire")
    press(screen, "left", "right")
    assert file.now == Settings()


@pytest.mark.parametrize("key", ["escape", "pad b", "f10", "pad left stick"])
def test_the_player_is_done(screen: SettingsScreen, key: str) -> None:
    press(screen, key)
    assert screen.closed


def test_layouts_of_several_games_are_told_apart_and_kept_apart(file: SettingsFile) -> None:
    screen = SettingsScreen(file, all_layouts())
    assert {"Arcade games: up", "Counter-Strike: jump"} <= set(values(screen))
    go_to(screen, "Counter-Strike: jump")
    press(screen, "return", "d", "return")  # taken from the same game, not from the other
    assert values(screen)["Counter-Strike: right"] == "* Stick right"
    assert values(screen)["Arcade games: right"] == "D, Right, Pad right, Stick right"


def test_the_keys_of_switches_are_set_like_all_others(file: SettingsFile) -> None:
    screen = SettingsScreen(file, [ARCADE, layout_of_switches([SHOW, BESIDE])])
    assert values(screen)[SHOW.meaning] == "Tab" and values(screen)["left"].startswith("A, ")
    go_to(screen, SHOW.meaning)
    press(screen, "return", "h")  # a command's
    assert screen.page.dialog is not None and HUD in screen.page.dialog.lines[0]
    press(screen, "return", "return", "pad y", "return")
    assert values(screen)[SHOW.meaning] == "* Pad Y, H" and values(screen)[HUD] == "* no key"
    go_to(screen, BESIDE.meaning)
    press(screen, "return", "a", "return")  # the game's
    assert values(screen)["left"] == "* Left, Pad left, Stick left"
    go_to(screen, "right")
    press(screen, "return", "a", "return")  # and the game takes it from there
    assert values(screen)[BESIDE.meaning] == "* no key"
    assert SettingsFile(file.path).now.keys["switches"] == {"tab": ("pad y", "h"), "f2": ()}
    press(screen, "end", "return")
    assert file.now == Settings()


def test_the_menu_offers_the_keys_of_all_switches(file: SettingsFile) -> None:
    """Also where a game that is not on another's page has such a key already."""
    file.change(keys={"switches": {"tab": ("1",)}})
    screen = SettingsScreen(file, all_layouts())
    assert {switch.meaning for switch in SWITCHES} <= set(values(screen))
    assert values(screen)[SHOW.meaning] == "* 1 (taken)"
    go_to(screen, SHOW.meaning)
    assert screen.line.startswith("1 is for 'Counter-Strike: first weapon'; ")


def test_a_click_on_a_row_waits_for_its_key(screen: SettingsScreen) -> None:
    item = list(values(screen)).index("fire")
    assert item in lay_out(screen.page, SIZE).items
    screen.handle(Pointed(item, pressed=True), SIZE)
    assert screen.page.dialog is not None and "'fire'" in screen.page.dialog.title


# In a game


def play(events: list[Event], folder: Path, ticks: int, kind: type[ToyWorld] = ToyWorld) -> Game:
    return play_script(
        events, folder, ticks=ticks, kind=kind, settings=SettingsFile(folder / "settings.json")
    )


def pages(game: Game) -> list[Picture]:
    return [picture for picture in game.window.pictures if picture.page is not None]


def test_a_game_stands_still_meanwhile_and_obeys_the_new_key(tmp_path: Path) -> None:
    at = 3.5
    events = tap("f10", at)
    for i, key in enumerate(["down", "down", "down", "return", "k", "escape"]):
        events += tap(key, at + 2 * (i + 1))
    game = play([*events, *hold("k", 20, 21), *hold("space", 24, 25)], tmp_path, 30)
    assert game.diary.actions.count("FIRE") == 2
    assert len(game.diary.actions) in range(18, 22)  # of 30 ticks some 12 were on the page
    assert len(pages(game)) >= 6 and game.window.pictures[-1].page is None
    again = play(hold("k", 2, 3), tmp_path, 6)  # and in the next run
    assert again.diary.actions.count("FIRE") == 2


def test_the_list_of_keys_has_what_was_set(tmp_path: Path) -> None:
    SettingsFile(tmp_path / "settings.json").change(keys={"arcade": {"fire": ("k", "pad b")}})
    pages = [
        play([*tap("f1", 2.5)] * times, tmp_path, 6).window.pictures[-1].help for times in (1, 2)
    ]
    assert [[row[0] for row in rows if row[1] == "fire"] for rows in pages] == [["K"], ["Pad B"]]


def test_what_was_held_when_the_page_came_is_let_go(tmp_path: Path) -> None:
    events = [down("d", 1.5), *tap("f10", 3.5), KeyUp("d", 5.5 / 15), *tap("escape", 7.5)]
    assert "RIGHT" not in play(events, tmp_path, 14).diary.actions[5:]


def test_a_window_that_is_closed_on_the_page_is_closed(tmp_path: Path) -> None:
    events = [*tap("f10", 3.5), CloseAsked(6 / 15), *hold("d", 8, 10)]
    game = play(events, tmp_path, 30)
    assert len(game.diary.actions) <= 5 and game.window.closed


def test_sensitivity_is_that_of_the_flag_times_that_of_the_settings(tmp_path: Path) -> None:
    SettingsFile(tmp_path / "settings.json").change(sensitivity=2.0)
    events: list[Event] = [*tap("left button", 1.5), MouseMoved(5, 0, 3.5 / 15)]
    turned = play(events, tmp_path, 6, MouseToy).diary.actions
    assert turned.count("mouse(10,0)") == 1


def test_it_can_be_shown_without_a_game(tmp_path: Path) -> None:
    clock, file = VirtualClock(), SettingsFile(tmp_path / "settings.json")
    events = [KeyDown("right", 0.5), KeyDown("down", 1.0), KeyUp("down", 2.0), KeyDown("f11", 2.5)]
    window = NullWindow([*events, KeyDown("escape", 3.0)], clock)
    assert show_settings(window, file, all_layouts(), clock) is False
    assert file.now.sensitivity == 1.5 and window.fullscreen
    last = window.pictures[-1].page
    assert last is not None and last.marked > 5  # a key that is held goes on


def test_every_state_can_be_drawn(file: SettingsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = DesktopWindow("settings")
    screen = SettingsScreen(file, all_layouts())

    def drawn() -> bytes:
        window.present(Picture(page=screen.page, line=screen.line))
        return window.capture().tobytes()

    seen = {drawn()}
    for key in ("right", "down", "return", "f1", "p", "return", "return", "k", "end"):
        press(screen, key)
        seen.add(drawn())
    window.close()
    assert len(seen) == 10


def test_rewinding_ends_when_its_key_is_let_go_on_the_page(tmp_path: Path) -> None:
    """It went on to the end of memory, and stayed there."""
    events = [down("backspace", 20.5), *tap("f10", 22.5), up("backspace", 24.5)]
    game = play([*events, *tap("escape", 26.5)], tmp_path, 40)
    assert len(game.diary.actions) > 28
    assert game.lines[-1] not in ("rewinding", "as far back as memory goes")


def test_a_key_without_a_name_is_refused(screen: SettingsScreen, file: SettingsFile) -> None:
    """Some keyboards have some, a menu key say; setting one ended the program with a traceback."""
    go_to(screen, "fire")
    press(screen, "return", "")
    dialog = screen.page.dialog
    assert dialog is not None and dialog.lines == (
        "that key has no name by which it could be kept",
    )
    press(screen, "k")
    assert file.now.keys == {"arcade": {"fire": ("k", "pad a")}}


def test_an_arrow_that_is_let_go_while_a_key_is_waited_for_does_not_run_on(
    screen: SettingsScreen,
) -> None:
    screen.handle(KeyDown("down"), SIZE)
    press(screen, "return")
    screen.handle(KeyUp("down"), SIZE)
    press(screen, "escape")
    screen.repeat(1e3, SIZE)
    assert screen.page.marked == 1
