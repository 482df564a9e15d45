"""Films as their players show them: turned, of square pixels, whole or not, and hostile ones."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from base.errors import UserError
from datasets.store import Store
from engine.profile import parse_profile
from tools.capture.film import MOST_BYTES, facts_of, film_process, frames_of, steps_shown, turn_of
from tools.importing.video import import_films
from tools.options.imports import VideoImport

FILMS = Path(__file__).parents[2] / "data" / "films"
PROFILE = b"""
name = "Film game"
rate_fps = 15
size_px = [48, 32]
[keys]
right = "d"
left = "a"
jump = "space"
"""
QUARTERS = np.zeros((32, 64, 3), np.uint8)
QUARTERS[:16, :32, 0] = QUARTERS[:16, 32:, 1] = QUARTERS[16:, :32, 2] = 255  # red, green, blue


def film(
    path: Path,
    picture: np.ndarray = QUARTERS,
    turn: tuple[int, bool, bool] = (0, False, False),
    aspect: Fraction | None = None,
    codec: str = "libx264",
    count: int = 12,
) -> Path:
    """A film of one picture, 10 a second, as FFmpeg's own writers save it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "rgb24" if codec == "png" else "yuv444p"
        stream.codec_context.gop_size = 1  # each frame for itself
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_rotation(turn[0], hflip=turn[1], vflip=turn[2])
        for _ in range(count):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def first(path: Path) -> np.ndarray:
    return next(iter(frames_of(path))).rgb


def alike(seen: np.ndarray, wanted: np.ndarray) -> bool:
    return seen.shape == wanted.shape and bool(np.abs(seen.astype(int) - wanted).mean() < 8)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("mirrored", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_film_is_taken_as_its_display_matrix_shows_it(
    tmp_path: Path, degrees: int, mirrored: tuple[bool, bool], ending: str
) -> None:
    """Phones and recorders store how a film is to be turned beside it: it was taken as coded."""
    shown = np.rot90(QUARTERS, degrees // 90)
    shown = shown[:, ::-1] if mirrored[0] else shown
    shown = shown[::-1] if mirrored[1] else shown
    path = film(tmp_path / f"a.{ending}", turn=(degrees, *mirrored))
    assert alike(first(path), shown)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_pixels_are_made_square_before_a_film_is_turned(tmp_path: Path, ending: str) -> None:
    wide = film(tmp_path / f"wide.{ending}", aspect=Fraction(3, 2))
    assert alike(first(wide), QUARTERS.repeat(3, 1)[:, ::2])
    high = film(tmp_path / f"high.{ending}", aspect=Fraction(1, 2))
    assert alike(first(high), QUARTERS.repeat(2, 0))
    if ending != "avi":
        turned = film(tmp_path / f"both.{ending}", turn=(90, False, False), aspect=Fraction(2, 1))
        assert alike(first(turned), np.rot90(QUARTERS.repeat(2, 1)))


def test_the_films_of_others_are_turned_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """tests/data/films/rot*.mp4 are red in the upper left corner as coded."""
    assert first(FILMS / "rot90.mp4").shape == (128, 96, 3)
    assert first(FILMS / "rot90.mp4")[2, -3, 0] > 200
    (tmp_path / "game.toml").write_bytes(PROFILE)
    (tmp_path / "a.csv").write_text("time_s,keys\n0.0,d\n")
    films = FILMS / "rot180.mp4", FILMS / "rot90.mp4"
    lists = (tmp_path / "a.csv",) * 2
    import_films(VideoImport(films, lists, tmp_path / "game.toml", tmp_path / "out"))
    upside_down, right = (Store(tmp_path / "out").read(i, 0, 1).frames[0] for i in range(2))
    assert upside_down[-2, -2, 0] > 200 and upside_down[1, 1, 0] < 60
    assert right[1, -2, 0] > 200 and right[1, 1, 0] < 60
    said = capsys.readouterr().out
    assert "rot180.mp4: taken as players show it, 128×96 pixels: turned by 180°" in said
    assert "96×128 pixels: turned right by 90°" in said
    assert "96×128 pixels are squeezed into 48×32" in said


def test_other_turns_and_pixels_are_refused(tmp_path: Path) -> None:
    one = 1 << 16
    half = int(one * 0.7071)
    assert turn_of((half, half, 0, -half, half, 0, 0, 0, 1 << 30)) is None
    path = film(tmp_path / "slanted.mp4", turn=(45, False, False))
    with pytest.raises(UserError, match=r"shown slanted, .* ffmpeg -i slanted\.mp4"):
        first(path)
    path = film(tmp_path / "flat.mp4", aspect=Fraction(6))
    with pytest.raises(UserError, match=r"its pixels are 6:1, .* setsar=1"):
        first(path)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.7])
def test_a_film_that_was_never_finished_is_said_to_be_that(tmp_path: Path, keep: float) -> None:
    """It was "End of file"; recorders that crash leave MP4s without their index."""
    with pytest.raises(UserError, match=r"never finished.* Record as \.mkv.* untrunc"):
        first(FILMS / "cut.mp4")
    whole = film(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "part.mp4").write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(UserError, match="never finished"):
        first(tmp_path / "part.mp4")
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(UserError, match="cannot read"):
        first(tmp_path / "text.mp4")


def test_a_film_that_was_cut_off_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, QUARTERS.shape, np.uint8)
    path = film(tmp_path / "a.mkv", noise, count=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (tmp_path / "game.toml").write_bytes(PROFILE)
    (tmp_path / "a.csv").write_text("time_s,keys\n0.0,d\n")
    import_films(
        VideoImport((path,), (tmp_path / "a.csv",), tmp_path / "game.toml", tmp_path / "out")
    )
    told = capsys.readouterr()
    assert "and it says 10.0 s: it may have been cut off" in told.out + told.err


def enlarged(path: Path, width: int, height: int) -> Path:
    """A film of PNG pictures whose headers claim another size than they have."""
    data = film(path, codec="png").read_bytes()
    for part in {data[at : at + 25] for at in _places(data, b"\0\0\0\rIHDR")}:
        claimed = b"IHDR" + struct.pack(">II", width, height) + part[16:21]
        data = data.replace(part, part[:4] + claimed + struct.pack(">I", zlib.crc32(claimed)))
    path.write_bytes(data)
    return path


def _places(data: bytes, part: bytes) -> list[int]:
    return [at for at in range(len(data)) if data.startswith(part, at)]


def test_a_film_that_would_fill_the_memory_is_one_line(tmp_path: Path) -> None:
    """Each of its pictures claims 768 MB."""
    path, profile = enlarged(tmp_path / "a.mov", 16000, 16000), parse_profile(PROFILE, "a.toml")
    with film_process() as apart, pytest.raises(UserError, match=r"a\.mov") as refused:
        apart.call(str(path), facts_of, path, profile)
    assert "\n" not in str(refused.value) and MOST_BYTES <= 4 << 30


@pytest.mark.parametrize("kind", [MemoryError, av.error.MemoryError])
def test_a_film_that_meets_the_memory_limit_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def full(path: str) -> None:
        raise kind(12, "Cannot allocate memory", path)

    monkeypatch.setattr("av.open", full)
    with pytest.raises(UserError, match=r"a\.mp4 needs more memory than a game's film does$"):
        first(tmp_path / "a.mp4")


def test_frames_come_from_a_process_apart_and_repeats_are_not_sent(tmp_path: Path) -> None:
    path, profile = film(tmp_path / "a.mkv"), parse_profile(PROFILE, "a.toml")
    with film_process() as apart:
        facts = apart.call(str(path), facts_of, path, profile)
        pictures = list(apart.each(str(path), steps_shown, path, profile))
    assert (facts.width_px, facts.height_px, facts.changes) == (64, 32, "")
    assert abs(facts.length_s - 1.2) < 0.01
    assert len(pictures) == 17  # 1.1 s from the first frame to the last, at 15 a second
    assert sum(picture is None for picture in pictures) == 17 - 11
    assert {picture.shape for picture in pictures if picture is not None} == {(32, 48, 3)}
