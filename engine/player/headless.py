"""Play without a window, as fast as the machine can: for pictures, figures and tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from base.files import replacing, write_text
from engine.action_file import read_actions
from engine.contracts import Frame, Step, World
from engine.games.scripted_players import choose_player
from engine.media.video import contact_sheet, sheet_frames, write_png, writing_video
from engine.player.history import Moment
from engine.player.observer import Observer, Observers
from engine.player.options import GameStart
from engine.player.pacing import Timings
from engine.player.replay_file import Log, Replay
from engine.player.session import Advance, Session
from engine.players import Player, ScriptPlayer

DEMO_S = 20.0


@dataclass(frozen=True)
class RunFiles:
    """Files that a run writes; None leaves one out.

    frames: npz with `frames` uint8 (N, H, W, 3) of the N steps, `rewards` float32 (N,) and
            `ended` bool (N,).
    video:  MP4 of the same frames at the world's natural rate.
    sheet:  PNG of frames spread over the run.
    report: JSON with milliseconds per stage.
    """

    frames: Path | None = None
    video: Path | None = None
    sheet: Path | None = None
    report: Path | None = None


def rollout(
    world: World,
    player: Player,
    steps: int,
    seed: int,
    start: int,
    timings: Timings,
    log: Log,
    observer: Observer,
) -> Iterator[Step]:
    """Yield the results of `steps` steps; a game that ends is followed by the next one.

    As in the window, the next game has the next starting point and the next seed.
    log: an open one.
    """
    frame: Frame | None = None
    for _ in range(steps):
        if frame is None:
            start %= world.starts
            frame = world.reset(seed, start)
            log.began(seed, start, frame)
            observer.began(frame, seed, start)
        action = player.act(frame)
        started = time.perf_counter()
        step = world.step(action)
        timings.add("model", (time.perf_counter() - started) * 1e3)
        log.stepped(action, step.frame)
        observer.stepped(action if step.action is None else step.action, step)
        yield step
        frame = step.frame
        if step.ended or step.truncated:
            seed, start, frame = seed + 1, start + 1, None


def replayed(
    session: Session, moment: Moment, timings: Timings, observer: Observer
) -> Iterator[Step]:
    """Yield the results of the steps of the replay of a session that was opened at `moment`."""
    observer.began(moment.frame, session.seed, session.start)
    while session.replaying:
        before, result = moment, session.follow(moment)
        moment = result.moment
        if isinstance(result, Advance):
            timings.add("model", result.model_ms)
            observer.stepped(result.action, result.step)
            yield result.step
        elif result.how == "began":
            observer.began(moment.frame, session.seed, session.start)
        elif result.how == "moved" or not np.array_equal(before.frame, moment.frame):
            observer.jumped(moment.frame)


def run(
    open_world: Callable[[], World],
    files: RunFiles,
    *,
    steps: int,
    actions: Path | None = None,
    seed: int = 0,
    start: int = 0,
    log: Log | None = None,
    observers: Sequence[Observer] = (),
) -> dict[str, Any]:
    """Play `steps` steps and write the files; return the report, ready for JSON.

    actions: a file of actions (see engine/action_file.py), followed by idle ones if it is shorter
             than the run; without one a player that sees the frames plays.
    log:     told of the run.
    """
    opening, timings = time.perf_counter(), Timings()
    log, observer = log or Log(), Observers(observers)
    world = open_world()
    try:
        open_s = time.perf_counter() - opening
        player: Player = (
            choose_player(world, seed)
            if actions is None
            else ScriptPlayer(world.actions, read_actions(actions, world.actions))
        )
        log.open(world)
        observer.opened(world)
        played = rollout(world, player, steps, seed, start, timings, log, observer)
        report = _report(played, world, files, steps, timings, {"seed": seed, "start": start})
    finally:
        log.close()
        world.close()
    return _written(report | {"open_s": round(open_s, 3)}, files)


def run_replay(
    open_world: Callable[[], World],
    files: RunFiles,
    replay: Replay,
    observers: Sequence[Observer] = (),
) -> dict[str, Any]:
    """Go through a replay as fast as possible; the report counts the frames that differ.

    Raises UserError for a replay of another world.
    """
    opening, timings, observer = time.perf_counter(), Timings(), Observers(observers)
    session = Session(
        lambda report: open_world(),
        GameStart(replay=replay),
        folder=Path(),
        clock=time.perf_counter,
    )
    try:
        moment = session.open(lambda line: None)
        open_s = time.perf_counter() - opening
        observer.opened(session.world)
        played = replayed(session, moment, timings, observer)
        about = {"seed": session.seed, "start": session.start}
        report = _report(played, session.world, files, replay.steps, timings, about)
    finally:
        session.close()
    compared = {"compared": session.compared.frames, "differing": session.compared.differing}
    return _written(report | {"open_s": round(open_s, 3), "replay": compared}, files)


def _report(
    played: Iterator[Step],
    world: World,
    files: RunFiles,
    steps: int,
    timings: Timings,
    about: dict[str, int],
) -> dict[str, Any]:
    """Go through a run and write its files; return the report."""
    started = time.perf_counter()
    rewards = _record(played, world, files, steps, timings)
    spent_s = time.perf_counter() - started
    return {
        "cartridge": world.name,
        **about,
        "steps": steps,
        "reward": float(rewards.sum()),
        "runtime": str(getattr(world, "runtime", "")),
        "steps_per_s": round(steps / spent_s, 2),
        "stages": timings.summary(),
    }


def _written(report: dict[str, Any], files: RunFiles) -> dict[str, Any]:
    if files.report is not None:
        write_text(files.report, json.dumps(report, indent=2) + "\n")
    return report


def run_demo(
    open_world: Callable[[], World],
    folder: Path,
    *,
    steps: int | None = None,
    seed: int = 0,
    start: int = 0,
    report: Path | None = None,
) -> RunFiles:
    """Play `steps` steps, or 20 seconds of the game's time; return the files: a film and a contact
    sheet in `folder`, and the report if there is to be one."""
    files = RunFiles(video=folder / "dream.mp4", sheet=folder / "dream.png", report=report)
    world = open_world()
    steps = steps or max(1, round(DEMO_S * world.rate_fps))
    run(lambda: world, files, steps=steps, seed=seed, start=start)
    return files


def _record(
    played: Iterator[Step], world: World, files: RunFiles, steps: int, timings: Timings
) -> NDArray[np.float32]:
    """Go through a run once and write its pictures; return the rewards (N,)."""
    keep = files.frames is not None
    frames = np.empty((steps if keep else 0, *world.frame_shape), np.uint8)
    places, shown = set(sheet_frames(steps) if files.sheet else ()), list[Frame]()
    rewards, ended = np.zeros(steps, np.float32), np.zeros(steps, np.bool_)
    with ExitStack() as stack:
        video = None
        if files.video is not None:
            video = stack.enter_context(writing_video(files.video, world.rate_fps))
        for i, step in enumerate(played):
            rewards[i], ended[i] = step.reward, step.ended
            if (keep or places) and step.frame.shape != frames.shape[1:]:
                raise UserError("frames of two sizes do not go into one file or picture")
            if keep:
                frames[i] = step.frame
            if i in places:
                shown.append(step.frame)
            if video is not None:
                encoding = time.perf_counter()
                video.add(step.frame)
                timings.add("encode", (time.perf_counter() - encoding) * 1e3)
    if files.frames is not None:
        _write_arrays(files.frames, frames, rewards, ended)
    if files.sheet is not None:
        write_png(files.sheet, contact_sheet(shown))
    return rewards


def _write_arrays(
    path: Path, frames: Frame, rewards: NDArray[np.float32], ended: NDArray[np.bool_]
) -> None:
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, frames=frames, rewards=rewards, ended=ended)
