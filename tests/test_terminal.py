"""Nothing that comes from a file, a network or a command line steers the terminal."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError, unknown
from base.progress import ProgressBar
from base.terminal import printable, say
from datasets.importers.csgo_import import REPORT
from datasets.recording import Recording
from datasets.store import Store
from engine.actions import DiscreteActions
from hub.recordings_upload import card
from models.diamond import torch_file
from tests.support.csgo_files import tar_bytes
from tests.support.recordings import toy_episode, toy_info
from tests.support.toy_world import ACTIONS
from tools.importing.csgo import import_csgo
from tools.inspection.folders import inspect
from tools.options.imports import CsgoImport

ROOT = Path(__file__).resolve().parent.parent
# Clears the screen, retitles the window, opens a sequence in one byte, writes from right to left.
STEERING = "\x1b[2J\x1b]0;mine\x07\x9b31m\u202e"
WRITTEN = r"\x1b[2J\x1b]0;mine\x07\x9b31m\u202e"


def is_harmless(text: str) -> bool:
    signs = text.replace("\n", "")
    return not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in signs)


@given(st.text())
def test_what_is_printable_can_be_seen_and_encoded_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)
    assert is_harmless(shown) and "\n" not in shown
    shown.encode()
    assert printable(shown) == shown
    assert shown == text or any(not sign.isprintable() for sign in text)


def test_words_of_all_languages_are_left_alone() -> None:
    for text in ("größer × 2 − 1", "Игра №1", "日本語", "a\u00a0b", "🎮"):
        assert printable(text) == text
    assert printable("\udcff") == r"\udcff"  # half a pair: a file's name that is no UTF-8


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one {STEERING}\ntwo\r")
    say("three\t", error=True)
    said = capsys.readouterr()
    assert (said.out, said.err) == (f"one {WRITTEN}\ntwo\\r\n", "three\\t\n")


def test_mistakes_are_one_line_wherever_they_are_shown() -> None:
    """Names of files, of the command line and of the Hub's errors are in them."""
    error = UserError(f"cannot open {STEERING}\nerror: nothing is wrong")
    assert str(error) == f"cannot open {WRITTEN}\\nerror: nothing is wrong"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert is_harmless(str(unknown("world", STEERING, [f"a{STEERING}"])))


@pytest.mark.parametrize(
    "arguments",
    [
        ("tools.inspect", "/nowhere/" + STEERING),
        ("tools.inspect", "--" + STEERING),
        ("tools.hub", "download", STEERING),
        ("play", STEERING),
        ("play", "--steps", STEERING),
    ],
)
def test_a_command_line_does_not_come_back_as_orders(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "x1b" in done.stderr and is_harmless(done.stdout + done.stderr)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Of a game whose actions are called what no game's are."""
    names = (f"fire{STEERING}", *ACTIONS.names[1:])
    info = replace(toy_info(), actions=DiscreteActions(names, ACTIONS.buttons, ACTIONS.keys))
    first, steps = toy_episode(20)
    with Recording(tmp_path / "data", "toy") as recording:
        recording.begin(info, first)
        for action, step in steps:
            recording.add(action, step, {})
    return tmp_path / "data"


def test_names_of_actions_do_not_steer(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(recordings)
    said = capsys.readouterr()
    assert WRITTEN in said.out and is_harmless(said.out + said.err)
    assert is_harmless(card(Store(recordings), "someone/toys", "mit"))


def test_names_of_tensors_do_not_steer(tmp_path: Path) -> None:
    path = tmp_path / f"a{STEERING}.pt"
    torch.save({f"weight{STEERING}": torch.zeros(2, dtype=torch.int32)}, path)
    with pytest.raises(UserError) as refused:
        torch_file.read(path)
    assert WRITTEN in str(refused.value) and is_harmless(str(refused.value))


def test_names_in_a_tar_do_not_steer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"hdf5_dm_july2021_1{STEERING}.hdf5"
    files = {name: b"no HDF5", "hdf5_dm_july2021_2.hdf5": b"neither"}
    (tmp_path / f"{STEERING}.tar").write_bytes(tar_bytes(files))
    out = tmp_path / "out"
    with pytest.raises(UserError) as refused:
        import_csgo(CsgoImport(str(tmp_path), out, processes=1))
    said = capsys.readouterr()
    assert is_harmless(said.out + said.err + str(refused.value))
    if (out / REPORT).exists():
        assert is_harmless((out / REPORT).read_text())


def test_names_that_a_progress_bar_has_do_not_steer() -> None:
    log = io.StringIO()
    with ProgressBar(total=2, desc=f"film{STEERING}", file=log) as bar:
        bar.update()
        bar.write(f"{STEERING} is damaged", file=log)
    assert WRITTEN in log.getvalue() and is_harmless(log.getvalue())
