"""Long play: a dream and the game itself, played for minutes, and figures of what they then show.

An average over fifty steps says little of a world that is played for minutes, so this plays as a
person would, from several starts, and judges each frame by itself.

Shapes: N steps, J judged steps, H W pixels. Frames are uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.store import Store
from engine.contracts import ActionVector, Frame, World
from engine.games.scripted_players import scripted_player
from engine.media.video import writing_video
from engine.players import Player
from models.dream import DiffusionWorld
from tools.app.games import game_called
from tools.evaluation import breakout_scores
from tools.evaluation.curves import draw
from tools.evaluation.dreams import Advance, Footage, frames_of
from tools.evaluation.patches import Frames, PatchBank
from tools.evaluation.text import REGIONS, readable
from tools.evaluation.told_apart import told_apart

RECORDED = 12_000  # frames that a patch is looked for in
HELD_OUT = 2_000  # frames that tell how far real patches are from those
TOLD_FRAMES = 40  # of each play, to be told from recorded ones
EVERY_S = 1 / 3  # a frame of each third of a second is judged; of the first ten seconds all are
DENSE_S = 10.0
MOMENTS_S = (1, 10, 60, 300)
MINUTE_S = 60
FILM_SPEED = 3

Players = Callable[[World, int], Player]  # (world, number of the play) → who plays it
Shares = Mapping[str, NDArray[np.float64]]  # by name, mean over the plays at each judged step (J,)


@dataclass(frozen=True)
class LongPlay:
    """Amount of play: seconds from each start, and the number of starts."""

    seconds: int
    starts: int


@dataclass(frozen=True)
class Play:
    """N steps of play: frames uint8 (N, H, W, 3), and whether a life went with each, bool (N,)."""

    frames: Frames
    life_lost: NDArray[np.bool_]


class LoopingPlayer:
    """Repeats recorded actions (N, A) for ever."""

    def __init__(self, actions: NDArray[np.float32]) -> None:
        self._actions = cycle(actions)

    def act(self, frame: Frame) -> ActionVector:
        return next(self._actions)


def measure(
    world: World, footage: Footage, asked: LongPlay, pictures: Path | None, advance: Advance
) -> dict[str, float]:
    """Play a world, and the game beside it where it is here; return the figures by name.

    pictures: a folder for the curves (PNG) and a film of the first start; None for none.
    """
    players, steps = players_for(world, footage), round(asked.seconds * world.rate_fps)
    numbers = range(asked.starts)
    dreamt = [play(world, players(world, n), n, steps, advance) for n in numbers]
    game = game_beside(footage)
    played = [play(game, players(game, n), n, steps, advance) for n in numbers] if game else []
    dreams, games = ([one.frames for one in plays] for plays in (dreamt, played))
    at = judged(steps, world.rate_fps)
    judge = Judge(footage.store)
    curves = {"dream": judge.shares(dreams, at)}
    curves |= {"game": judge.shares(games, at)} if games else {}
    seconds = at / world.rate_fps
    if pictures is not None:
        drawn = {
            f"{name}, {who}": values
            for who, shares in curves.items()
            for name, values in shares.items()
        }
        draw(pictures / "long_play.png", seconds, drawn, f"{world.name}, mean of {asked.starts}")
        film(pictures / "long_play.mp4", [dreams[0], *games[:1]], world.rate_fps)
    figures: dict[str, float] = {}
    for who, shares in curves.items():
        prefix = "" if who == "dream" else "game_"
        for name, values in shares.items():
            figures |= {f"{prefix}{key}": v for key, v in over_time(name, values, seconds).items()}
    if tells_lost_lives(footage.store):
        figures |= lives(dreamt, world.rate_fps)
        figures |= {f"game_{name}": value for name, value in lives(played, world.rate_fps).items()}
    return figures | told_figures(dreams, footage, world.rate_fps)


class Judge:
    """Judges frames by what recordings of their game show."""

    def __init__(self, store: Store) -> None:
        learnt, held_out = store.split()
        self.game = store.info.game
        self.recorded = frames_of(store, learnt, RECORDED)
        self.patches = PatchBank.of(self.recorded, frames_of(store, held_out, HELD_OUT))

    def shares(self, plays: Sequence[Frames], at: NDArray[np.int64]) -> Shares:
        """Return what is told of each judged step, as the mean over plays (N, H, W, 3)."""
        told = [self._of(frames, at) for frames in plays]
        return {name: np.mean([one[name] for one in told], axis=0) for name in told[0]}

    def _of(self, frames: Frames, at: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        told = {"unreal": self.patches.unreal(frames[at])}
        if self.game in REGIONS:
            told["readable"] = readable(frames[at], self.recorded, REGIONS[self.game]).astype(
                np.float64
            )
        if self.game == "breakout":
            told |= {
                name: flags[at].astype(np.float64)
                for name, flags in breakout_scores.alive(frames).items()
            }
        return told


def players_for(world: World, footage: Footage) -> Players:
    """Return who plays: a script that sees the picture if there is one, else recorded actions."""
    if (script := scripted_player(world)) is not None:
        return lambda world, number: script(world.actions, number)
    episodes = footage.held_out

    def looping(world: World, number: int) -> Player:
        return LoopingPlayer(footage.store.steps(episodes[number % len(episodes)]).actions)

    return looping


def play(world: World, player: Player, number: int, steps: int, advance: Advance) -> Play:
    """Play from start `number` on; a game that ends is followed by the next, as in the window."""
    frames, lost, start = [], [], number
    frame = world.reset(number, start % world.starts)
    for _ in range(steps):
        step = world.step(player.act(frame))
        frame = step.frame
        frames.append(_fed_back(world, frame))
        lost.append(step.life_lost)
        if step.ended or step.truncated:
            start += 1
            frame = world.reset(start, start % world.starts)
        advance()
    return Play(np.stack(frames), np.array(lost))


def tells_lost_lives(store: Store) -> bool:
    """Return whether a life was ever lost in recordings: else a game has none, or nobody knows."""
    return any(store.steps(episode).life_lost.any() for episode in range(len(store)))


def lives(plays: Sequence[Play], rate_fps: float) -> dict[str, float]:
    """Return how many lives were lost, and how many seconds were played for each of them.

    The seconds are left out where none was lost, and both where nothing was played.
    """
    if not plays:
        return {}
    lost = sum(int(play.life_lost.sum()) for play in plays)
    seconds = sum(len(play.life_lost) for play in plays) / rate_fps
    figures: dict[str, float] = {"lives_lost": lost}
    return {**figures, "seconds_between_lost_lives": seconds / lost} if lost else figures


def game_beside(footage: Footage) -> World | None:
    """Open the real game that was recorded, if it is here and shows frames of the recorded size."""
    try:
        game = game_called(footage.store.info.game).open()
    except UserError:
        return None
    return game if game.frame_shape == footage.store.frame_shape else None


def judged(steps: int, rate_fps: float) -> NDArray[np.int64]:
    """Return the numbers of the steps whose frames are judged, of a play of so many (J,)."""
    every = max(1, round(EVERY_S * rate_fps))
    at = np.arange(steps)
    return at[(at < DENSE_S * rate_fps) | (at % every == 0)]


def over_time(
    name: str, values: NDArray[np.float64], seconds: NDArray[np.float64]
) -> dict[str, float]:
    """Return the mean of a share up to each of MOMENTS_S, from the moment before on, and of each
    whole minute: unreal_60s is that from 10 to 60 seconds, unreal_minute_1 that of the first."""
    figures, before = {}, 0
    played = float(seconds[-1]) + EVERY_S
    for moment in MOMENTS_S:
        within = (before <= seconds) & (seconds < moment)
        if within.any() and played >= moment:
            figures[f"{name}_{moment}s"] = float(values[within].mean())
        before = moment
    for minute in range(int(played) // MINUTE_S):
        within = seconds.astype(int) // MINUTE_S == minute
        figures[f"{name}_minute_{minute + 1}"] = float(values[within].mean())
    return figures


def told_figures(dreams: Sequence[Frames], footage: Footage, rate_fps: float) -> dict[str, float]:
    """Return how well dreamed frames are told from recorded ones, for each of MOMENTS_S but the
    last that was played to.

    Learnt on half of the plays and of the held-out episodes, measured on the others.
    """
    if min(len(dreams), len(footage.held_out)) < 2:
        return {}
    count = TOLD_FRAMES * len(dreams) // 2
    learnt, kept = (frames_of(footage.store, footage.held_out[i::2], count) for i in (0, 1))
    figures = {}
    for moment in MOMENTS_S[:-1]:
        last = round(moment * rate_fps)
        if last > len(dreams[0]):
            break
        at = np.linspace(last // 2, last - 1, min(TOLD_FRAMES, last - last // 2)).astype(int)
        dreamed, others = (np.concatenate([dream[at] for dream in dreams[i::2]]) for i in (0, 1))
        figures[f"told_apart_{moment}s"] = told_apart((dreamed, others), (learnt, kept))
    return figures


def film(path: Path, plays: Sequence[Frames], rate_fps: float) -> None:
    """Write plays beside one another at three times their speed."""
    with writing_video(path, rate_fps) as writer:
        for frames in zip(*(frames[::FILM_SPEED] for frames in plays), strict=True):
            writer.add(np.concatenate(frames, axis=1))


def _fed_back(world: World, frame: Frame) -> Frame:
    """Return what a dream feeds back: in a world of two sizes the small frame."""
    return world.snapshot()["frames"][-1] if isinstance(world, DiffusionWorld) else frame
