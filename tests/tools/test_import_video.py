"""Films made elsewhere: which frames are taken, what was pressed at each, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import UserError
from datasets.episode import EpisodeFile
from datasets.folder import numbered
from datasets.store import Store
from engine.media.video import writing_video
from engine.profile import Profile, parse_profile
from tools.capture.film import resampled
from tools.capture.presses import PressList
from tools.capture.presses_file import parse_presses
from tools.importing.video import import_films, steps_of
from tools.options.imports import VideoImport

PROFILE = b"""
name = "Square"
rate_fps = 10
size_px = [16, 8]
[keys]
jump = ["space", "w"]
fire = "left button"
add = "+"
[mouse]
right = [-20, -5, 0, 5, 20]
down = 20
"""
STILL = PROFILE.split(b"[mouse]")[0]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    (tmp_path / "square.toml").write_bytes(PROFILE)
    return parse_profile(PROFILE, "square.toml")


def film(path: Path, count: int, rate_fps: float) -> Path:
    """A film of 64×32 pixels whose frame n is as bright as 2n: left half, so sizes are told."""
    with writing_video(path, rate_fps) as video:
        for number in range(count):
            frame = np.zeros((32, 64, 3), np.uint8)
            frame[:, :32] = 2 * number
            video.add(frame)
    return path


def test_frames_at_the_profiles_rate_and_what_was_pressed_before_each(
    tmp_path: Path, profile: Profile, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = film(tmp_path / "a.mp4", 31, 30)
    rows = [
        "time_s, keys, mouse_right, mouse_down",
        "0.10, w+q, ,",  # Q is none of the game's
        "0.15, w, 3, 1",
        "0.19, w, 3, 1",
        "0.31, space+w, 0, 0",
        "0.32, , 0, 0",
        "0.50, left button+plus, -90, 0",
        "5.00, , ,",
    ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    import_films(
        VideoImport((shown,), (tmp_path / "a.csv",), tmp_path / "square.toml", tmp_path / "out")
    )
    store = Store(tmp_path / "out")
    window = store.read(0, 0, store.length(0) + 1)
    assert window.frames.shape == (11, 8, 16, 3)
    assert np.allclose(window.frames[:, 4, 3, 0], 6 * np.arange(11), atol=3)
    assert window.frames[:, 4, 12].max() <= 3
    space = store.info.actions
    assert store.info.rate_fps == 10 and store.info.game == "Square"
    assert [space.describe(action) for action in store.steps(0).actions] == [
        "idle",
        "jump+mouse(5,2)",  # 6 to the right, in two rows
        "jump",
        "jump",  # let go after 10 ms of it
        "idle",
        "fire+add+mouse(-20,0)",
        *["fire+add"] * 4,
    ]
    told = capsys.readouterr()
    assert "imported 10 steps in 1 episodes" in told.out and "repeats" not in told.out
    assert "1 of the 7 rows come after its end" in told.out + told.err


def test_a_slow_film_repeats_frames_and_says_so_and_a_long_one_is_cut(
    tmp_path: Path,
    profile: Profile,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tools.capture.footage.EPISODE_STEPS", 60)
    shown = film(tmp_path / "a.mp4", 10, 1)
    (tmp_path / "a.csv").write_text("time_s,action\n0,jump+fire\n9,\n")
    import_films(
        VideoImport((shown,), (tmp_path / "a.csv",), tmp_path / "square.toml", tmp_path / "out")
    )
    store = Store(tmp_path / "out")
    assert [store.length(i) for i in range(len(store))] == [60, 30]
    assert np.array_equal(store.read(0, 60, 61).frames, store.read(1, 0, 1).frames)
    actions = [store.info.actions.describe(action) for action in store.steps(1).actions]
    assert actions == ["jump+fire"] * 30  # let go with the last frame, which no step follows
    assert "in 90% of them the frame repeats" in capsys.readouterr().out


def test_an_import_that_was_stopped_goes_on_with_the_film_that_it_was_at(
    tmp_path: Path,
    profile: Profile,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What there was of that film stayed, and came a second time when the same was run again."""
    films = tuple(film(tmp_path / f"{i}.mp4", 5 + i, 10) for i in range(3))
    (tmp_path / "a.csv").write_text("time_s,action\n0,jump\n")
    lists = (tmp_path / "a.csv",) * 3
    config = VideoImport(films, lists, tmp_path / "square.toml", tmp_path / "out")

    def stopped(frames: Iterable[Any], presses: PressList, of: Profile) -> Iterator[Any]:
        for i, step in enumerate(steps_of(frames, presses, of)):
            if i == 3 and numbered(tmp_path / "out", "h5"):  # the second film's
                raise KeyboardInterrupt
            yield step

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tools.importing.video.steps_of", stopped)
        import_films(config)
    assert [len(EpisodeFile(path)) for path in numbered(tmp_path / "out", "h5").values()] == [4]
    capsys.readouterr()
    import_films(config)
    told = capsys.readouterr()
    assert "0.mp4 is imported already" in told.out + told.err
    assert "imported 11 steps in 2 episodes" in told.out
    store = Store(tmp_path / "out")
    assert [store.episode_info(i).emulator["film"] for i in range(3)] == ["0.mp4", "1.mp4", "2.mp4"]


def test_what_cannot_be_is_refused_before_a_folder_is_made(
    tmp_path: Path, profile: Profile
) -> None:
    shown, listed = film(tmp_path / "a.mp4", 3, 10), tmp_path / "a.csv"
    listed.write_text("time_s,keys\n0,w\n")
    (tmp_path / "text.mp4").write_text("no film")
    for films, lists, says in (
        ((shown, shown), (listed,), "2 films and 1 CSV"),
        ((tmp_path / "none.mp4",), (listed,), "cannot read .*none.mp4"),
        ((tmp_path / "text.mp4",), (listed,), "cannot read .*text.mp4"),
        ((shown,), (shown,), "is not a text file"),
    ):
        with pytest.raises(UserError, match=says):
            import_films(VideoImport(films, lists, tmp_path / "square.toml", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: there is no column 'time_s'"),
        ("time_s,key\n", "unknown column 'key'; did you mean 'keys'"),
        ("time_s,keys,action\n", "line 1: .* 'keys' or one 'action', and not both"),
        ("time_s,keys,mouse_right\n", "'mouse_right' and 'mouse_down' come together"),
        ("time_s,keys\n", "no row"),
        ("time_s,keys\n0,w\n1,w,w\n", "line 3: there are 3 cells, and 2 columns"),
        ("time_s,keys\n0,wq\n", "line 2: unknown key 'wq'"),
        ("time_s,action\n0,jmp\n", "line 2: unknown button 'jmp'; did you mean 'jump'"),
        ("time_s,keys\n2,w\n1,w\n", "line 3: the time 1 is before"),
        ("time_s,keys\nnan,w\n", "'time_s' must be a number up to 1e.19, not 'nan'"),
        ("time_s,keys,mouse_right,mouse_down\n0,w,1e9,0\n", "'mouse_right' must be a number"),
    ],
)
def test_the_line_that_is_wrong_is_named(profile: Profile, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_presses(text, profile, "a.csv")


def test_a_mouse_that_the_profile_does_not_have_is_refused() -> None:
    still = parse_profile(STILL, "still.toml")
    with pytest.raises(UserError, match="has no mouse"):
        parse_presses("time_s,keys,mouse_right,mouse_down\n0,w,1,2", still, "a.csv")


@settings(max_examples=50)
@given(
    st.sampled_from(
        [
            *("", "time_s,keys\n", "time_s,action,mouse_right,mouse_down\n", "time;event;key\n"),
            *('{"frame": 0, "keys": ["w"]}\n', '{"mouse": {"dx": 1}, "keyboard": {}}\n{'),
        ]
    ),
    st.text('0123.,+-einaf\n" wjumpspace\0', max_size=60) | st.text(max_size=20),
)
def test_any_text_gives_rows_or_one_clear_line(header: str, text: str) -> None:
    profile = parse_profile(PROFILE, "square.toml")
    try:
        rows = parse_presses(header + text, profile, "a.csv").rows
    except UserError as error:
        assert str(error).startswith("a.csv") and "\n" not in str(error)
    else:
        assert list(rows) == sorted(rows, key=lambda row: row.at)
        assert all(np.isfinite(row.mouse).all() for row in rows)


@settings(max_examples=40)
@given(st.lists(st.floats(0.001, 0.5), max_size=20), st.floats(1, 120))
def test_each_step_shows_the_frame_that_is_on_screen_at_its_time(
    lengths: list[float], rate_fps: float
) -> None:
    times = [0.0, *np.cumsum(lengths).tolist()]
    taken = list(resampled(((time_s, time_s) for time_s in times), rate_fps))
    assert abs((len(taken) - 1) / rate_fps - times[-1]) <= 1 / rate_fps + 0.001
    for number, time_s in enumerate(taken):
        at = number / rate_fps
        assert time_s <= at + 0.0011
        assert not [t for t in times if time_s < t <= at - 0.0011]
