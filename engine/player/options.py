"""The options of a session: its first game, the way it is played, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.player.observer import Observer, Recorder
from engine.player.replay_file import Log, Replay


@dataclass(frozen=True)
class GameStart:
    """The first game of a session. Every restart adds one to the seed and goes to another start.

    replay: a session to show again before the player plays on; it says where to begin.
    """

    seed: int = 0
    start: int = 0
    replay: Replay | None = None


@dataclass(frozen=True)
class PlayOptions:
    """The way a world is played.

    title:       of the world, shown while it is loading.
    steps:       leave after this many; None plays on.
    sensitivity: of the mouse, in the game's counts per pixel, times that of the settings.
    auto:        choose the denoising steps so that the machine holds the world's natural rate.
    interpolate: show motion between two frames; the newer one is whole up to a period later.
    """

    title: str = ""
    steps: int | None = None
    sensitivity: float = 1.0
    auto: bool = False
    interpolate: bool = False


@dataclass(frozen=True)
class Outputs:
    """Observers of a session, and the place of its files.

    recorder: an observer that the player switches on and off.
    log:      told of the session, to save it as a replay.
    folder:   of saved moments and screenshots; the user's data folder if None.
    """

    observers: Sequence[Observer] = ()
    recorder: Recorder | None = None
    log: Log | None = None
    folder: Path | None = None
