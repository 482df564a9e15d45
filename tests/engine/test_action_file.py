"""Action files: what they may hold, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.action_file import parse_actions, read_actions
from tests.support.toy_world import ACTIONS


def names(text: str) -> list[str]:
    return [ACTIONS.describe(vector) for vector in parse_actions(text, ACTIONS, "script")]


def test_names_repeats_comments_and_blank_lines() -> None:
    text = "# serve\nFIRE\n\n  left * 2  # then left\nRIGHT*0\r\nnoop*1"
    assert names(text) == ["FIRE", "LEFT", "LEFT", "NOOP"]
    assert names("") == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("FIRE\nLEFTT", r"script, line 2: unknown action 'LEFTT'; did you mean 'LEFT'\?"),
        ("LEFT*", "line 1: expected NAME"),
        ("*3", "line 1: expected NAME"),
        ("LEFT*-1", "line 1: expected NAME"),
        ("LEFT*2*2", "line 1: expected NAME"),
        ("LEFT*999999999", "line 1: more than"),
    ],
)
def test_mistakes_are_named_by_their_line(text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        names(text)


@given(st.lists(st.tuples(st.sampled_from(ACTIONS.names), st.integers(0, 50)), max_size=20))
def test_written_and_read_again(script: list[tuple[str, int]]) -> None:
    text = "\n".join(f"{name}*{count}" for name, count in script)
    assert names(text) == [name for name, count in script for _ in range(count)]


@given(st.text(max_size=60))
def test_any_text_gives_actions_or_one_clear_line(text: str) -> None:
    try:
        names(text)
    except UserError as error:
        assert "script, line" in str(error)
        assert "\n" not in str(error)


def test_a_missing_a_binary_and_a_folder_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    for path in (tmp_path / "missing", binary, tmp_path):
        with pytest.raises(UserError, match=path.name):
            read_actions(path, ACTIONS)
