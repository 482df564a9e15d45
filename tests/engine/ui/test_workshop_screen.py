"""The page of the workshop as a person meets it: recordings, questions, trainings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.jobs import BackgroundJob, BackgroundJobs
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.page import Page
from engine.ui.screen import CloseAsked
from engine.ui.screens.workshop import time_in_words
from engine.ui.screens.workshop_screen import MEASURING, STAYS, in_words, show_workshop
from tests.programs.bench_of_toys import (
    PONG,
    Guest,
    Seen,
    ToyWorkshop,
    asked,
    at_once,
    listed,
    noted,
    tiles,
)


@pytest.fixture
def settings(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "settings.json")


def visit(workshop: ToyWorkshop, settings: SettingsFile, *does: tuple[Seen, str]) -> Guest:
    """See the page; the trainings end with it."""
    guest, trainings = Guest(*does), BackgroundJobs(workshop.train)
    assert not show_workshop(guest, workshop, trainings, settings, guest.clock)
    trainings.close()
    return guest


def test_a_recording_becomes_a_world(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(PONG)

    def half_way(page: Page) -> bool:
        there = bool(noted("25%")(page)) and tiles(page)[0].progress == 0.25
        if there:
            workshop.let.set()
        return there

    guest = visit(
        workshop,
        settings,
        (noted("Enter trains a world on this"), "return"),
        (
            asked(
                "Train a world on Pong?", f"{PONG.amount}; {PONG.advice}", "1 h 50 min here", STAYS
            ),
            "return",
        ),
        (half_way, "f5"),
        (noted("My Pong Game is ready"), "escape"),
    )
    questions = [page.dialog for page in guest.pages if page.dialog is not None]
    assert [row.label for row in questions[0].choices] == ["Start", "Not now"]
    assert workshop.trained == ["pong_game"] == workshop.measured
    assert tiles(guest.pages[-1])[0].title == "Recorded: Pong"


def test_the_parts_of_a_training_and_what_they_make_are_said(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(replace(PONG, manner="Two networks learn."))
    workshop.part = "1 of 2"
    does = [(noted("1 of 2: 25%"), "escape")]
    visit(workshop, settings, (listed, "return"), (asked("Two networks learn."), "return"), *does)


def test_a_no_trains_nothing(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(PONG)
    visit(workshop, settings, (listed, "return"), (asked("Train"), "escape"), (listed, "escape"))
    visit(
        workshop,
        settings,
        (listed, "return"),
        (asked("Train"), "down"),
        (lambda page: page.marked == 1, "return"),
        (listed, "escape"),
    )
    assert not workshop.trained and not workshop.stopped


def test_who_starts_or_leaves_does_not_wait_until_all_is_measured(settings: SettingsFile) -> None:
    for key, trained in (("return", 1), ("escape", 0)):
        workshop = ToyWorkshop(PONG)
        workshop.ready.clear()
        workshop.let.set()
        end = noted("is ready" if trained else "Enter trains a world on this")
        visit(workshop, settings, (listed, "return"), (asked(MEASURING), key), (end, "escape"))
        assert len(workshop.trained) == trained


def test_too_little_is_said_and_nothing_can_be_started(settings: SettingsFile) -> None:
    few = "this recording has 300 steps to train on; record at least 1000"
    workshop = ToyWorkshop(replace(PONG, refused=few))
    guest = visit(
        workshop,
        settings,
        (noted("not enough to train on yet"), "return"),
        (asked(few), "return"),
        (listed, "escape"),
    )
    assert guest.last.line == "Enter says what is missing - Esc goes back"
    (question,) = {page.dialog for page in guest.pages if page.dialog is not None}
    assert [row.label for row in question.choices] == ["Go back"]
    assert not workshop.measured and not workshop.trained


@pytest.mark.parametrize("way", ["key", "question"])
def test_a_training_is_stopped_and_goes_on(settings: SettingsFile, way: str) -> None:
    workshop = ToyWorkshop(PONG)
    stop = [(noted("25%"), "delete")]
    if way == "question":
        stop = [(noted("25%"), "return"), (asked("Stop this training?"), "return")]

    def again(page: Page) -> object:
        workshop.let.set()
        return noted("is ready")(page)

    visit(
        workshop,
        settings,
        (listed, "return"),
        (asked("1 h 50 min"), "return"),
        *stop,
        (noted("My Pong Game: stopped at 25%"), "return"),
        (asked("Go on training My Pong Game?", "25% of its training is done", STAYS), "return"),
        (again, "escape"),
    )
    assert workshop.stopped == 1 and workshop.trained == ["pong_game"] and not workshop.anew


def test_another_world_can_be_begun_instead_of_going_on(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(replace(PONG, done=0.25))
    workshop.let.set()
    visit(
        workshop,
        settings,
        (listed, "return"),
        (asked("Go on"), "down"),
        (lambda page: page.marked == 1, "return"),
        (noted("is ready"), "escape"),
    )
    assert workshop.anew == workshop.trained == ["pong_game"]


def test_why_a_training_failed_is_a_line(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(PONG)
    workshop.fails = "cannot write to /worlds: no space left on device"
    guest = visit(
        workshop,
        settings,
        (listed, "return"),
        (asked("1 h 50 min"), "return"),
        (noted(workshop.fails), "escape"),
    )
    assert guest.last.line == workshop.fails


def test_a_training_outlives_the_page(settings: SettingsFile) -> None:
    workshop = ToyWorkshop(PONG)
    guest = Guest((listed, "return"), (asked("1 h 50"), "return"), (noted("25%"), "escape"))
    trainings = BackgroundJobs(workshop.train)
    show_workshop(guest, workshop, trainings, settings, guest.clock)
    assert trainings.busy
    workshop.let.set()
    guest = Guest((noted("My Pong Game is ready"), "escape"))
    show_workshop(guest, workshop, trainings, settings, guest.clock)
    assert workshop.trained == ["pong_game"]


def test_a_game_is_played_and_what_was_recorded_is_marked(settings: SettingsFile) -> None:
    workshop = ToyWorkshop()
    guest = visit(
        workshop,
        settings,
        (at_once, "right"),
        (lambda page: page.marked == 1, "return"),
        (lambda page: "no such game" in tiles(page)[1].notes[1], "left"),
        (lambda page: page.marked == 0, "return"),
        (lambda page: listed(page) and page.marked == 0, "right"),
        (lambda page: page.marked == 1, "escape"),
    )
    assert workshop.played == ["pong"]
    assert tiles(guest.pages[-1])[0].title == "Recorded: Pong"
    assert any("there is no such game" in picture.line for picture in guest.pictures)
    assert guest.last.line == "Enter plays the game - F8 records there - Esc goes back"


def test_typing_finds_recordings_and_games(settings: SettingsFile) -> None:
    guest = visit(
        ToyWorkshop(PONG),
        settings,
        (listed, "p"),
        (lambda page: [tile.title for tile in tiles(page)] == ["Recorded: Pong", "Pong"], "x"),
        (lambda page: not tiles(page), "backspace"),
        (lambda page: page.search == "p", "escape"),
        (listed, "escape"),
    )
    assert "nothing is called 'px' - Esc ends the search" in {p.line for p in guest.pictures}


def test_the_keys_are_listed(settings: SettingsFile) -> None:
    does = [(at_once, "f1"), (at_once, "escape"), (at_once, "escape")]
    guest = visit(ToyWorkshop(), settings, *does)
    assert [bool(picture.help) for picture in guest.pictures] == [False, True, False]


def test_closing_the_window_is_told(settings: SettingsFile) -> None:
    window = NullWindow([CloseAsked(0.0)], clock := VirtualClock())
    workshop = ToyWorkshop()
    assert show_workshop(window, workshop, BackgroundJobs(workshop.train), settings, clock)


@pytest.mark.parametrize(
    ("job", "says"),
    [
        (BackgroundJob(waiting=True), "waits for another"),
        (BackgroundJob(), "getting ready ..."),
        (BackgroundJob(0.34, 6600), "34%, 1 h 50 min left"),
        (BackgroundJob(0.999, 12), "100%, less than a minute left"),
        (BackgroundJob(0.5, stopping=True), "stopping ..."),
    ],
)
def test_a_training_in_words(job: BackgroundJob, says: str) -> None:
    assert in_words(job) == says


def test_time_in_words() -> None:
    assert [time_in_words(s) for s in (29, 60, 3570, 3600, 90000)] == [
        "less than a minute", "1 min", "1 h 00 min", "1 h 00 min", "25 h 00 min",
    ]  # fmt: skip
