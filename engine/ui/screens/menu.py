"""The menu: the worlds there are as pictures; choosing one plays it, or downloads it first."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from base.errors import UserError
from engine.input.keyboard import letter_of
from engine.input.keymap import Command, Keymap, all_layouts
from engine.jobs import BackgroundJob, BackgroundJobs
from engine.player.pacing import Clock
from engine.settings import SettingsFile
from engine.ui.borrowed_window import BorrowedWindow
from engine.ui.cursor import LEAVE, Asked, Cursor, command_on_page
from engine.ui.page import Dialog, Page, PageRow, Tile, letters, typed
from engine.ui.screen import (
    CloseAsked,
    Event,
    KeyDown,
    KeyUp,
    MouseMoved,
    Notice,
    Picture,
    Pointed,
    Window,
)
from engine.ui.screens.library import Library, LibraryEntry
from engine.ui.screens.settings_screen import show_settings
from engine.ui.screens.workshop import Workshop
from engine.ui.screens.workshop_screen import TITLE as MAKE
from engine.ui.screens.workshop_screen import in_words, show_workshop

TITLE = "Dreamcart"
IDLE_S = 0.5  # longest wait while nothing moves
PROGRESS_S = 0.1  # between two looks at a download that is under way
HINT = "type to search - F1 lists the keys"
LAST_S = 30.0  # how long leaving waits for a training's last checkpoint
MAKE_KEY = "f2"
HELP = (
    ("Arrows", "to another world"),
    ("Enter", "play it, or download it first"),
    ("A to Z, 0 to 9", "search by name"),
    ("Backspace", "take back a letter"),
    ("Delete", "stop a download, delete a replay"),
    ("Mouse", "a click chooses, a right one is Delete, the wheel scrolls"),
    ("Gamepad", "its cross moves, A chooses, X is Delete, B goes back"),
    ("F2", "record a game, train a world on it"),
    ("F10", "set keys and the mouse"),
    ("F1", "this list"),
    ("Esc", "end the search, leave"),
)


def run(
    library: Library,
    workshop: Workshop,
    window: Window,
    settings: SettingsFile,
    *,
    shown: Callable[[], None] = lambda: None,
    clock: Clock = time.perf_counter,
) -> None:
    """Show the menu in a window, and the worlds that are chosen, until the player leaves it.

    What is being trained stops then, in a way that lets it go on later.

    settings: what the page of settings changes.
    shown: called once, when there is something to look at.
    clock: the window's clock.
    """
    downloads, trainings = BackgroundJobs(library.download), BackgroundJobs(workshop.train)
    menu = Menu(library, workshop, downloads, trainings, window, settings)
    try:
        menu.present()
        shown()
        while not menu.leaving:
            if menu.chosen:
                menu.play()
            if menu.setting:
                menu.leaving |= show_settings(window, settings, all_layouts(), clock)
                menu.come_back()
            if menu.making:
                menu.leaving |= show_workshop(window, workshop, trainings, settings, clock)
                menu.come_back()
            for event in window.poll(menu.patience_s(clock())):
                menu.handle(event)
            menu.follow(clock())
            if menu.stale:
                menu.present()
        if trainings.busy:
            menu.present("stopping the training ...")
    finally:
        trainings.close(LAST_S)
        window.close()
        downloads.close()


@dataclass(frozen=True)
class MenuQuestion:
    """A question that the first choice confirms."""

    dialog: Dialog
    then: Callable[[], None]
    cursor: Cursor = field(default_factory=Cursor)


class Menu:
    """State and event handling of the menu; `run` shows it.

    leaving: the player wants to be out of here. chosen: the name of the world to play next.
    setting: the player wants the page of settings. making: the workshop's.
    stale:   something changed since the last picture.
    """

    def __init__(
        self,
        library: Library,
        workshop: Workshop,
        downloads: BackgroundJobs,
        trainings: BackgroundJobs,
        window: Window,
        settings: SettingsFile,
    ) -> None:
        self._library, self._downloads, self._window = library, downloads, window
        self._workshop, self._trainings = workshop, trainings
        self._settings, self._keymap = settings, Keymap(settings.now.keys)
        self._entries = library.entries()
        self._search, self._help = "", False
        self._cursor = Cursor()
        self._question: MenuQuestion | None = None
        self._errors: dict[str, str] = {}  # world -> why it could not be played
        self._notice = ""  # until the next key
        self._training = ""  # what was shown of the trainings last
        self.leaving, self.chosen, self.stale = False, "", True
        self.setting, self.making = False, False

    # What is to be seen

    def present(self, notice: str = "") -> None:
        """Draw what there is to see, with a notice in the place of what can be done."""
        self.stale = False
        line, entry = HINT, self._marked
        if entry is not None:
            deletes = "Delete deletes it - " if entry.removable else ""
            line = f"Enter {'plays' if entry.here else 'downloads'} - {deletes}{HINT}"
        if not self._found:
            line = f"no world is called '{self._search}' - Esc ends the search"
        elif entry is not None and (error := self._error(entry)):
            line = error
        page, keys = self._page(), self._keys() if self._help else ()
        self._window.present(Picture(page=page, line=notice or self._notice or line, help=keys))

    def _keys(self) -> tuple[tuple[str, str], ...]:
        full = self._keymap.written(Command.FULLSCREEN)
        return (*HELP, (full, "full screen")) if full else HELP

    @property
    def _found(self) -> list[LibraryEntry]:
        """Worlds that match the search."""
        wanted = letters(self._search)
        return [e for e in self._entries if wanted in f"{letters(e.title)} {letters(e.name)}"]

    @property
    def _marked(self) -> LibraryEntry | None:
        found = self._found
        return found[self._cursor.item] if self._cursor.item < len(found) else None

    def _page(self) -> Page:
        """Build the page: the grid, and a dialog over it if there is one."""
        if self._question is None:
            return self._grid()
        marked = self._question.cursor.item
        return replace(self._grid(), dialog=self._question.dialog, marked=marked)

    def _grid(self) -> Page:
        tiles = tuple(map(self._tile, self._found))
        marked, top = self._cursor.item, self._cursor.top
        rows = (PageRow(MAKE, self._training or MAKE_KEY.upper()), PageRow("Settings", "F10"))
        return Page(TITLE, tiles, rows, marked=marked, top=top, search=self._search)

    def _tile(self, entry: LibraryEntry) -> Tile:
        download = self._downloads.of(entry.name)
        size = f"{entry.size} on disk" if entry.here else f"{entry.size} to download"
        notes, progress = (size, entry.speed), None
        if error := self._error(entry):
            notes = (size, error)
        elif download is not None:
            notes, progress = _progress(download, entry.size), download.share or 0.0
        return Tile(entry.title, notes, entry.picture, progress)

    def _error(self, entry: LibraryEntry) -> str:
        """Return the error of playing or downloading a world; empty if there was none."""
        download = self._downloads.of(entry.name)
        return download.error if download else self._errors.get(entry.name, "")

    # What happens

    def patience_s(self, now: float) -> float:
        """Seconds until something must be done if no event arrives."""
        patience = PROGRESS_S if self._downloads.busy else IDLE_S
        return 0.0 if self.stale else min(patience, self._cursor.wait_s(now))

    def follow(self, now: float) -> None:
        """Handle what depends on time: a key that repeats, progress of downloads."""
        self.stale |= self._cursor.repeat(now, self._grid(), self._window.size)
        if self._downloads.any_ended() | self._trainings.any_ended():
            self.come_back()
        training = self._trainings.under_way
        words = "" if training is None else f"training: {in_words(training, self._workshop.part)}"
        self.stale |= self._downloads.busy or words != self._training
        self._training = words

    def play(self) -> None:
        """Play the chosen world until the player leaves it, then go on."""
        name, self.chosen = self.chosen, ""
        self._errors.pop(name, None)
        borrowed = BorrowedWindow(self._window)
        try:
            self._library.play(name, borrowed)
        except UserError as error:
            self._errors[name] = str(error)
        self.leaving = borrowed.close_asked
        self.come_back()

    def handle(self, event: Event) -> None:
        """Do what an event asks for."""
        before = self._cursor.item, self._question and self._question.cursor.item
        match event:
            case CloseAsked():
                self.leaving = True
            case Notice(line=line):
                self._notice = line
            case KeyDown(key=key) if self._asks(key) is Command.HELP:
                self._help = not self._help
            case KeyDown(key=key) if self._asks(key) is Command.FULLSCREEN:
                self._window.toggle_fullscreen()
            case KeyDown(key=key) if self._asks(key) is Command.SETTINGS:
                self.setting = True
            case KeyDown(key=key) if key == MAKE_KEY:
                self.making = True
            case KeyDown(key=key) if self._help and key in LEAVE:
                self._help = False
            case _ if self._question is not None:
                self._answer(event, self._question)
            case _:
                self._browse(event)
        after = self._cursor.item, self._question and self._question.cursor.item
        if isinstance(event, KeyDown):
            self._notice = ""
        quiet = isinstance(event, Pointed) and not event.pressed and before == after
        self.stale |= not quiet and not isinstance(event, MouseMoved | KeyUp)

    def _asks(self, key: str) -> Command | None:
        return command_on_page(self._keymap, key)

    def _answer(self, event: Event, question: MenuQuestion) -> None:
        asked = question.cursor.handle(event, self._page(), self._window.size)
        if asked is None:
            return
        self._question = None
        if asked is Asked.CHOOSE and question.cursor.item == 0:
            question.then()

    def _browse(self, event: Event) -> None:
        match self._cursor.handle(event, self._grid(), self._window.size):
            case Asked.CHOOSE:
                self._choose()
            case Asked.REMOVE if self._marked is not None:
                self._remove(self._marked)
            case Asked.LEAVE if self._search:
                self._look_for("")
            case Asked.LEAVE:
                self.leaving = True
            case None if isinstance(event, KeyDown):
                if (search := typed(self._search, letter_of(event.key))) != self._search:
                    self._look_for(search)

    def _look_for(self, search: str) -> None:
        self._search = search
        self._cursor.item = self._cursor.top = 0

    def _choose(self) -> None:
        """Play what is marked, or ask what is to become of it."""
        entry = self._marked
        if entry is None:  # a row under the tiles
            self.making = self._cursor.item == len(self._found)
            self.setting = not self.making
            return
        name, download = entry.name, self._downloads.of(entry.name)
        if download is not None and not download.error:
            title, lines = f"Stop downloading {entry.title}?", ("what arrived is kept",)
            self._ask(title, lines, "Stop", partial(self._downloads.stop, name))
        elif entry.here:
            self.chosen = name
        else:
            start = partial(self._downloads.start, name)
            self._ask(f"Download {entry.title}?", entry.terms, "Download", start)

    def _remove(self, entry: LibraryEntry) -> None:
        """Stop a download, or ask whether something is to be deleted."""
        if not entry.removable:
            self._downloads.stop(entry.name)
            return
        lines = (entry.title, f"{entry.speed}, {entry.size}", "It cannot be brought back.")
        delete = partial(self._delete, entry.name)
        self._ask("Delete this replay?", lines, "Delete", delete)

    def _delete(self, name: str) -> None:
        try:
            self._library.delete(name)
        except UserError as error:
            self._errors[name] = str(error)
        self.come_back()

    def _ask(self, title: str, lines: tuple[str, ...], yes: str, then: Callable[[], None]) -> None:
        dialog = Dialog(title, lines, (PageRow(yes, "Enter"), PageRow("Go back", "Esc")))
        self._question = MenuQuestion(dialog, then)

    def come_back(self) -> None:
        """Look again at which worlds there are, and at the keys; the mark stays on its own, or on a
        world where that was."""
        self.setting = self.making = False
        self._keymap = Keymap(self._settings.now.keys)
        self._cursor.let_go()
        marked, row = self._marked, self._cursor.item - len(self._found)
        self._entries = self._library.entries()
        names = [entry.name for entry in self._found]
        if marked is None:  # a row under the tiles
            self._cursor.item = len(names) + row
        else:
            item = min(self._cursor.item, len(names) - 1)
            self._cursor.item = names.index(marked.name) if marked.name in names else item
        self._cursor.settle(self._grid(), self._window.size)
        self.stale = True


def _progress(download: BackgroundJob, size: str) -> tuple[str, str]:
    """Describe the progress of a download."""
    if download.stopping:
        return "stopping ...", "what arrived is kept"
    if download.waiting:
        return "waits for another download", "Delete stops it"
    if download.share is None:
        return "asking the Hub ...", "Delete stops it"
    return f"{download.share:.0%} of {size}", "Delete stops it"
