"""Lists of hard places: what is written is read, and what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from base.errors import UserError
from datasets.segments import Segments
from datasets.store import Store
from tests.recordings import record_toys
from training.hard_places import read_hard_places, write_hard_places

LENGTH = 4  # frames of a window
HEAD = "episode,frame,kind\n"


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> Segments:
    folder = tmp_path_factory.mktemp("toys")
    record_toys(folder, 30, 9, 17)
    return Segments(Store(folder), [0, 2], LENGTH)


def test_windows_end_in_the_listed_frames_and_held_out_ones_are_left_out(
    segments: Segments, tmp_path: Path
) -> None:
    path = tmp_path / "places.csv"
    numbers = segments.store.numbers
    rows = [(0, 3, "wall"), (0, 2, "wall"), (1, 5, "wall"), (2, 17, "paddle"), (0, 30, "wall")]
    write_hard_places(path, ((numbers[i], frame, kind) for i, frame, kind in rows))
    # Before frame 3 there are too few for a window; the episode at 1 is not one to train on.
    assert read_hard_places(path, segments) == [[(0, 0), (0, 27)], [(2, 14)]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the first line must be episode,frame,kind"),
        ("frame,episode,kind\n1,2,wall\n", "line 1: the first line must be"),
        (HEAD + "0,4,wall\n0,4\n", "line 3: there must be 3 cells, not 2"),
        (HEAD + "0,-4,wall\n", "line 2: frame must be a number from 0 on, not '-4'"),
        (HEAD + "0.5,4,wall\n", "line 2: episode must be a number from 0 on, not '0.5'"),
        (HEAD + "0,31,wall\n", "line 2: episode 0 has no frame 31"),
        (HEAD + "77,4,wall\n", "line 2: .* has no episode 77"),
        (HEAD + '0,4,"wall\n', "line 2: "),
        (HEAD + "1,5,wall\n", "lists no place in the episodes to train on"),
        (HEAD, "lists no place"),
    ],
)
def test_what_is_wrong_is_named(segments: Segments, tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=says):
        read_hard_places(path, segments)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.one_of(
        st.text(),
        st.text(st.sampled_from("0123456789,-\"\n'wal"), max_size=40).map(lambda rows: HEAD + rows),
    )
)
def test_any_text_is_read_or_refused(segments: Segments, tmp_path: Path, text: str) -> None:
    path = tmp_path / "places.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        kinds = read_hard_places(path, segments)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert kinds and all(place in segments for kind in kinds for place in kind)


def test_no_list_no_places(segments: Segments, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_hard_places(tmp_path / "missing.csv", segments)
