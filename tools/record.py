"""Record gameplay: python -m tools.record breakout --player scripted --steps 20000 --out DIR."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tqdm import tqdm

from base.errors import UserError, run_main
from datasets.episode import EpisodeInfo
from datasets.recording import Recording
from engine.worlds.atari import AtariWorld
from engine.worlds.atari_players import CountingPlayer, RandomPlayer, ScriptedPlayer


@dataclass(frozen=True)
class RecordConfig:
    """Record an Atari game into a folder of episodes, or add to one."""

    game: Annotated[str, tyro.conf.Positional]
    """One of the 26 Atari 100k games, such as breakout or ms_pacman."""
    out: Path
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
    """Parse the command line and record."""
    record(tyro.cli(RecordConfig))


def record(config: RecordConfig) -> None:
    """Record as asked for, until done or stopped by Ctrl-C; says what was recorded."""
    world = AtariWorld(config.game)
    if config.player == "agent":
        raise UserError(f"no agent for {world.name} is there yet; use --player scripted or random")
    mixture: Counter[str] = Counter()
    started_at = time.perf_counter()
    with (
        _ctrl_c() as stopped,
        Recording(config.out, world.name) as recording,
        tqdm(total=config.steps, unit="step") as bar,
    ):
        while bar.n < config.steps and not stopped:
            mixture += _play_episode(config, world, recording, bar, stopped)
        steps = bar.n
    rate = steps / (time.perf_counter() - started_at)
    ways = ", ".join(f"{way} {n / steps:.0%}" for way, n in mixture.most_common())
    print(f"recorded {steps} steps at {rate:.0f} steps/s into {config.out} ({ways})")


def _play_episode(
    config: RecordConfig, world: AtariWorld, recording: Recording, bar: tqdm, stopped: list[bool]
) -> Counter[str]:
    """Play one episode, or what is left of the steps; the player's mixture."""
    seed = episode_seed(config.seed, recording.number)
    player = _player(config.player, world, seed)
    info = EpisodeInfo(
        game=world.name,
        actions=world.actions,
        rate_fps=world.rate_fps,
        seed=seed,
        player=config.player,
        emulator=world.emulator.to_json(),
    )
    frame, ended = world.reset(seed), False
    recording.begin(info, frame)
    while not (ended or stopped or bar.n >= config.steps):
        action = player.act(frame)
        step = world.step(action)
        recording.add(action, step, player.mixture)
        bar.update()
        frame, ended = step.frame, step.ended
    return player.mixture


def episode_seed(seed: int, number: int) -> int:
    """The seed of episode `number` of a folder recorded with `seed`: unlike all others' seeds."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _player(kind: str, world: AtariWorld, seed: int) -> CountingPlayer:
    if kind == "scripted":
        return ScriptedPlayer(world, seed)
    return RandomPlayer(world, seed)


@contextmanager
def _ctrl_c() -> Iterator[list[bool]]:
    """A list that is empty until Ctrl-C; a second Ctrl-C interrupts as usual."""
    stopped: list[bool] = []

    def stop(number: int, frame: object) -> None:
        stopped.append(True)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    run_main(main)
