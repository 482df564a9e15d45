"""Play a cartridge: in a window, without one, or as a film where there is no display."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from base.errors import UserError, run_main
from base.files import write_text
from engine import headless, loop, menu
from engine.action_file import MOST_STEPS
from engine.contracts import Report, World
from engine.screen import Window
from engine.settings import SettingsFile
from engine.window import NoDisplayError, open_window
from tools.shelf import Found, Wishes, find, open_world
from tools.speeds import keep_speed

SHIPPED = "breakout"  # what is played where no world is named and no menu can be shown
HEADLESS_STEPS = 300
Open = Callable[..., World]  # may be given a Report
KEYS = "A D or arrows move, Space fires, Enter restarts, F1 lists all keys, Esc leaves"


@dataclass(frozen=True)
class Flags:
    """Play a world model as a game. Keys: F1 in the window lists them."""

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")] = ""
    """A cartridge in cartridges/ or the folder of one, a released world (python -m tools.download
    list names them; diamond:NAME for one that is also a cartridge), or hf:OWNER/NAME. Without one a
    menu of all worlds opens; --headless plays breakout."""

    seed: int = 0
    """Decides the dream: same seed and actions, same frames."""
    start: int = 0
    """Which starting context to begin from; restarts go on to the next."""
    steps: int | None = None
    """Stop after this many steps. Without a window 300 unless given."""
    report: Path | None = None
    """Write milliseconds per stage, median, p95 and p99, to this JSON file at the end."""

    headless: bool = False
    """Play without a window and as fast as possible."""
    actions: Path | None = None
    """With --headless: actions to play, one name a line, NAME*K repeats, # comments. When they run
    out the first action (NOOP) goes on; without a file a scripted player plays."""
    frames: Path | None = None
    """With --headless: write frames, rewards and ended of every step to this npz file."""
    video: Path | None = None
    """With --headless: write an MP4 to this file."""

    device: str | None = None
    """Where the model runs: cpu, cuda, ...; chosen for this machine unless given."""
    precision: str | None = None
    """Arithmetic of the model: float32, bfloat16, ...; chosen for this machine unless given."""
    preset: str | None = None
    """How a frame is made, in worlds that have presets: CS:GO has fast and quality."""
    sampler_steps: int | None = None
    """Denoising steps a frame; the world says unless given. [ and ] change it in the window."""
    target: Literal["fixed", "auto"] = "fixed"
    """auto chooses the number of denoising steps so that the game holds its natural rate, and moves
    it when the machine's load changes."""
    interpolate: bool = False
    """Show motion between two frames, mixed from both, at the rate of the display. The newer frame
    is whole up to one step later; what is recorded stays as it is."""
    sensitivity: float = 1.0
    """Of the mouse, in the game's counts per pixel."""
    yes: bool = False
    """Download a released world without asking."""
    unverified: bool = False
    """Use released weights that are in the Hub's cache without comparing them with their hashes."""
    folder: Path | None = None
    """Where saved moments (F5) and screenshots (F12) go; your data folder unless given."""
    out: Path = Path("out")
    """On a machine without a display: folder for the film and the contact sheet."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"--seed must not be negative, and {self.seed} is")
        if not 0 < self.sensitivity < 1000:
            raise UserError(f"--sensitivity must be more than 0, not {self.sensitivity}")
        if self.steps is not None and not 1 <= self.steps <= MOST_STEPS:
            raise UserError(f"--steps must be between 1 and {MOST_STEPS}, not {self.steps}")


def main(flags: Flags) -> int:
    """Turn flags into a cartridge, the cartridge into a world, and play it."""
    if not flags.headless and (flags.actions or flags.frames or flags.video):
        raise UserError("--actions, --frames and --video need --headless")
    if not flags.cartridge and not flags.headless:
        return choose_in_menu(flags)
    found = find(flags.cartridge or SHIPPED, yes=flags.yes, verified=not flags.unverified)
    if flags.headless:
        return play_headless(flags, opener(flags, found))
    try:
        window = open_window(f"{found.title} - Dreamcart")
    except NoDisplayError as error:
        return make_film(flags, opener(flags, found), error)
    play_in_window(flags, SettingsFile(), found, window)
    return 0


def opener(flags: Flags, found: Found) -> Open:
    """What loads a world that was found, as the flags wish."""
    wishes = Wishes(flags.device, flags.precision, flags.preset, flags.sampler_steps)

    def open_found(report: Report = lambda line: None) -> World:
        return open_world(found, wishes, report)

    return open_found


def choose_in_menu(flags: Flags) -> int:
    """Show all worlds and play those that are chosen; without a display make the film."""
    try:
        window = open_window(menu.TITLE)
    except NoDisplayError as error:
        return make_film(flags, opener(flags, find(SHIPPED)), error)
    # Imported late: what is played by its name needs none of it.
    from tools.worlds import Worlds

    settings = SettingsFile()

    def play(found: Found, lent: Window) -> None:
        play_in_window(flags, settings, found, lent)

    worlds = Worlds(play, settings, verified=not flags.unverified)
    menu.run(worlds, window, settings, shown=warm_up)
    return 0


def warm_up() -> None:
    """Load what every world needs while the menu is looked at."""

    def load() -> None:
        # Nothing is lost if it cannot be: opening a world does the same, and says what is wrong.
        with contextlib.suppress(Exception):
            import models.dream  # noqa: F401

    threading.Thread(target=load, name="warm up").start()


def play_headless(flags: Flags, open_found: Callable[[], World]) -> int:
    """Play without a window; print the figures of the report."""
    wanted = headless.Wanted(frames=flags.frames, video=flags.video, report=flags.report)
    report = headless.run(
        open_found,
        wanted,
        steps=HEADLESS_STEPS if flags.steps is None else flags.steps,
        actions=flags.actions,
        seed=flags.seed,
        start=flags.start,
    )
    print(json.dumps(report))
    return 0


def play_in_window(flags: Flags, settings: SettingsFile, found: Found, window: Window) -> None:
    """Play in a window, which is closed at the end; what the menu has it tells of from then on."""
    if found.name:
        settings.played(found.name)
    timings = loop.play(
        opener(flags, found),
        window,
        title=found.title,
        seed=flags.seed,
        start=flags.start,
        steps=flags.steps,
        sensitivity=flags.sensitivity,
        settings=settings,
        auto=flags.target == "auto",
        interpolate=flags.interpolate,
        folder=flags.folder,
    )
    if found.name:
        keep_speed(found.name, timings)
    if flags.report is not None:
        report = {"cartridge": found.title, "seed": flags.seed, "stages": timings.summary()}
        write_text(flags.report, json.dumps(report, indent=2) + "\n")


def make_film(flags: Flags, open_found: Callable[[], World], why: NoDisplayError) -> int:
    """Let a scripted player dream, and say what was made and how to play instead."""
    print(f"no display ({why}): dreaming {headless.DEMO_S:.0f} seconds to a film", flush=True)
    made = headless.run_demo(open_found, flags.out, flags.seed)
    print(f"film:          {made.video}")
    print(f"contact sheet: {made.sheet}")
    print(f"to play, run this on a machine with a screen, or over ssh -X. {KEYS}")
    return 0


if __name__ == "__main__":
    run_main(lambda: main(tyro.cli(Flags)))
