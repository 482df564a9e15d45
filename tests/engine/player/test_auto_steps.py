"""A game whose denoising steps follow what the machine can do, through the real loop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from engine.contracts import DENOISING_STEPS, ActionVector, Frame, Knob, Snapshot, Step, Switched
from engine.player.loop import play
from engine.player.options import Outputs, PlayOptions
from engine.ui.null_window import NullWindow, VirtualClock
from engine.ui.screen import CloseAsked, Event, KeyDown, Picture
from tests.support.scripted_game import TICK_S, Diary, PromptWorker, dream, hold, same
from tests.support.toy_world import ToyWorld


class DenoisingToy:
    """A toy with one knob; each denoising step takes the time that the machine's load makes it."""

    name, actions, rate_fps, starts = "toy", ToyWorld.actions, ToyWorld.rate_fps, ToyWorld.starts
    frame_shape = ToyWorld().frame_shape

    def __init__(self, clock: VirtualClock, step_s: Callable[[float], float]) -> None:
        self._toy, self._clock, self._step_s = ToyWorld(), clock, step_s
        self._count = 3
        self.counts: list[int] = []  # of every step

    @property
    def knobs(self) -> tuple[Knob, ...]:
        return (Knob(DENOISING_STEPS, str(self._count), tuple("123456")),)

    def turn(self, name: str, by: int) -> Switched:
        assert name == DENOISING_STEPS
        self._count = int(self.knobs[0].moved(by))
        return Switched(f"{self._count} denoising steps", self._toy.restore(self._toy.snapshot()))

    def reset(self, seed: int, start: int = 0) -> Frame:
        return self._toy.reset(seed, start)

    def step(self, action: ActionVector) -> Step:
        self.counts.append(self._count)
        self._clock.advance(self._count * self._step_s(self._clock.now))
        return self._toy.step(action)

    def snapshot(self) -> Snapshot:
        return {**self._toy.snapshot(), "count": np.array(self._count)}

    def restore(self, snapshot: Snapshot) -> Frame:
        self._count = int(snapshot["count"])
        return self._toy.restore(snapshot)

    def close(self) -> None:
        self._toy.close()


def play_loaded(
    step_s: Callable[[float], float],
    folder: Path,
    seconds: float,
    *,
    auto: bool = True,
    events: list[Event] | None = None,
) -> tuple[DenoisingToy, list[Picture], Diary]:
    """Play while one denoising step takes step_s(now) seconds."""
    clock, diary = VirtualClock(), Diary()
    world = DenoisingToy(clock, step_s)
    window = NullWindow([*(events or []), CloseAsked(seconds)], clock)
    play(
        lambda report: world,
        window,
        options=PlayOptions(auto=auto),
        outputs=Outputs([diary], folder=folder),
        clock=clock,
        worker=PromptWorker(window.wake),
    )
    return world, window.pictures, diary


def busy_for_a_while(now: float) -> float:
    return 0.03 if 20 <= now < 40 else 0.011


def test_the_natural_rate_is_held_while_the_load_changes(tmp_path: Path) -> None:
    world, pictures, diary = play_loaded(busy_for_a_while, tmp_path, 80)
    counts = [count for count, after in pairwise([*world.counts, 0]) if count != after]
    assert counts == [3, 4, 1, 2, 3, 4]
    assert len(world.counts) >= 0.98 * 80 * 15
    # What is shown is still the game, without a step more or less, and nobody was told of jumps.
    assert same(diary.frames, dream(diary.actions))
    lines = [picture.line for picture in pictures]
    assert "auto: 1 denoising steps" in lines and "auto: 4 denoising steps" in lines
    assert ("target", "auto") in pictures[-1].hud[2]


def test_unless_asked_nothing_moves(tmp_path: Path) -> None:
    world, pictures, _ = play_loaded(busy_for_a_while, tmp_path, 40, auto=False)
    assert set(world.counts) == {3}
    assert not any("auto" in str(picture.hud) for picture in pictures)


def test_rewinding_brings_an_old_number_back_for_a_moment_only(tmp_path: Path) -> None:
    events = hold("backspace", round(10 / TICK_S), round(20 / TICK_S))
    world, _, _ = play_loaded(lambda now: 0.03, tmp_path, 40, events=events)
    runs = [(count, len(list(run))) for count, run in groupby(world.counts)]
    assert [count for count, _ in runs] == [3, 1, 3, 1]
    assert runs[2][1] <= 15  # steps, a second


def test_a_world_without_denoising_steps_says_so(tmp_path: Path) -> None:
    clock = VirtualClock()
    window = NullWindow([CloseAsked(1.0)], clock)
    worker = PromptWorker(window.wake)
    options, outputs = PlayOptions(auto=True), Outputs(folder=tmp_path)
    play(lambda _: ToyWorld(), window, options=options, outputs=outputs, clock=clock, worker=worker)
    lines = [picture.line for picture in window.pictures]
    assert "this world has no denoising steps to choose from" in lines


def test_steps_that_the_player_chose_by_hand_stay(tmp_path: Path) -> None:
    events = [KeyDown("f4", 4.0), KeyDown("left", 5.0)]
    world, pictures, _ = play_loaded(lambda now: 0.001, tmp_path, 20.0, events=events)
    assert world.counts[-100:] == [max(world.counts) - 1] * 100  # left alone it would rise again
    assert ("target", "auto") in [cell for row in pictures[40].hud for cell in row]
    assert ("target", "auto") not in [cell for row in pictures[-1].hud for cell in row]
