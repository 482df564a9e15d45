"""play.py from its flags on, with a toy in the place of the dream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import tyro

import play
from base.errors import UserError
from datasets.store import Store
from engine.player.pacing import Timings
from engine.player.replay_file import read_replay
from engine.settings import SettingsFile
from engine.ui.null_window import NullWindow
from engine.ui.pygame.window import NoDisplayError, open_window, why_no_display
from engine.ui.screen import CloseAsked, Event, KeyDown
from tests.support.toy_world import ToyWorld
from tools.app.resolver import ResolvedWorld, RunOptions


@pytest.fixture
def cartridge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that passes for a cartridge; opening it gives a toy and notes the arguments."""
    opened: list[tuple[Path, dict[str, Any]]] = []

    class Dream(ToyWorld):
        game, runtime = "", "a toy"
        provenance = {"device": "toy"}  # noqa: RUF012

    def open_world(path: Path, **choices: Any) -> Dream:
        opened.append((path, choices))
        return Dream()

    fake = types.ModuleType("models.dream")
    fake.open_world = open_world  # type: ignore[attr-defined]
    fake.opened = opened  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models.dream", fake)
    checking = types.ModuleType("models.cartridge.reader")
    checking.check = lambda path: path  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models.cartridge.reader", checking)
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "cartridge.json").write_text("{}")
    return tmp_path / "toy"


def run(*arguments: object) -> int:
    return play.main(tyro.cli(play.Flags, args=[str(argument) for argument in arguments]))


def test_headless_writes_what_was_asked_for(
    cartridge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "script.txt"
    script.write_text("LEFT*4\nFIRE\n")
    frames, video, report = (tmp_path / name for name in ("a.npz", "a.mp4", "a.json"))
    arguments = ["--headless", "--steps", 6, "--actions", script, "--seed", 3]
    run(cartridge, *arguments, "--frames", frames, "--video", video, "--report", report)
    with np.load(frames) as archive:
        assert archive["rewards"].tolist() == [0, 0, 0, 0, 1, 0]
    assert video.stat().st_size > 0
    assert json.loads(report.read_text())["steps"] == 6
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 6
    assert sys.modules["models.dream"].opened == [
        (
            cartridge,
            {"device": None, "precision": None, "preset": None, "steps": None, "compiled": "auto"},
        )
    ]


def test_without_a_display_it_dreams_a_film_and_says_how_to_play(
    cartridge: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToyWorld, "rate_fps", 1.0)
    assert run(cartridge, "--out", tmp_path / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no display (SDL_VIDEODRIVER is dummy)")
    assert (tmp_path / "out" / "dream.mp4").is_file()
    assert (tmp_path / "out" / "dream.png").is_file()
    assert any("dream.mp4" in line for line in lines)
    assert "Space fires" in lines[-1]


def test_with_a_display_it_plays_in_the_window(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = NullWindow([CloseAsked(1e12)])
    titles: list[str] = []
    monkeypatch.setattr(play, "open_window", lambda title: titles.append(title) or window)
    report = tmp_path / "report.json"
    run(cartridge, "--steps", 3, "--report", report, "--folder", tmp_path)
    assert titles == ["toy - Dreamcart"]
    assert window.pictures[0].line == "loading toy ..."
    assert json.loads(report.read_text())["stages"]["model"]["count"] == 3


def test_interpolation_and_automatic_steps_are_asked_for_by_flags(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = NullWindow([CloseAsked(1e12)])
    monkeypatch.setattr(play, "open_window", lambda title: window)
    run(cartridge, "--steps", 3, "--folder", tmp_path, "--interpolate", "--target", "auto")
    assert ("display", "interpolated") in window.pictures[-1].hud[2]
    # A toy has none, which shows that it was asked.
    assert window.pictures[-1].line == "this world has no denoising steps to choose from"


def test_without_a_world_the_menu_opens_and_comes_back_after_each(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cartridge` has put a toy in the place of the dream."""

    class Person(NullWindow):
        """Plays the first world, leaves it by Esc once it runs, then leaves the menu by Esc."""

        def poll(self, timeout_s: float) -> list[Event]:
            pages = [picture.page is not None for picture in self.pictures]
            if not any(picture.frame is not None for picture in self.pictures):
                return [KeyDown("return")] if pages[-1] else super().poll(min(timeout_s, 0.01))
            return [KeyDown("escape")]

    window = Person([CloseAsked(1e12)])
    monkeypatch.setattr(play, "open_window", lambda title: window)
    monkeypatch.setattr(play, "warm_up", lambda: None)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    run("--folder", tmp_path)
    pages = [picture.page is not None for picture in window.pictures]
    assert pages[0] and not all(pages) and pages[-1] and window.closed
    assert "breakout" in SettingsFile().now.last_played
    assert [path.name for path, _ in sys.modules["models.dream"].opened] == ["breakout"]


@pytest.mark.parametrize("arguments", [("--headless", "--steps", 2), ("--out",)])
def test_without_a_world_and_a_window_breakout_is_played(
    cartridge: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
) -> None:
    monkeypatch.setattr(ToyWorld, "rate_fps", 1.0)
    run(*arguments, *([] if arguments[0] == "--headless" else [tmp_path]))
    assert [path.name for path, _ in sys.modules["models.dream"].opened] == ["breakout"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--steps", 0),
        ("--seed", -1),
        ("--seed", 2**63),  # no replay of it could be read
        ("--sensitivity", 0),
        ("--frames", "a.npz"),
        ("--headless", "--actions", "missing.txt"),
        ("--headless", "--replay", "missing.replay"),
        ("--replay", "a", "--actions", "b", "--headless"),
        ("--replay", "a", "--save-replay", "a"),
        ("--headless", "--frames", "a", "--report", "a"),
        ("--headless", "--report", "."),
        ("--headless", "--frames", "/dev/null/a.npz"),
        ("--save-replay", "a"),  # there is no display to play in
    ],
)
def test_mistakes_are_one_line(cartridge: Path, arguments: tuple[object, ...]) -> None:
    with pytest.raises(UserError) as caught:
        run(cartridge, *arguments)
    assert "\n" not in str(caught.value)


def test_an_unknown_world_is_a_users_mistake() -> None:
    with pytest.raises(UserError, match="unknown world 'no-such-world'"):
        run("no-such-world")


def test_what_counts_as_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert "DISPLAY" in why_no_display({})
    assert why_no_display({"DISPLAY": ":0"}) == ""
    assert why_no_display({"WAYLAND_DISPLAY": "wayland-0"}) == ""
    assert why_no_display({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"})
    monkeypatch.setattr("sys.platform", "darwin")
    assert why_no_display({}) == ""


def test_a_display_that_does_not_answer_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":9999")
    with pytest.raises(NoDisplayError):
        open_window("nowhere")


def test_a_run_is_replayed_from_its_file_alone_and_recorded(
    cartridge: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved, frames, again = (tmp_path / name for name in ("a.replay", "a.npz", "b.npz"))
    run(cartridge, "--headless", "--steps", 40, "--seed", 3, "--start", 2, "--sampler-steps", 2,
        "--save-replay", saved, "--frames", frames)  # fmt: skip
    with pytest.raises(UserError, match="name it too"):  # a file must not choose a folder
        run("--headless", "--replay", saved)
    arguments = ["--headless", "--replay", saved, "--frames", again, "--record", tmp_path / "new"]
    run(cartridge, *arguments)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["replay"] == {"compared": 4, "differing": 0}
    assert report["steps"] == 40
    with np.load(frames) as first, np.load(again) as second:
        assert np.array_equal(first["frames"], second["frames"])
    assert [choices["steps"] for _, choices in sys.modules["models.dream"].opened] == [2, 2]
    assert Store(tmp_path / "new").length(0) == 40

    shipped = tmp_path / "shipped.replay"  # one that was asked for by its name
    header, rest = saved.read_text().split("\n", 1)
    changed = json.loads(header) | {"cartridge": "toy"}
    shipped.write_text(json.dumps(changed) + "\n" + rest)
    monkeypatch.chdir(tmp_path)
    run("--headless", "--replay", shipped)
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["replay"]["differing"] == 0


def test_a_replay_is_shown_in_the_window_and_the_player_plays_on(
    cartridge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "a.replay"
    run(cartridge, "--headless", "--steps", 20, "--save-replay", saved)
    monkeypatch.setattr(ToyWorld, "rate_fps", 300.0)
    window = NullWindow([CloseAsked(1e12)])
    monkeypatch.setattr(play, "open_window", lambda title: window)
    run(cartridge, "--replay", saved, "--steps", 25, "--folder", tmp_path)
    lines = [picture.line for picture in window.pictures]
    assert "a replay - Enter or Backspace takes over" in lines
    assert lines[-1] == "the replay is over: 3 compared frames are as recorded - you play"


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"engine": "warp"}, "played with engine warp"),
        ({"steps": "many"}, "played with steps many"),
    ],
)
def test_a_replay_that_asks_for_what_is_not_known_is_refused(
    cartridge: Path, tmp_path: Path, asked: dict[str, str], complaint: str
) -> None:
    saved = tmp_path / "a.replay"
    run(cartridge, "--headless", "--steps", 2, "--save-replay", saved)
    header, rest = saved.read_text().split("\n", 1)
    saved.write_text(json.dumps(json.loads(header) | {"asked": asked}) + "\n" + rest)
    with pytest.raises(UserError, match=complaint):
        run(cartridge, "--headless", "--replay", saved)


def test_a_game_itself_is_recorded_apart_from_its_dreams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    keys = ["f8", "f5"]

    class Person(NullWindow):
        """Presses these keys once the game runs."""

        def poll(self, timeout_s: float) -> list[Event]:
            if keys and any(picture.frame is not None for picture in self.pictures):
                return [KeyDown(keys.pop(0))]
            return super().poll(min(timeout_s, 0.01))

    monkeypatch.setattr(play, "open_window", lambda title: Person([CloseAsked(1e12)]))
    run("game:pong", "--steps", 20)
    store = Store(tmp_path / "dreamcart" / "recordings" / "pong_game")
    assert store.info.game == "pong" == store.info.emulator["rom"]
    assert (tmp_path / "dreamcart" / "emulator" / "pong.npz").is_file()


def test_a_replay_names_its_world_as_the_menu_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a world that was asked for in another spelling it could not be shown from there."""
    logs: list[Any] = []
    monkeypatch.setattr(
        play.loop, "play", lambda *_, outputs, **__: logs.append(outputs.log) or Timings()
    )
    found, flags = ResolvedWorld("ms_pacman", "Ms. Pac-Man", None), play.Flags(folder=tmp_path)
    settings = SettingsFile(tmp_path / "settings.json")
    play.play_in_window(flags, RunOptions(), settings, "MsPacman", found, NullWindow([]))
    logs[0].open(ToyWorld())
    logs[0].began(0, 0, ToyWorld().reset(0))
    logs[0].save(tmp_path / "a.replay")
    assert read_replay(tmp_path / "a.replay").cartridge == "ms_pacman"


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_played(
    cartridge: Path, tmp_path: Path
) -> None:
    """What was played for minutes was lost."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*report\.json"):
        run(cartridge, "--headless", "--report", tmp_path / "file" / "report.json")
    assert not sys.modules["models.dream"].opened
    run(cartridge, "--headless", "--steps", 1, "--report", tmp_path / "new" / "report.json")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.json"]


def test_a_film_is_as_long_as_was_asked_for_and_of_the_seed_and_start(
    cartridge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a display `--steps 5` dreamt 300 frames, of another start."""
    out, report = tmp_path / "out", tmp_path / "a.json"
    run(cartridge, "--out", out, "--steps", 5, "--seed", 3, "--start", 2, "--report", report)
    told = json.loads(report.read_text())
    assert (told["steps"], told["seed"], told["start"]) == (5, 3, 2)
    assert "dreaming 5 steps to a film" in capsys.readouterr().out
    with av.open(str(out / "dream.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 5


@pytest.mark.parametrize("world", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--record", "kept"),
        ("--save-replay", "a.replay"),
        ("--overlay",),
        ("--target", "auto"),
        ("--interpolate",),
        ("--sensitivity", 2),
        ("--folder", "kept"),
    ],
)
def test_flags_that_mean_nothing_to_a_film_are_refused(
    cartridge: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    world: bool,
) -> None:
    """They were passed over, also where a menu would have opened."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        run(*([cartridge] if world else []), *arguments)
    assert "\n" not in str(caught.value) and "--" in str(caught.value)
    assert not (tmp_path / "kept").exists() and not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only there a display is named")
@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"DISPLAY": ":55"}, ":55 does not answer"),
        ({"DISPLAY": "localhost:10.0"}, "localhost:10.0 does not answer"),  # a stale ssh -X
        ({"WAYLAND_DISPLAY": "wayland-9"}, "wayland-9 does not answer"),
    ],
)
def test_where_nobody_answers_a_film_is_made_and_doctor_calls_it_a_fault(
    tmp_path: Path, named: dict[str, str], said: str
) -> None:
    """SDL took its offscreen driver, and a window that nobody saw was played in for ever."""
    lost = ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in lost} | named
    code = (
        "from engine.ui.pygame.window import NoDisplayError, open_window\n"
        "from tools.app.checkup import display\n"
        "try:\n open_window('nowhere')\nexcept NoDisplayError as error:\n print(error)\n"
        "(shown,) = display('')\nprint(shown.state, shown.text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=Path(play.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    opened, shown = done.stdout.splitlines()[-2:]
    assert opened == said
    assert shown.startswith("fault") and said in shown
