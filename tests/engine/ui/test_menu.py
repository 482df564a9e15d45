"""The menu as a person meets it: keys, mouse and pads in, pages out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from base.errors import UserError
from engine.jobs import Watch
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.page import Page
from engine.ui.screen import CloseAsked, Event, KeyDown, KeyUp, Notice, Pointed, Scrolled, Window
from engine.ui.screens.library import LibraryEntry
from engine.ui.screens.menu import run
from tests.programs.bench_of_toys import (
    PONG,
    Guest,
    ToyWorkshop,
    asked,
    at_once,
    listed,
    noted,
    tiles,
)

COLUMNS = 3  # in a null window


def entry(name: str, title: str, here: bool = False) -> LibraryEntry:
    return LibraryEntry(name, title, here, "54.2 MB", "not measured yet", ("licence: none stated",))


class Shelf:
    """Twenty worlds, of which two are here."""

    def __init__(self) -> None:
        self.worlds = [entry("breakout", "Breakout", True), entry("pong", "Pong", True)]
        self.worlds += [entry(f"w{i}", f"World {i}") for i in range(17)]
        self.worlds += [entry("ms_pacman", "Ms. Pac-Man")]
        self.played: list[str] = []
        self.downloaded: list[str] = []
        self.let = threading.Event()
        self.deleted: list[str] = []

    def entries(self) -> Sequence[LibraryEntry]:
        return [e for e in self.worlds if e.name in self.played] + [
            e for e in self.worlds if e.name not in self.played
        ]

    def download(self, name: str, watch: Watch) -> None:
        watch(1, 4)
        if name == "w0":
            raise UserError("cannot reach the Hub; check the network")
        for _ in range(3000):
            watch(1, 4)
            if self.let.wait(0.01):
                break
        self.downloaded.append(name)

    def delete(self, name: str) -> None:
        if name == "replay:locked":
            raise UserError("cannot delete it: permission denied")
        self.deleted.append(name)
        self.worlds = [entry for entry in self.worlds if entry.name != name]

    def play(self, name: str, window: Window) -> None:
        if name == "pong":
            raise UserError("its weights were altered")
        self.played.append(name)
        window.poll(0.0)
        window.close()


class Person(NullWindow):
    """Does one thing after the other, as soon as the one before has had its effect."""

    def __init__(self, does: Sequence[Event]) -> None:
        self.clock = VirtualClock()
        super().__init__([CloseAsked(1e9)], self.clock)
        self._does = list(does)

    def poll(self, timeout_s: float) -> list[Event]:
        self.clock.advance(0.01)
        if not self._does:
            return [CloseAsked(self.clock())]
        return [self._does.pop(0)]

    @property
    def pages(self) -> list[Page]:
        return [picture.page for picture in self.pictures if picture.page is not None]

    @property
    def marked(self) -> str:
        """The title of what was marked last."""
        page = self.pages[-1]
        assert page.tiles is not None
        return page.tiles[page.marked].title


def keys(*names: str) -> list[Event]:
    return [KeyDown(name) for name in names]


def show(tmp_path: Path, *does: Event, shelf: Shelf | None = None) -> tuple[Person, Shelf]:
    person, shelf = Person(does), shelf or Shelf()
    run(shelf, ToyWorkshop(), person, SettingsFile(tmp_path / "settings.json"), clock=person.clock)
    assert person.closed
    return person, shelf


@pytest.mark.parametrize("device", ["", "pad ", "stick "])
def test_arrows_and_pads_move_the_mark(tmp_path: Path, device: str) -> None:
    ways = [KeyDown(device + way) for way in ("right", "down", "right", "up", "left")]
    person, _ = show(tmp_path, *(e for way in ways for e in (way, KeyUp(way.key))), *keys("f11"))
    marks = [page.marked for page in person.pages]
    steps = [0, 1, 1 + COLUMNS, 2 + COLUMNS, 2, 1]
    assert [m for i, m in enumerate(marks) if i == 0 or m != marks[i - 1]] == steps


def test_a_notice_is_shown_until_the_next_key(tmp_path: Path) -> None:
    person, _ = show(tmp_path, Notice("a pad is not heard"), Scrolled(0), *keys("right"))
    lines = [picture.line for picture in person.pictures]
    assert "a pad is not heard" in lines and lines[-1] != "a pad is not heard"


def test_a_key_that_is_held_goes_on(tmp_path: Path) -> None:
    """Half a second: once at once, and again after 0.4 s and then every 0.08."""
    person, _ = show(tmp_path, KeyDown("right"), *[Scrolled(0)] * 50, KeyUp("right"))
    assert 2 <= person.pages[-1].marked <= 4


def test_the_mark_stays_to_be_seen_and_ends_below_at_the_settings(tmp_path: Path) -> None:
    person, _ = show(tmp_path, *keys("end"))
    assert person.marked == "Ms. Pac-Man" and person.pages[-1].top > 0
    person, _ = show(tmp_path, *keys("end", "down", "right", "return"), *keys("escape"))
    assert "Settings" in {page.title for page in person.pages}
    assert person.pages[-1].title == "Dreamcart"  # and back


def test_enter_plays_and_the_player_comes_back_to_what_was_played(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.worlds[5] = entry("w3", "World 3", here=True)
    does = [*keys("right", "right", "down"), *keys("return"), KeyUp("return"), KeyUp("escape")]
    person, shelf = show(tmp_path, *does, *keys("f1"), shelf=shelf)
    assert shelf.played == ["w3"]
    assert person.marked == "World 3" and person.pages[-1].marked == 0  # it moved to the front


def test_the_mouse_marks_plays_and_scrolls(tmp_path: Path) -> None:
    person, shelf = show(tmp_path, Pointed(4), Pointed(0, pressed=True), KeyUp("x"))
    assert 4 in [page.marked for page in person.pages] and shelf.played == ["breakout"]
    person, _ = show(tmp_path, Scrolled(2), Scrolled(-1), Scrolled(99), KeyDown("right"))
    tops = [page.top for page in person.pages]
    assert [t for i, t in enumerate(tops) if i == 0 or t != tops[i - 1]] == [0, 2, 1, 5, 0]


def test_typing_finds_whatever_the_spelling(tmp_path: Path) -> None:
    person, _ = show(tmp_path, *keys("m", "s", "space", "p", "a", "c"))
    assert [tile.title for tile in person.pages[-1].tiles or ()] == ["Ms. Pac-Man"]
    person, _ = show(tmp_path, *keys("z", "z", "z"))
    assert person.pages[-1].tiles == () and "no world is called 'zzz'" in person.pictures[-1].line
    person, _ = show(tmp_path, *keys("z", "q", "backspace", "backspace", "escape", "b"))
    assert person.pages[-1].search == ""  # with nothing typed Esc has left before the b


def test_escape_ends_the_search_first_and_then_leaves(tmp_path: Path) -> None:
    person, _ = show(tmp_path, *keys("p", "escape", "right", "escape", "left"))
    assert person.pages[-1].search == "" and person.pages[-1].marked == 1


def test_a_world_that_is_not_here_is_asked_for_and_comes_while_another_is_played(
    tmp_path: Path,
) -> None:
    shelf = Shelf()
    does = keys("right", "right", "right", "return")  # World 1
    person, _ = show(tmp_path, *does, *keys("escape", "f1"), shelf=shelf)
    asked = [page.dialog for page in person.pages if page.dialog is not None]
    assert asked[-1].title == "Download World 1?" and "licence" in asked[-1].lines[0]
    assert shelf.downloaded == []  # a no

    class Patient(Person):
        """Plays another world while World 1 is on its way, then waits for it."""

        def poll(self, timeout_s: float) -> list[Event]:
            if len(self._does) == 1:
                tiles = [tile for page in self.pages for tile in page.tiles or ()]
                if not any(tile.progress == 0.25 for tile in tiles):
                    return []
                if not shelf.played:
                    return [KeyDown("home"), KeyDown("return")]
                shelf.let.set()
                if not shelf.downloaded:
                    return []
            return super().poll(timeout_s)

    person = Patient([*does, KeyDown("return"), KeyUp("x"), KeyUp("y")])
    run(shelf, ToyWorkshop(), person, SettingsFile(tmp_path / "s.json"), clock=person.clock)
    assert shelf.played == ["breakout"] and shelf.downloaded == ["w1"]


@pytest.mark.parametrize("stop", [keys("delete"), keys("return", "return")])
def test_a_download_can_be_stopped_by_a_key_and_by_choosing_it(
    tmp_path: Path, stop: list[Event]
) -> None:
    shelf = Shelf()

    class Waiting(Person):
        """Stops the download once it is under way, and leaves once it is gone."""

        def poll(self, timeout_s: float) -> list[Event]:
            tile = (self.pages[-1].tiles or ())[3]
            if len(self._does) == len(stop) + 1 and tile.progress != 0.25:
                return []
            if len(self._does) == 1 and tile.progress is not None:
                return []
            return super().poll(timeout_s)

    does = keys("right", "right", "right", "return", "return")
    person = Waiting([*does, *stop, KeyDown("f11")])
    run(shelf, ToyWorkshop(), person, SettingsFile(tmp_path / "s.json"), clock=person.clock)
    last = (person.pages[-1].tiles or ())[3]
    assert last.notes == ("54.2 MB to download", "not measured yet") and shelf.downloaded == []


@pytest.mark.parametrize(
    ("ask", "no", "yes"),
    [
        (keys("right", "delete"), keys("escape"), keys("return")),
        (keys("pad right", "pad x"), keys("pad b"), keys("pad a")),
        ([Pointed(1), Pointed(1, right=True)], [Pointed(1, True)], [Pointed(0, True)]),
    ],
)
def test_a_replay_is_deleted_after_a_question(
    tmp_path: Path, ask: list[Event], no: list[Event], yes: list[Event]
) -> None:
    def with_replays() -> Shelf:
        shelf = Shelf()
        for name in ("kept", "old"):
            replay = replace(entry(f"replay:{name}", f"Pong, {name}", here=True), removable=True)
            shelf.worlds.insert(1, replay)
        return shelf

    person, shelf = show(tmp_path, *ask, *no, *keys("f11"), shelf=with_replays())
    asked = [page.dialog for page in person.pages if page.dialog is not None]
    assert asked[-1].title == "Delete this replay?" and asked[-1].lines[0] == "Pong, old"
    assert shelf.deleted == [] and "Delete deletes it" in person.pictures[-1].line
    # What asks does nothing more while it asks.
    person, shelf = show(tmp_path, *ask, ask[-1], *yes, *keys("f11"), shelf=with_replays())
    assert shelf.deleted == ["replay:old"] and person.marked == "Pong, kept"
    last = with_replays()
    last.worlds = last.worlds[:2]  # and not on the row below where it was the last
    person, shelf = show(tmp_path, *ask, *yes, *keys("f11"), shelf=last)
    assert shelf.deleted == ["replay:old"] and person.marked == "Breakout"


def test_nothing_but_replays_is_deleted_and_what_cannot_be_says_so(tmp_path: Path) -> None:
    person, shelf = show(tmp_path, *keys("delete", "return"))
    assert shelf.deleted == [] and shelf.played == ["breakout"]  # nothing was asked
    shelf = Shelf()
    shelf.worlds.insert(0, replace(entry("replay:locked", "Pong", here=True), removable=True))
    person, _ = show(tmp_path, *keys("delete", "return", "f11"), shelf=shelf)
    assert person.pictures[-1].line == "cannot delete it: permission denied"


def test_what_goes_wrong_is_a_line_on_the_tile_and_the_menu_goes_on(tmp_path: Path) -> None:
    person, shelf = show(tmp_path, *keys("right", "return"), KeyUp("return"), *keys("f11"))
    tile = (person.pages[-1].tiles or ())[1]
    assert tile.notes[1] == person.pictures[-1].line == "its weights were altered"

    class Waiting(Person):
        def poll(self, timeout_s: float) -> list[Event]:
            failed = "cannot reach" in self.pictures[-1].line
            return super().poll(timeout_s) if len(self._does) > 1 or failed else []

    waiting = Waiting(keys("right", "right", "return", "return", "f11"))
    run(shelf, ToyWorkshop(), waiting, SettingsFile(tmp_path / "s.json"), clock=waiting.clock)
    assert waiting.pictures[-1].line == "cannot reach the Hub; check the network"


def test_closing_the_window_in_a_world_leaves_the_menu_too(tmp_path: Path) -> None:
    person, shelf = show(tmp_path, *keys("return"), CloseAsked())
    assert shelf.played == ["breakout"] and person.closed


def test_f1_lists_the_keys_and_escape_takes_the_list_away(tmp_path: Path) -> None:
    person, _ = show(tmp_path, *keys("f1", "escape", "right"))
    shown = [bool(picture.help) for picture in person.pictures]
    assert True in shown and not shown[-1] and person.pages[-1].marked == 1


@pytest.mark.parametrize("way", [["end", "down", "return"], ["f2"]])
def test_a_world_is_trained_below_the_others_and_comes_among_them(
    tmp_path: Path, way: list[str]
) -> None:
    workshop, shelf = ToyWorkshop(PONG), Shelf()

    def told(page: Page) -> bool:
        return page.title == "Dreamcart" and "25%" in page.rows[0].value

    def finish(page: Page) -> bool:
        shelf.worlds.append(entry("own:my_pong_game", "My Pong Game", here=True))
        workshop.let.set()
        return True

    guest = Guest(
        *((at_once, key) for key in way),
        (lambda page: page.title != "Dreamcart" and listed(page), "return"),
        (asked("1 h 50 min"), "return"),
        (noted("25%"), "escape"),
        (told, "f1"),
        (finish, "f1"),
        (lambda page: tiles(page)[-1].title == "My Pong Game", "escape"),
    )
    run(shelf, workshop, guest, SettingsFile(tmp_path / "s.json"), clock=guest.clock)
    values = [page.rows[0].value for page in guest.pages if page.title == "Dreamcart"]
    assert workshop.trained == ["pong_game"] and values[0] == values[-1] == "F2"


def test_leaving_the_menu_stops_a_training_that_can_go_on_then(tmp_path: Path) -> None:
    workshop = ToyWorkshop(PONG)
    guest = Guest(
        (at_once, "f2"),
        (lambda page: page.title != "Dreamcart" and listed(page), "return"),
        (asked("1 h 50 min"), "return"),
        (noted("25%"), "escape"),
        (at_once, "escape"),
    )
    run(Shelf(), workshop, guest, SettingsFile(tmp_path / "s.json"), clock=guest.clock)
    assert guest.closed and workshop.stopped == 1 and not workshop.trained
    assert guest.last.line == "stopping the training ..."


@pytest.mark.parametrize("chosen", ["breakout", "w1"])
def test_an_arrow_that_was_held_as_something_was_chosen_does_not_run_on(
    tmp_path: Path, chosen: str
) -> None:
    """Its end is heard by the game, or by the question, and the mark raced to the last world."""
    shelf = Shelf()
    item = [world.name for world in shelf.worlds].index(chosen)
    does = [KeyDown("right"), Pointed(item, pressed=True), *[Scrolled(0)] * 60, *keys("escape")]
    person, shelf = show(tmp_path, *does, shelf=shelf)
    assert shelf.played == (["breakout"] if chosen == "breakout" else [])
    assert person.pages[-1].marked == item


def test_the_mark_stays_on_a_row_under_worlds_that_become_more(tmp_path: Path) -> None:
    class Growing(Shelf):
        def entries(self) -> Sequence[LibraryEntry]:
            self.worlds.append(entry(f"new{len(self.worlds)}", "New"))
            return super().entries()

    does = [*keys("end", "down", "right", "return", "escape")]
    page = show(tmp_path, *does, shelf=Growing())[0].pages[-1]
    assert page.tiles is not None and page.marked == len(page.tiles) + 1
