"""Random samples of a large store, and frames for a contact sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from base.errors import UserError
from datasets.store import Store

PIECE_BYTES = 32_000_000  # of frames in memory at a time


@dataclass(frozen=True)
class FrameRange:
    """Frames start to stop - 1 of an episode, by its position in the store."""

    episode: int
    start: int
    stop: int


def sample_ranges(store: Store, length: int, most: int, seed: int = 0) -> list[FrameRange]:
    """At most `most` stretches of `length` frames, in order; all there are where that is enough.

    Every episode is cut into such stretches, the last one shorter; `seed` decides which are taken.
    """
    counts = [store.length(episode) + 1 for episode in range(len(store))]
    ends = np.cumsum([-(-count // length) for count in counts])
    total = int(ends[-1])
    chosen = np.random.default_rng(seed).choice(total, min(most, total), replace=False)
    places = []
    for number in sorted(chosen.tolist()):
        episode = int(np.searchsorted(ends, number, side="right"))
        start = (number - (int(ends[episode - 1]) if episode else 0)) * length
        places.append(FrameRange(episode, start, min(start + length, counts[episode])))
    return places


def read_ranges(
    store: Store, places: list[FrameRange], unreadable: dict[Path, str]
) -> Iterator[tuple[FrameRange, NDArray[np.uint8]]]:
    """The frames (n, H, W, 3) of each place, in pieces where they would fill the memory.

    What cannot be read is noted in `unreadable` with the reason, and nothing more of that file is
    read.
    """
    most = max(1, PIECE_BYTES // int(np.prod(store.frame_shape)))
    for place in places:
        path = store.paths[place.episode]
        for start in range(place.start, place.stop, most):
            if path in unreadable:
                break
            piece = FrameRange(place.episode, start, min(start + most, place.stop))
            try:
                frames = store.read(piece.episode, piece.start, piece.stop).frames
            except UserError as error:
                unreadable[path] = str(error)
            else:
                yield piece, frames


def sample_frames(store: Store, rows: int, columns: int) -> list[NDArray[np.uint8]]:
    """Frames for a contact sheet, rows × columns of them, row by row; black where unreadable.

    A row shows one episode from its first frame to its last; episodes are spread evenly over the
    store. Where there are fewer than rows, an episode goes on over several.
    """
    of_row = Counter(row * len(store) // rows for row in range(rows))
    frames = []
    for episode, share in of_row.items():
        places = np.linspace(0, store.length(episode), share * columns).astype(int)
        frames += [_frame(store, episode, at) for at in places.tolist()]
    return frames


def _frame(store: Store, episode: int, at: int) -> NDArray[np.uint8]:
    try:
        return store.read(episode, at, at + 1).frames[0]
    except UserError:
        return np.zeros(store.frame_shape, np.uint8)
