"""Films made elsewhere, as players show them: turned upright, of square pixels, frame by frame.

All of this decodes files of strangers, so it is called in an isolated process: `film_process`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import numpy as np

from base.errors import UserError
from base.isolated_call import IsolatedProcess
from engine.contracts import Frame
from engine.profile import Profile
from tools.capture.footage import shrink
from tools.capture.mp4_boxes import is_unfinished

Picture = TypeVar("Picture")

EARLY_S = 1e-3  # by which films' rounded times may be late
LARGEST_PX = 1 << 26  # of a frame: 8192×8192
MOST_BYTES = 4 << 30  # of memory to decode a film of such frames
WIDEST_PIXEL = 4  # times as wide as it is high, or the other way round
LONGEST_STILL_S = 3600.0


@dataclass(frozen=True)
class Turn:
    """Operations that turn a coded frame into the shown one, in this order."""

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def of(self, frame: Frame) -> Frame:
        """The frame as it is shown."""
        turned = frame.transpose(1, 0, 2) if self.transposed else frame
        turned = turned[::-1] if self.upside_down else turned
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def describe(self) -> str:
        """A word or two for people; empty where nothing changes."""
        return {
            (False, False, False): "",
            (False, False, True): "mirrored",
            (False, True, False): "mirrored upside down",
            (False, True, True): "turned by 180°",
            (True, False, False): "turned left and mirrored upside down",
            (True, False, True): "turned right by 90°",
            (True, True, False): "turned left by 90°",
            (True, True, True): "turned left and mirrored",
        }[self.transposed, self.upside_down, self.mirrored]


@dataclass(frozen=True)
class FilmFrame:
    """A frame of a film and when it is shown, in seconds; RGB is made of those that are asked.

    pixel_aspect: how many times as wide as high its coded pixels are.
    """

    time_s: float
    decoded: Any
    pixel_aspect: Fraction = Fraction(1)
    turn: Turn = Turn()

    @cached_property
    def rgb(self) -> Frame:
        """The frame as a player shows it, uint8 (H, W, 3)."""
        coded = np.asarray(self.decoded.to_ndarray(format="rgb24"), np.uint8)
        return self.turn.of(_square(coded, self.pixel_aspect))


@dataclass(frozen=True)
class FilmFacts:
    """A film's length in seconds, the size of its pictures as shown, and how that differs from
    the coded one: empty where it doesn't."""

    length_s: float
    width_px: int
    height_px: int
    changes: str


def film_process() -> IsolatedProcess:
    """A process to decode films in, that gets the memory that films of games need."""
    return IsolatedProcess(limit_bytes=MOST_BYTES)


def facts_of(path: Path, profile: Profile) -> FilmFacts:
    """Facts about a film, known before it is read.

    UserError as in `frames_of`, and for one that is smaller than the profile's frames.
    """
    first = next(iter(frames_of(path)))
    changes = _changes(first)
    with _one_line(path):
        height, width, _ = first.rgb.shape
        try:
            shrink(first.rgb, profile)
        except UserError as error:
            raise UserError(f"{path}: {error}{changes and f' ({changes})'}") from error
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            length_s = (container.duration or 0) / av.time_base
            if stream.duration and stream.time_base:  # without a longer sound
                length_s = float(stream.duration * stream.time_base)
    if not length_s:
        *_, length_s = times_of(path)
    return FilmFacts(length_s, width, height, changes)


def times_of(path: Path) -> Iterator[float]:
    """Yield the time at which each frame of a film is shown, in seconds after the first."""
    return (frame.time_s for frame in frames_of(path))


def steps_shown(path: Path, profile: Profile) -> Iterator[Frame | None]:
    """The picture on screen at each step of a film, in the profile's size; None where it is the
    one of the step before."""
    before: FilmFrame | None = None
    timed = ((frame.time_s, frame) for frame in frames_of(path))
    for frame in resampled(timed, profile.rate_fps):
        with _one_line(path):
            picture = None if frame is before else shrink(frame.rgb, profile)
        yield picture
        before = frame


def frames_of(path: Path) -> Iterator[FilmFrame]:
    """The frames of a film, in order, the first one at 0 s.

    UserError for a file that is no film, was never finished or is damaged, and for one whose
    frames are larger, or are shown in another way, than a game's.
    """
    with _one_line(path), av.open(str(path)) as container:
        if not container.streams.video:
            raise ValueError("it holds no pictures")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise ValueError("it does not say how its pictures are coded")
        _check_size(path, stream.codec_context)
        stream.codec_context.options = {"max_pixels": str(LARGEST_PX)}
        aspect = _pixel_aspect(path, stream.sample_aspect_ratio)
        first = before = None
        for decoded in container.decode(stream):
            if decoded.time is None:
                raise UserError(f"{path} does not say when its frames are shown")
            first = decoded.time if first is None else first
            time_s = decoded.time - first
            if before is not None and not -1 < time_s - before < LONGEST_STILL_S:
                raise UserError(
                    f"{path} is damaged: after its frame at {before:.1f} s comes one at "
                    f"{time_s:.1f} s"
                )
            before = time_s
            yield FilmFrame(time_s, decoded, aspect, _turn(path, decoded))
        if first is None:
            raise ValueError("it holds no frame")


def resampled(frames: Iterable[tuple[float, Picture]], rate_fps: float) -> Iterator[Picture]:
    """Yield the frames on screen 0, 1, 2, ... steps after 0 s, of frames with their times.

    The last one is taken to be shown at its own time only.
    """
    shown: Picture | None = None
    number = 0
    for time_s, frame in frames:
        while shown is not None and number / rate_fps < time_s - EARLY_S:
            yield shown
            number += 1
        shown = frame
    if shown is not None and number / rate_fps <= time_s + EARLY_S:
        yield shown


def turn_of(matrix: Sequence[int]) -> Turn | None:
    """The turn that a display matrix asks for; None where that is no quarter turn.

    matrix: nine numbers by rows, as ISO/IEC 14496-12 has them: a pixel x to the right and y down is
    shown at (x·m0 + y·m3, x·m1 + y·m4).
    """
    a, b, _, c, d = matrix[:5]
    if a * d == b * c:  # it would show nothing: players leave it aside
        return Turn()
    aside, along = math.hypot(b, c), math.hypot(a, d)
    if aside < along / 50:  # about a degree, as FFmpeg has it
        return Turn(False, d < 0, a < 0)
    if along < aside / 50:
        return Turn(True, b < 0, c < 0)
    return None


def _turn(path: Path, decoded: Any) -> Turn:
    """Return the turn of a frame. Raises UserError for other turns than by quarters."""
    for data in decoded.side_data:
        if data.type.name == "DISPLAYMATRIX":
            turn = turn_of(struct.unpack("=9i", bytes(data)))
            if turn is None:
                raise UserError(
                    f"{path} is shown slanted, and only quarter turns can be read; turn it with: "
                    f"ffmpeg -i {path.name} TURNED.mp4"
                )
            return turn
    return Turn()


def _square(frame: Frame, pixel_aspect: Fraction) -> Frame:
    """The frame with square pixels: wider or higher, so that nothing is lost."""
    if pixel_aspect == 1:
        return frame
    height, width, _ = frame.shape
    wider, higher = max(pixel_aspect, Fraction(1)), max(1 / pixel_aspect, Fraction(1))
    size = (round(width * wider), round(height * higher))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _changes(frame: FilmFrame) -> str:
    """Describe how a frame as shown differs from the coded one."""
    aspect = frame.pixel_aspect
    squared = f"its pixels of {aspect.numerator}:{aspect.denominator} made square"
    return ", ".join(filter(None, (squared * (aspect != 1), frame.turn.describe())))


def _pixel_aspect(path: Path, told: Fraction | None) -> Fraction:
    """The width of a pixel over its height; square where a film does not say."""
    if not told:
        return Fraction(1)
    if not Fraction(1, WIDEST_PIXEL) <= told <= WIDEST_PIXEL:
        raise UserError(
            f"{path} says that its pixels are {told.numerator}:{told.denominator}, which no "
            f"game's are; for square ones: ffmpeg -i {path.name} -vf setsar=1 SQUARE.mp4"
        )
    return told


def _check_size(path: Path, codec: Any) -> None:
    if codec.width * codec.height > LARGEST_PX:
        raise UserError(
            f"{path} has frames of {codec.width}×{codec.height} pixels, which no game's film has; "
            f"make it smaller: ffmpeg -i {path.name} -vf scale=1280:-2 SMALLER.mp4"
        )


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """UserError, naming the film, for what its libraries say of it."""
    try:
        yield
    except UserError:
        raise
    except (MemoryError, av.error.MemoryError) as error:
        raise UserError(f"{path} needs more memory than a game's film does") from error
    except (av.FFmpegError, cv2.error, OSError, ValueError) as error:
        if not isinstance(error, FileNotFoundError) and is_unfinished(path):
            raise UserError(
                f"{path} was never finished: it lacks the index (moov) that is written last, as "
                "when a recorder crashes or a copy is cut off. Record as .mkv, which can be read "
                "without; untrunc may repair this one, by a whole film of the same recorder"
            ) from error
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {reason}") from error
