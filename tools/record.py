"""Record gameplay: python -m tools.record breakout --player scripted --steps 20000 --out DIR.

`python -m tools.record screen` records any other game from the screen: tools/record_screen.py.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tqdm import tqdm

from base.errors import UserError, run_main
from base.folders import data_folder
from base.interrupts import ctrl_c
from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.contracts import ActionVector, Frame, Step
from engine.loop import play
from engine.observer import Observer
from engine.screen import Window
from engine.window import NoDisplayError, open_window
from engine.worlds.atari import AtariWorld
from engine.worlds.atari_players import CountingPlayer, RandomPlayer, ScriptedPlayer
from tools import record_screen


@dataclass(frozen=True)
class RecordConfig:
    """Record an Atari game into a folder of episodes, or add to one."""

    game: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="GAME")]
    """One of the 26 Atari 100k games, such as breakout or ms_pacman; `screen` for any other."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """The folder: a new or empty one, or one with recordings of the same game."""
    player: Literal["human", "random", "scripted", "agent"] = "random"
    """Who plays: you, chance, a script that reads the game's memory, a trained agent."""
    steps: int = 20_000
    """How many steps to record; there are 15 in a second of play."""
    seed: int = 0
    """Decides the episodes, together with their numbers in the folder."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")
        if self.seed < 0:
            raise UserError(f"--seed must be 0 or more, not {self.seed}")


def main() -> None:
    """Parse the command line and record; what follows `screen` is of another kind."""
    if sys.argv[1:2] == ["screen"]:
        record_screen.main(sys.argv[2:])
    else:
        record(tyro.cli(RecordConfig, prog="python -m tools.record"))


@dataclass(frozen=True)
class Take:
    """A recording under way.

    bar:     counts the steps of this run.
    stopped: not empty once Ctrl-C was pressed.
    """

    config: RecordConfig
    world: AtariWorld
    recording: Recording
    bar: tqdm
    stopped: list[bool]

    @property
    def done(self) -> bool:
        """Whether no more steps are wanted."""
        return bool(self.stopped) or self.bar.n >= self.config.steps

    @property
    def next_seed(self) -> int:
        """The seed of the next episode: unlike those of all other episodes and folders."""
        numbers = [self.config.seed, self.recording.number]
        return int(np.random.SeedSequence(numbers).generate_state(1)[0])

    def begin(self, seed: int, frame: Frame) -> None:
        """Begin an episode."""
        info = EpisodeInfo(
            game=self.world.name,
            actions=self.world.actions,
            rate_fps=self.world.rate_fps,
            seed=seed,
            player=self.config.player,
            emulator=self.world.emulator.to_json(),
        )
        self.recording.begin(info, frame)

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> None:
        """Record a step."""
        self.recording.add(action, step, mixture)
        self.bar.update()


def record(config: RecordConfig) -> None:
    """Record as asked for, until done or stopped by Ctrl-C; says what was recorded."""
    world = AtariWorld(config.game)
    window: Window | None = None
    if config.player == "human":
        window = _open_window(world)
    else:
        _player(config.player, world, seed=0)  # no folder is made for a player there is not
    started_at = time.perf_counter()
    with (
        ctrl_c() as stopped,
        Recording(config.out, world.name) as recording,
        tqdm(total=config.steps, unit="step") as bar,
    ):
        take = Take(config, world, recording, bar, stopped)
        mixture = record_by_program(take) if window is None else record_by_hand(take, window)
    steps = mixture.total()
    rate = steps / (time.perf_counter() - started_at)
    ways = ", ".join(f"{way} {n / steps:.0%}" for way, n in mixture.most_common() if n)
    print(f"recorded {steps} steps at {rate:.0f} steps/s into {config.out} ({ways or 'nothing'})")


def record_by_program(take: Take) -> Counter[str]:
    """Let a program play episode after episode; its mixture."""
    mixture: Counter[str] = Counter()
    while not take.done:
        seed = take.next_seed
        player = _player(take.config.player, take.world, seed)
        frame, ended = take.world.reset(seed), False
        take.begin(seed, frame)
        while not (ended or take.done):
            action = player.act(frame)
            step = take.world.step(action)
            take.add(action, step, player.mixture)
            frame, ended = step.frame, step.ended
        mixture += player.mixture
    return mixture


def record_by_hand(take: Take, window: Window) -> Counter[str]:
    """Let a person play in a window; how many steps that were."""
    with suppress(_StopAsked):
        play(
            lambda report: take.world,
            window,
            title=take.world.name,
            seed=take.next_seed,
            steps=take.config.steps,
            observers=[Hand(take)],
            folder=data_folder() / "emulator",  # a dream of this game keeps its moments elsewhere
        )
    return Counter(human=int(take.bar.n))


class _StopAsked(Exception):  # noqa: N818 - it is no error
    """Ctrl-C while a person plays."""


class Hand(Observer):
    """Records what a person plays. After rewinding, another episode begins where that led."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._seed = self._steps = 0

    def began(self, frame: Frame, seed: int, start: int) -> None:
        self._seed = seed
        self.jumped(frame)

    def stepped(self, action: ActionVector, step: Step) -> None:
        self._steps += 1
        self._take.add(action, step, {"human": self._steps})
        if self._take.stopped:
            raise _StopAsked

    def jumped(self, frame: Frame) -> None:
        self._steps = 0
        self._take.begin(self._seed, frame)


def _open_window(world: AtariWorld) -> Window:
    try:
        return open_window(f"{world.name} - recording - Dreamcart")
    except NoDisplayError as error:
        raise UserError(
            f"playing by hand needs a display ({error}); use --player scripted or random"
        ) from error


def _player(kind: str, world: AtariWorld, seed: int) -> CountingPlayer:
    if kind == "agent":
        raise UserError(f"no agent for {world.name} is there yet; use --player scripted or random")
    return ScriptedPlayer(world, seed) if kind == "scripted" else RandomPlayer(world, seed)


if __name__ == "__main__":
    run_main(main)
