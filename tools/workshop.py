"""The workshop of the menu: the user's recordings, and tools.train as a program beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from base.errors import UserError
from base.folders import recordings_folder, worlds_folder
from engine.errands import Watch
from engine.screen import Window
from engine.workshop import RealGame, Recorded, time_in_words
from engine.worlds.atari_games import GAMES
from models.catalogue import read_catalogue
from tools.shelf import GAME_PREFIX, Found, find
from training import progress

ROOT = Path(__file__).resolve().parent.parent
TRAINER = (sys.executable, "-m", "tools.train")
LOG = "training.log"  # in a run's folder: what the trainer said
LOOK_S = 0.2  # between two looks at a program that is under way
GOOD_STEPS = 100_000
LAST_S = 60.0  # that a trainer which is to stop has for its last checkpoint
BACKGROUND = 10  # niceness: the game that is played meanwhile comes first


class HomeWorkshop:
    """What lies in the user's data folder, as `engine.workshop.Workshop`.

    The runs on a recording are my_NAME, my_NAME.2, ...; the last one goes on until it is done.

    play:    plays a game that was found in a window.
    trainer: the program that trains.
    """

    def __init__(
        self, play: Callable[[Found, Window], None], trainer: Sequence[str] = TRAINER
    ) -> None:
        self._play, self._trainer = play, trainer
        self._titles = {world.game: world.title for world in read_catalogue() if world.game}
        self._anew: set[str] = set()  # recordings whose next training begins another world

    def games(self) -> Sequence[RealGame]:
        """All that the emulator plays."""
        return [RealGame(name, self._titles.get(name, name)) for name in GAMES]

    def play(self, game: str, window: Window) -> None:
        """Play a game itself."""
        self._play(find(GAME_PREFIX + game), window)

    def recordings(self) -> Sequence[Recorded]:
        """Those that can be read, by name."""
        try:
            folders = sorted(path for path in recordings_folder().iterdir() if path.is_dir())
        except OSError:  # nothing was recorded yet
            return ()
        return [found for folder in folders if (found := self._recorded(folder)) is not None]

    def measure(self, name: str, watch: Watch) -> str:
        """See `engine.workshop.Workshop`. Compiling, which takes minutes to try, is left out."""
        words = ["--dry-run", "--json", "--compile", "off", "--data", recordings_folder() / name]
        with TemporaryFile() as said:
            self._run(
                [*words, "--out", _run_folder(name, 1)], said, lambda: watch(0, 0), brief=True
            )
            said.seek(0)
            figures = json.loads(said.read().splitlines()[-1])
        return f"{figures['updates']:,} updates take {time_in_words(figures['seconds'])} here."

    def train(self, name: str, watch: Watch) -> None:
        """See `engine.workshop.Workshop`."""
        from training import run_config

        run = _run_folder(name, _runs(name))
        if name in self._anew or _share_done(run) == 1:
            run = _run_folder(name, _runs(name) + 1)
        self._anew.discard(name)
        words: list[object] = ["--out", run]
        if (run / run_config.NAME).exists():
            words.append("--resume")
        else:
            words += ["--data", recordings_folder() / name, "--name", _plain(run)]
        before = _changed_at(run / progress.NAME)

        def look() -> None:
            # Until the program is ready, the file is as it was left the time before.
            ready = _changed_at(run / progress.NAME) != before
            watch(*((progress.read(run) if ready else None) or (0, 0)))

        try:
            run.mkdir(parents=True, exist_ok=True)
            said = open(run / LOG, "wb+")  # noqa: SIM115
        except OSError as error:
            raise UserError(f"cannot write to {run}: {error.strerror or error}") from error
        with said:
            self._run(words, said, look)

    def begin_anew(self, name: str) -> None:
        """See `engine.workshop.Workshop`."""
        self._anew.add(name)

    def _recorded(self, folder: Path) -> Recorded | None:
        """What there is to know of a folder; None if nothing in it can be read."""
        # Imported late, and on a thread: torch comes with them.
        from datasets.store import Store
        from training.config import TrainConfig
        from training.data import open_data

        try:
            store = Store(folder)
        except UserError:
            return None
        refused, lengths = "", [store.length(episode) for episode in range(len(store))]
        try:
            open_data(folder, TrainConfig(), memory_gb=0.0).store.close()
        except UserError as error:
            refused = str(error).replace(str(folder), "this recording")
        middle = lengths[0] // 2
        picture = store.read(0, middle, middle + 1).frames[0]
        store.close()
        run = _run_folder(folder.name, _runs(folder.name))
        title = self._titles.get(store.info.game, store.info.game)
        episodes = f"{len(lengths)} episode{'s' if len(lengths) > 1 else ''}"
        return Recorded(
            name=folder.name,
            title=f"{title}, dreamed" if "device" in store.info.emulator else title,
            amount=f"{sum(lengths):,} steps in {episodes}",
            refused=refused,
            world=_plain(run).replace("_", " ").title(),
            done=_share_done(run),
            picture=picture,
            advice=f"{GOOD_STEPS:,} make a good world" if sum(lengths) < GOOD_STEPS else "",
        )

    def _run(
        self,
        words: Sequence[object],
        said: IO[bytes],
        look: Callable[[], None],
        *,
        brief: bool = False,
    ) -> None:
        """Run the trainer to its end, with a look every now and then.

        said: takes what it says. brief: a person waits for it, and nothing of it is kept; else it
        comes behind other work and is given the time to stop. What `look` raises stops it.
        Raises UserError, in the trainer's own words if it has any.
        """
        process = subprocess.Popen(
            [*self._trainer, *map(str, words)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us, who then stop the trainer
        )
        if not brief:
            with suppress(OSError, AttributeError):  # it has ended, or there is no such thing here
                os.setpriority(os.PRIO_PROCESS, process.pid, BACKGROUND)
        try:
            while (code := _waited(process, LOOK_S)) is None:
                look()
        except BaseException:
            if not brief and os.name == "posix":
                process.send_signal(signal.SIGINT)
                _waited(process, LAST_S)
            process.kill()  # of no effect once it has ended
            process.wait()
            raise
        if code != 0:
            raise UserError(_reason(said, code))


def _waited(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """The exit code of a program, or None if it goes on for longer."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _reason(said: IO[bytes], code: int) -> str:
    """Why the trainer failed, in a line."""
    said.seek(0)
    for line in reversed(said.read().decode("utf-8", "replace").splitlines()):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    where = f"; see {said.name}" if isinstance(said.name, str) else ""
    return f"training ended unexpectedly, with exit code {code}{where}"


def _run_folder(name: str, number: int) -> Path:
    """Of the first, second, ... run on some recordings. No recordings have a dot in their name."""
    return worlds_folder() / (f"my_{name}" if number == 1 else f"my_{name}.{number}")


def _runs(name: str) -> int:
    """How many runs there are on some recordings; 1 if there is none, which is the next then."""
    number = 1
    while _run_folder(name, number + 1).is_dir():
        number += 1
    return number


def _plain(run: Path) -> str:
    """What the world of a run is called."""
    return run.name.replace(".", "_")


def _share_done(run: Path) -> float | None:
    """How much of a run is done, from 0 to 1; None if it has not begun."""
    told = progress.read(run)
    return None if told is None else told[0] / told[1]


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
