"""Files of frames: MP4, contact sheet, PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from base.errors import UserError
from base.files import replacing, write_bytes
from engine.contracts import Frame
from engine.media.overlay import keys_strip

SIDE_PX = 512  # small frames are enlarged to about this, or players would blur them


def write_png(path: Path, picture: Frame) -> Path:
    """Replace `path` by `picture`, uint8 (H, W, 3), as a PNG. UserError if the disk refuses."""
    write_bytes(path, encode_png(picture))
    return path


def encode_png(picture: Frame) -> bytes:
    """Encode `picture`, uint8 (H, W, 3), as PNG."""
    written, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert written, "OpenCV encodes any uint8 picture as PNG"
    return bytes(data.tobytes())


def sheet_frames(length: int, columns: int = 6, rows: int = 5) -> list[int]:
    """Choose the frames of a sequence that a contact sheet shows, by number."""
    return list(map(int, np.linspace(0, length - 1, min(length, columns * rows))))


def contact_sheet(frames: Sequence[Frame], columns: int = 6, rows: int = 5) -> Frame:
    """Arrange frames (H, W, 3), evenly spaced in a sequence, in reading order on a dark ground."""
    picked = [frames[i] for i in sheet_frames(len(frames), columns, rows)]
    count = len(picked)
    scale, gap = _enlargement(picked[0], SIDE_PX // 3), 8
    height, width = (side * scale for side in picked[0].shape[:2])
    used_rows = -(-count // columns)
    sheet = np.full(
        (gap + used_rows * (height + gap), gap + columns * (width + gap), 3), 24, np.uint8
    )
    for i, frame in enumerate(picked):
        top = gap + i // columns * (height + gap)
        left = gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = enlarge(frame, scale)
    return sheet


def enlarge(frame: Frame, scale: int) -> Frame:
    """Enlarge every pixel to `scale` by `scale` pixels."""
    return np.ascontiguousarray(frame.repeat(scale, axis=0).repeat(scale, axis=1))


class VideoWriter:
    """Encoder of frames of one size, (H, W, 3), to an H.264 MP4 that browsers play.

    live: encode fast without look-ahead, with a key frame every second.
    """

    def __init__(self, container: Any, rate_fps: float, live: bool = False) -> None:
        self._container, self._live = container, live
        self._rate = Fraction(rate_fps).limit_denominator(1000)
        self._stream: Any = None
        self._shape: tuple[int, ...] = ()
        self._scale = 1

    def add(self, frame: Frame, pressed: Sequence[str] | None = None) -> None:
        """Append one frame, shown for one step of the world; UserError if its size is another.

        pressed: what to show in a strip under it; None for no strip, and for all frames alike.
        """
        import av

        if self._stream is None:
            self._open_stream(frame, strip=pressed is not None)
        if frame.shape != self._shape:
            raise UserError("a film keeps the size of its first frame, and this one has another")
        picture = enlarge(frame, self._scale)
        if pressed is not None:
            picture = np.concatenate([picture, keys_strip(picture.shape[1], pressed)])
        # H.264 with 4:2:0 colour wants even sides.
        picture = np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)))
        video_frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        self._container.mux(self._stream.encode(video_frame))

    def _open_stream(self, frame: Frame, strip: bool) -> None:
        self._shape, self._scale = frame.shape, _enlargement(frame, SIDE_PX)
        height, width = (side * self._scale for side in frame.shape[:2])
        height += len(keys_strip(width, ())) if strip else 0
        self._stream = self._container.add_stream("libx264", rate=self._rate)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "18", "preset": "veryfast"}
        if self._live:
            self._stream.codec_context.gop_size = max(1, round(self._rate))
            self._stream.codec_context.thread_count = 1  # the rest is the world's
            self._stream.options = {"crf": "18", "preset": "superfast", "tune": "zerolatency"}

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


@contextmanager
def writing_video(path: Path, rate_fps: float) -> Iterator[VideoWriter]:
    """Open a VideoWriter whose file replaces `path` when the block succeeds.

    Raises UserError, and leaves `path` as it was, if the file cannot be written.
    """
    import av  # a third of a second to import, so only those who write a video pay

    with replacing(path) as temporary:
        try:
            with av.open(
                str(temporary), "w", format="mp4", options={"movflags": "+faststart"}
            ) as container:
                writer = VideoWriter(container, rate_fps)
                yield writer
                writer.finish()
        except av.error.FFmpegError as error:
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def _enlargement(frame: Frame, side_px: int) -> int:
    return max(1, side_px // max(frame.shape[:2]))
