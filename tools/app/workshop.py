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
from typing import IO, TYPE_CHECKING

from base.errors import UserError
from base.folders import recordings_folder
from base.interrupts import LEASH
from engine.games.atari_games import GAMES
from engine.jobs import Watch
from engine.ui.screen import Window
from engine.ui.screens.workshop import RealGame, Recorded, time_in_words
from hub.catalogue import read_catalogue
from tools.app.own_runs import Part, parts_of, plain, run_folder, runs, share_done
from tools.app.resolver import GAME_PREFIX, ResolvedWorld, resolve
from training import progress

if TYPE_CHECKING:  # torch comes with it
    from training.recipes.presets import Preset

ROOT = Path(__file__).resolve().parents[2]
TRAINER = (sys.executable, "-m", "tools.train")
LOG = "training.log"  # in a run's folder: what the trainer said
LOOK_S = 0.2  # between two looks at a program that is under way
GOOD_STEPS = 100_000
DOOM = RealGame("doom", "Doom")  # what no emulator plays
BOTH = (
    "Two networks learn, one after the other: the first dreams small pictures, the second "
    "enlarges them. The world can be played, small, while the second learns."
)
SMALL_ALONE = (
    "It was recorded in two sizes, and only the small pictures are learnt here: nothing is known "
    "yet of how to learn to enlarge this game's."
)
LAST_S = 60.0  # that a trainer which is to stop has for its last checkpoint
BACKGROUND = 10  # niceness: the game that is played meanwhile comes first


class HomeWorkshop:
    """Recordings and runs in the user's data folder: an `engine.ui.screens.workshop.Workshop`.

    Of the runs on a recording the last one goes on until it is done.

    play:    plays a game that was found in a window.
    trainer: the program that trains.
    """

    def __init__(
        self, play: Callable[[ResolvedWorld, Window], None], trainer: Sequence[str] = TRAINER
    ) -> None:
        self._play, self._trainer = play, trainer
        self._titles = {world.game: world.title for world in read_catalogue() if world.game}
        self._titles[DOOM.name] = DOOM.title
        self._part = ""
        self._anew: set[str] = set()  # recordings whose next training begins another world

    def games(self) -> Sequence[RealGame]:
        """Doom, and all that the emulator plays."""
        return [DOOM, *(RealGame(name, self._titles.get(name, name)) for name in GAMES)]

    def play(self, game: str, window: Window) -> None:
        """Play a game itself."""
        self._play(resolve(GAME_PREFIX + game), window)

    def recordings(self) -> Sequence[Recorded]:
        """Those that can be read, by name."""
        try:
            folders = sorted(path for path in recordings_folder().iterdir() if path.is_dir())
        except OSError:  # nothing was recorded yet
            return ()
        return [found for folder in folders if (found := self._recorded(folder)) is not None]

    def measure(self, name: str, watch: Watch) -> str:
        """See `engine.ui.screens.workshop.Workshop`. Compiling, which takes minutes to
        try, is left out.
        """
        updates, seconds = [], 0.0
        for preset in _presets(recordings_folder() / name):
            words = ["--dry-run", "--json", "--compile", "off", "--preset", preset]
            place = ["--data", recordings_folder() / name, "--out", run_folder(name, 1)]
            with TemporaryFile() as said:
                self._run([*words, *place], said, lambda: watch(0, 0), brief=True)
                said.seek(0)
                figures = json.loads(said.read().splitlines()[-1])
            updates.append(f"{figures['updates']:,}")
            seconds += figures["seconds"]
        return f"{' and '.join(updates)} updates take {time_in_words(seconds)} here."

    def train(self, name: str, watch: Watch) -> None:
        """See `engine.ui.screens.workshop.Workshop`."""
        presets = _presets(recordings_folder() / name)
        run = run_folder(name, runs(name))
        if name in self._anew or share_done(parts_of(run, presets)) == 1:
            run = run_folder(name, runs(name) + 1)
        self._anew.discard(name)
        parts = parts_of(run, presets)
        try:
            for number, part in enumerate(parts, 1):
                self._part = f"{number} of {len(parts)}" if len(parts) > 1 else ""
                if part.share != 1:
                    watch(0, 0)
                    self._train(name, plain(run), part, watch)
        finally:
            self._part = ""

    def _train(self, name: str, world: str, part: Part, watch: Watch) -> None:
        """Train one network of a world on a recording, or go on with that."""
        from training.recipes import run_config

        run = part.folder
        words: list[object] = ["--out", run]
        if (run / run_config.NAME).exists():
            words.append("--resume")
        else:
            words += ["--data", recordings_folder() / name, "--name", world]
            words += ["--preset", part.preset, *(["--world", part.world] if part.world else [])]
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

    @property
    def part(self) -> str:
        """See `engine.ui.screens.workshop.Workshop`."""
        return self._part

    def begin_anew(self, name: str) -> None:
        """See `engine.ui.screens.workshop.Workshop`."""
        self._anew.add(name)

    def _recorded(self, folder: Path) -> Recorded | None:
        """Return the facts about a folder; None if nothing in it can be read."""
        # Imported late, and on a thread: torch comes with them.
        from datasets.store import Store
        from training.data import in_two_sizes, low_folder, made_ready
        from training.pairs import FULL, LargeFrames
        from training.recipes.presets import PRESETS, presets_for

        try:
            store = Store(low_folder(folder))
        except UserError:
            return None
        game, two = store.info.game, in_two_sizes(folder)
        presets, large, refused = presets_for(game, two), None, ""
        try:
            if len(presets) > 1:
                large = LargeFrames(folder / FULL, store, memory_gb=0.0)
            made_ready(store, large, PRESETS[presets[0]])
        except UserError as error:
            refused = str(error)
            for path in (store.folder, folder):
                refused = refused.replace(str(path), "this recording")
        lengths = [store.length(episode) for episode in range(len(store))]
        middle = lengths[0] // 2
        if large is not None and 0 not in large.missing:
            picture = large.read(0, middle, middle + 1)[0]
        else:
            picture = store.read(0, middle, middle + 1).frames[0]
        run = run_folder(folder.name, runs(folder.name))
        title = self._titles.get(game, game)
        episodes = f"{len(lengths)} episode{'s' if len(lengths) > 1 else ''}"
        return Recorded(
            name=folder.name,
            title=f"{title}, dreamed" if "device" in store.info.emulator else title,
            amount=f"{sum(lengths):,} steps in {episodes}",
            refused=refused,
            world=plain(run).replace("_", " ").title(),
            done=share_done(parts_of(run, presets)),
            picture=picture,
            advice=f"{GOOD_STEPS:,} make a good world" if sum(lengths) < GOOD_STEPS else "",
            manner=("" if not two else BOTH if len(presets) > 1 else SMALL_ALONE),
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
            env={**os.environ, LEASH: "1"},
            stdin=subprocess.PIPE,  # ends with us, however we end
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
        finally:
            assert process.stdin is not None
            process.stdin.close()
        if code != 0:
            raise UserError(_reason(said, code))


def _presets(folder: Path) -> Sequence[Preset]:
    """The recipes for some recordings."""
    from datasets.store import Store
    from training.data import in_two_sizes, low_folder
    from training.recipes.presets import presets_for

    if not in_two_sizes(folder):
        return presets_for("", in_two_sizes=False)
    return presets_for(Store(low_folder(folder)).info.game, in_two_sizes=True)


def _waited(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """The exit code of a program, or None if it goes on for longer."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _reason(said: IO[bytes], code: int) -> str:
    """Return the reason why the trainer failed, in a line."""
    said.seek(0)
    for line in reversed(said.read().decode("utf-8", "replace").splitlines()):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    where = f"; see {said.name}" if isinstance(said.name, str) else ""
    return f"training ended unexpectedly, with exit code {code}{where}"


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
