"""The workshop of the menu: what it tells of recordings, and how it runs the trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from base.cartridges import own_cartridges
from base.errors import UserError
from base.folders import recordings_folder, worlds_folder
from datasets.store import Store
from engine.jobs import StoppedError
from engine.player.replay_file import Replay
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow
from engine.ui.screen import Window
from tests.support.recordings import record_in_two_sizes, record_toys
from tests.support.tiny_cartridge import write_tiny_cartridge
from tests.support.tiny_training import TINY_SEQUENCE, TINY_UPSAMPLER
from tools.app.resolver import ResolvedWorld, RunOptions, open_world, resolve
from tools.app.workshop import BOTH, SMALL_ALONE, HomeWorkshop
from tools.app.worlds import Worlds
from training.recipes.presets import PRESETS, presets_for

ROOT = Path(__file__).resolve().parents[2]
# As tools.train behaves: config.json, progress.json, an orderly end at SIGINT. How it behaves is
# the first line of a file, so that a test can change its mind.
TRAINER = """
import json, os, signal, sys, time
from pathlib import Path

sys.path.insert(0, os.getcwd())
from base.interrupts import end_with_input

mood = Path(sys.argv[1])
words = sys.argv[2:]
with open(mood.with_name("calls.txt"), "a") as calls:
    calls.write(json.dumps(words) + "\\n")
if mood.read_text() == "refuses":
    sys.exit(print("a remark", "error: that will not do", sep="\\n", file=sys.stderr) or 2)
if mood.read_text() == "falls over":
    raise ZeroDivisionError
if "--dry-run" in words:
    while mood.read_text() == "is slow":
        time.sleep(0.01)
    print("training on cpu")
    sys.exit(print(json.dumps({"steps": 4210, "updates": 6000, "seconds": 6600.0})))
run = Path(words[words.index("--out") + 1])
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
end_with_input()
(run / "config.json").write_text("{}")
slow = ["is slow"] + ["is slow with large ones"] * (run.name == "large")
done = 25
while done < 100 and not stopped:
    (run / "progress.json").write_text(json.dumps({"done": done, "updates": 100}))
    done += 75 * (mood.read_text() not in slow)
    time.sleep(0.01)
(run / "progress.json").write_text(json.dumps({"done": done, "updates": 100}))
sys.exit(130 if stopped else 0)
"""


class Bench:
    """A workshop with that trainer."""

    def __init__(self, folder: Path) -> None:
        self.mood, self._calls = folder / "mood", folder / "calls.txt"
        (folder / "trainer.py").write_text(textwrap.dedent(TRAINER))
        self.played: list[ResolvedWorld] = []
        trainer = [sys.executable, str(folder / "trainer.py"), str(self.mood)]
        self.workshop = HomeWorkshop(self._play, trainer)
        self.set("works")

    def _play(self, found: ResolvedWorld, window: Window, replay: Replay | None = None) -> None:
        self.played.append(found)

    def set(self, mood: str) -> None:
        self.mood.write_text(mood)

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call of the trainer."""
        return [json.loads(line) for line in self._calls.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return Bench(tmp_path)


def unwatched(done: int, whole: int) -> None:
    pass


def stop_at(share: float) -> Callable[[int, int], None]:
    def watch(done: int, whole: int) -> None:
        if whole and done / whole >= share:
            raise StoppedError("stopped")

    return watch


def test_what_is_told_of_recordings(bench: Bench) -> None:
    assert bench.workshop.recordings() == ()
    record_toys(recordings_folder() / "pong_game", 600, 60, 550, game="pong")
    record_toys(recordings_folder() / "toy", 30)
    (recordings_folder() / "strange").mkdir()
    (recordings_folder() / "strange" / "thesis.txt").write_text("precious")
    pong, toy = bench.workshop.recordings()
    assert (pong.name, pong.title, pong.amount) == (
        "pong_game",
        "Pong",
        "1,210 steps in 3 episodes",
    )
    assert (pong.refused, pong.world, pong.done) == ("", "My Pong Game", None)
    assert pong.advice == "100,000 make a good world"
    assert pong.picture is not None and pong.picture.shape == (8, 8, 3)
    assert toy.amount == "30 steps in 1 episode"
    assert toy.refused.startswith("this recording holds a single episode; record one more")


def test_a_training_goes_on_until_it_is_done_and_then_another_begins(bench: Bench) -> None:
    data, run = recordings_folder() / "toy", worlds_folder() / "my_toy"
    bench.set("is slow")
    with pytest.raises(StoppedError):
        bench.workshop.train("toy", stop_at(0.25))
    record_toys(data, 30)
    assert bench.workshop.recordings()[0].done == 0.25

    bench.set("works")
    told: list[tuple[int, int]] = []
    bench.workshop.train("toy", lambda done, whole: told.append((done, whole)))
    # What the first call left does not count as progress of the second.
    assert set(told) <= {(0, 0), (25, 100), (100, 100)}
    (recorded,) = bench.workshop.recordings()
    assert (recorded.done, recorded.world) == (1.0, "My Toy")

    bench.workshop.train("toy", unwatched)
    bench.workshop.begin_anew("toy")
    bench.workshop.train("toy", unwatched)
    second, third = worlds_folder() / "my_toy.2", worlds_folder() / "my_toy.3"
    assert bench.calls == [
        ["--out", str(run), "--data", str(data), "--name", "my_toy", "--preset", "small"],
        ["--out", str(run), "--resume"],
        ["--out", str(second), "--data", str(data), "--name", "my_toy_2", "--preset", "small"],
        ["--out", str(third), "--data", str(data), "--name", "my_toy_3", "--preset", "small"],
    ]


def in_two_sizes(monkeypatch: pytest.MonkeyPatch, *, known: bool) -> Path:
    """Recordings of a game in two sizes; known: there are recipes for it."""
    if known:
        monkeypatch.setitem(PRESETS, "shooter-upsampler", TINY_UPSAMPLER)
        monkeypatch.setitem(PRESETS, "shooter", TINY_SEQUENCE)
    folder = recordings_folder() / "shooter_game"
    record_in_two_sizes(folder, 990, 30, 20)
    return folder


def test_a_world_in_two_sizes_is_trained_in_two_parts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = in_two_sizes(monkeypatch, known=True), worlds_folder() / "my_shooter_game"
    (recorded,) = bench.workshop.recordings()
    assert (recorded.refused, recorded.manner, recorded.done) == ("", BOTH, None)
    assert recorded.amount == "1,040 steps in 3 episodes"
    assert recorded.picture is not None and recorded.picture.shape == (20, 32, 3)  # the large one
    measured = bench.workshop.measure("shooter_game", unwatched)
    assert measured == "6,000 and 6,000 updates take 3 h 40 min here."

    parts: list[str] = []

    def stop_in_the_second(done: int, whole: int) -> None:
        parts.append(bench.workshop.part)
        if parts[-1] == "2 of 2" and done == 25:
            raise StoppedError("stopped")

    bench.set("is slow with large ones")
    with pytest.raises(StoppedError):
        bench.workshop.train("shooter_game", stop_in_the_second)
    assert set(parts) == {"1 of 2", "2 of 2"} and bench.workshop.part == ""
    assert bench.workshop.recordings()[0].done == (1 + 0.25) / 2
    bench.set("works")
    bench.workshop.train("shooter_game", unwatched)
    assert bench.workshop.recordings()[0].done == 1.0
    named = ["--data", str(data), "--name", "my_shooter_game", "--preset"]
    onto = ["--world", str(run / "cartridge")]
    assert [words for words in bench.calls if "--dry-run" not in words] == [
        ["--out", str(run), *named, "shooter"],
        ["--out", str(run / "large"), *named, "shooter-upsampler", *onto],
        ["--out", str(run / "large"), "--resume"],
    ]
    # It is one world in the menu, and the large one as soon as there is one.
    for there in (run / "cartridge", run / "large" / "cartridge"):
        write_tiny_cartridge(there)
        assert own_cartridges() == {"own:my_shooter_game": there}


def test_a_game_without_recipes_of_its_own_is_learnt_small_and_that_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run = in_two_sizes(monkeypatch, known=False), worlds_folder() / "my_shooter_game"
    (recorded,) = bench.workshop.recordings()
    assert (recorded.refused, recorded.manner) == ("", SMALL_ALONE)
    bench.workshop.train("shooter_game", unwatched)
    (words,) = bench.calls
    assert words[:4] == ["--out", str(run), "--data", str(data)] and words[-1] == "small"
    assert bench.workshop.recordings()[0].done == 1.0
    assert presets_for("csgo", in_two_sizes=True) == ("csgo", "csgo-upsampler")
    assert presets_for("csgo", in_two_sizes=False) == ("small",)


def test_recordings_are_opened_once_to_be_told_of(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was read twice: to be counted, and to learn whether it will do."""
    record_toys(recordings_folder() / "toy", 600, 60, 550)
    opened: list[Path] = []
    first = Store.__init__

    def open_store(store: Store, folder: Path, memory_gb: float = 0.0) -> None:
        opened.append(folder)
        first(store, folder, memory_gb)

    monkeypatch.setattr(Store, "__init__", open_store)
    assert bench.workshop.recordings()[0].refused == ""
    assert opened == [recordings_folder() / "toy"]


def test_measuring_says_how_long_it_takes_and_can_be_broken_off(bench: Bench) -> None:
    assert bench.workshop.measure("toy", unwatched) == "6,000 updates take 1 h 50 min here."
    (words,) = bench.calls
    assert words[:2] == ["--dry-run", "--json"] and str(recordings_folder() / "toy") in words
    bench.set("is slow")

    def stop(done: int, whole: int) -> None:
        raise StoppedError("stopped")

    with pytest.raises(StoppedError):
        bench.workshop.measure("toy", stop)
    assert not worlds_folder().exists()


def test_why_the_trainer_failed_is_its_own_line_or_where_to_look(bench: Bench) -> None:
    bench.set("refuses")
    with pytest.raises(UserError, match=r"^that will not do$"):
        bench.workshop.train("toy", unwatched)
    with pytest.raises(UserError, match=r"^that will not do$"):
        bench.workshop.measure("toy", unwatched)
    bench.set("falls over")
    log = worlds_folder() / "my_toy" / "training.log"
    said = f"training ended unexpectedly, with exit code 1; see {log}"
    with pytest.raises(UserError) as raised:
        bench.workshop.train("toy", unwatched)
    assert str(raised.value) == said and "ZeroDivisionError" in log.read_text()


def test_a_folder_that_cannot_be_written_is_a_line(bench: Bench) -> None:
    worlds_folder().parent.mkdir(parents=True)
    worlds_folder().write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write to .*my_toy"):
        bench.workshop.train("toy", unwatched)


def test_games_are_played_themselves_and_trained_worlds_are_in_the_menu(
    bench: Bench, tmp_path: Path
) -> None:
    games = {game.name: game.title for game in bench.workshop.games()}
    assert games["pong"] == "Pong" and games["ms_pacman"] == "Ms. Pac-Man" and len(games) == 27
    assert games["doom"] == "Doom" and resolve("game:doom").game == "doom"
    bench.workshop.play("pong", NullWindow([]))
    (found,) = bench.played
    world = open_world(found, RunOptions())
    assert world.name == "pong" and found.name == "game:pong"
    assert world.provenance["rom"] == "pong"  # type: ignore[attr-defined]

    write_tiny_cartridge(worlds_folder() / "my_pong_game" / "cartridge")
    assert list(own_cartridges()) == ["own:my_pong_game"]
    worlds = Worlds(bench._play, SettingsFile(tmp_path / "settings.json"), tmp_path)
    (entry,) = [e for e in worlds.entries() if e.name.startswith("own:")]
    assert entry.here and entry.picture is not None
    worlds.play(entry.name, NullWindow([]))
    assert bench.played[-1].cartridge is not None
    path = bench.played[-1].cartridge(lambda line: None).path
    assert path == worlds_folder() / "my_pong_game" / "cartridge"
    with pytest.raises(UserError, match="unknown world 'own:my_pon'; did you mean 'own:my_pong_g"):
        resolve("own:my_pon")


STARTS_A_TRAINING = """
import sys
from pathlib import Path
from tests.tools.test_workshop import Bench

folder = Path(sys.argv[1])
bench = Bench(folder)
bench.set("is slow")
with open(folder / "said", "wb+") as said:
    bench.workshop._run(["--out", folder], said, lambda: None)
"""


@pytest.mark.skipif(os.name != "posix", reason="nothing can be killed like that here")
def test_a_training_ends_with_the_program_that_began_it(tmp_path: Path) -> None:
    """A terminal was closed, and it went on unseen; nor could it be stopped from the next menu."""
    words = [sys.executable, "-c", STARTS_A_TRAINING, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT) as parent:
        until = time.monotonic() + 60
        while not (tmp_path / "progress.json").exists():
            assert time.monotonic() < until, "it never began"
            time.sleep(0.05)
        (trainer,) = psutil.Process(parent.pid).children()
        parent.kill()
    trainer.wait(20)
