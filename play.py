"""Play a cartridge: in a window, without one, or as a film where there is no display."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from base.errors import UserError, run_main
from base.files import check_writable, write_text
from base.folders import data_folder, recordings_folder
from base.terminal import say
from engine.action_file import MOST_STEPS
from engine.contracts import Report, World
from engine.player import headless, loop
from engine.player.observer import Recorder
from engine.player.options import GameStart, Outputs, PlayOptions
from engine.player.replay_file import LARGEST_SEED, Replay, ReplayWriter, read_replay
from engine.settings import SettingsFile
from engine.ui.pygame.window import NoDisplayError, open_window
from engine.ui.screen import Window
from engine.ui.screens import menu
from tools.app.live_recording import LiveRecording
from tools.app.replays import as_asked, asked, world_of
from tools.app.resolver import ResolvedWorld, RunOptions, open_world, resolve
from tools.app.speeds import keep_speed

SHIPPED = "breakout"  # the world without a name on the command line and without a menu
HEADLESS_STEPS = 300
Open = Callable[..., World]  # may be given a Report
KEYS = "A D or arrows move, Space fires, Enter restarts, F1 lists all keys, Esc leaves"


@dataclass(frozen=True)
class Flags:
    """Play a world model as a game. Keys: F1 in the window lists them."""

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")] = ""
    """A cartridge in cartridges/ or the folder of one, a released world (python -m tools.hub list
    names them; diamond:NAME for one that is also a cartridge), hf:OWNER/NAME, own:NAME for a world
    that was trained in the menu, or game:NAME for a game itself (doom, pong, ...). Without one a
    menu of all worlds opens; --headless plays breakout."""

    seed: int = 0
    """Seed of the dream: the same seed and actions give the same frames."""
    start: int = 0
    """Starting point of the first game; every restart goes on to the next one."""
    steps: int | None = None
    """Stop after this many steps. Without a window: 300 unless given."""
    report: Path | None = None
    """Write milliseconds per stage, median, p95 and p99, to this JSON file at the end."""

    headless: bool = False
    """Play without a window and as fast as possible."""
    actions: Path | None = None
    """With --headless: file of the actions to play, one name a line; NAME*K repeats one, # begins a
    comment. After the last one the first action (NOOP) is repeated. Without a file a scripted
    player plays."""
    frames: Path | None = None
    """With --headless: write frames, rewards and ended of every step to this npz file."""
    video: Path | None = None
    """With --headless: write an MP4 to this file."""

    record: Path | None = None
    """Record from the first frame on: episodes for tools.train and a film, into this folder. In the
    window F8 starts and stops recording, into your data folder unless this is given."""
    overlay: bool = False
    """Show the pressed keys in a strip under the film that is recorded."""
    save_replay: Path | None = None
    """Write the session to this file, to show it again with --replay. In the window V saves the
    session so far beside the saved moments, and the menu lists it."""
    replay: Path | None = None
    """Show the session in such a file, frame by frame, then play on. The file names its world."""

    device: str | None = None
    """Device of the model: cpu, cuda, ...; chosen for this machine unless given."""
    precision: str | None = None
    """Precision of the model: float32, bfloat16, ...; chosen for this machine unless given."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Use of torch.compile: on takes a minute at every start and needs a C++ compiler; auto tries
    it on CUDA only."""
    preset: str | None = None
    """Preset of a world that has some: CS:GO has fast and quality."""
    sampler_steps: int | None = None
    """Denoising steps a frame; the world chooses unless given. [ and ] change it in the window."""
    target: Literal["fixed", "auto"] = "fixed"
    """auto chooses the number of denoising steps so that the game holds its natural rate, and
    changes it with the load of the machine."""
    interpolate: bool = False
    """Show pictures mixed from two frames between them, at the rate of the display. The newer frame
    is whole up to one step later. Recordings stay as they are."""
    sensitivity: float = 1.0
    """Sensitivity of the mouse, in the game's counts per pixel."""
    yes: bool = False
    """Download a released world without asking."""
    unverified: bool = False
    """Use released weights that are in the Hub's cache without comparing them with their hashes."""
    folder: Path | None = None
    """Folder for saved moments (F5) and screenshots (F12); your data folder unless given."""
    out: Path = Path("out")
    """Folder for the film and the contact sheet that are made on a machine without a display.
    --steps, --seed, --start and --report apply to the film as well."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_SEED:
            raise UserError(f"--seed must be between 0 and {LARGEST_SEED}, not {self.seed}")
        if self.replay and self.actions:
            raise UserError("--replay has actions of its own; leave --actions out")
        if self.replay and self.replay == self.save_replay:
            raise UserError("--replay and --save-replay name the same file")
        if len(set(self.written)) < len(self.written):
            raise UserError("two of --frames, --video, --report and --save-replay name one file")
        if not 0 < self.sensitivity < 1000:
            raise UserError(f"--sensitivity must be more than 0, not {self.sensitivity}")
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise UserError(f"--steps must be between 1 and {MOST_STEPS}, not {self.steps}")

    @property
    def written(self) -> list[Path]:
        """The files that are to be written."""
        files = (self.frames, self.video, self.report, self.save_replay)
        return [file.absolute() for file in files if file is not None]

    def play_options(self, title: str) -> PlayOptions:
        """Return the options of play in a window, for a world of this title."""
        auto = self.target == "auto"
        return PlayOptions(title, self.steps, self.sensitivity, auto, self.interpolate)

    @property
    def of_sessions(self) -> bool:
        """A session is to be kept or shown, which a film does not do."""
        return not (self.record is self.replay is self.save_replay is None)

    @property
    def of_windows(self) -> list[str]:
        """The flags given that have an effect in a window alone."""
        given = {
            "--overlay": self.overlay,
            "--target": self.target != "fixed",
            "--interpolate": self.interpolate,
            "--sensitivity": self.sensitivity != 1.0,
            "--folder": self.folder is not None,
        }
        return [flag for flag, is_given in given.items() if is_given]


def main(flags: Flags) -> int:
    """Turn flags into a cartridge, the cartridge into a world, and play it."""
    if not flags.headless and (flags.actions or flags.frames or flags.video):
        raise UserError("--actions, --frames and --video need --headless")
    for file in flags.written:
        check_writable(file)
    run_options = RunOptions(
        flags.device, flags.precision, flags.preset, flags.sampler_steps, flags.compile
    )
    replay, name = None, flags.cartridge
    if flags.replay is not None:
        replay = read_replay(flags.replay)
        name, run_options = name or world_of(replay), as_asked(replay, run_options)
    if not name and not flags.headless:
        if flags.save_replay is not None:
            raise UserError("--save-replay is for one world; name it: play.py WORLD --save-replay")
        return choose_in_menu(flags, run_options)
    name = name or SHIPPED
    found = resolve(name, yes=flags.yes, verified=not flags.unverified)
    if flags.headless:
        log = None
        if flags.save_replay is not None:
            log = ReplayWriter(flags.save_replay, found.name or name, asked(run_options))
        return play_headless(flags, opener(run_options, found), replay, log)
    try:
        window = open_window(f"{found.title} - Dreamcart")
    except NoDisplayError as error:
        return make_film(flags, opener(run_options, found), error)
    play_in_window(flags, run_options, SettingsFile(), name, found, window, replay)
    return 0


def opener(run_options: RunOptions, found: ResolvedWorld) -> Open:
    """Return a function that loads a world."""

    def open_found(report: Report = lambda line: None) -> World:
        return open_world(found, run_options, report)

    return open_found


def choose_in_menu(flags: Flags, run_options: RunOptions) -> int:
    """Show all worlds and play those that are chosen; without a display make the film."""
    try:
        window = open_window(menu.TITLE)
    except NoDisplayError as error:
        return make_film(flags, opener(run_options, resolve(SHIPPED)), error)
    # Imported late: what is played by its name needs none of it.
    from tools.app.workshop import HomeWorkshop
    from tools.app.worlds import Worlds

    settings = SettingsFile()

    def play(found: ResolvedWorld, lent: Window, replay: Replay | None = None) -> None:
        own = run_options if replay is None else as_asked(replay, run_options)
        play_in_window(flags, own, settings, found.name, found, lent, replay)

    replays = flags.folder or data_folder()
    worlds = Worlds(play, settings, replays, verified=not flags.unverified)
    menu.run(worlds, HomeWorkshop(play), window, settings, shown=warm_up)
    return 0


def warm_up() -> None:
    """Load the libraries of every world while the menu is shown."""

    def load() -> None:
        # Errors are told when a world is opened, which loads the same.
        with contextlib.suppress(Exception):
            import models.dream  # noqa: F401

    threading.Thread(target=load, name="warm up").start()


def play_headless(
    flags: Flags,
    open_found: Callable[[], World],
    replay: Replay | None,
    log: ReplayWriter | None,
) -> int:
    """Play without a window, or go through a replay; print the figures of the report."""
    files = headless.RunFiles(frames=flags.frames, video=flags.video, report=flags.report)
    with ExitStack() as stack:
        observers = []
        if flags.record is not None:
            player = "scripted" if replay is None else "human"
            observers = [stack.enter_context(recording(flags, player))]
        if replay is not None:
            if log is not None or flags.steps is not None:
                raise UserError("--headless goes through a whole --replay, and saves no other")
            report = headless.run_replay(open_found, files, replay, observers)
        else:
            report = headless.run(
                open_found,
                files,
                steps=HEADLESS_STEPS if flags.steps is None else flags.steps,
                actions=flags.actions,
                seed=flags.seed,
                start=flags.start,
                log=log,
                observers=observers,
            )
    say(json.dumps(report))
    return 0


def play_in_window(
    flags: Flags,
    run_options: RunOptions,
    settings: SettingsFile,
    name: str,
    found: ResolvedWorld,
    window: Window,
    replay: Replay | None = None,
) -> None:
    """Play in a window, which is closed at the end; note the world's speed for the menu.

    name: given by the player; names a world that is not in the menu in the replay of this session.
    """
    if found.name:
        settings.played(found.name)
    folder = flags.folder
    if folder is None and found.game:  # a dream of the game keeps its moments elsewhere
        folder = data_folder() / "emulator"
    with recording(flags, game=found.game) as recorder:
        log = ReplayWriter(flags.save_replay, found.name or name, asked(run_options))
        timings = loop.play(
            opener(run_options, found),
            window,
            start=GameStart(flags.seed, flags.start, replay),
            options=flags.play_options(found.title),
            outputs=Outputs(recorder=recorder, log=log, folder=folder),
            settings=settings,
        )
    if found.name:
        keep_speed(found.name, timings)
    if flags.report is not None:
        report = {"cartridge": found.title, "seed": flags.seed, "stages": timings.summary()}
        write_text(flags.report, json.dumps(report, indent=2) + "\n")


@contextlib.contextmanager
def recording(flags: Flags, player: str = "human", game: str = "") -> Iterator[Recorder]:
    """Give the recorder that the flags ask for; write what it has left at the end.

    game: the game itself if that is played; recordings of its dreams lie elsewhere.
    """
    folder, running = flags.record, flags.record is not None
    if folder is None and game:
        folder = recordings_folder() / f"{game}_game"
    recorder = LiveRecording(
        folder, game=game, overlay=flags.overlay, player=player, running=running
    )
    try:
        yield recorder
    finally:
        problem = recorder.close()
        if problem:
            say(problem, error=True)


def make_film(flags: Flags, open_found: Callable[[], World], why: NoDisplayError) -> int:
    """Make a film of a scripted player, and say how to play instead.

    Raises UserError for flags that have no effect on a film.
    """
    if flags.of_sessions:
        raise UserError(f"there is no display ({why}); add --headless") from why
    if flags.of_windows:
        named = ", ".join(flags.of_windows)
        raise UserError(f"there is no display ({why}); leave out what needs one: {named}") from why
    long = f"{headless.DEMO_S:.0f} seconds" if flags.steps is None else f"{flags.steps} steps"
    say(f"no display ({why}): dreaming {long} to a film")
    made = headless.run_demo(
        open_found,
        flags.out,
        steps=flags.steps,
        seed=flags.seed,
        start=flags.start,
        report=flags.report,
    )
    say(f"film:          {made.video}")
    say(f"contact sheet: {made.sheet}")
    say(f"to play, run this on a machine with a screen, or over ssh -X. {KEYS}")
    return 0


if __name__ == "__main__":
    run_main(lambda: main(tyro.cli(Flags)))
