"""The page of the workshop: record a game, train a world on what was recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from base.errors import UserError
from engine.input.keyboard import letter_of
from engine.input.keymap import Command, Keymap
from engine.jobs import BackgroundJob, BackgroundJobs, Watch
from engine.player.pacing import Clock
from engine.settings import SettingsFile
from engine.ui.borrowed_window import BorrowedWindow
from engine.ui.cursor import LEAVE, Asked, Cursor, command_on_page
from engine.ui.page import Dialog, Page, PageRow, Tile, letters, typed
from engine.ui.screen import CloseAsked, Event, KeyDown, Picture, Window
from engine.ui.screens.workshop import RealGame, Recorded, Workshop, time_in_words

TITLE = "Make a world of your own"
IDLE_S = 0.5  # longest wait while nothing moves
LISTING = "recordings"  # the name of the one job that lists them
MEASURING = "measuring how long it takes here ..."
STAYS = (
    "It runs while you play. When you leave Dreamcart it stops, and goes on when you ask for it."
)
KEPT = "What was learnt is kept; it goes on from there when you ask for it."
HELP = (
    ("Arrows", "to another recording or game"),
    ("Enter", "train a world on the recording, play the game"),
    ("A to Z, 0 to 9", "search by name"),
    ("Backspace", "take back a letter"),
    ("Delete", "stop training"),
    ("Mouse", "a click chooses, a right one is Delete, the wheel scrolls"),
    ("Gamepad", "its cross moves, A chooses, X is Delete, B goes back"),
    ("F1", "this list"),
    ("Esc", "end the search, back to the worlds"),
)


@dataclass(frozen=True)
class RecordingQuestion:
    """Dialog about a recording.

    choices: what can be said, and what is done then; the last one is to leave all as it is.
    measured: how much there is to train on, and the time that this takes, are said first.
    """

    recorded: Recorded
    title: str
    lines: tuple[str, ...]
    choices: tuple[tuple[str, Callable[[], None]], ...]
    measured: bool = False
    cursor: Cursor = field(default_factory=Cursor)


class WorkshopScreen:
    """State and event handling of the workshop; `show_workshop` shows it.

    trainings: jobs by the names of recordings; they outlive the page.
    keymap:    the player's keys.
    closed: the player is done with it. chosen: the game to play next.
    """

    def __init__(self, workshop: Workshop, trainings: BackgroundJobs, keymap: Keymap) -> None:
        self.closed, self.chosen = False, ""
        self._workshop, self._trainings, self.keymap = workshop, trainings, keymap
        self._games = workshop.games()
        self._recordings: Sequence[Recorded] = ()
        self._listed: Sequence[Recorded] = ()  # by the job, and not shown yet
        self._errors: dict[str, str] = {}  # game -> why it could not be played
        self._times: dict[str, str] = {}  # recording -> how long training takes
        self._listing, self._measuring = BackgroundJobs(self._list), BackgroundJobs(self._measure)
        self._cursor, self._help, self._search = Cursor(), False, ""
        self._question: RecordingQuestion | None = None
        self._outdated = True  # the recordings are to be listed again

    # What is to be seen

    @property
    def page(self) -> Page:
        """Recordings and then games, with a question over them if there is one."""
        tiles = tuple(
            self._recorded(thing) if isinstance(thing, Recorded) else self._game(thing)
            for thing in self._things
        )
        question, cursor = self._question, self._cursor
        dialog = None if question is None else self._dialog(question)
        marked = cursor.item if question is None else question.cursor.item
        search = self._search
        return Page(TITLE, tiles, marked=marked, top=cursor.top, search=search, dialog=dialog)

    @property
    def picture(self) -> Picture:
        """The picture for the window."""
        return Picture(page=self.page, line=self._line, help=HELP if self._help else ())

    @property
    def _line(self) -> str:
        """Hint for the marked item, or its error."""
        marked = self._marked
        if marked is None:
            return f"nothing is called '{self._search}' - Esc ends the search"
        if isinstance(marked, Recorded):
            training = self._trainings.of(marked.name)
            if training is not None and training.error:
                return training.error
            return f"Enter {self._does(marked)} - Esc goes back"
        if error := self._errors.get(marked.name, ""):
            return error
        if not self._recordings and (self._outdated or self._listing.busy):
            return "looking for recordings ..."
        record = self.keymap.hint(Command.RECORD, "records there")
        return " - ".join(filter(None, ("Enter plays the game", record, "Esc goes back")))

    def _does(self, recorded: Recorded) -> str:
        """Describe what choosing a recording does."""
        training = self._trainings.of(recorded.name)
        if training is not None and training.active:
            return "stops this"
        if recorded.refused:
            return "says what is missing"
        stopped = recorded.done is not None and recorded.done < 1
        return "goes on with this" if stopped else "trains a world on this"

    @property
    def _marked(self) -> Recorded | RealGame | None:
        things = self._things
        return things[self._cursor.item] if self._cursor.item < len(things) else None

    @property
    def _things(self) -> Sequence[Recorded | RealGame]:
        """Items that match the search, in the order of the tiles."""
        things: list[Recorded | RealGame] = [*self._recordings, *self._games]
        wanted = letters(self._search)
        return [thing for thing in things if wanted in letters(thing.title)]

    def _recorded(self, recorded: Recorded) -> Tile:
        training, progress = self._trainings.of(recorded.name), None
        if training is not None and training.active:
            note = in_words(training, self._workshop.part)
            progress = training.share or 0.0
        elif training is not None:
            note = training.error
        elif recorded.refused:
            note = "not enough to train on yet"
        elif recorded.done is None:
            note = "Enter trains a world on this"
        elif recorded.done < 1:
            note = f"{recorded.world}: stopped at {recorded.done:.0%}"
        else:
            note = f"{recorded.world} is ready"
        title = f"Recorded: {recorded.title}"
        return Tile(title, (recorded.amount, note), recorded.picture, progress)

    def _game(self, game: RealGame) -> Tile:
        error = self._errors.get(game.name, "")
        return Tile(game.title, ("the game itself", error or "play and record it"))

    def _dialog(self, question: RecordingQuestion) -> Dialog:
        lines = question.lines
        if question.measured:
            recorded = question.recorded
            name = recorded.name
            amount = "; ".join(filter(None, (recorded.amount, recorded.advice)))
            failed = self._measuring.of(name)
            error = "" if failed is None else failed.error
            lines = (amount, error or self._times.get(name, MEASURING), *lines)
        names = [name for name, _ in question.choices]
        keys = ("Enter", *[""] * (len(names) - 2), "Esc")[-len(names) :]
        return Dialog(question.title, lines, tuple(map(PageRow, names, keys)))

    # What happens

    def wait_s(self, now: float) -> float:
        """Seconds until something must be done if no event arrives."""
        return min(IDLE_S, self._cursor.wait_s(now))

    def follow(self, now: float, size: tuple[int, int]) -> None:
        """Handle what depends on time: a key that repeats, jobs that have ended."""
        self._cursor.repeat(now, self.page, size)
        self._measuring.any_ended()
        if self._listing.any_ended():
            self._take_list()
            self._cursor.settle(self.page, size)
        self._outdated |= self._trainings.any_ended()
        if self._outdated and not self._listing.busy:
            self._outdated = False
            self._listing.start(LISTING)

    def play(self, window: Window) -> bool:
        """Play the chosen game until the player leaves it; whether the window was closed."""
        game, self.chosen = self.chosen, ""
        self._errors.pop(game, None)
        borrowed = BorrowedWindow(window)
        try:
            self._workshop.play(game, borrowed)
        except UserError as error:
            self._errors[game] = str(error)
        self._outdated = True
        return borrowed.close_asked

    def close(self) -> None:
        """End all but the trainings."""
        self._measuring.close()
        self._listing.close(0.0)

    def handle(self, event: Event, size: tuple[int, int]) -> None:
        """Do what an event asks for, in a window of `size` (width, height)."""
        command = command_on_page(self.keymap, event.key) if isinstance(event, KeyDown) else None
        if command is Command.HELP:
            self._help = not self._help
        elif self._help and isinstance(event, KeyDown) and event.key in LEAVE:
            self._help = False
        elif self._question is not None:
            self._answer(event, self._question, size)
        else:
            match self._cursor.handle(event, self.page, size):
                case Asked.LEAVE if self._search:
                    self._look_for("")
                case Asked.LEAVE:
                    self.closed = True
                case Asked.CHOOSE:
                    self._choose()
                case Asked.REMOVE if isinstance(self._marked, Recorded):
                    self._trainings.stop(self._marked.name)
                case None if isinstance(event, KeyDown):
                    if (search := typed(self._search, letter_of(event.key))) != self._search:
                        self._look_for(search)

    def _look_for(self, search: str) -> None:
        self._search = search
        self._cursor.item = self._cursor.top = 0

    def _answer(self, event: Event, question: RecordingQuestion, size: tuple[int, int]) -> None:
        asked = question.cursor.handle(event, self.page, size)
        if asked is None:
            return
        self._question = None
        if question.measured:
            self._measuring.stop(question.recorded.name)
        item = question.cursor.item if asked is Asked.CHOOSE else -1
        question.choices[item][1]()

    def _choose(self) -> None:
        marked = self._marked
        if isinstance(marked, Recorded):
            self._question = self._asked_about(marked)
            if self._question.measured:
                self._measuring.start(marked.name)
        elif marked is not None:
            self.chosen = marked.name

    def _asked_about(self, recorded: Recorded) -> RecordingQuestion:
        """Choose the dialog for the state of a recording."""
        training, world = self._trainings.of(recorded.name), recorded.world
        start = ("Start", lambda: self._trainings.start(recorded.name))
        anew = ("Start a new one", lambda: self._begin_anew(recorded.name))
        no, back = ("Not now", lambda: None), ("Go back", lambda: None)
        if training is not None and training.active:
            stop = ("Stop", lambda: self._trainings.stop(recorded.name))
            return RecordingQuestion(recorded, "Stop this training?", (KEPT,), (stop, back))
        if recorded.refused:
            return RecordingQuestion(recorded, "Record more first", (recorded.refused,), (back,))
        if recorded.done is not None and recorded.done < 1:
            lines = (f"{recorded.done:.0%} of its training is done.", STAYS)
            choices = (("Go on", start[1]), anew, no)
            return RecordingQuestion(recorded, f"Go on training {world}?", lines, choices)
        earlier = () if recorded.done is None else (f"{world}, trained on it before, stays.",)
        title = f"Train a world on {recorded.title}?"
        manner = (recorded.manner,) if recorded.manner else ()
        lines = (*manner, *earlier, STAYS)
        return RecordingQuestion(recorded, title, lines, (start, no), measured=True)

    def _begin_anew(self, name: str) -> None:
        self._workshop.begin_anew(name)
        self._trainings.start(name)

    def _take_list(self) -> None:
        """Show the recordings as they were found; what is new is marked, or what was before."""
        known, marked = {recorded.name for recorded in self._recordings}, self._marked
        self._recordings = self._listed
        items = {(type(thing), thing.name): item for item, thing in enumerate(self._things)}
        new = [(Recorded, recorded.name) for recorded in self._listed if recorded.name not in known]
        wanted = [*new, (type(marked), marked.name)] if marked else new
        self._cursor.item = next((items[one] for one in wanted if one in items), 0)

    # On threads of their own

    def _list(self, name: str, watch: Watch) -> None:
        self._listed = self._workshop.recordings()

    def _measure(self, name: str, watch: Watch) -> None:
        self._times[name] = self._workshop.measure(name, watch)


def show_workshop(
    window: Window,
    workshop: Workshop,
    trainings: BackgroundJobs,
    settings: SettingsFile,
    clock: Clock = time.perf_counter,
) -> bool:
    """Show the workshop until the player is done; whether the window was closed meanwhile.

    trainings: run `Workshop.train`; they go on after this.
    """
    screen = WorkshopScreen(workshop, trainings, Keymap(settings.now.keys))
    try:
        while not screen.closed:
            window.present(screen.picture)
            for event in window.poll(screen.wait_s(clock())):
                if isinstance(event, CloseAsked):
                    return True
                if isinstance(event, KeyDown) and (
                    command_on_page(screen.keymap, event.key) is Command.FULLSCREEN
                ):
                    window.toggle_fullscreen()
                else:
                    screen.handle(event, window.size)
            screen.follow(clock(), window.size)
            if screen.chosen:
                if screen.play(window):
                    return True
                screen.keymap = Keymap(settings.now.keys)
    finally:
        screen.close()
    return False


def in_words(training: BackgroundJob, part: str = "") -> str:
    """Describe the progress of a training, or of its current part."""
    if training.stopping:
        return "stopping ..."
    if training.waiting:
        return "waits for another"
    part = f"{part}: " if part else ""
    if training.share is None:
        return f"{part}getting ready ..."
    left = "" if training.left_s is None else f", {time_in_words(training.left_s)} left"
    return f"{part}{training.share:.0%}{left}"
