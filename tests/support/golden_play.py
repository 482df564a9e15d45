"""Sessions of toys by long key scripts, and all that they leave: pictures, observers, files.

`python -m tests.support.golden_play` writes what they leave now to tests/data/golden/, which
test_golden_play.py compares with; only do so after a change that is meant to be seen.
"""

from __future__ import annotations

import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from engine.contracts import Frame
from engine.player.headless import RunFiles, run, run_replay
from engine.player.observer import Recorder
from engine.player.replay_file import Moved, Replay, ReplayWriter, read_replay
from engine.settings import SettingsFile
from engine.ui.page import Page
from engine.ui.screen import Event, FocusLost, MouseMoved, Picture, Thumbnail, Uncovered
from tests.support.scripted_game import TICK_S, Game, down, hold, play_script, tap, up
from tests.support.toy_world import AdjustableToy, MouseToy, SwitchingToy, ToyWorld

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
REPLAY, MOMENT, SETTINGS = "everything.replay", "toy.npz", "settings.json"
KEYS = {
    "player": {"pause": ("k", "pad start"), "figures": ()},
    "arcade": {"fire": ("x", "space")},
    "switches": {"f2": ("o",)},
}

# All that a player can do to a game, one after the other.
EVERYTHING: Sequence[Event] = [
    *hold("d", 3, 8), *tap("f2", 10.5), *tap("f5", 12.5), *tap("space", 14.5),
    *tap("p", 16.5), *tap(".", 18.2), *tap(".", 18.4), *tap("backspace", 19.5),
    *tap("f1", 20.5), *tap("f1", 21.0), *tap("escape", 21.5), *tap("p", 22.5),
    *hold("backspace", 25, 31), *hold("a", 33, 36), *tap("m", 39.5), *tap("return", 43.5),
    *tap("f7", 45.5), *tap("f5", 46.5), *tap("f6", 47.5), *tap("f9", 49.5), *tap("]", 51.5),
    *tap("r", 53.5), *tap("page up", 55.5), *hold("d", 57, 60), *tap("f8", 62.5), *tap("h", 64.5),
    *tap("v", 66.5), *tap("f12", 68.5), *tap("f11", 70.5), *tap("f4", 72.5), *tap("left", 73.5),
    *tap(".", 76.5), down("backspace", 79.5), *tap("m", 81.7), up("backspace", 81.8),
    *tap("p", 84.5), *tap("a", 85.5), down("backspace", 88.5), FocusLost(91.5 * TICK_S),
    Uncovered(93.5 * TICK_S), *tap("f9", 96.5), *tap("h", 98.5),
]  # fmt: skip
# A game that ends, in every way it can go on.
ENDINGS: Sequence[Event] = [
    *tap("p", 12.5), *tap("p", 13.5), *tap("backspace", 15.5), *tap("return", 30.5),
    *tap("p", 45.5), *tap("return", 48.5), *tap(".", 50.5), *tap(".", 52.5), *tap("p", 54.5),
    *hold("backspace", 70, 90), *tap("o", 100.5), *tap("k", 102.5), *tap("x", 104.5),
]  # fmt: skip
MOUSE: Sequence[Event] = [
    MouseMoved(30, 0, 0.5 * TICK_S), *tap("left button", 1.5), MouseMoved(30, -9, 3.5 * TICK_S),
    *tap("left button", 5.5), *tap("p", 7.5), MouseMoved(90, 9, 8.5 * TICK_S), *tap("p", 9.5),
    *tap("escape", 12.5), *tap("left button", 14.5), FocusLost(16.5 * TICK_S),
    *tap("pad left", 18.5), *tap("f1", 20.5), *tap("f1", 21.5), *tap("f1", 22.5),
]  # fmt: skip
KNOBS: Sequence[Event] = [
    *tap("f4", 1.5), *tap("left", 3.5), *tap("down", 5.5), *tap("pad right", 7.5),
    *tap("up", 8.5), *tap("right", 9.2), *tap("right", 9.4), *tap("right", 9.6),
    *tap("p", 12.5), *tap("left", 14.5), *tap("p", 16.5), *hold("backspace", 20, 28),
    *tap("escape", 34.5), *tap("left", 36.5),
]  # fmt: skip
PAGE: Sequence[Event] = [
    down("d", 1.5), *tap("f10", 3.5), up("d", 4.5), *tap("right", 5.5), *tap("down", 6.5),
    *tap("return", 7.5), *tap("q", 8.5), *tap("end", 9.5), *tap("up", 10.5), *tap("escape", 12.5),
    *hold("q", 15, 17), down("backspace", 20.5), *tap("f10", 22.5), up("backspace", 24.5),
    *tap("escape", 26.5), *tap("p", 30.5), *tap("f10", 31.5), *tap("escape", 32.5),
]  # fmt: skip


class GoldenRecorder(Recorder):
    """Recorder that keeps nothing but whether it records."""

    def __init__(self) -> None:
        self.on = False

    @property
    def status(self) -> str:
        return "• REC" if self.on else ""

    def toggle(self) -> str:
        self.on = not self.on
        return "recording" if self.on else "recorded"


def everything(folder: Path) -> Iterator[str]:
    log = ReplayWriter(folder / REPLAY, "toy")
    game = play_script(
        EVERYTHING,
        folder,
        ticks=110,
        length=100,
        recorder=GoldenRecorder(),
        log=log,
        settings=SettingsFile(folder / SETTINGS),
        wrap=SwitchingToy,
    )
    yield from told(game, folder)
    yield from map(describe_event, read_replay(folder / REPLAY).events)


def replayed(folder: Path) -> Iterator[str]:
    """Show the replay that the code of before wrote, pause in it, and play on after it."""
    replay = read_replay(GOLDEN / REPLAY)
    events = [*tap("p", 5.5), *tap(".", 7.5), *tap("p", 9.5), *hold("a", 12, 200)]
    game = play_script(events, folder, ticks=150, length=100, replay=replay, wrap=SwitchingToy)
    yield from told(game, folder)
    left = play_script(
        [*tap("backspace", 9.5), *hold("d", 12, 14)],
        folder,
        ticks=20,
        length=100,
        replay=replay,
        wrap=SwitchingToy,
    )
    yield from told(left, folder)


def loaded(folder: Path) -> Iterator[str]:
    """Play on from the moment that the code of before saved."""
    (folder / MOMENT).write_bytes((GOLDEN / MOMENT).read_bytes())
    game = play_script([*tap("f6", 2.5), *tap("f7", 4.5), *tap("f9", 6.5)], folder, ticks=12,
                       wrap=SwitchingToy)  # fmt: skip
    yield from told(game, folder)


def endings(folder: Path) -> Iterator[str]:
    """Obey the settings that the code of before wrote."""
    (folder / SETTINGS).write_bytes((GOLDEN / SETTINGS).read_bytes())
    settings = SettingsFile(folder / SETTINGS)
    game = play_script(ENDINGS, folder, ticks=115, length=9, wrap=SwitchingToy, settings=settings)
    yield from told(game, folder)


def slowly(folder: Path) -> Iterator[str]:
    game = play_script(EVERYTHING, folder, ticks=140, step_s=1.4 * TICK_S, wrap=SwitchingToy)
    yield from told(game, folder)


def mouse(folder: Path) -> Iterator[str]:
    yield from told(play_script(MOUSE, folder, ticks=30, kind=MouseToy), folder)


def knobs(folder: Path) -> Iterator[str]:
    yield from told(play_script(KNOBS, folder, ticks=45, kind=AdjustableToy), folder)


def page(folder: Path) -> Iterator[str]:
    settings = SettingsFile(folder / SETTINGS)
    settings.change(keys=KEYS, sensitivity=1.5)
    yield from told(play_script(PAGE, folder, ticks=40, settings=settings), folder)
    yield from (folder / SETTINGS).read_text().splitlines()


def interpolated(folder: Path) -> Iterator[str]:
    """Leave out the pixels, which a library mixes and may round."""
    events = [*hold("d", 2, 8), *tap("p", 10.5), *tap("p", 12.5), *hold("backspace", 15, 18)]
    game = play_script(events, folder, ticks=25, interpolate=True)
    yield from (line.split(" | ", 1)[1] for line in told(game, folder) if " | " in line)


def by_chance(folder: Path) -> Iterator[str]:
    """Press the keys that stop and move a game by chance; a checksum for each session."""
    for seed in range(24):
        game = random_game(seed, folder / str(seed))
        yield f"{seed} {zlib.crc32(chr(10).join(told(game, folder / str(seed))).encode()):08x}"


def random_game(seed: int, folder: Path) -> Game:
    """Play one session of `by_chance`; every third follows a replay, every fourth is slow."""
    rng = np.random.default_rng(seed)
    keys = (*"pp..dd", *["backspace"] * 4, "pad back", "return", "f2", "f2", "f10", "escape")
    tick, events = 1.0, list[Event]()
    while tick < 80:
        key = keys[int(rng.integers(len(keys) - (seed % 8 > 0)))]
        length = float(rng.choice([0.1, 0.4, 1.3, 4.0]))
        events += [down(key, tick), up(key, tick + length)]
        if key == "f10":  # its page is left again, or a later Esc would leave the game
            events += tap("escape", tick + 1.5)
        tick += float(rng.choice([0.2, 0.3, 1.1, 2.6]))
    if seed % 5 == 0:
        events.append(FocusLost(40 * TICK_S))
    return play_script(
        events,
        folder,
        ticks=85,
        length=100 if seed % 3 == 0 else 11,
        step_s=1.3 * TICK_S if seed % 4 == 0 else 0.0,
        replay=read_replay(GOLDEN / REPLAY) if seed % 3 == 0 else None,
        settings=SettingsFile(folder / SETTINGS),
        wrap=SwitchingToy,
    )


def headless(folder: Path) -> Iterator[str]:
    script, log = folder / "script.txt", ReplayWriter(folder / REPLAY, "toy")
    script.write_text("RIGHT*9\nFIRE\nLEFT*4\n")
    wanted = RunFiles(frames=folder / "a.npz")
    report = run(lambda: ToyWorld(length=12), wanted, steps=40, actions=script, seed=3, log=log)
    yield from _frames(folder / "a.npz", report)
    again = run_replay(
        lambda: SwitchingToy(ToyWorld(length=100)), RunFiles(), read_replay(GOLDEN / REPLAY)
    )
    yield str([again[name] for name in ("steps", "reward", "seed", "start", "replay")])
    yield from map(describe_event, read_replay(folder / REPLAY).events)


def _frames(path: Path, report: dict) -> Iterator[str]:
    with np.load(path) as arrays:
        yield " ".join(crc(frame) for frame in arrays["frames"])
        yield f"{arrays['rewards'].tolist()} {arrays['ended'].tolist()}"
    yield str([report[name] for name in ("cartridge", "steps", "reward", "seed", "start")])


SCENARIOS: dict[str, Callable[[Path], Iterator[str]]] = {
    scenario.__name__: scenario
    for scenario in (
        everything, page, replayed, loaded, endings, slowly, mouse, knobs, interpolated,
        by_chance, headless,
    )
}  # fmt: skip


def told(game: Game, folder: Path) -> Iterator[str]:
    """Describe everything that a session showed, told and did."""
    for picture in game.window.pictures:
        yield describe(picture).replace(str(folder), "FOLDER")
    for kind, about in game.diary.lines:
        yield f"{kind} {about}"
    yield " ".join(map(crc, game.diary.frames))
    yield f"pointer {game.window.pointer} fullscreen {game.window.fullscreen}"
    yield f"counts { {stage: len(game.timings.all_ms(stage)) for stage in ('model', 'jitter')} }"
    yield f"input {[round(ms, 3) for ms in game.timings.all_ms('input to display')]}"


def describe(picture: Picture) -> str:
    """Put all of a picture into a line; its frame as a checksum."""
    frame = "-" if picture.frame is None else f"{crc(picture.frame)} {picture.frame.shape}"
    line = re.sub(r"\d{8}-\d{6}-\d{3}", "TIME", picture.line)
    parts = [
        f"{frame} | {line}",
        " / ".join(" ".join(f"{k}={v}" for k, v in cells) for cells in picture.hud),
        ", ".join(map(_thumbnail, picture.row)),
        ", ".join(map(str, picture.help)),
        ", ".join(map(str, picture.panel)),
        "" if picture.page is None else _page(picture.page),
    ]
    return " | ".join(parts).rstrip(" |")


def _thumbnail(thumbnail: Thumbnail) -> str:
    return f"{thumbnail.label}{'*' * thumbnail.marked}"


def _page(page: Page) -> str:
    rows = "; ".join(f"{row.label}: {row.value}" for row in page.rows)
    dialog = str(page.dialog).replace("PageRow(", "Row(")  # its name when they were recorded
    return f"{page.title} {page.marked} {page.top} {dialog} {rows}"


def describe_event(event: tuple[object, int]) -> str:
    """Describe an event of a replay; a moment by its arrays, as compressed bytes may differ."""
    what, check = event
    if isinstance(what, Moved):
        with np.load(BytesIO(what.moment)) as arrays:
            held = {name: zlib.crc32(arrays[name].tobytes()) for name in sorted(arrays.files)}
        return f"moved {held} {check}"
    return f"{what} {check}"


def crc(frame: Frame) -> str:
    """Return the checksum of a frame in eight digits."""
    return f"{zlib.crc32(np.ascontiguousarray(frame).tobytes()):08x}"


def same_events(one: Replay, other: Replay) -> bool:
    """Compare all that two replays hold."""
    return [*map(describe_event, one.events)] == [*map(describe_event, other.events)]


def main() -> None:
    """Write the golden files anew."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, scenario in SCENARIOS.items():
        with tempfile.TemporaryDirectory() as folder:
            lines = list(scenario(Path(folder)))
            kept = {"everything": (REPLAY, MOMENT), "page": (SETTINGS,)}.get(name, ())
            for file in kept:
                (GOLDEN / file).write_bytes((Path(folder) / file).read_bytes())
        (GOLDEN / f"{name}.json").write_text(json.dumps(lines, indent=0) + "\n")


if __name__ == "__main__":
    main()
