"""Doom as a world: the contract, what the keys and the mouse do, the map, and who explores it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from datasets.store import Store
from engine.games import doom_map
from engine.games.doom import DEGREES_PER_COUNT, ROUND_STEPS, DoomWorld
from engine.games.doom_coverage import DoomCoverage
from engine.games.doom_paths import PATHS, way
from engine.games.doom_player import ExploringPlayer, RandomPlayer
from tests.support.world_conformance import check_world
from tools.app.resolver import resolve

ROOT = Path(__file__).resolve().parents[3]
LARGER_THAN_HEADERS = 4096  # bytes of a journal that has its first steps


@pytest.fixture(scope="module")
def world() -> Iterator[DoomWorld]:
    world = DoomWorld()
    yield world
    world.close()


def _stand(world: DoomWorld, x: float, y: float, heading: float) -> None:
    """Put the player somewhere, looking in a direction."""
    world.reset(seed=0)
    world._game.send_game_command(f"warp {x} {y}")
    world.step(world.actions.idle())
    off = (heading - world.pose.heading + 180) % 360 - 180
    world._game.set_action([0, 0, -off / 2, *[0] * 8])
    world._game.advance_action(2, True)


def _hold(world: DoomWorld, action: str, steps: int) -> tuple[float, float]:
    """How far an action leads, to the right of the map and up."""
    before = world.pose
    for _ in range(steps):
        world.step(world.actions.named(action))
    return world.pose.x - before.x, world.pose.y - before.y


def test_keeps_the_contract() -> None:
    check_world(DoomWorld(), steps=10, another=DoomWorld)


def test_keys_lead_where_they_say(world: DoomWorld) -> None:
    middle = doom_map.middle((13, 15))  # of the courtyard
    ways = {}
    for keys in ("w", "s", "a", "d", "shift+w"):
        _stand(world, *middle, heading=90)
        ways[keys] = _hold(world, keys, 8)
    for keys, (right, up) in {"w": (0, 1), "s": (0, -1), "a": (-1, 0), "d": (1, 0)}.items():
        far = np.hypot(*ways[keys])
        np.testing.assert_allclose(np.array(ways[keys]) / far, (right, up), atol=0.01)
    assert 0.3 < ways["shift+w"][1] / ways["w"][1] < 0.7


def test_the_mouse_turns_by_so_many_degrees_a_count(world: DoomWorld) -> None:
    world.reset(seed=3)
    for counts, degrees in ((200, 11.0), (-60, -3.3), (1000, 55.0), (2, 0.11)):
        before = world.pose.heading
        world.step(world.actions.named(f"mouse({counts},0)"))
        assert (before - world.pose.heading + 180) % 360 - 180 == pytest.approx(degrees, abs=0.02)
        assert degrees == pytest.approx(counts * DEGREES_PER_COUNT)
    world.step(world.actions.named("mouse(0,100)"))
    assert world.pose.pitch == pytest.approx(-5.5, abs=0.02), "moved down, it looks down"


def test_looking_down_shows_the_floor(world: DoomWorld) -> None:
    """The grass of the courtyard: the game's own sign of pitch is easily taken the wrong way."""
    _stand(world, *doom_map.middle((13, 15)), heading=0)
    level = world.step(world.actions.idle()).frame
    for _ in range(3):
        down = world.step(world.actions.named("mouse(0,100)")).frame

    def grass(frame: np.ndarray) -> int:
        red, green, blue = frame[:100].astype(int).transpose(2, 0, 1)  # above the weapon
        return int(((green > red + 4) & (green > blue + 4)).sum())

    assert grass(down) > grass(level) + 2000


def test_doors_open_to_who_asks(world: DoomWorld) -> None:
    x, y = doom_map.middle((25, 4))  # before the door to the room of wood
    _stand(world, x, y, heading=0)
    blocked, _ = _hold(world, "w", 20)
    world.step(world.actions.named("r"))
    _hold(world, "idle", 16)
    through, _ = _hold(world, "w", 20)
    assert blocked < 3 * doom_map.CELL < through
    assert doom_map.letter(doom_map.cell_at(world.pose.x, world.pose.y)) == "C"


def test_the_right_button_means_nothing_and_is_not_recorded(world: DoomWorld) -> None:
    world.reset(seed=1)
    step = world.step(world.actions.named("w+rightclick"))
    assert step.action is not None and world.actions.describe(step.action) == "w"
    assert world.step(world.actions.named("w")).action is None


def test_a_round_is_cut_off(world: DoomWorld) -> None:
    """Going back to a moment plays the whole round again: it must not grow without an end."""
    world.reset(seed=1)
    assert not world.step(world.actions.idle()).truncated
    world._steps = ROUND_STEPS - 1
    assert world.step(world.actions.idle()).truncated
    world.reset(seed=1)
    assert not world.step(world.actions.idle()).truncated


def test_nothing_is_left_where_one_happens_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DoomWorld().close()
    assert not list(tmp_path.iterdir())


def test_the_plan_is_one_house() -> None:
    assert len({len(row) for row in doom_map.PLAN}) == 1
    assert {doom_map.letter(cell) for cell in doom_map.cells()} == set(doom_map.LOOKS)
    outside = [(-1, 0), (0, -1), (len(doom_map.PLAN[0]), 0), (0, len(doom_map.PLAN))]
    assert {doom_map.letter(cell) for cell in outside} == {doom_map.ROCK}
    start, *others = sorted(PATHS)
    for cell in others[::25]:
        assert way(*doom_map.middle(start), cell)[-1] == cell
    assert set(doom_map.open_cells()) < PATHS


def _explored(world: DoomWorld, seed: int, steps: int) -> tuple[np.ndarray, DoomCoverage]:
    frame = world.reset(seed)
    player, coverage, actions = ExploringPlayer(world, seed), DoomCoverage(world), []
    for _ in range(steps):
        actions.append(player.act(frame))
        frame = world.step(actions[-1]).frame
        coverage.add(actions[-1])
    assert player.mixture.total() == steps
    return np.array(actions), coverage


def test_a_seed_decides_what_is_explored(world: DoomWorld) -> None:
    first, _ = _explored(world, 1, 80)
    again, _ = _explored(world, 1, 80)
    other, _ = _explored(world, 2, 80)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_explorer_gets_around(world: DoomWorld) -> None:
    actions, coverage = _explored(world, 8, 500)
    places, rooms, *_, right, down = coverage.lines()
    found = re.match(r"places: (\d+) of (\d+) squares", places)
    assert found and int(found[1]) > 30 and int(found[2]) == len(list(doom_map.cells()))
    assert len(re.findall(r"[A-Fa-g] ", rooms)) >= 4
    assert right.startswith("mouse right: -1000 0.0%") and down.startswith("mouse down: ")
    held = actions[:, :13].mean(axis=0)
    assert 0.3 < held[0] < 0.9 and held[2] > 0.05, "it walks much of the time, also backwards"
    walks = (actions[:, 0] != actions[:, 2]) & (actions[:, 24] == 1)
    assert walks.mean() > 0.1, "and not only while it turns"
    assert actions[:, 11].any() and not actions[:, 12].any()
    turns = np.abs(np.diff(actions[:, 13:36].argmax(axis=1)))
    assert (turns <= 3).mean() > 0.75, "the hand moves smoothly"


def test_the_random_player_does_all_there_is(world: DoomWorld) -> None:
    player = RandomPlayer(world, seed=0)
    actions = np.array([player.act(world.reset(0)) for _ in range(3)])
    assert player.mixture == {"random": 3} and actions.shape == (3, 51)


def test_it_can_be_played_by_its_name() -> None:
    found = resolve("game:Doom")
    assert (found.name, found.game) == ("game:doom", "doom")


@pytest.mark.skipif(sys.platform == "win32", reason="consoles there end all their programs")
def test_ctrl_c_ends_a_recording_in_order(tmp_path: Path) -> None:
    """It reaches the game's own process too, which used to die of it before the recording did."""
    command = [sys.executable, "-m", "tools.record", "doom", "--player", "scripted"]
    running = subprocess.Popen(
        [*command, "--steps", "100000", "--out", str(tmp_path / "data")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def begun(size: str) -> bool:
        journals = (tmp_path / "data" / size).glob("*.journal")
        return any(journal.stat().st_size > LARGER_THAN_HEADERS for journal in journals)

    while not (begun("low") and begun("full")):
        assert running.poll() is None
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    out, _ = running.communicate()
    assert running.returncode == 0 and out.startswith("recorded ") and "headings: " in out
    low, full = Store(tmp_path / "data" / "low"), Store(tmp_path / "data" / "full")
    assert len(low) == len(full) == 1 and low.length(0) == full.length(0) > 0
