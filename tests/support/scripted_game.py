"""Play a toy world through the real loop, by a script, on a clock that moves only when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.contracts import ActionSpace, ActionVector, Frame, Step, World
from engine.player.loop import play
from engine.player.observer import Observer, Recorder
from engine.player.options import GameStart, Outputs, PlayOptions
from engine.player.pacing import Timings
from engine.player.replay_file import Log, Replay
from engine.player.worker import Worker
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event, KeyDown, KeyUp
from tests.support.toy_world import ToyWorld

TICK_S = 1 / 15


class PromptWorker(Worker):
    """Every job is done when `submit` returns, so that a script's outcome is always the same.

    And who waits was woken: a thread that did so a little later would let virtual time pass.
    """

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._woken = threading.Event()

        def wake() -> None:
            on_done()
            self._woken.set()

        super().__init__(wake)

    def submit(self, work: Callable[[], Any]) -> None:
        self._woken.clear()
        super().submit(work)
        self._woken.wait()


@dataclass
class Diary(Observer):
    """What an observer was told: each game's actions, and the frames after each."""

    space: ActionSpace = ToyWorld.actions
    lines: list[tuple[str, Any]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    def began(self, frame: Frame, seed: int, start: int) -> None:
        self.lines.append(("began", (seed, start)))
        self.frames.append(frame)

    def stepped(self, action: ActionVector, step: Step) -> None:
        self.lines.append(("stepped", self.space.describe(action)))
        self.frames.append(step.frame)

    def jumped(self, frame: Frame) -> None:
        self.lines.append(("jumped", None))
        self.frames.append(frame)

    def told(self, kind: str) -> list[Any]:
        """What came with every line of one kind."""
        return [about for this, about in self.lines if this == kind]

    @property
    def actions(self) -> list[str]:
        """Names of all actions played."""
        return self.told("stepped")


@dataclass
class Game:
    """What is left of a scripted game."""

    window: NullWindow
    diary: Diary
    timings: Timings
    toy: ToyWorld

    @property
    def lines(self) -> list[str]:
        """The lines shown under the playfield, without repeats in a row."""
        lines = [picture.line for picture in self.window.pictures]
        return [line for i, line in enumerate(lines) if i == 0 or line != lines[i - 1]]


def down(key: str, tick: float) -> Event:
    """`key` goes down; the first step starts at tick 0, ticks are a step apart."""
    return KeyDown(key, tick * TICK_S)


def up(key: str, tick: float) -> Event:
    """`key` is let go."""
    return KeyUp(key, tick * TICK_S)


def tap(key: str, tick: float) -> list[Event]:
    """`key` goes down and up again well within one tick."""
    return [down(key, tick), up(key, tick + 0.1)]


def hold(key: str, first: int, last: int) -> list[Event]:
    """`key` is down for the steps `first` to `last`."""
    return [down(key, first - 0.5), up(key, last + 0.5)]


def play_script(
    events: Iterable[Event],
    folder: Path,
    *,
    ticks: int,
    length: int = 1_000_000,
    step_s: float = 0.0,
    seed: int = 0,
    start: int = 0,
    steps: int | None = None,
    sensitivity: float = 1.0,
    settings: SettingsFile | None = None,
    interpolate: bool = False,
    recorder: Recorder | None = None,
    replay: Replay | None = None,
    log: Log | None = None,
    kind: type[ToyWorld] = ToyWorld,
    wrap: Callable[[ToyWorld], World] = lambda toy: toy,
) -> Game:
    """Play `ticks` ticks under `events`; every step takes the world `step_s` virtual seconds.

    kind, wrap: which toy to play, and what to make of it first.
    """
    clock = VirtualClock()
    leave = CloseAsked((ticks - 0.5) * TICK_S)
    toy = kind(length=length, before_step=lambda: clock.advance(step_s))
    window, diary = NullWindow([*events, leave], clock), Diary(toy.actions)
    timings = play(
        lambda report: wrap(toy),
        window,
        start=GameStart(seed, start, replay),
        options=PlayOptions("toy", steps, sensitivity, interpolate=interpolate),
        outputs=Outputs([diary], recorder, log, folder),
        settings=settings,
        clock=clock,
        worker=PromptWorker(on_done=window.wake),
    )
    return Game(window, diary, timings, toy)


def dream(actions: Iterable[str], seed: int = 0, start: int = 0) -> list[Frame]:
    """The first frame, and the frame after each action, played without any loop."""
    world = ToyWorld()
    frames = [world.reset(seed, start)]
    return frames + [world.step(world.actions.named(name)).frame for name in actions]


def same(these: list[Frame], those: list[Frame]) -> bool:
    """Whether two lists hold the same frames."""
    return len(these) == len(those) and all(map(np.array_equal, these, those))
