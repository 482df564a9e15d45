"""Films that decode to the frames they were made of; contact sheets in reading order."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from base.errors import UserError
from engine.media.video import contact_sheet, write_png, writing_video
from tests.support.scripted_game import dream


def film(path: Path) -> tuple[list[np.ndarray], av.VideoStream]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)], stream


def test_a_film_has_one_picture_a_frame_at_the_worlds_rate(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.mp4"
    grey = [np.full((16, 16, 3), value, np.uint8) for value in range(20, 220, 5)]
    with writing_video(path, 15.0) as video:
        for frame in grey:
            video.add(frame)
    pictures, stream = film(path)
    assert len(pictures) == len(grey)
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert stream.average_rate == 15
    assert pictures[0].shape == (512, 512, 3)
    for picture, frame in zip(pictures, grey, strict=True):
        assert abs(float(picture.mean()) - float(frame.mean())) < 4


def test_odd_sizes_and_rates_are_filmed_too(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with writing_video(path, 59.94) as video:
        video.add(np.zeros((301, 515, 3), np.uint8))
    (picture,), stream = film(path)
    assert picture.shape == (302, 516, 3)
    assert float(stream.average_rate or 0) == pytest.approx(59.94, abs=0.01)


def test_a_film_keeps_its_size(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="keeps the size"),
        writing_video(tmp_path / "a.mp4", 15.0) as video,
    ):
        video.add(np.zeros((16, 16, 3), np.uint8))
        video.add(np.zeros((16, 34, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_film_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), writing_video(path, 15.0) as video:
        video.add(np.zeros((16, 16, 3), np.uint8))
        raise RuntimeError("the world broke")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"cannot write .*a\.mp4"),
        writing_video(tmp_path / "file" / "a.mp4", 15.0),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = av.open
    monkeypatch.setattr(
        av, "open", lambda file, *rest, **more: real_open("/dev/full", *rest, **more)
    )
    with (
        pytest.raises(UserError, match=r"cannot write .*a\.mp4"),
        writing_video(tmp_path / "a.mp4", 15.0) as video,
    ):
        for frame in dream(["NOOP"] * 60):
            video.add(frame)
    assert list(tmp_path.iterdir()) == []


def test_a_contact_sheet_shows_frames_in_reading_order() -> None:
    frames = [np.full((16, 16, 3), value, np.uint8) for value in range(100, 160)]
    sheet = contact_sheet(frames, columns=3, rows=2)
    cell = (sheet.shape[1] - 8) // 3
    seen = [
        int(sheet[8 + row * cell + 20, 8 + column * cell + 20, 0])
        for row in range(2)
        for column in range(3)
    ]
    assert seen[0] == 100 and seen[-1] == 159
    assert seen == sorted(seen) and len(set(seen)) == 6


def test_a_contact_sheet_of_few_frames_has_no_empty_rows() -> None:
    frame = np.full((16, 16, 3), 200, np.uint8)
    assert contact_sheet([frame] * 2, columns=2, rows=5).shape[0] < 2 * 180


def test_a_png_reads_back_exactly(tmp_path: Path) -> None:
    picture = dream(["RIGHT"])[1]
    write_png(tmp_path / "a.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], picture)
