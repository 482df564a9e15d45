"""Record a real game: episodes that a program or a person plays."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from base.errors import UserError
from base.folders import data_folder
from base.interrupts import ctrl_c
from base.progress import ProgressBar
from base.terminal import say
from datasets.episode import EpisodeInfo
from engine.contracts import (
    ActionVector,
    Frame,
    State,
    Step,
    World,
    provenance_of,
    state_names_of,
    state_of,
)
from engine.player.loop import play
from engine.player.observer import Observer
from engine.player.options import GameStart, Outputs, PlayOptions
from engine.ui.pygame.window import NoDisplayError, open_window
from engine.ui.screen import Window
from tools.app.games import Coverage, Game, Keeper, game_called
from tools.options.record import RecordConfig


@dataclass
class Take:
    """A recording under way.

    bar:      shows the steps of this run.
    stopped:  not empty once Ctrl-C was pressed.
    coverage: is told of every step, if the game has such a thing.
    steps:    how many were made.
    """

    config: RecordConfig
    game: Game
    world: World
    keeper: Keeper
    bar: ProgressBar
    stopped: list[bool]
    coverage: Coverage | None = None
    steps: int = 0
    _of_episode: int = 0

    @property
    def done(self) -> bool:
        """True once no more steps are wanted."""
        return bool(self.stopped) or self.steps >= self.config.steps

    @property
    def next_seed(self) -> int:
        """The seed of the next episode: unlike those of all other episodes and folders."""
        numbers = [self.config.seed, self.keeper.number]
        return int(np.random.SeedSequence(numbers).generate_state(1)[0])

    def begin(self, seed: int, frame: Frame, state: State | None = None) -> None:
        """Begin an episode; state: the world's at that frame, if that is not the one now."""
        info = EpisodeInfo(
            game=self.world.name,
            actions=self.world.actions,
            rate_fps=self.world.rate_fps,
            seed=seed,
            player=self.config.player,
            emulator=provenance_of(self.world),
            state_names=state_names_of(self.world),
        )
        self._of_episode = 0
        self.keeper.begin(info, frame, state_of(self.world) if state is None else state)

    def add(self, action: ActionVector, step: Step, mixture: Mapping[str, int]) -> Step:
        """Record a step; the same, as truncated if the episode is as long as it may be."""
        self.steps += 1
        self._of_episode += 1
        if self._of_episode == self.game.episode_steps and not step.ended:
            step = replace(step, truncated=True)
        done = action if step.action is None else step.action
        self.keeper.add(done, step, mixture)
        if self.coverage is not None:
            self.coverage.add(done)
        self.bar.update()
        return step


def record(config: RecordConfig) -> None:
    """Record as asked for, until done or stopped by Ctrl-C; report what was recorded."""
    game = game_called(config.game)
    world = game.open()
    window: Window | None = None
    if config.player == "human":
        window = _open_window(world)
    else:
        game.player(config.player, world, seed=0)  # no folder is made for a player there is not
    coverage = game.coverage(world) if game.coverage else None
    started_at = time.perf_counter()
    with (
        ctrl_c() as stopped,
        game.keeper(config.layout, config.out) as keeper,
        ProgressBar(total=config.steps, unit="step") as bar,
    ):
        take = Take(config, game, world, keeper, bar, stopped, coverage)
        mixture = record_by_program(take) if window is None else record_by_hand(take, window)
    steps = mixture.total()
    rate = steps / (time.perf_counter() - started_at)
    ways = ", ".join(f"{way} {n / steps:.0%}" for way, n in mixture.most_common() if n)
    say(f"recorded {steps} steps at {rate:.0f} steps/s into {config.out} ({ways or 'nothing'})")
    for line in coverage.lines() if coverage else ():
        say(line)
    world.close()


def record_by_program(take: Take) -> Counter[str]:
    """Let a program play episode after episode; its mixture."""
    mixture: Counter[str] = Counter()
    while not take.done:
        seed = take.next_seed
        player = take.game.player(take.config.player, take.world, seed)
        frame, over = take.world.reset(seed), False
        take.begin(seed, frame)
        while not (over or take.done):
            action = player.act(frame)
            step = take.add(action, take.world.step(action), player.mixture)
            frame, over = step.frame, step.ended or step.truncated
        mixture += player.mixture
    return mixture


def record_by_hand(take: Take, window: Window) -> Counter[str]:
    """Let a person play in a window; how many steps that were."""
    with suppress(_StopAsked):
        play(
            lambda report: take.world,
            window,
            start=GameStart(take.next_seed),
            options=PlayOptions(take.world.name, take.config.steps),
            # A dream of this game keeps its moments elsewhere.
            outputs=Outputs([Hand(take)], folder=data_folder() / "emulator"),
        )
    return Counter(human=take.steps)


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
        added = self._take.add(action, step, {"human": self._steps})
        if added.truncated and not step.truncated:  # the game goes on
            self._begin(step.frame, step.state)
        if self._take.stopped:
            raise _StopAsked

    def jumped(self, frame: Frame) -> None:
        self._begin(frame)

    def _begin(self, frame: Frame, state: State | None = None) -> None:
        self._steps = 0
        self._take.begin(self._seed, frame, state)


def _open_window(world: World) -> Window:
    try:
        return open_window(f"{world.name} - recording - Dreamcart")
    except NoDisplayError as error:
        raise UserError(
            f"playing by hand needs a display ({error}); use --player scripted or random"
        ) from error
