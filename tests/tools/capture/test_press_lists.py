"""Lists of presses as other programs write them: read by the film's clock, or refused by name."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import UserError, unknown
from base.files import decode_text
from datasets.store import Store
from engine.input.key_meanings import meant_key
from engine.input.keyboard import KEYS
from engine.profile import Profile, parse_profile
from engine.ui.screen import MOUSE_BUTTONS
from models.runtime.choice import DEVICES, unknown_device
from tools.capture.press_times import FilmClock, on_film
from tools.capture.presses import PressList
from tools.capture.presses_file import parse_presses
from tools.importing.video import import_films, steps_of
from tools.options.imports import VideoImport

FILMS = Path(__file__).parents[2] / "data" / "films"
PROFILE = b"""
name = "Film game"
rate_fps = 15
size_px = [64, 48]
[keys]
right = "d"
left = "a"
jump = "space"
"""
MINECRAFT = b"""
name = "Craft"
rate_fps = 20
size_px = [64, 48]
[keys]
forward = "w"
sneak = "left shift"
attack = "left button"
use = "right button"
[mouse]
right = [-8, -4, 0, 4, 8]
down = [-4, -2, 0, 2, 4]
"""
TIMES = [i / 30 for i in range(60)]  # of tests/data/films/cfr.mp4, within a millisecond
CLOCK = FilmClock(2.0, lambda: TIMES)


@pytest.fixture
def profile() -> Profile:
    return parse_profile(PROFILE, "game.toml")


@pytest.fixture
def minecraft() -> Profile:
    return parse_profile(MINECRAFT, "craft.toml")


def imported(tmp_path: Path, name: str, *began: float) -> list[str]:
    """The actions of a list of tests/data/films, imported with its film."""
    (tmp_path / "game.toml").write_bytes(PROFILE)
    out = tmp_path / "out"
    config = VideoImport(
        (FILMS / "cfr.mp4",), (FILMS / name,), tmp_path / "game.toml", out, tuple(began)
    )
    import_films(config)
    store = Store(out)
    return [store.info.actions.describe(action) for action in store.steps(0).actions]


def placed(text: str, profile: Profile, began: float | None = None) -> PressList:
    return on_film(parse_presses(text, profile, "a.csv"), CLOCK, began)


def held(listed: PressList) -> list[tuple[float, str]]:
    return [(round(row.at, 4), "+".join(row.keys)) for row in listed.rows]


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("a_events.csv", ["right"] * 7 + ["idle"] * 22),
        ("a_semicolon.csv", ["right"] * 7 + ["right+jump"] * 22),
        ("a_tab.csv", ["right"] * 29),
        ("a_utf16.csv", ["right"] * 7 + ["jump"] * 22),
    ],
)
def test_lists_as_spreadsheets_and_loggers_write_them(
    tmp_path: Path, name: str, actions: Sequence[str]
) -> None:
    """Each of them was refused with a line about something else."""
    assert imported(tmp_path, name) == actions


def test_times_of_the_calendar_need_to_be_told_when_the_film_began(tmp_path: Path) -> None:
    says = r"seconds since 1970 \(2025-10-09 08:53:20 UTC\); .* --began 1760000000\.1"
    with pytest.raises(UserError, match=says):
        imported(tmp_path, "a_epoch.csv")
    assert not (tmp_path / "out").exists()
    actions = imported(tmp_path, "a_epoch.csv", 1760000000.1)
    assert actions == ["right"] * 7 + ["jump"] * 22


def test_a_name_of_another_program_is_not_taken_for_one_that_is_spelled_alike(
    tmp_path: Path, profile: Profile
) -> None:
    """The left button of the mouse became the arrow to the left."""
    with pytest.raises(UserError, match=r"line 3: unknown key 'mouse_left'; .* 'left button'"):
        imported(tmp_path, "a_mouse.csv")
    with pytest.raises(UserError, match="did you mean 'left ctrl'"):
        parse_profile(PROFILE.replace(b'"space"', b'"ctrl"'), "game.toml")
    with pytest.raises(UserError, match="did you mean 'mouse_right'"):
        parse_presses("time_s,keys,dx,dy\n", profile, "a.csv")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("mouse_left", "left button"), ("LMB", "left button"), ("Button.right", "right button"),
        ("ctrl", "left ctrl"), ("Key.ctrl_r", "right ctrl"), ("ControlLeft", "left ctrl"),
        ("shift", "left shift"), ("rshift", "right shift"), ("alt", "left alt"),
        ("win", "left meta"), ("enter", "return"), ("Esc", "escape"), ("spacebar", "space"),
        ("ArrowUp", "up"), ("KeyW", "w"), ("Digit1", "1"), ("VK_SPACE", "space"),
        ("key.keyboard.left.shift", "left shift"), ("key.keyboard.comma", ","), ("'w'", "w"),
        ("key.keyboard.w", "w"), ("key.mouse.left", "left button"), ("K_LEFT", "left"),
        ("pgup", "page up"), ("key.keyboard.tab", "tab"), ("End", "end"), ("num_lock", "numlock"),
        ("key.keyboard.keypad.1", "[1]"), ("NumpadAdd", "[+]"), ("KP_Enter", "keypad enter"),
    ],
)  # fmt: skip
def test_what_others_call_keys(theirs: str, ours: str) -> None:
    assert meant_key(theirs) == ours and ours in {*KEYS, *MOUSE_BUTTONS}


def test_every_key_of_ours_is_called_by_its_own_name() -> None:
    """Tab, Home and the keypad were unknown in Minecraft's lists, and so never pressed."""
    assert [key for key in KEYS if meant_key(key) != key] == []


def test_the_keypads_plus_is_no_pair_of_brackets(profile: Profile) -> None:
    listed = placed("time_s,keys\n0,d+[+]\n1,]+[\n", profile)
    assert [row.keys for row in listed.rows] == [("d", "[+]"), ("]", "[")]
    listed = placed(json.dumps({"t": 0, "keys": ["[", "]", "+", "[+]"]}), profile)
    assert sorted(listed.rows[0].keys) == ["+", "[", "[+]", "]"]


def test_devices_are_told_by_what_they_are() -> None:
    assert "did you mean 'cuda'? For GPU 1 alone: CUDA_VISIBLE_DEVICES=1" in str(
        unknown_device("cuda:1", DEVICES)
    )
    assert str(unknown_device("gpu", DEVICES)).endswith("did you mean 'cuda'?")
    assert str(unknown_device("cpu:0", ("auto", "cpu"))).endswith("did you mean 'cpu'?")
    assert str(unknown("game", "pongg", ["pong"], "tennis")).endswith("did you mean 'pong'?")


@pytest.mark.parametrize("unit", [("time_ms", 1e3), ("Time [us]", 1e6), ("timestampNs", 1e9)])
def test_a_unit_that_is_named_is_taken_and_said(profile: Profile, unit: tuple[str, float]) -> None:
    name, count = unit
    listed = placed(f"{name},keys\n0,d\n{0.5 * count:.0f},a\n", profile)
    assert held(listed) == [(0, "d"), (0.5, "a")]
    assert f"'{name}' is taken as" in listed.notes[0]


@pytest.mark.parametrize(
    ("times", "unit", "second"),
    [
        ("0 0.5 1.9", "seconds", 1),
        ("0 15 57", "frames", 1 / 30),
        ("0 500 1900", "milliseconds", 1e-3),
        ("0 0.5e6 1900000", "microseconds", 1e-6),
        ("0 500000000 1900000000", "nanoseconds", 1e-9),
    ],
)
def test_a_unit_that_is_not_named_is_the_largest_that_fits_the_film_and_is_said(
    profile: Profile, times: str, unit: str, second: float
) -> None:
    listed = placed("timestamp,keys\n" + "".join(f"{t},d\n" for t in times.split()), profile)
    assert [row.at for row in listed.rows] == pytest.approx(
        [float(t) * second for t in times.split()]
    )
    assert unit in listed.notes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("time_s,keys\n0,d\n500000000,a\n1900000000,a\n", "nanoseconds, call the column 'time_ns'"),
        ("time_s,keys\n0,d\n30,a\n59,a\n", "if these are frames, call the column 'frame'"),
        ("time_s,keys\n0,d\n500.5,a\n1900.5,a\n", "milliseconds, call the column 'time_ms'"),
        ("time,keys\n1760000000123,d\n1760000001123,a\n", "milliseconds since 1970"),
        ("time_ns,keys\n1760000000123000000,d\n1760000001123000000,a\n", "nanoseconds since 1970"),
        ("time_s,keys\n183423.5,d\n183424.5,a\n", "began before the film; .* --began 183423.5"),
        ("time,keys\n0,d\n12345.5,a\n1e18,a\n", "they do not belong together"),
        ("frame,keys\n0,d\n30,a\n119,d\n", "goes on to frame 119, and the film has 60 frames"),
        ("frame,keys\n0,d\n1.5,a\n", "not whole"),
    ],
)
def test_times_that_are_none_of_the_films_are_told_for_what_they_are(
    profile: Profile, text: str, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        placed(text, profile)


def test_frame_numbers_are_the_times_of_the_films_own_frames(profile: Profile) -> None:
    uneven = FilmClock(3.0, lambda: [0.0, 0.1, 0.7, 2.9])
    listed = on_film(parse_presses("frame,keys\n0,d\n2,a\n", profile, "a.csv"), uneven)
    assert held(listed) == [(0, "d"), (0.7, "a")]
    assert "frames 0 to 2 of the film's 4, counted from 0" in listed.notes[0]
    from_one = "".join(f"{number},d\n" for number in range(1, 5))
    listed = on_film(parse_presses("Frame Number,keys\n" + from_one, profile, "a.csv"), uneven)
    assert [row.at for row in listed.rows] == [0.0, 0.1, 0.7, 2.9]


def test_a_row_for_each_frame_tells_when_a_clock_of_its_own_began(profile: Profile) -> None:
    rows = "".join(f"{1760000000.5 + time_s:.6f},d\n" for time_s in TIMES)
    listed = placed("timestamp,keys\n" + rows, profile)
    assert [row.at for row in listed.rows] == TIMES
    assert "with a row for each frame" in listed.notes[0]


def test_what_was_pressed_before_the_film_is_held_at_its_beginning(minecraft: Profile) -> None:
    text = "time_s,keys,mouse_right,mouse_down\n5,w,9,9\n6,left shift,9,9\n7,w,4,0\n"
    listed = placed(text, minecraft, began=6.5)
    assert held(listed) == [(0, "left shift"), (0.5, "w")]
    assert [row.mouse for row in listed.rows] == [(0, 0), (4, 0)]


def test_lists_in_json_lines_and_events_of_the_mouse(profile: Profile, minecraft: Profile) -> None:
    rows = [{"t": 0.0, "keys": ["d", "space"]}, {"t": 0.5, "keys": []}]
    listed = placed("\n".join(map(json.dumps, rows)), profile)
    assert held(listed) == [(0, "d+space"), (0.5, "")]
    text = (
        "time_ms;Event;Button\n0;keydown;w\n100;Press;left button\n200,5;keydown;w\n"
        "300;release;left button\n400;up;s\n"
    )
    assert held(placed(text, minecraft)) == [
        *((0, "w"), (0.1, "w+left button"), (0.2005, "w+left button"), (0.3, "w"), (0.4, "w")),
    ]
    with pytest.raises(UserError, match="line 2: the event 'hover' is neither 'down' nor 'up'"):
        parse_presses("time_s,event,key\n0,hover,w\n", minecraft, "a.csv")


def test_decimal_commas_and_points_in_one_list_are_refused(profile: Profile) -> None:
    assert held(placed("sep=;\ntime_s;keys\n0,25;d\n", profile)) == [(0.25, "d")]
    with pytest.raises(UserError, match="some numbers have decimal commas, and some have points"):
        parse_presses("time_s;keys\n0,5;d\n1.000;d\n", profile, "a.csv")
    with pytest.raises(UserError, match=r"several columns of times, .*: frame, time_s"):
        parse_presses("frame,time_s,keys\n", profile, "a.csv")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=20))
def test_text_is_read_in_every_encoding_that_editors_offer(text: str) -> None:
    text = "time_s,keys\n" + text
    for mark, encoding in (
        (b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"), (b"", "utf-16-le"), (b"", "utf-16-be"),
    ):  # fmt: skip
        assert decode_text(mark + text.encode(encoding)) == text
        assert decode_text(mark + text.replace("\n", "\r\n").encode(encoding)) == text


def row(*keys: str, **mouse: Any) -> dict[str, Any]:
    """A row of a VPT list, with the entries that its recorder writes."""
    gui = mouse.pop("gui", False)
    still = {"x": 320.0, "y": 180.0, "dx": 0.0, "dy": 0.0, "dwheel": 0.0, "buttons": []}
    return {
        "mouse": {**still, "newButtons": [], **mouse},
        "keyboard": {"keys": [f"key.keyboard.{key}" for key in keys], "newKeys": [], "chars": ""},
        "isGuiOpen": gui,
        "hotbar": 0,
        "tick": 0,
    }


def actions_of(rows: Sequence[dict[str, Any]], profile: Profile) -> list[list[str]]:
    """The actions of a VPT list, episode by episode, with a film of as many frames."""
    times = [i / 20 for i in range(len(rows))]
    clock = FilmClock(len(rows) / 20, lambda: times)
    listed = on_film(parse_presses("\n".join(map(json.dumps, rows)), profile, "a.jsonl"), clock)
    episodes: list[list[str]] = []
    # Films' times are rounded, which must not move a row to the step before.
    for action, _, _ in steps_of(iter(times), listed, profile):  # type: ignore[arg-type]
        if action is None:
            episodes.append([])
        else:
            episodes[-1].append(profile.actions.describe(action))
    return episodes


def test_row_n_of_vpt_is_what_was_done_on_seeing_frame_n(minecraft: Profile) -> None:
    rows = [
        row("w", dx=4.0, dy=-2.0),
        row("w", "left.shift", "unknown"),
        row(buttons=[1], newButtons=[1]),
        row(dx=3.0, buttons=[0], newButtons=[0]),
        row(buttons=[0]),
        row("w"),
    ]
    assert actions_of(rows, minecraft) == [
        ["forward+mouse(4,-2)", "forward+sneak", "use", "attack+mouse(4,0)", "attack"]
    ]


def test_a_button_that_vpts_recorder_left_stuck_counts_once_it_is_pressed(
    minecraft: Profile,
) -> None:
    stuck = [row(buttons=[0], newButtons=[0]), row(buttons=[0]), row(buttons=[0])]
    pressed = [row(buttons=[0], newButtons=[0]), row(buttons=[0]), row()]
    listed = parse_presses("\n".join(map(json.dumps, stuck)), minecraft, "a.jsonl")
    assert "as VPT's recorder leaves it by mistake" in listed.notes[0]
    assert actions_of([*stuck, *pressed], minecraft) == [
        ["idle", "idle", "idle", "attack", "attack"]
    ]


def test_frames_with_a_menu_are_left_out_and_what_comes_after_is_an_episode(
    minecraft: Profile,
) -> None:
    rows = [row("w"), row("w"), row("w", gui=True), row("w", gui=True), row("w"), row(), row()]
    assert actions_of(rows, minecraft) == [["forward"] * 2, ["forward", "idle"]]


def test_the_list_of_others_that_ends_before_its_film(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(tmp_path, "a_vpt.jsonl") == ["idle"]  # W is none of this game's keys
    said = capsys.readouterr().out
    assert "frames 0 to 2 of the film's 60, counted from 0; what comes after is left out" in said
    assert "the mouse's motion is left out: the profile of Film game has no mouse" in said


def test_a_vpt_list_whose_film_was_made_anew_goes_by_its_own_rate(minecraft: Profile) -> None:
    rows = parse_presses("\n".join(json.dumps(row("w")) for _ in range(40)), minecraft, "a.jsonl")
    listed = on_film(rows, CLOCK)  # 40 rows at 20 a second, 60 frames at 30
    assert [one.at for one in listed.rows] == pytest.approx([i / 20 for i in range(40)])
    assert "20 rows a second" in listed.notes[0]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("{", "line 2: it is not JSON"),
        ("[1]", "line 2: it is no JSON object"),
        ('{"mouse": 1}', "line 2: it has no 'mouse' and 'keyboard'"),
        (json.dumps(row(dx="4")), "line 2: 'mouse.dx' must be a number"),
        (json.dumps(row(dx=float("nan"))), "line 2: 'mouse.dx' must be a number"),
        (json.dumps(row(buttons=7)), "line 2: 'mouse.buttons' must be a list"),
    ],
)
def test_a_damaged_row_of_vpt_is_named(minecraft: Profile, second: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_presses(f"{json.dumps(row())}\n{second}\n", minecraft, "a.jsonl")


@settings(max_examples=100)
@given(
    st.sampled_from(["time", "t_ms", "frame", "time_s", "timestamp"]),
    st.lists(st.floats(0, 1e19) | st.integers(0, 100), min_size=1, max_size=5).map(sorted),
    st.none() | st.floats(-1e3, 1e19),
)
def test_any_times_are_placed_in_order_or_refused_in_one_line(
    column: str, times: list[float], began: float | None
) -> None:
    text = f"{column},keys\n" + "".join(f"{time!r},d\n" for time in times)
    try:
        listed = placed(text, parse_profile(PROFILE, "game.toml"), began)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        at = [one.at for one in listed.rows]
        assert at == sorted(at) and at[0] >= 0
