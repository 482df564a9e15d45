"""A row of thumbnails: the current starting point among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from engine.contracts import Frame
from engine.ui.screen import Thumbnail

LONGEST = 9  # pictures in a row; odd, so that there are as many before as after


def starts_row(thumbnails: Sequence[Frame], start: int) -> tuple[Thumbnail, ...]:
    """Return the thumbnail of `start` (modulo their number) among its neighbours, numbered.

    If there are more than fit in a row, the nearest ones are shown; the first follows the last.
    """
    count = len(thumbnails)
    if not count:
        return ()
    here = start % count
    first = here - LONGEST // 2 if count > LONGEST else 0
    shown = [(first + i) % count for i in range(min(count, LONGEST))]
    return tuple(
        Thumbnail(
            frame=thumbnails[i],
            label=f"{i + 1} of {count}" if i == here else f"{i + 1}",
            marked=i == here,
        )
        for i in shown
    )
